"""Whatever stands in the files of a town: it loads, or a ConfigError says why. Nothing else comes out."""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hub.config.document import UnreadableError
from hub.config.yaml_lines import read_yaml
from tests.config_towns import FIXTURES, make_town
from tests.fuzz.targets import loads_or_says_why

GOOD = {path.name: path.read_bytes() for path in (FIXTURES / "good").iterdir()}
TABLES = {
    "people.csv": "ID,氏名,役割,区域,当番,メール\nkita,北,猟友会;農家,paddy-1,月;火,k@x.test\n".encode(),
    "devices.csv": b"id,profile,name,name_en,lat,lon,place,place_en\nc,naruko-animal,c,c,36.05,137.98,a,a\n",
}
FILES = sorted(GOOD | TABLES | {"policy.yaml": b""})
CONTENT = GOOD | TABLES | {"policy.yaml": b"wildlife: {quiet_for: 10m}\ndeterrent: {quiet_from: '20:00'}\n"}
SPICES = [
    b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\\ud800", b"\t", b"\r", b"\n", b": ", b"- ", b"? ",
    b"&a ", b"*a", b"!!python/object ", b"<<: ", b"---\n", b"{", b"}", b"[", b"]", b'"', b"'", b"|\n", b"NaN",
    b"-Infinity", b"1e999", b"9" * 5000, b"null", b"[[[[[[", b"\xe2\x80\xa8", b"${X}", b"https://[", b"=",
    b".nan", b"0x", b"22:30", b"-",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as made:
        yield make_town(Path(made) / "town")


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=25, deadline=None)
@given(
    content=st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "replace"))
)
def test_any_bytes_load_or_are_said_to_be_wrong(name: str, content: bytes, folder: Path) -> None:
    loads_or_says_why(name, content, folder)


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_good_file_with_a_piece_exchanged_loads_or_is_said_to_be_wrong(
    name: str, data: st.DataObject, folder: Path
) -> None:
    content = CONTENT[name]
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(len(content), start + 30)))
    piece = data.draw(st.sampled_from(SPICES) | st.binary(max_size=4))
    loads_or_says_why(name, content[:start] + piece + content[end:], folder)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([1e308, 36.05, 137.98]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=60, deadline=None)
@given(geometry=JSON, properties=JSON, kind=st.sampled_from(["Polygon", "MultiPolygon", "Point", 3]))
@example(geometry=[[[137.98, 36.05]] * 4], properties={}, kind="Polygon")
@example(geometry=[[[1e308, 1e308], [0, 0], [1, 1], [1e308, 1e308]]], properties={}, kind="Polygon")
@example(geometry=[[]], properties={"id": "\ud800", "\ud800\n": 1}, kind="MultiPolygon")
def test_any_geometry_loads_or_is_said_to_be_wrong(
    geometry: object, properties: object, kind: object, folder: Path
) -> None:
    shape = {"type": kind, "coordinates": geometry}
    feature = {"type": "Feature", "properties": properties, "geometry": shape}
    good = {"id": "z", "kind": "paddy", "name": "z", "name_en": "z"}
    second = {"type": "Feature", "properties": good, "geometry": shape}
    text = json.dumps({"type": "FeatureCollection", "features": [feature, geometry, second]})
    loads_or_says_why("zones.geojson", text.encode(), folder)


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cn", "Zl", "Zp")), max_size=12)
PLAIN = st.none() | st.booleans() | st.integers(-(10**17), 10**17) | TEXT


@settings(max_examples=150, deadline=None)
@given(
    value=st.recursive(
        PLAIN,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
        max_leaves=15,
    )
)
def test_a_value_written_as_json_is_read_back_as_it_was(value: object) -> None:
    try:
        document, problems = read_yaml(json.dumps(value, ensure_ascii=False), "x.yaml")
    except UnreadableError as error:
        pytest.fail(str(error))
    merge = "merge keys are not understood"
    assert all(merge in problem.message for problem in problems)
    if not problems:
        assert document.value == value
