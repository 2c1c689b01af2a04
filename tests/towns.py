"""Small towns, made by hand, for tests: `town(devices=[...], zones=[...], people=[...], wildlife=...)`.

Places are metres north and east of the site's centre, so that a test reads as a sketch of the ground.
"""

import math
from datetime import datetime
from typing import Any

from shapely import Polygon

from hub.config.policy import Policy, RepeatPolicy, TrapPolicy
from hub.config.settings import Hub, Site
from hub.config.shapes import (
    Battery,
    Channel,
    Device,
    Gauge,
    Kind,
    Person,
    Profile,
    Quantity,
    Role,
    Siren,
    Slope,
    Trap,
    Zone,
    ZoneKind,
)
from hub.config.town import Town

LAT, LON = 36.06, 137.97
"""Centre of the site, on the ground of Kita-Ono in Shiojiri."""

METRES_PER_DEGREE_NORTH = 110_959.0
METRES_PER_DEGREE_EAST = 90_098.0
"""At 36.06 N on GRS80: good to 0.1 % within some km of the centre, enough to place things in a sketch."""

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000


UNCHASED = TrapPolicy(remind_duty="99d", remind_all="99d", remind_office="99d", patrol_by=None)
"""Nobody is reminded of a sprung trap or of the daily round."""


def at(text: str) -> int:
    """`2026-11-21 21:07:03`, Japan's time unless it states a zone, as UTC epoch ms."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = datetime.fromisoformat(text + "+09:00")
    return math.floor(moment.timestamp() * 1000)


def place(north: float = 0.0, east: float = 0.0) -> tuple[float, float]:
    """(lat, lon) so many metres from the centre."""
    return LAT + north / METRES_PER_DEGREE_NORTH, LON + east / METRES_PER_DEGREE_EAST


PIR = Profile(model="pir", name="PIR", kind=Kind.ANIMAL, decoder="naruko", heartbeat="1h")
CAMERA = Profile(model="camera", name="AI camera", kind=Kind.ANIMAL, decoder="naruko", heartbeat="1h")
BOX_TRAP = Profile(
    model="box-trap",
    name="box trap sensor",
    kind=Kind.TRAP,
    decoder="naruko",
    heartbeat="1h",
    battery=Battery(low=3.3, ok=3.5, curve=((3.0, 0), (3.3, 20), (3.6, 100))),
    quantities={"battery_v": Quantity(min=2.0, max=4.5)},
)
RIVER = Profile(
    model="river",
    name="river gauge",
    kind=Kind.RIVER,
    decoder="naruko",
    heartbeat="10m",
    flood_heartbeat="2m",
    quantities={"distance_m": Quantity(min=0.3, max=15), "water_level_m": Quantity(min=-5, max=20)},
)
WIRE = Profile(model="wire", name="wire sensor", kind=Kind.SLOPE, decoder="naruko", heartbeat="10m")
VIBRATION = Profile(model="vibration", name="vibration", kind=Kind.SLOPE, decoder="naruko", heartbeat="10m")
RAIN = Profile(
    model="rain",
    name="rain gauge",
    kind=Kind.RAIN,
    decoder="naruko",
    heartbeat="10m",
    quantities={"rain_mm": Quantity(min=0, max=50)},
)
SIREN = Profile(
    model="siren", name="siren", kind=Kind.SIREN, decoder="naruko", heartbeat="10m", sound=True, light=True
)
FLASH = Profile(model="flash", name="flash", kind=Kind.SIREN, decoder="naruko", heartbeat="10m", light=True)
HORN = Profile(model="horn", name="horn", kind=Kind.SIREN, decoder="naruko", heartbeat="10m", sound=True)
GATEWAY = Profile(model="gateway", name="gateway", kind=Kind.GATEWAY, decoder="naruko", heartbeat="5m")
MUTE_GATEWAY = Profile(
    model="mute-gateway", name="gateway without own word", kind=Kind.GATEWAY, decoder="naruko", heartbeat="0s"
)
PROFILES = {
    profile.model: profile
    for profile in (
        PIR, CAMERA, BOX_TRAP, RIVER, WIRE, VIBRATION, RAIN, SIREN, FLASH, HORN, GATEWAY, MUTE_GATEWAY,
    )
}  # fmt: skip


def device(id: str, profile: str = "pir", north: float = 0.0, east: float = 0.0, **more: Any) -> Device:
    """One device so many metres from the centre; `more` are fields of `Device`."""
    lat, lon = place(north, east)
    words = {"name": id, "name_en": id, "place": f"{id}の所", "place_en": f"at {id}"}
    return Device(id=id, profile=profile, lat=lat, lon=lon, **(words | more))


def pir(id: str, north: float = 0.0, east: float = 0.0, **more: Any) -> Device:
    return device(id, "pir", north, east, **more)


def camera(id: str, north: float = 0.0, east: float = 0.0, **more: Any) -> Device:
    return device(id, "camera", north, east, **more)


def trap(id: str, north: float = 0.0, east: float = 0.0, owner: str = "hunter", **more: Any) -> Device:
    return device(id, "box-trap", north, east, trap=Trap(no="12", type="box", owner=owner), **more)


def gauge(id: str, levels_m: dict[str, float], north: float = 0.0, east: float = 0.0, **more: Any) -> Device:
    """A river gauge; fields of `Gauge` and of `Device` are told apart by name."""
    own = {key: more.pop(key) for key in list(more) if key in Gauge.model_fields}
    words = {"river": "小野川", "river_en": "Ono River", "station": "琵琶橋", "station_en": "Biwa Bridge"}
    return device(id, "river", north, east, gauge=Gauge(levels_m=levels_m, **(words | own)), **more)


def slope(
    id: str,
    profile: str = "wire",
    north: float = 0.0,
    east: float = 0.0,
    stream: str = "大沢",
    **more: Any,
) -> Device:
    return device(id, profile, north, east, slope=Slope(stream=stream, stream_en="Osawa"), **more)


def siren(
    id: str,
    north: float = 0.0,
    east: float = 0.0,
    *,
    profile: str = "siren",
    use: tuple[str, ...] = ("deter",),
    sound_near_dwelling: bool = False,
    **more: Any,
) -> Device:
    own = Siren(use=use, sound_near_dwelling=sound_near_dwelling)
    return device(id, profile, north, east, siren=own, **more)


def square(
    id: str,
    kind: str,
    north: float = 0.0,
    east: float = 0.0,
    *,
    size: float = 100.0,
    rivers: tuple[str, ...] = (),
) -> tuple[Zone, Polygon]:
    """A square zone about its middle."""
    half = size / 2
    corners = [(-half, -half), (-half, half), (half, half), (half, -half)]
    ring = [place(north + dn, east + de)[::-1] for dn, de in corners]
    return Zone(id=id, kind=ZoneKind(kind), name=id, name_en=id, rivers=rivers), Polygon(ring)


def person(id: str, *roles: str, zones: tuple[str, ...] = (), **more: Any) -> Person:
    """Somebody with one mail address."""
    mail = Channel(kind="mail", url=f"mailto://127.0.0.1:2525/?to={id}@example.jp")
    fields = {"name": id, "roles": tuple(Role(role) for role in roles), "channels": (mail,)} | more
    return Person(id=id, zones=zones, **fields)


def town(
    devices: list[Device] | tuple[Device, ...] = (),
    zones: list[tuple[Zone, Polygon]] | tuple[tuple[Zone, Polygon], ...] = (),
    people: list[Person] | tuple[Person, ...] = (),
    profiles: list[Profile] | tuple[Profile, ...] = (),
    **policy: Any,
) -> Town:
    """A town of these; `policy` names rooms: `town(wildlife=WildlifePolicy(confirm_events=3))`.

    Nothing is told again to those who do not acknowledge it, unless `repeat` says so.
    """
    site = Site(
        id="test",
        name="試験町",
        name_en="Testtown",
        lat=LAT,
        lon=LON,
        radius_km=30,
        contact="町役場 0263-00-0000",
        info_url="https://example.jp/bosai",
    )
    return Town(
        hub=Hub(site=site),
        policy=Policy(**{"repeat": RepeatPolicy(most=0)} | policy),
        profiles=PROFILES | {profile.model: profile for profile in profiles},
        devices={device.id: device for device in devices},
        zones={zone.id: zone for zone, _ in zones},
        geometry={zone.id: polygon for zone, polygon in zones},
        people={person.id: person for person in people},
    )


def valley(**more: Any) -> Town:
    """A town with one device of most kinds, and somebody of most roles."""
    return town(
        devices=[
            camera("cam"),
            pir("pir", north=1000),
            trap("trap", owner="hunter"),
            gauge("gauge", {"standby": 2.0, "caution": 3.0}, heartbeat="10m"),
            siren("siren", use=("deter", "warn"), heartbeat="0s"),
            device("rain", "rain"),
            slope("wire", heartbeat="0s"),
        ],
        zones=[
            square("paddy", "paddy"),
            square("flood", "flood", rivers=("gauge",)),
            square("below", "stream", rivers=("大沢",)),
        ],
        people=[
            person("sato", "farmer", "resident", zones=("paddy", "below")),
            person("hunter", "hunter"),
            person("office", "official"),
            person("operator", "operator"),
        ],
        **more,
    )


def one_of_each(traps: int = 1) -> dict[str, list[Any]]:
    """Devices and zones of a valley in which everything can happen: a paddy with a camera, the traps of a
    hunter, a river above a flood zone, a wire above a stream zone."""
    levels = {"standby": 2.0, "caution": 3.0, "evac_judge": 3.5, "danger": 4.0, "overflow": 5.0}
    return {
        "devices": [
            camera("cam"),
            *(trap(f"trap-{n}", owner="hunter", heartbeat="24h") for n in range(1, traps + 1)),
            gauge("gauge", levels, heartbeat="24h", max_rise_m_per_10min=50.0),
            slope("wire", heartbeat="24h"),
        ],
        "zones": [
            square("paddy", "paddy"),
            square("flood", "flood", 1_000.0, rivers=("gauge",)),
            square("below", "stream", 1_000.0, rivers=("大沢",)),
        ],
    }
