"""The terrain of a town: what the map shows where no tiles come. Strict: every error with its line."""

import functools
import json
from pathlib import Path
from typing import Any

import pytest
from shapely.geometry import Point

from hub.config import terrain
from hub.config.load import load
from hub.config.shapes import Kind, ZoneKind
from hub.config.terrain import GEOMETRIES, TerrainKind
from hub.config.town import Town
from tests.config_towns import Make, make_town, problems_of
from tests.data import ROOT

LINE = {"type": "LineString", "coordinates": [[137.98, 36.05], [137.981, 36.06]]}
SQUARE = [[137.97, 36.04], [137.99, 36.04], [137.99, 36.06], [137.97, 36.06], [137.97, 36.04]]


@pytest.fixture
def town_with(tmp_path: Path) -> Make:
    return functools.partial(make_town, tmp_path / "town")


@pytest.fixture(scope="module")
def example() -> Town:
    return load(ROOT / "config", {})


def features(*given: dict[str, Any]) -> str:
    lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in given)
    return f'{{"type": "FeatureCollection", "features": [\n{lines}\n]}}'


def feature(geometry: object = LINE, **properties: object) -> dict[str, Any]:
    return {"type": "Feature", "properties": {"kind": "stream"} | properties, "geometry": geometry}


def said_of(town_with: Make, *given: dict[str, Any]) -> list[str]:
    return problems_of(town_with({"terrain.geojson": features(*given)}))


# --- what is read ---------------------------------------------------------------------------------


def test_a_town_without_the_file_has_no_terrain_and_no_warning(town_with: Make) -> None:
    town = load(town_with(), {})
    assert (town.terrain, town.warnings) == ((), ())


def test_lines_areas_and_points_are_read_with_their_names_and_heights(town_with: Make) -> None:
    text = features(
        feature(name="小野川", name_en="Ono River"),
        feature(
            {"type": "MultiLineString", "coordinates": [SQUARE, SQUARE[:2]]}, kind="contour", height_m=900
        ),
        feature({"type": "Polygon", "coordinates": [SQUARE]}, kind="water", name="池", name_en=None),
        feature({"type": "Point", "coordinates": [137.98, 36.05, 812.0]}, kind="peak", name="東山"),
    )
    found = load(town_with({"terrain.geojson": text}), {}).terrain
    assert [(one.terrain.kind.value, one.geometry.geom_type) for one in found] == [
        ("stream", "MultiLineString"),
        ("contour", "MultiLineString"),
        ("water", "Polygon"),
        ("peak", "Point"),
    ]
    stream, contour, pond = (one.terrain for one in found[:3])
    assert (stream.name, stream.name_en, contour.height_m) == ("小野川", "Ono River", 900)
    assert (pond.name, pond.name_en) == ("池", None)
    assert found[3].geometry.equals(Point(137.98, 36.05))


def test_a_stream_may_leave_the_site_and_a_boundary_may_stand_round_it(town_with: Make) -> None:
    far = [[137.98, 36.05], [138.5, 36.5]]
    round_it = [[137, 35], [139, 35], [139, 37], [137, 37], [137, 35]]
    text = features(
        feature({"type": "LineString", "coordinates": far}),
        feature({"type": "Polygon", "coordinates": [round_it]}, kind="boundary"),
    )
    assert len(load(town_with({"terrain.geojson": text}), {}).terrain) == 2


@pytest.mark.parametrize("kind", TerrainKind)
def test_every_kind_has_a_form(kind: TerrainKind) -> None:
    assert GEOMETRIES[kind]


# --- what is wrong --------------------------------------------------------------------------------


def test_every_error_is_told_at_once_with_its_line(town_with: Make) -> None:
    assert said_of(
        town_with,
        feature(kind="strem"),
        feature(nam="x"),
        feature({"type": "Point", "coordinates": [137.98, 36.05]}),
        feature({"type": "LineString", "coordinates": [[137.98, 36.05]]}),
        feature({"type": "LineString", "coordinates": [[137.98, 36.05], [137.98, None]]}),
        feature(None),
        feature({"type": "MultiLineString", "coordinates": []}),
        feature({"type": "Point", "coordinates": ["a", "b"]}, kind="peak"),
        feature({"type": ["LineString"], "coordinates": []}),
        feature(height_m=99999),
        feature(name=""),
    ) == [
        "terrain.geojson:2: features[0].properties.kind: must be 'stream', 'water', 'road', 'path', "
        "'railway', 'ridge', 'contour', 'settlement', 'peak', 'landmark' or 'boundary', "
        'not "strem"; did you mean stream?',
        "terrain.geojson:3: features[1].properties.nam: unknown key; did you mean name?",
        "terrain.geojson:4: features[2].geometry: of a stream must be a LineString or MultiLineString",
        "terrain.geojson:5: features[3].geometry: a line needs at least two positions",
        "terrain.geojson:6: features[4].geometry: a position is not [longitude, latitude] in finite numbers",
        "terrain.geojson:7: features[5].geometry: has no geometry",
        "terrain.geojson:8: features[6].geometry: is empty",
        "terrain.geojson:9: features[7].geometry: a position is not [longitude, latitude] in finite numbers",
        "terrain.geojson:10: features[8].geometry: of a stream must be a LineString or MultiLineString",
        "terrain.geojson:11: features[9].properties.height_m: must be less than or equal to 9000, not 99999",
        "terrain.geojson:12: features[10].properties.name: must hold a sign that can be read, not \"\"",
    ]  # fmt: skip


def test_what_lies_elsewhere_or_has_its_numbers_exchanged_is_told(town_with: Make) -> None:
    assert said_of(
        town_with,
        feature({"type": "LineString", "coordinates": [[36.05, 137.98], [36.06, 137.98]]}),
        feature({"type": "LineString", "coordinates": [[139.7, 35.6], [139.8, 35.6]]}),
        feature({"type": "LineString", "coordinates": [[500.0, 36.0], [137.98, 36.05]]}),
    ) == [
        "terrain.geojson:2: features[0].geometry: [36.05, 137.98]: swapped? GeoJSON is [longitude, latitude]",
        "terrain.geojson:3: features[1].geometry: lies 162.9 km from the centre of the site, "
        "beyond its radius_km of 5",
        "terrain.geojson:4: features[2].geometry: [500.0, 36.0] is no longitude and latitude",
    ]


def test_a_file_that_is_no_geojson_is_told(town_with: Make) -> None:
    (said,) = problems_of(town_with({"terrain.geojson": "{]"}))
    assert said.startswith("terrain.geojson:1: is not JSON: ")
    assert problems_of(town_with({"terrain.geojson": "[]"})) == ["terrain.geojson:1: is no FeatureCollection"]


def test_too_much_of_it_is_a_warning(town_with: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terrain, "MOST_POSITIONS", 3)
    folder = town_with({"terrain.geojson": features(feature(), feature())})
    assert [one.replace(f"{folder}/", "") for one in load(folder, {}).warnings] == [
        "terrain.geojson:1: holds 4 positions, more than 3: simplify it, or the map is slow"
    ]


# --- the example town -----------------------------------------------------------------------------


def test_the_streams_of_the_example_town_run_through_its_zones_and_past_its_gauges(example: Town) -> None:
    streams = {one.terrain.name: one.geometry for one in example.terrain if one.terrain.kind == "stream"}
    metre = 1 / 111_195
    for device in example.devices.values():
        river = device.gauge.river if device.gauge else None
        if river:
            assert streams[river].distance(Point(device.lon, device.lat)) < 20 * metre, device.id
        if example.kind(device) == Kind.SLOPE:
            assert streams["上沢"].distance(Point(device.lon, device.lat)) < 100 * metre, device.id
    for zone in example.zones.values():
        if zone.kind in (ZoneKind.FLOOD, ZoneKind.STREAM):
            name = "上沢" if zone.kind == ZoneKind.STREAM else "小野川"
            assert streams[name].intersects(example.geometry[zone.id])


def test_its_forest_road_ends_at_the_gateway_that_stands_at_its_end(example: Town) -> None:
    (road,) = (one.geometry for one in example.terrain if one.terrain.name_en == "East hill forest road")
    end = example.devices["gw-higashiyama"]
    assert road.distance(Point(end.lon, end.lat)) < 20 / 111_195


def test_every_name_of_the_example_town_is_in_both_languages(example: Town) -> None:
    for one in example.terrain:
        assert (one.terrain.name is None) == (one.terrain.name_en is None)
