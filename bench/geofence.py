"""Which zones a point lies in, by how many there are. In this process: a call takes some microseconds."""

import timeit

from shapely.geometry import shape

from bench import town
from bench.footprint import ZONES
from bench.stage import Figures
from hub.config.policy import Policy
from hub.config.settings import Hub, Site
from hub.config.shapes import Zone
from hub.config.town import Town
from hub.geofence import Geofence

POINTS = 500


def geofence(counts: tuple[int, ...] = ZONES) -> Figures:
    return {f"geofence_us_{count}": _locate(count) for count in counts}


def _locate(count: int) -> float:
    features = [town.zone(i) for i in range(count)]
    shapes = {f["properties"]["id"]: shape(f["geometry"]) for f in features}
    zones = {f["properties"]["id"]: Zone(**f["properties"]) for f in features}
    lat, lon = town.CENTRE
    site = Site(id="bench", name="b", name_en="b", lat=lat, lon=lon, radius_km=20, contact="c", info_url="u")
    fence = Geofence(Town(Hub(site=site), Policy(), {}, {}, zones, shapes, {}))
    points = [town.position(i * 13) for i in range(POINTS)]

    def locate() -> None:
        for at in points:
            fence.zones_at(*at)

    return min(timeit.repeat(locate, number=1, repeat=15)) / len(points) * 1e6
