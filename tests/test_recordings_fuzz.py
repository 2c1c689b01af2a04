"""Whatever lies in a file is read or refused with its name and line, and nothing else happens."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.recordings import RecordingError, convert, read
from tests.fuzz.targets import read_or_refused

HEADERS = [
    "time,stage_m,rain_60min_mm",
    "received_at_raw,data_time_raw,level_m",
    "station,time,level_m",
    "site_no,quantity,time_raw,value_raw,value_si,qualifiers",
    "time,gage_height_ft,discharge_ft3s,stage_m",
]
CAMTRAP = (
    "observationLevel,observationType,count,scientificName,classificationProbability,eventStart,"
    "deploymentID,eventID"
)
CELL = st.one_of(
    st.sampled_from(
        [
            "", "1.5", "nan", "inf", "1e400", "-999999", "x", "Ice", "stage", "event", "animal",
            "2026-11-21T21:00:00Z", "2026-11-21T21:00:00", "0001-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59-23:59", '"', "Norwood", "イノシシ",
        ]
    ),
    st.text(max_size=8),
)  # fmt: skip
ROWS = st.lists(st.lists(CELL, max_size=9).map(",".join), max_size=5).map("\n".join)
FILES = st.one_of(
    st.tuples(st.sampled_from(HEADERS), ROWS).map(lambda parts: "\n".join(parts).encode()),
    st.tuples(st.sampled_from(HEADERS), st.binary(max_size=60)).map(lambda p: p[0].encode() + b"\n" + p[1]),
    st.binary(max_size=120),
)
PLENTY = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@PLENTY
@given(FILES)
def test_any_csv_file_is_read_or_refused(tmp_path, data):
    path = tmp_path / "series.csv"
    path.write_bytes(data)
    read_or_refused(lambda: convert(path, "test"), "series.csv:")


@PLENTY
@given(st.one_of(ROWS.map(lambda rows: f"{CAMTRAP}\n{rows}".encode()), st.binary(max_size=100)))
def test_any_camera_trap_data_set_is_read_or_refused(tmp_path, data):
    (tmp_path / "observations.csv").write_bytes(data)
    read_or_refused(lambda: convert(tmp_path, "test"), "observations.csv:")


@PLENTY
@given(
    st.one_of(st.binary(max_size=120), st.lists(st.text(max_size=60)).map(lambda t: "\n".join(t).encode()))
)
def test_any_recording_is_read_or_refused(tmp_path, data):
    path = tmp_path / "night.jsonl"
    path.write_bytes(data)
    read_or_refused(lambda: read(path), "night.jsonl:")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("time,stage_m,rain_60min_mm\n2023-07-01T00:00:00+09:00,三,0\n".encode("cp932"), "not UTF-8"),
        ("時刻,水位\n".encode("cp932"), "not UTF-8"),
        (b"time,stage_m,rain_60min_mm\n" + b'"' + b"x" * 200_000 + b'",1,2\n', "series.csv:"),
        (b"time,stage_m,rain_60min_mm\n0001-01-01T00:00:00+23:59,1,2\n", "series.csv:2: "),
        (b"", "no known series"),
    ],
)
def test_a_series_that_no_reader_can_read_is_refused_with_its_name(tmp_path, content, reason):
    path = tmp_path / "series.csv"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=r"series\.csv") as refused:
        list(convert(path, "test"))
    assert reason in str(refused.value)


def test_a_data_set_of_cameras_without_a_needed_column_is_refused(tmp_path):
    (tmp_path / "observations.csv").write_text("observationLevel,observationType\nevent,animal\n")
    with pytest.raises(RecordingError, match=r"observations\.csv:1: no column"):
        list(convert(tmp_path, "test"))
