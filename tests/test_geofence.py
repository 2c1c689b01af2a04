"""Which ground a point lies on, and how far things are from each other."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import MultiPolygon, Point, Polygon

from hub.config.shapes import Zone, ZoneKind
from hub.geofence import Geofence, LocalPlane
from tests.towns import LAT, LON, pir, place, siren, square, town

KM = st.floats(-30_000, 30_000)


def geodesic(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Vincenty's inverse solution on WGS84 (Survey Review XXIII, 1975)."""
    f, major = 1 / 298.257223563, 6_378_137.0
    minor = major * (1 - f)
    u1, u2 = (math.atan((1 - f) * math.tan(math.radians(lat))) for lat in (a[0], b[0]))
    along = lam = math.radians(b[1] - a[1])
    for _ in range(50):
        sin_sigma = math.hypot(
            math.cos(u2) * math.sin(lam),
            math.cos(u1) * math.sin(u2) - math.sin(u1) * math.cos(u2) * math.cos(lam),
        )
        if sin_sigma == 0:
            return 0.0
        cos_sigma = math.sin(u1) * math.sin(u2) + math.cos(u1) * math.cos(u2) * math.cos(lam)
        sigma = math.atan2(sin_sigma, cos_sigma)
        sin_alpha = math.cos(u1) * math.cos(u2) * math.sin(lam) / sin_sigma
        cos2_alpha = 1 - sin_alpha**2
        cos_2m = cos_sigma - 2 * math.sin(u1) * math.sin(u2) / cos2_alpha if cos2_alpha else 0.0
        c = f / 16 * cos2_alpha * (4 + f * (4 - 3 * cos2_alpha))
        before, lam = (
            lam,
            along
            + (1 - c)
            * f
            * sin_alpha
            * (sigma + c * sin_sigma * (cos_2m + c * cos_sigma * (2 * cos_2m**2 - 1))),
        )
        if abs(lam - before) < 1e-13:
            break
    u_2 = cos2_alpha * (major**2 - minor**2) / minor**2
    big_a = 1 + u_2 / 16384 * (4096 + u_2 * (-768 + u_2 * (320 - 175 * u_2)))
    big_b = u_2 / 1024 * (256 + u_2 * (-128 + u_2 * (74 - 47 * u_2)))
    wave = cos_2m + big_b / 4 * (cos_sigma * (2 * cos_2m**2 - 1))
    return minor * big_a * (sigma - big_b * sin_sigma * wave)


def test_a_point_is_in_every_zone_that_covers_it_in_order_of_id() -> None:
    fence = Geofence(town(zones=[square("rice", "paddy"), square("hunt", "hunting", size=1000)]))
    assert fence.zones_at(*place(10, 10)) == ("hunt", "rice")
    assert fence.zones_at(*place(100, 0)) == ("hunt",)
    assert fence.zones_at(*place(2000, 0)) == ()


def test_a_point_on_the_edge_or_corner_is_inside() -> None:
    zone = Zone(id="z", kind=ZoneKind.PADDY, name="z", name_en="z")
    ring = Polygon([(137.9, 36.0), (138.0, 36.0), (138.0, 36.1), (137.9, 36.1)])
    fence = Geofence(town(zones=[(zone, ring)]))
    for lat, lon in [(36.0, 137.95), (36.05, 137.9), (36.1, 138.0)]:
        assert fence.zones_at(lat, lon) == ("z",)


def test_a_hole_is_outside_and_every_part_of_a_multipolygon_is_inside() -> None:
    (zone, outer), (_, hole), (_, far) = (
        square("z", "paddy", size=400),
        square("z", "paddy", size=100),
        square("z", "paddy", 1000, size=100),
    )
    fence = Geofence(town(zones=[(zone, MultiPolygon([outer.difference(hole), far]))]))
    assert fence.zones_at(*place(0, 0)) == ()
    assert fence.zones_at(*place(150, 0)) == fence.zones_at(*place(1000, 0)) == ("z",)


def test_a_town_without_zones_answers_with_none() -> None:
    fence = Geofence(town([pir("a")]))
    assert fence.zones_at(LAT, LON) == fence.zones_of("a") == ()
    assert fence.near(LAT, LON, 500, ZoneKind.DWELLING) == ()


@pytest.mark.parametrize(("lat", "lon"), [(math.nan, LON), (LAT, math.nan), (math.inf, LON), (LON, LAT)])
def test_a_position_that_is_none_is_an_error_and_not_outside(lat: float, lon: float) -> None:
    fence = Geofence(town(zones=[square("z", "paddy")]))
    for ask in (
        lambda: fence.zones_at(lat, lon),
        lambda: fence.near(lat, lon, 10, ZoneKind.PADDY),
        lambda: fence.distance_m((LAT, LON), (lat, lon)),
        lambda: fence.nearest_devices(lat, lon, (), range_m=10, n=1),
    ):
        with pytest.raises(ValueError, match="not a position"):
            ask()


def test_near_is_measured_in_metres_from_the_edge_and_only_for_the_kind_asked() -> None:
    fence = Geofence(town(zones=[square("home", "dwelling", 300), square("rice", "paddy", 300)]))
    assert fence.near(*place(50, 0), 201, ZoneKind.DWELLING) == ("home",)
    assert fence.near(*place(50, 0), 199, ZoneKind.DWELLING) == ()
    assert fence.near(*place(300, 0), 0, ZoneKind.DWELLING) == ("home",)
    assert fence.near(*place(50, 0), 201, ZoneKind.PADDY) == ("rice",)


def test_the_zones_of_a_device_are_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fence = Geofence(town([pir("a")], [square("rice", "paddy")]))
    assert fence.zones_of("a") == ("rice",)
    monkeypatch.setattr(fence, "zones_at", None)
    assert fence.zones_of("a") == ("rice",)


def test_the_nearest_devices_come_first_and_none_beyond_the_range() -> None:
    fence = Geofence(town([siren("far", 240), siren("near", 60), siren("beyond", 260), siren("mid", 0, 90)]))
    ids = ("far", "near", "beyond", "mid")
    found = fence.nearest_devices(LAT, LON, ids, range_m=250, n=3)
    assert [id for id, _ in found] == ["near", "mid", "far"]
    assert fence.nearest_devices(LAT, LON, ids, range_m=250, n=9) == found
    assert [metres for _, metres in found] == pytest.approx([60, 90, 240], rel=2e-3)
    assert [id for id, _ in fence.nearest_devices(LAT, LON, ids, range_m=250, n=1)] == ["near"]


@given(KM, KM, st.floats(1, 2000), st.floats(0, 2 * math.pi))
def test_a_distance_within_30_km_of_the_centre_agrees_with_the_geodesic_to_12_mm_in_a_kilometre(
    north: float, east: float, far: float, bearing: float
) -> None:
    fence = Geofence(town())
    a, b = place(north, east), place(north + far * math.cos(bearing), east + far * math.sin(bearing))
    true = geodesic(a, b)
    assert fence.distance_m(a, b) == pytest.approx(true, rel=12e-6, abs=1e-5)


def test_the_geodesic_of_this_test_is_the_published_one() -> None:
    # Flinders Peak to Buninyong, Geoscience Australia's worked example (GDA94 technical manual): 54972.271 m.
    flinders, buninyong = (-37.95103341666667, 144.42486788888888), (-37.65282113888889, 143.92649552777777)
    assert geodesic(flinders, buninyong) == pytest.approx(54_972.271, abs=0.002)


def test_a_degree_along_the_centre_meridian_has_its_true_length() -> None:
    plane = LocalPlane(36.0, 138.5)
    assert plane.xy(36.0, 138.5) == pytest.approx((0, 0), abs=1e-6)
    assert plane.xy(37.0, 138.5) == pytest.approx((0, geodesic((36.0, 138.5), (37.0, 138.5))), abs=0.01)


@given(st.lists(st.tuples(KM, KM), max_size=12), KM, KM)
def test_the_tree_finds_what_a_search_through_all_zones_finds(
    middles: list[tuple[float, float]], north: float, east: float
) -> None:
    zones = [square(f"z{i}", "paddy", n, e, size=20_000) for i, (n, e) in enumerate(middles)]
    here = place(north, east)
    inside = {zone.id for zone, polygon in zones if polygon.covers(Point(here[::-1]))}
    assert Geofence(town(zones=zones)).zones_at(*here) == tuple(sorted(inside))
