"""Animals on their way: where each stands at any instant, and what a siren changes about it."""

import math
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis

Point = tuple[float, float]
"""Metres east and north of the centre of the site."""

FLEEING_M_S = 4.0
"""A startled boar trots rather than gallops: it stops to listen."""


class Waypoint(Struct, frozen=True):
    at: Millis
    x: float
    y: float


class Burst(Struct, frozen=True):
    """One siren or flash at work from `since` up to `until`; animals within `carries_m` take notice."""

    x: float
    y: float
    since: Millis
    until: Millis
    carries_m: float


class Track(Struct, frozen=True):
    """One animal or group: straight lines between waypoints in the order of time. Outside them it is away."""

    id: str
    species: str
    count: int
    waypoints: tuple[Waypoint, ...]
    turned_at: Millis | None = None

    @property
    def starts_at(self) -> Millis:
        return self.waypoints[0].at

    @property
    def ends_at(self) -> Millis:
        return self.waypoints[-1].at

    def position_at(self, t: Millis) -> Point | None:
        """Where it stands at `t`, None while it is not in the valley."""
        if not self.starts_at <= t <= self.ends_at:
            return None
        for a, b in pairwise(self.waypoints):
            if t <= b.at:
                share = (t - a.at) / (b.at - a.at) if b.at > a.at else 1.0
                return a.x + (b.x - a.x) * share, a.y + (b.y - a.y) * share
        return self.waypoints[-1].x, self.waypoints[-1].y


class Sighting(Struct, frozen=True):
    """What an ideal observer at one place knows of one animal."""

    track: str
    species: str
    count: int
    distance_m: float


def walk(
    id: str, species: str, count: int, starts_at: Millis, way: list[tuple[Point, float, Millis]]
) -> Track:
    """A track from legs `(point, speed in m/s towards it, rest there in ms)`; the first speed is not used."""
    (x, y), _, rest = way[0]
    waypoints = [Waypoint(starts_at, x, y)]
    at = starts_at + rest
    for (x, y), speed, pause in way[1:]:
        waypoints.append(Waypoint(at, waypoints[-1].x, waypoints[-1].y))
        at += round(math.dist((waypoints[-1].x, waypoints[-1].y), (x, y)) / speed * 1_000)
        waypoints.append(Waypoint(at, x, y))
        at += pause
    waypoints.append(Waypoint(at, x, y))
    return Track(id, species, count, tuple(waypoints))


def noticed_at(track: Track, burst: Burst) -> Millis | None:
    """The first instant of the burst at which the animal is near enough, None: it never is. Exact to 1 ms."""
    for a, b in pairwise(track.waypoints):
        since, until = max(a.at, burst.since), min(b.at, burst.until)
        if since > until:
            continue
        inside = _inside(a, b, burst)
        if inside is None or inside[0] > until or inside[1] < since:
            continue
        return math.ceil(max(since, inside[0]))
    return None


def _inside(a: Waypoint, b: Waypoint, burst: Burst) -> tuple[float, float] | None:
    """From when to when an endless walk along a-b is within the circle: roots of |p(t) - c|² = r²."""
    px, py = a.x - burst.x, a.y - burst.y
    span = b.at - a.at
    vx, vy = ((b.x - a.x) / span, (b.y - a.y) / span) if span else (0.0, 0.0)
    speed2, gap = vx * vx + vy * vy, px * px + py * py - burst.carries_m * burst.carries_m
    if speed2 < 1e-18:
        return (-math.inf, math.inf) if gap <= 0 else None
    half = px * vx + py * vy
    root = half * half - speed2 * gap
    if root < 0:
        return None
    return a.at + (-half - math.sqrt(root)) / speed2, a.at + (-half + math.sqrt(root)) / speed2


def deterred(track: Track, bursts: list[Burst]) -> Track:
    """The track as the bursts leave it: from the first that it hears it runs back the way it came."""
    turns = [at for burst in bursts if (at := noticed_at(track, burst)) is not None]
    if not turns:
        return track
    turned_at = min(turns)
    here = track.position_at(turned_at)
    if here is None:
        return track
    past = [w for w in track.waypoints if w.at <= turned_at]
    way = [*past, Waypoint(turned_at, *here)]
    at = turned_at
    for last, home in pairwise([Waypoint(turned_at, *here), *reversed(past)]):
        at += round(math.dist((last.x, last.y), (home.x, home.y)) / FLEEING_M_S * 1_000)
        way.append(Waypoint(at, home.x, home.y))
    return replace(track, waypoints=tuple(way), turned_at=turned_at)
