"""zones.geojson -> zones and their polygons, checked as only a person with a map otherwise would.

Coordinates are [longitude, latitude] in WGS84 (or JGD2011, JGD2000: the same within a metre), RFC 7946.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import shapely
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.validation import explain_validity

from hub.config.csv_files import SEPARATORS
from hub.config.document import Document, KeyPath, Problem, UnreadableError, shown
from hub.config.settings import Site

METRES_A_DEGREE = 111_195.0
"""Of a great circle on the sphere of mean radius 6,371,009 m."""
JAPAN_LAT = (20.0, 46.0)
JAPAN_LON = (122.0, 154.0)
LONLAT_SYSTEMS = ("CRS84", "4326", "6668", "4612")
SPACE = re.compile(r"[ \t\r\n]*")
ORDER = "GeoJSON is [longitude, latitude]"

Ring = list[tuple[float, float]]


class Bad(NamedTuple):
    """Something wrong inside one geometry."""

    message: str


def read_features(text: str, file: str) -> tuple[Document, list[Problem]]:
    """The features of a FeatureCollection with their lines: `{"features": [...]}`.

    Raises UnreadableError where the file is no JSON or no FeatureCollection.
    """
    reader = _Reader(text, file)
    try:
        return reader.collection()
    except json.JSONDecodeError as error:
        raise UnreadableError(Problem(file, error.lineno, f"is not JSON: {error.msg}")) from None
    except RecursionError:
        raise UnreadableError(Problem(file, 1, "is nested too deeply")) from None
    except ValueError:
        raise UnreadableError(Problem(file, 1, "is not JSON: a number has too many digits")) from None


class _Reader:
    """Walks the top level itself, so that the line of every feature is known."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.repeated: list[str] = []
        self.decoder = json.JSONDecoder(object_pairs_hook=self._pairs)
        self.at = 0
        self.counted = (0, 1)
        self.lines: dict[KeyPath, int] = {(): 1}
        self.problems: list[Problem] = []

    def collection(self) -> tuple[Document, list[Problem]]:
        top: dict[str, Any] = {}
        self._skip()
        if not self._next_is("{"):
            raise UnreadableError(Problem(self.file, 1, "is no FeatureCollection"))
        while not self._next_is("}"):
            key = self._value()
            if not isinstance(key, str) or not self._next_is(":"):
                raise json.JSONDecodeError("a key and a colon are due here", self.text, self.at)
            if key in top:
                self.problems.append(Problem(self.file, self._line(), f"{shown(key)}: stands twice"))
            top[key] = self._features() if key == "features" and self._next_is("[") else self._value()
            self._comma("}")
        if self.at != len(self.text):
            raise json.JSONDecodeError("something follows the end", self.text, self.at)
        if top.get("type") != "FeatureCollection" or not isinstance(top.get("features"), list):
            raise UnreadableError(Problem(self.file, 1, "is no FeatureCollection"))
        self._check_system(top.get("crs"))
        return Document(self.file, top, self.lines), self.problems

    def _features(self) -> list[Any]:
        found: list[Any] = []
        while not self._next_is("]"):
            path: KeyPath = ("features", len(found))
            start, self.lines[path] = self.at, self._line()
            found.append(self._value())
            self._property_lines(path, start, found[-1])
            for key in self.repeated:
                where = f"features[{path[1]}]"
                self.problems.append(Problem(self.file, self.lines[path], f"{where}: {key} stands twice"))
            self.repeated.clear()
            self._comma("]")
        return found

    def _property_lines(self, path: KeyPath, start: int, feature: Any) -> None:
        """Lines of the properties, where the feature is written over several."""
        properties = feature.get("properties") if isinstance(feature, dict) else None
        begins = self.text.find('"properties"', start, self.at)
        if not isinstance(properties, dict) or begins < 0 or "\n" not in self.text[start : self.at]:
            return
        for key in properties:
            spot = self.text.find(f'"{key}"', begins + 12, self.at)
            if spot > 0:
                self.lines[(*path, "properties", key)] = self.lines[path] + self.text.count("\n", start, spot)

    def _check_system(self, crs: Any) -> None:
        if crs is None:
            return
        name = json.dumps(crs)
        if not any(known in name for known in LONLAT_SYSTEMS):
            self.problems.append(
                Problem(self.file, 1, "crs: is not longitude and latitude: export it as WGS84 (EPSG:4326)")
            )

    def _pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            keys = [key for key, _ in pairs]
            self.repeated += sorted({shown(key) for key in keys if keys.count(key) > 1})
        return made

    def _value(self) -> Any:
        value, self.at = self.decoder.raw_decode(self.text, self.at)
        self._skip()
        return value

    def _next_is(self, sign: str) -> bool:
        if self.text[self.at : self.at + 1] != sign:
            return False
        self.at += 1
        self._skip()
        return True

    def _comma(self, end: str) -> None:
        if not self._next_is(",") and self.text[self.at : self.at + 1] != end:
            raise json.JSONDecodeError(f"a comma or {end} is due here", self.text, self.at)

    def _skip(self) -> None:
        match = SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def _line(self) -> int:
        offset, line = self.counted
        line += self.text.count("\n", offset, self.at)
        self.counted = (self.at, line)
        return line


def properties_of(feature: Any) -> Any:
    """The properties that are given: QGIS writes null for an empty cell, and a list as text."""
    given = feature.get("properties") if isinstance(feature, dict) else None
    if not isinstance(given, dict):
        return given
    kept = {key: value for key, value in given.items() if value is not None}
    if isinstance(kept.get("rivers"), str):
        kept["rivers"] = [one for one in SEPARATORS.split(kept["rivers"]) if one]
    return kept


def geometry_of(feature: Any) -> BaseGeometry | Bad:
    """The polygon of one feature, or what is wrong with it."""
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    if not isinstance(geometry, dict):
        return Bad("has no geometry")
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    if kind not in ("Polygon", "MultiPolygon"):
        return Bad("must be a Polygon or MultiPolygon")
    parts = [coordinates] if kind == "Polygon" else coordinates
    if not isinstance(parts, list) or not parts:
        return Bad("has no coordinates")
    polygons = []
    for part in parts:
        rings = _rings(part)
        if isinstance(rings, Bad):
            return rings
        polygons.append(Polygon(rings[0], rings[1:]))
    return polygons[0] if kind == "Polygon" else MultiPolygon(polygons)


def _rings(part: Any) -> list[Ring] | Bad:
    if not isinstance(part, list) or not part:
        return Bad("has no coordinates")
    rings: list[Ring] = []
    for ring in part:
        if not isinstance(ring, list) or not all(is_position(one) for one in ring):
            return Bad("a position is not [longitude, latitude] in finite numbers")
        if len(ring) < 4:
            return Bad("a ring needs at least four positions, the last the same as the first")
        points = [(float(one[0]), float(one[1])) for one in ring]
        if points[0] != points[-1]:
            return Bad("a ring is not closed: its last position must be its first")
        rings.append(points)
    return rings


def is_position(one: Any) -> bool:
    """`[longitude, latitude]`, with a height or without."""
    return (
        isinstance(one, list)
        and 2 <= len(one) <= 3
        and all(isinstance(part, int | float) and not isinstance(part, bool) for part in one)
        and all(abs(part) < 1e9 for part in one)
    )


def faults(geometry: BaseGeometry, site: Site | None) -> Iterator[str]:
    """What is wrong with the place or the form of a polygon."""
    west, south, east, north = geometry.bounds
    corners = ((south, west), (south, east), (north, west), (north, east))
    places = [(float(lat), float(lon)) for lon, lat in shapely.get_coordinates(geometry)]
    if not all(_fits(site, *corner) for corner in corners) and (
        outside := [place for place in places if not _fits(site, *place)]
    ):
        lat, lon = outside[0]
        if looks_swapped(lat, lon, site):
            yield f"[{lon}, {lat}]: swapped? {ORDER}"
        elif not is_on_earth(lat, lon):
            yield f"[{lon}, {lat}] is no longitude and latitude"
        elif site:
            yield beyond(site, lat, lon)
        return
    if site is None and looks_swapped(*places[0], None):
        yield f"[{places[0][1]}, {places[0][0]}]: swapped? {ORDER}"
        return
    if not geometry.is_valid:
        yield f"is not a valid polygon: {explain_validity(geometry)}"
    elif geometry.area == 0:
        yield "is empty: it has no area"


def distance_m(site: Site, lat: float, lon: float) -> float:
    """From the centre of the site, on a sphere, good to 1 % within 200 km."""
    east = (lon - site.lon) * math.cos(math.radians((lat + site.lat) / 2))
    return math.hypot(lat - site.lat, east) * METRES_A_DEGREE


def lies_in(site: Site, lat: float, lon: float) -> bool:
    return distance_m(site, lat, lon) <= site.radius_km * 1000


def beyond(site: Site, lat: float, lon: float) -> str:
    km = distance_m(site, lat, lon) / 1000
    return f"lies {km:.1f} km from the centre of the site, beyond its radius_km of {site.radius_km:g}"


def looks_swapped(lat: float, lon: float, site: Site | None) -> bool:
    """The place is wrong as it stands, and right with its numbers exchanged."""
    if site is not None:
        return not (is_on_earth(lat, lon) and lies_in(site, lat, lon)) and (
            is_on_earth(lon, lat) and lies_in(site, lon, lat)
        )
    return JAPAN_LON[0] <= lat <= JAPAN_LON[1] and JAPAN_LAT[0] <= lon <= JAPAN_LAT[1]


def _fits(site: Site | None, lat: float, lon: float) -> bool:
    return is_on_earth(lat, lon) and (site is None or lies_in(site, lat, lon))


def is_on_earth(lat: float, lon: float) -> bool:
    return abs(lat) <= 90 and abs(lon) <= 180
