"""The surroundings of an alert as one picture: ground, sensors, an animal's path, north and a scale. Pure.

Nine tiles of the Geospatial Information Authority of Japan (地理院タイル), the place in the middle one,
and over them a drawing in the same Web Mercator. The tiles are a background: where they do not come, nothing
shows that they are missing, and the drawing is there.
"""

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup
from msgspec import Struct
from shapely import Polygon, box
from shapely.geometry.base import BaseGeometry

from hub.config.shapes import Kind
from hub.config.town import Town
from hub.model import Alert

TILE = 256
ACROSS = 3
SIZE = TILE * ACROSS
TILES = "https://cyberjapandata.gsi.go.jp/xyz/std/{z}/{x}/{y}.png"
ZOOMS = (16, 15, 14, 13, 12)
"""The nearest shows some 500 m on each side: a valley's width, so that a person knows the ground again."""
MARGIN = 40
LINE = 40
ROUND_PIN = 90
CIRCUMFERENCE_M = 40_075_016.686
SCALES_M = (2_000, 1_000, 500, 200, 100)

Xy = tuple[float, float]


class Sketch(Struct, frozen=True):
    """`style` is what a style sheet says of the ground behind `drawing`."""

    drawing: Markup
    style: str


class View(Struct, frozen=True):
    """A window of 3 x 3 tiles; `column` and `row` name the tile at its north-western corner."""

    zoom: int
    column: int
    row: int

    def xy(self, lat: float, lon: float) -> Xy:
        x, y = _world(lat, lon, self.zoom)
        return x - self.column * TILE, y - self.row * TILE

    @property
    def metres_a_pixel(self) -> float:
        lat = _latitude((self.row + ACROSS / 2) * TILE, self.zoom)
        return CIRCUMFERENCE_M * math.cos(math.radians(lat)) / _size(self.zoom)

    @property
    def bounds(self) -> Polygon:
        """In degrees, longitude first."""
        size = _size(self.zoom)
        west, east = (360 * (self.column + n) * TILE / size - 180 for n in (0, ACROSS))
        north, south = (_latitude((self.row + n) * TILE, self.zoom) for n in (0, ACROSS))
        return box(west, south, east, north)


def view_of(place: Xy, points: Sequence[Xy]) -> View:
    """The nearest view about `place` (lat, lon) that shows all `points` too."""
    for zoom in ZOOMS:
        x, y = _world(*place, zoom)
        view = View(zoom, int(x // TILE) - 1, int(y // TILE) - 1)
        if all(_inside(view.xy(*point)) for point in points):
            break
    return view


def ground(view: View) -> str:
    """The nine tiles, row by row, as the style of the map's box."""
    tiles = (
        TILES.format(z=view.zoom, x=view.column + x, y=view.row + y)
        for y in range(ACROSS)
        for x in range(ACROSS)
    )
    return f".map{{background-image:{','.join(f'url({tile})' for tile in tiles)}}}"


def sketch(town: Town, alert: Alert, place: Xy, lang: str, label: str, *, traps: bool) -> Sketch:
    """`place` is (lat, lon); `label` is what is read aloud. `traps`: other traps are shown too."""
    path = [(d.lat, d.lon) for d in (town.devices.get(id) for id in alert.devices) if d]
    view = view_of(place, path)
    pin = view.xy(*place)
    parts = [
        Markup('<div class="map">'),
        Markup('<svg viewBox="0 0 {0} {0}" role="img" aria-label="{1}">').format(SIZE, label),
        *_zones(town, view),
        *_sensors(town, alert, view, traps=traps),
        *_names(town, view, lang, pin),
        *_path(view, path if alert.kind in ("animal", "bear") else ()),
        _here(pin),
        Markup(
            '<g class="north"><path d="M712 92l16 -50l16 50l-16 -10z"/><text x="728" y="128">N</text></g>'
        ),
        _scale(view),
        Markup("</svg></div>"),
    ]
    return Sketch(Markup("").join(parts), ground(view))


def _zones(town: Town, view: View) -> Iterable[Markup]:
    for id, ground in _in_view(town, view):
        kind = town.zones[id].kind.value
        yield Markup('<path class="z {}" d="{}"/>').format(kind, _outline(view, ground))


def _names(town: Town, view: View, lang: str, pin: Xy) -> Iterable[Markup]:
    """Of the zones, where one stands neither on another nor on the pin."""
    taken: list[float] = []
    for id, ground in _in_view(town, view):
        lon, lat = ground.representative_point().coords[0]
        x, y = view.xy(lat, lon)
        free = abs(y - pin[1] + TILE / 8) > ROUND_PIN and all(abs(y - other) > LINE for other in taken)
        if free and _inside((x, y), 2 * MARGIN):
            taken.append(y)
            name = town.zones[id].name_en if lang == "en" else town.zones[id].name
            yield Markup('<text class="zn" x="{:.0f}" y="{:.0f}">{}</text>').format(x, y, name)


def _in_view(town: Town, view: View) -> Iterable[tuple[str, BaseGeometry]]:
    for id, geometry in town.geometry.items():
        ground = geometry.intersection(view.bounds) if geometry.is_valid else geometry
        if not ground.is_empty:
            yield id, ground


def _outline(view: View, ground: BaseGeometry) -> Markup:
    polygons = [g for g in getattr(ground, "geoms", [ground]) if isinstance(g, Polygon)]
    rings = [ring for polygon in polygons for ring in (polygon.exterior, *polygon.interiors)]
    lines = (
        "M" + "L".join(f"{x:.0f} {y:.0f}" for x, y in (view.xy(lat, lon) for lon, lat in ring.coords)) + "Z"
        for ring in rings
    )
    return Markup("{}").format("".join(lines))


def _sensors(town: Town, alert: Alert, view: View, *, traps: bool) -> Iterable[Markup]:
    for device in town.devices.values():
        kind = town.kind(device)
        x, y = view.xy(device.lat, device.lon)
        if device.id != alert.device and (traps or kind is not Kind.TRAP) and _inside((x, y), 12):
            yield Markup('<circle class="d {}" cx="{:.0f}" cy="{:.0f}" r="11"/>').format(kind.value, x, y)


def _path(view: View, path: Sequence[Xy]) -> Iterable[Markup]:
    """Numbered in the order in which it passed."""
    if len(path) > 1:
        points = " ".join(f"{x:.0f},{y:.0f}" for x, y in (view.xy(*point) for point in path))
        yield Markup('<polyline class="way" points="{}"/>').format(points)
        for index, point in enumerate(path, 1):
            x, y = view.xy(*point)
            yield Markup('<text class="wn" x="{:.0f}" y="{:.0f}">{}</text>').format(x + 18, y - 18, index)


def _here(at: Xy) -> Markup:
    return Markup(
        '<path class="pin" d="M{0:.0f} {1:.0f}l-24 -44a28 28 0 1 1 48 0z"/>'
        '<circle class="eye" cx="{0:.0f}" cy="{2:.0f}" r="11"/>'
    ).format(*at, at[1] - 57)


def _scale(view: View) -> Markup:
    """The longest round length that is no wider than a third of the picture."""
    metres = next((m for m in SCALES_M if m / view.metres_a_pixel <= TILE), SCALES_M[-1])
    text = f"{metres // 1000} km" if metres >= 1000 else f"{metres} m"
    return Markup(
        '<g class="scale"><path d="M24 728v12h{:.0f}v-12"/><text x="24" y="716">{}</text></g>'
    ).format(metres / view.metres_a_pixel, text)


def _inside(at: Xy, margin: float = MARGIN) -> bool:
    return margin <= at[0] <= SIZE - margin and margin <= at[1] <= SIZE - margin


def _size(zoom: int) -> int:
    return TILE << zoom


def _world(lat: float, lon: float, zoom: int) -> Xy:
    """Web Mercator (EPSG:3857) in pixels from the world's north-western corner."""
    size = _size(zoom)
    sin = math.sin(math.radians(lat))
    return (lon + 180) / 360 * size, (0.5 - math.log((1 + sin) / (1 - sin)) / (4 * math.pi)) * size


def _latitude(y: float, zoom: int) -> float:
    return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * y / _size(zoom)))))
