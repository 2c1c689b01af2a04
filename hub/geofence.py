"""Which ground a point lies on, and how far things are from each other.

`zones_at` asks in degrees, as the GeoJSON says it (RFC 7946: an edge is straight in longitude and latitude),
so a point on a drawn edge is on the edge. All metres come from `LocalPlane`. Boundaries count as inside.
"""

import math
from collections.abc import Iterable
from functools import cached_property

import numpy as np
import shapely
from shapely import Point, STRtree

from hub.config.shapes import Metres, ZoneKind
from hub.config.town import Town

Position = tuple[float, float]
"""(lat, lon) in degrees."""

A = 6_378_137.0
"""Semi-major axis of GRS80, m; WGS84 has the same, and a flattening that differs by 0.1 mm."""
F = 1 / 298.257222101
E2 = F * (2 - F)
EP2 = E2 / (1 - E2)


class LocalPlane:
    """Transverse Mercator about the site's centre on GRS80: (lat, lon) -> (x east, y north) in metres.

    Series of Snyder, Map Projections: A Working Manual (USGS Professional Paper 1395, 1987), equations 3-21,
    8-9 and 8-10 with k0 = 1 on the centre's meridian. The scale grows as 1 + x²/(2R²): within 30 km of the
    centre a distance of 1 km is at most 11 mm too long, within 200 km at most 0.5 m.
    """

    def __init__(self, lat: float, lon: float) -> None:
        self._lon = math.radians(lon)
        self._m = _meridian(math.radians(lat))

    def xy(self, lat: float, lon: float) -> tuple[float, float]:
        phi = math.radians(lat)
        sin, cos = math.sin(phi), math.cos(phi)
        tan2 = (sin / cos) ** 2
        c = EP2 * cos * cos
        n = A / math.sqrt(1 - E2 * sin * sin)
        a = (math.radians(lon) - self._lon) * cos
        a2 = a * a
        fifth = 5 - 18 * tan2 + tan2 * tan2 + 72 * c - 58 * EP2
        x = n * a * (1 + a2 / 6 * (1 - tan2 + c + a2 / 20 * fifth))
        bow = 1 + a2 / 12 * (5 - tan2 + 9 * c + 4 * c * c)
        return x, _meridian(phi) - self._m + n * sin / cos * a2 / 2 * bow


def _meridian(phi: float) -> float:
    """Metres along the meridian from the equator (Snyder, equation 3-21)."""
    return A * (
        (1 - E2 / 4 - 3 * E2**2 / 64 - 5 * E2**3 / 256) * phi
        - (3 * E2 / 8 + 3 * E2**2 / 32 + 45 * E2**3 / 1024) * math.sin(2 * phi)
        + (15 * E2**2 / 256 + 45 * E2**3 / 1024) * math.sin(4 * phi)
        - 35 * E2**3 / 3072 * math.sin(6 * phi)
    )


class Geofence:
    """The zones and devices of one town, indexed once; a reload of the config makes a new one.

    Every method raises ValueError for a position that is not on the globe: NaN is nowhere, and Shapely would
    silently call it outside. `zones_of` and `nearest_devices` raise KeyError for a device not in the town.
    """

    def __init__(self, town: Town) -> None:
        self._town = town
        self._ids = tuple(sorted(town.geometry))
        self._tree = STRtree([town.geometry[id] for id in self._ids])
        self._plane = LocalPlane(town.site.lat, town.site.lon)
        self._xy = {device.id: self._plane.xy(device.lat, device.lon) for device in town.devices.values()}
        self._zones_of: dict[str, tuple[str, ...]] = {}

    def prepare(self) -> None:
        """Projects all zones now: some seconds for ten thousand, for which no siren should wait."""
        _ = self._by_kind

    def zones_at(self, lat: float, lon: float) -> tuple[str, ...]:
        """Ids of the zones that cover the point, sorted."""
        _check(lat, lon)
        return self._named(self._ids, self._tree.query(Point(lon, lat), predicate="intersects"))

    def zones_of(self, device_id: str) -> tuple[str, ...]:
        """The zones in which a device stands: looked up once."""
        zones = self._zones_of.get(device_id)
        if zones is None:
            device = self._town.devices[device_id]
            zones = self._zones_of[device_id] = self.zones_at(device.lat, device.lon)
        return zones

    def near(self, lat: float, lon: float, metres: Metres, kind: ZoneKind) -> tuple[str, ...]:
        """Ids of the zones of one kind that come within so many metres of the point, sorted."""
        _check(lat, lon)
        ids, tree = self._by_kind[kind]
        return self._named(
            ids, tree.query(Point(self._plane.xy(lat, lon)), predicate="dwithin", distance=metres)
        )

    def distance_m(self, a: Position, b: Position) -> Metres:
        """Straight distance between two positions, over the ground's plan."""
        _check(*a)
        _check(*b)
        return math.dist(self._plane.xy(*a), self._plane.xy(*b))

    def nearest_devices(
        self, lat: float, lon: float, ids: Iterable[str], *, range_m: Metres, n: int
    ) -> tuple[tuple[str, Metres], ...]:
        """At most `n` of the devices within `range_m`, nearest first, each with its distance."""
        _check(lat, lon)
        here = self._plane.xy(lat, lon)
        found = sorted((math.dist(here, self._xy[id]), id) for id in ids)
        return tuple((id, metres) for metres, id in found[:n] if metres <= range_m)

    @cached_property
    def _by_kind(self) -> dict[ZoneKind, tuple[tuple[str, ...], STRtree]]:
        """Projected zones, one tree a kind, made when first asked for: only sirens ask what is near."""
        found = {}
        for kind in ZoneKind:
            ids = tuple(id for id in self._ids if self._town.zones[id].kind == kind)
            found[kind] = ids, STRtree([shapely.transform(self._town.geometry[id], self._flat) for id in ids])
        return found

    def _flat(self, lonlat: np.ndarray) -> np.ndarray:
        return np.array([self._plane.xy(lat, lon) for lon, lat in lonlat.tolist()])

    @staticmethod
    def _named(ids: tuple[str, ...], indices: np.ndarray) -> tuple[str, ...]:
        return tuple(ids[i] for i in sorted(indices.tolist()))


def _check(lat: float, lon: float) -> None:
    if not (-90 < lat < 90 and -180 <= lon <= 180):
        raise ValueError(f"not a position: {lat}, {lon}")
