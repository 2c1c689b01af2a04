"""terrain.geojson -> what the map of a town shows beside its zones, where no tiles of a base map come.

Optional. Coordinates are [longitude, latitude] in WGS84, RFC 7946, as in zones.geojson. It decides nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import shapely
from pydantic import Field
from shapely.geometry import MultiLineString, Point
from shapely.geometry.base import BaseGeometry

from hub.config.settings import Site
from hub.config.shapes import Shape, Words
from hub.config.zones import ORDER, Bad, beyond, geometry_of, is_on_earth, is_position, lies_in, looks_swapped

MOST_POSITIONS = 20_000
"""More than this makes the map slow on a phone: some 400 kB."""
LINES = frozenset({"LineString", "MultiLineString"})
AREAS = frozenset({"Polygon", "MultiPolygon"})
POINTS = frozenset({"Point"})
NO_POSITION = "a position is not [longitude, latitude] in finite numbers"


class TerrainKind(StrEnum):
    STREAM = "stream"
    WATER = "water"
    """A pond or lake."""
    ROAD = "road"
    PATH = "path"
    """A forest road, a farm track."""
    RAILWAY = "railway"
    RIDGE = "ridge"
    CONTOUR = "contour"
    SETTLEMENT = "settlement"
    PEAK = "peak"
    LANDMARK = "landmark"
    """What people go by: the community hall, a shrine, a bridge."""
    BOUNDARY = "boundary"
    """Of the town."""


GEOMETRIES: dict[TerrainKind, frozenset[str]] = {
    TerrainKind.STREAM: LINES,
    TerrainKind.WATER: AREAS,
    TerrainKind.ROAD: LINES,
    TerrainKind.PATH: LINES,
    TerrainKind.RAILWAY: LINES,
    TerrainKind.RIDGE: LINES,
    TerrainKind.CONTOUR: LINES,
    TerrainKind.SETTLEMENT: POINTS | AREAS,
    TerrainKind.PEAK: POINTS,
    TerrainKind.LANDMARK: POINTS,
    TerrainKind.BOUNDARY: LINES | AREAS,
}


class Terrain(Shape):
    """Properties of one GeoJSON feature. Without `name_en` the name stands for both languages."""

    kind: TerrainKind
    name: Words | None = None
    name_en: Words | None = None
    height_m: Annotated[float, Field(ge=-500, le=9000)] | None = None
    """Of a contour or a peak, above the sea."""


@dataclass(frozen=True)
class TerrainFeature:
    """One thing on the ground; `geometry` is in degrees, longitude first."""

    terrain: Terrain
    geometry: BaseGeometry


def shape_of(feature: Any, kind: TerrainKind) -> BaseGeometry | Bad:
    """The geometry of one feature, or what is wrong with it."""
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    if not isinstance(geometry, dict):
        return Bad("has no geometry")
    given, coordinates = geometry.get("type"), geometry.get("coordinates")
    if not isinstance(given, str) or given not in GEOMETRIES[kind]:
        return Bad(f"of a {kind} must be a {' or '.join(sorted(GEOMETRIES[kind]))}")
    if given in AREAS:
        return geometry_of(feature)
    if given in POINTS:
        return Point(coordinates[:2]) if coordinates and is_position(coordinates) else Bad(NO_POSITION)
    return _lines([coordinates] if given == "LineString" else coordinates)


def _lines(parts: Any) -> MultiLineString | Bad:
    if not isinstance(parts, list) or not all(isinstance(part, list) and len(part) > 1 for part in parts):
        return Bad("a line needs at least two positions")
    if not all(is_position(one) for part in parts for one in part):
        return Bad(NO_POSITION)
    return MultiLineString([[one[:2] for one in part] for part in parts]) if parts else Bad("is empty")


def faults(geometry: BaseGeometry, site: Site | None) -> Iterator[str]:
    """What is wrong with where it lies. A stream may leave the site; it must touch it."""
    places = [(float(lat), float(lon)) for lon, lat in shapely.get_coordinates(geometry)]
    if wrong := next(((lat, lon) for lat, lon in places if not is_on_earth(lat, lon)), None):
        swapped = looks_swapped(*wrong, site)
        said = f": swapped? {ORDER}" if swapped else " is no longitude and latitude"
        yield f"[{wrong[1]}, {wrong[0]}]{said}"
    elif all(looks_swapped(*place, site) for place in places):
        yield f"[{places[0][1]}, {places[0][0]}]: swapped? {ORDER}"
    elif site and not any(lies_in(site, *place) for place in places) and not _holds(geometry, site):
        yield beyond(site, *places[0])


def _holds(geometry: BaseGeometry, site: Site) -> bool:
    return bool(geometry.is_valid and geometry.contains(Point(site.lon, site.lat)))


def positions(features: Iterable[TerrainFeature]) -> int:
    """How many there are in all."""
    return sum(int(shapely.get_num_coordinates(one.geometry)) for one in features)
