"""What a scenario is made of: pieces of weather, water, animals and faults, placed in a town."""

from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

from devices.frame import Millis
from firmware_sim.faults import Fault
from firmware_sim.tracks import Point, Track
from firmware_sim.world import DebrisFlow, FloodWave, Plane, Rain, World
from hub.config.shapes import Device, Kind, ZoneKind
from hub.config.town import Town


def jst(text: str) -> Millis:
    """`2026-09-12 17:58` in Japan -> epoch ms."""
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Tokyo")).timestamp() * 1_000)


class Plot(Struct, frozen=True):
    """What happens. Plots are added to each other: a storm and a boar in one night.

    `expect`: the kind of each alert that must be told; the devices may give cause for others.
    """

    rains: tuple[Rain, ...] = ()
    waves: tuple[FloodWave, ...] = ()
    tracks: tuple[Track, ...] = ()
    flows: tuple[DebrisFlow, ...] = ()
    sprung: dict[str, Millis] = {}
    faults: tuple[Fault, ...] = ()
    expect: tuple[str, ...] = ()

    def __add__(self, other: "Plot") -> "Plot":
        return Plot(
            self.rains + other.rains,
            self.waves + other.waves,
            self.tracks + other.tracks,
            self.flows + other.flows,
            self.sprung | other.sprung,
            self.faults + other.faults,
            self.expect + other.expect,
        )


class Stage:
    """A town to play in. What a scenario names and the town does not have is replaced or left out."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.plane = Plane(town.site.lat, town.site.lon)

    def at(self, device: Device) -> Point:
        return self.plane.xy(device.lat, device.lon)

    def all(self, kind: Kind) -> list[Device]:
        return sorted(
            (d for d in self.town.devices.values() if self.town.kind(d) == kind), key=lambda d: d.id
        )

    def pick(self, kind: Kind, *wanted: str) -> Device | None:
        """The first of `wanted` that the town has, else its first device of that kind, else None."""
        named = [self.town.devices[id] for id in wanted if id in self.town.devices]
        right = [device for device in named if self.town.kind(device) == kind]
        return next(iter(right or self.all(kind)), None)

    def middle(self, kind: ZoneKind, near: Point) -> Point:
        """The middle of the zone of this kind nearest to a point; the point itself where there is none."""
        centres = [
            self.plane.xy(self.town.geometry[zone.id].centroid.y, self.town.geometry[zone.id].centroid.x)
            for zone in self.town.zones.values()
            if zone.kind == kind
        ]
        return min(centres, key=lambda c: (c[0] - near[0]) ** 2 + (c[1] - near[1]) ** 2, default=near)

    def calm_m(self) -> dict[str, float]:
        """Level of every gauge without a flood: a third of the way from its bed to its lowest level."""
        calm = {}
        for device in self.all(Kind.RIVER):
            gauge = device.gauge
            lowest = min(gauge.levels_m.values(), default=1.0) if gauge else 1.0
            bed = gauge.bed_m if gauge and gauge.bed_m is not None else lowest - 1.5
            calm[device.id] = bed + (lowest - bed) * 0.3
        return calm


class Scenario(Struct, frozen=True):
    """A plot on a stage: everything that `Fleet` and its driver need."""

    name: str
    title_ja: str
    title_en: str
    starts_at: Millis
    lasts: Millis
    world: World
    faults: tuple[Fault, ...]
    expect: tuple[str, ...]

    @property
    def ends_at(self) -> Millis:
        return self.starts_at + self.lasts


def beyond(inner: Point, outer: Point, metres: float) -> Point:
    """The point `metres` past `outer` as seen from `inner`: past the sensor of a paddy, into the forest."""
    dx, dy = outer[0] - inner[0], outer[1] - inner[1]
    length = (dx * dx + dy * dy) ** 0.5 or 1.0
    return outer[0] + dx / length * metres, outer[1] + dy / length * metres
