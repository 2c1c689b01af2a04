"""The valley: rain, rivers, air, animals and debris flows as functions of place and time.

Everything is closed-form: `value_at(place, t)` needs no earlier call, so a device that sleeps, restarts or
reports late sees the same valley as the others. The one thing that devices change is the way of an animal
that hears a siren. Places are metres east and north of the centre of the site; times are epoch ms.
"""

import math
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis
from firmware_sim.chance import ripple
from firmware_sim.tracks import Burst, Point, Sighting, Track, deterred

HOUR: Millis = 3_600_000
MINUTE: Millis = 60_000
JST: Millis = 9 * HOUR
EARTH_M_PER_DEG = 111_195.0
FRONT_M_S = 10.0
"""How fast a rain band crosses the valley, from west to east."""


class Plane(Struct, frozen=True):
    """A flat map about (lat, lon); a valley is small enough for it (error below 1 m in 10 km)."""

    lat: float
    lon: float

    def xy(self, lat: float, lon: float) -> Point:
        """Metres east and north of the centre."""
        east = (lon - self.lon) * EARTH_M_PER_DEG * math.cos(math.radians(self.lat))
        return east, (lat - self.lat) * EARTH_M_PER_DEG


class Rain(Struct, frozen=True):
    """A band of rain: rises to `peak_mm_h` in the middle of `lasts` and falls again."""

    starts_at: Millis
    lasts: Millis
    peak_mm_h: float

    def mm_h(self, t: float) -> float:
        u = (t - self.starts_at) / self.lasts
        return self.peak_mm_h * 0.5 * (1.0 - math.cos(2.0 * math.pi * u)) if 0.0 < u < 1.0 else 0.0

    def total_mm(self, t: float) -> float:
        """All that has fallen up to `t`: the integral of `mm_h`."""
        u = min(max((t - self.starts_at) / self.lasts, 0.0), 1.0)
        hours = self.lasts / HOUR
        return self.peak_mm_h * hours * 0.5 * (u - math.sin(2.0 * math.pi * u) / (2.0 * math.pi))


class FloodWave(Struct, frozen=True):
    """A flood at one gauge: from its calm level up to `peak_m` and back. Levels in m above gauge zero."""

    gauge: str
    starts_at: Millis
    peak_m: float
    rise: Millis
    fall: Millis

    def share(self, t: Millis) -> float:
        """0 at the calm level, 1 at the peak. It rises evenly and falls fast first, then slowly."""
        u = t - self.starts_at
        if u <= 0 or u >= self.rise + self.fall:
            return 0.0
        if u <= self.rise:
            return 0.5 * (1.0 - math.cos(math.pi * u / self.rise))
        return 0.5 * (1.0 + math.cos(math.pi * ((u - self.rise) / self.fall) ** 0.7))


class DebrisFlow(Struct, frozen=True):
    """A front of mud and boulders: leaves `origin` at `starts_at` and reaches a place by its distance.

    5.6 to 11 m/s (20-40 km/h) is what is seen in Japan; it shakes the ground well ahead of its front.
    """

    stream: str
    origin: Point
    starts_at: Millis
    speed_m_s: float = 8.0
    runout_m: float = 800.0

    def arrives_at(self, place: Point) -> Millis | None:
        """When the front is at `place`, None where it does not come so far."""
        distance = math.dist(self.origin, place)
        return None if distance > self.runout_m else self.starts_at + round(distance / self.speed_m_s * 1_000)

    def shaking(self, place: Point, t: Millis) -> float:
        """Ground vibration as a multiple of the background: 60 beside the front, 1.3 at 400 m."""
        if not self.starts_at <= t <= self.starts_at + round(self.runout_m / self.speed_m_s * 1_000):
            return 0.0
        run = (t - self.starts_at) / 1_000 * self.speed_m_s
        return 60.0 / (1.0 + (abs(math.dist(self.origin, place) - run) / 60.0) ** 2)


class World:
    """One valley with all that happens in it. `calm_m`: gauge id -> level without a flood."""

    def __init__(
        self,
        plane: Plane,
        seed: int,
        *,
        calm_m: dict[str, float],
        rains: Iterable[Rain] = (),
        waves: Iterable[FloodWave] = (),
        tracks: Iterable[Track] = (),
        flows: Iterable[DebrisFlow] = (),
        sprung: dict[str, Millis] | None = None,
    ) -> None:
        self.plane = plane
        self.seed = seed
        self.calm_m = calm_m
        self.rains = tuple(rains)
        self.waves = tuple(waves)
        self.flows = tuple(flows)
        self.sprung = sprung or {}
        self._undisturbed = tuple(tracks)
        self._bursts: list[Burst] = []
        self.tracks = self._undisturbed

    # --- water and air ----------------------------------------------------------------------------

    def rain_mm_h(self, place: Point, t: Millis) -> float:
        here = t - place[0] / FRONT_M_S * 1_000
        return sum(rain.mm_h(here) for rain in self.rains)

    def rain_total_mm(self, place: Point, t: Millis) -> float:
        """All rain up to `t`, mm: what a bucket that is never emptied would hold."""
        here = t - place[0] / FRONT_M_S * 1_000
        return sum(rain.total_mm(here) for rain in self.rains)

    def level_m(self, gauge: str, t: Millis) -> float:
        """Level above the zero of the gauge: calm, floods, and a few mm to a few cm of restless water."""
        calm = self.calm_m.get(gauge, 0.3)
        flood = sum((wave.peak_m - calm) * wave.share(t) for wave in self.waves if wave.gauge == gauge)
        slow = 0.008 * ripple(self.seed, f"slow/{gauge}", t, 20 * MINUTE)
        waves = (0.002 + 0.004 * min(abs(flood), 2.0)) * ripple(self.seed, f"wave/{gauge}", t, 20_000)
        return calm + flood + slow + waves

    def air_c(self, place: Point, t: Millis) -> float:
        """Late summer in the mountains: 14 °C before dawn, 26 °C at 14 h, cooler in rain."""
        hour = ((t + JST) % (24 * HOUR)) / HOUR
        cooling = 3.0 * (1.0 - math.exp(-self.rain_mm_h(place, t) / 10.0))
        wander = 0.6 * ripple(self.seed, "air", t, HOUR)
        return 20.0 + 6.0 * math.cos((hour - 14.0) / 24.0 * 2.0 * math.pi) - cooling + wander

    def humidity_pct(self, place: Point, t: Millis) -> float:
        dry = 95.0 - 3.2 * (self.air_c(place, t) - 14.0)
        wet = 99.0 - dry
        return max(20.0, min(99.0, dry + wet * (1.0 - math.exp(-self.rain_mm_h(place, t) / 3.0))))

    def light_lux(self, t: Millis) -> float:
        """0 at night; light from 05:30 to 18:00."""
        hour = ((t + JST) % (24 * HOUR)) / HOUR
        return max(0.0, 20_000.0 * math.sin(math.pi * (hour - 5.5) / 12.5)) if 5.5 < hour < 18.0 else 0.0

    def wind_m_s(self, t: Millis) -> float:
        storm = sum(rain.mm_h(t) for rain in self.rains)
        return max(0.0, 1.2 + 0.8 * ripple(self.seed, "wind", t, 5 * MINUTE) + 0.25 * storm)

    def pressure_hpa(self, t: Millis) -> float:
        """Station pressure at some 850 m, down by up to 20 hPa in a typhoon."""
        storm = sum(rain.mm_h(t) for rain in self.rains)
        return 918.0 - min(20.0, 0.5 * storm) + 0.5 * ripple(self.seed, "pressure", t, 3 * HOUR)

    # --- animals ----------------------------------------------------------------------------------

    def seen_from(self, place: Point, range_m: float, t: Millis) -> list[Sighting]:
        """The animals within `range_m` of a place, the nearest first."""
        seen = []
        for track in self.tracks:
            here = track.position_at(t)
            if here is not None and (distance := math.dist(place, here)) <= range_m:
                seen.append(Sighting(track.id, track.species, track.count, distance))
        return sorted(seen, key=lambda s: s.distance_m)

    def next_animal(self, t: Millis) -> Millis | None:
        """`t` itself while an animal is in the valley, else when the next comes; None: none will."""
        return min((max(t, track.starts_at) for track in self.tracks if track.ends_at >= t), default=None)

    def deter(self, place: Point, since: Millis, until: Millis, carries_m: float = 80.0) -> None:
        """A siren or flash at `place` works from `since` up to `until`: animals that notice it turn back."""
        self._bursts.append(Burst(*place, since, until, carries_m))
        self._disturb()

    def hush(self, place: Point, at: Millis) -> None:
        """The siren at `place` was switched off at `at`, earlier than was meant."""
        self._bursts = [
            replace(burst, until=at) if (burst.x, burst.y) == place and burst.until > at else burst
            for burst in self._bursts
        ]
        self._disturb()

    def _disturb(self) -> None:
        self.tracks = tuple(deterred(track, self._bursts) for track in self._undisturbed)

    # --- slopes -----------------------------------------------------------------------------------

    def wire_cut_at(self, stream: str, place: Point) -> Millis | None:
        """When the wire across `stream` at `place` breaks, None: never."""
        cuts = [at for flow in self.flows if flow.stream == stream and (at := flow.arrives_at(place))]
        return min(cuts, default=None)

    def tilt_deg(self, stream: str, place: Point, t: Millis) -> float:
        """How far the slope beside `stream` leans: a flow that passes undercuts it, by 5° within 20 s."""
        lean = 0.03 * ripple(self.seed, f"tilt/{stream}/{place[0]:.0f}", t, HOUR)
        for flow in self.flows:
            if flow.stream == stream and (at := flow.arrives_at(place)) is not None:
                lean += 5.0 * min(max((t - at) / 20_000, 0.0), 1.0)
        return lean

    def shaking(self, place: Point, t: Millis) -> float:
        """Ground vibration as a multiple of the background, 1 when all is quiet. The ground carries it."""
        return 1.0 + sum(flow.shaking(place, t) for flow in self.flows)

    def next_shaking(self, t: Millis) -> Millis | None:
        """`t` itself while a flow runs, else when the next begins; None: none will."""
        ends = ((f, f.starts_at + round(f.runout_m / f.speed_m_s * 1_000)) for f in self.flows)
        return min((max(t, flow.starts_at) for flow, end in ends if end >= t), default=None)
