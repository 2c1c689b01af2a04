"""`/api/v1/town`: where it is, its zones, and the ground that a map shows where no tiles come."""

import asyncio
import gzip
from hashlib import sha256
from typing import Annotated, Any, Literal, cast

import msgspec
import shapely
from msgspec import Meta, Struct
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry
from starlette.responses import Response

from hub.config.town import Town
from hub.config.zones import METRES_A_DEGREE
from hub.console.api.frame import JSON, Call, endpoint
from hub.model import Mode
from hub.web.pages import OFFERED

DECIMALS = 5
"""Of a degree: about a metre."""
MARGIN = 0.002
"""In degrees, some 200 m, about what is shown first."""
Degrees = Annotated[float, Meta(ge=-180, le=180)]


class Geometry(Struct, frozen=True):
    """As GeoJSON (RFC 7946) has it: [longitude, latitude]."""

    type: Literal["Point", "LineString", "MultiLineString", "Polygon", "MultiPolygon"]
    coordinates: list[Any]


class Feature(Struct, frozen=True):
    """`properties`: of a zone `id`, `kind`, `name`, `name_en`; of the terrain `kind`, and where there is one
    `name`, `name_en` and `height_m`."""

    properties: dict[str, str | float]
    geometry: Geometry
    type: Literal["Feature"] = "Feature"


class FeatureCollection(Struct, frozen=True):
    features: tuple[Feature, ...]
    type: Literal["FeatureCollection"] = "FeatureCollection"


class TownMap(Struct, frozen=True):
    """`lat`, `lon`: the centre. `bounds`: west, south, east and north of all zones and devices, in degrees.
    `languages`: of the pages. `mode`: actual, or exercise or test, which everything then says first."""

    id: str
    name: str
    name_en: str
    timezone: str
    lat: float
    lon: float
    radius_km: float
    bounds: tuple[Degrees, Degrees, Degrees, Degrees]
    contact: str
    languages: tuple[str, ...]
    mode: Mode
    zones: FeatureCollection
    terrain: FeatureCollection


class TownQuery(Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Encoded(Struct, frozen=True):
    """What a town was answered with, kept while it is the same town."""

    town: Town
    mode: Mode
    body: bytes
    zipped: bytes
    etag: str


_last: list[Encoded] = []
"""At most one."""


@endpoint("GET", "/town")
async def town(call: Call, asked: TownQuery) -> TownMap:  # noqa: ARG001 (nothing can be asked)
    """The town: its name and place, its zones and its terrain as GeoJSON.

    It changes seldom. With the `etag` of an earlier answer in `if-none-match` the answer is 304, and empty.
    """
    found = await asyncio.to_thread(encoded, call.town, call.hub.pipeline.mode)
    headers = {"etag": found.etag, "cache-control": "private, no-cache", "vary": "accept-encoding"}
    if call.request.headers.get("if-none-match") == found.etag:
        return cast(TownMap, Response(status_code=304, headers=headers))
    if "gzip" in call.request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        return cast(TownMap, Response(found.zipped, headers=headers, media_type=JSON))
    return cast(TownMap, Response(found.body, headers=headers, media_type=JSON))


def encoded(town: Town, mode: Mode) -> Encoded:
    if not _last or _last[0].town is not town or _last[0].mode is not mode:
        body = msgspec.json.encode(map_of(town, mode))
        etag = f'W/"{sha256(body).hexdigest()[:16]}"'
        _last[:] = [Encoded(town, mode, body, gzip.compress(body, mtime=0), etag)]
    return _last[0]


def map_of(town: Town, mode: Mode) -> TownMap:
    site = town.site
    return TownMap(
        id=site.id,
        name=site.name,
        name_en=site.name_en,
        timezone=site.timezone,
        lat=site.lat,
        lon=site.lon,
        radius_km=site.radius_km,
        bounds=_bounds(town),
        contact=site.contact,
        languages=tuple(code for code, _ in OFFERED),
        mode=mode,
        zones=FeatureCollection(tuple(_zones(town))),
        terrain=FeatureCollection(tuple(_terrain(town))),
    )


def _zones(town: Town) -> list[Feature]:
    return [
        Feature(
            {"id": zone.id, "kind": zone.kind.value, "name": zone.name, "name_en": zone.name_en},
            _geometry(town.geometry[zone.id]),
        )
        for zone in town.zones.values()
    ]


def _terrain(town: Town) -> list[Feature]:
    found = []
    for one in town.terrain:
        said: dict[str, str | float] = {"kind": one.terrain.kind.value}
        if name := one.terrain.name or one.terrain.name_en:
            said |= {"name": name, "name_en": one.terrain.name_en or name}
        if one.terrain.height_m is not None:
            said["height_m"] = one.terrain.height_m
        found.append(Feature(said, _geometry(one.geometry)))
    return found


def _geometry(shape: BaseGeometry) -> Geometry:
    said = mapping(shapely.transform(shape, lambda places: places.round(DECIMALS)))
    return Geometry(said["type"], list(said["coordinates"]))


def _bounds(town: Town) -> tuple[float, float, float, float]:
    """Of the circle about the centre where there is nothing at all."""
    boxes = [shape.bounds for shape in town.geometry.values()]
    boxes += [(one.lon, one.lat, one.lon, one.lat) for one in town.devices.values()]
    if not boxes:
        site, reach = town.site, town.site.radius_km * 1000 / METRES_A_DEGREE
        boxes = [(site.lon - reach, site.lat - reach, site.lon + reach, site.lat + reach)]
    west, south, east, north = zip(*boxes, strict=True)
    found = (min(west) - MARGIN, min(south) - MARGIN, max(east) + MARGIN, max(north) + MARGIN)
    west_, south_, east_, north_ = (round(max(-180.0, min(180.0, one)), DECIMALS) for one in found)
    return west_, south_, east_, north_


ENDPOINTS = (town,)
