"""Recordings: what is written is read back byte for byte, and published series become messages of ours."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model import Message
from hub.recordings import (
    RecordingError,
    camtrap,
    convert,
    iso,
    koto_2023,
    koto_2025_arrivals,
    lk,
    millis,
    read,
    slug,
    species_of,
    usgs_iv,
    usgs_stage,
    write,
)
from tests.riverside import said
from tests.towns import HOUR, at


def put(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


# --- JSON lines -----------------------------------------------------------------------------------


def test_a_payload_may_be_an_object_a_text_or_base64(tmp_path):
    path = put(
        tmp_path,
        "night.jsonl",
        '{"received_at":"2026-11-21T21:07:03.250+09:00","topic":"a/up","payload":{"m":{"level_m":-1.5}}}\n'
        "\n"
        '{"received_at":"2026-11-21T12:07:04Z","topic":"b","payload":"online","retain":true}\n'
        '{"received_at":"2026-11-21T12:07:05Z","topic":"c","payload_b64":"/wA=","dup":true,"note":"kept"}\n',
    )
    first, second, third = read(path)
    assert first == Message("a/up", b'{"m":{"level_m":-1.5}}', at("2026-11-21 21:07:03") + 250)
    assert second == Message("b", b"online", at("2026-11-21 21:07:04"), True)
    assert third == Message("c", b"\xff\x00", at("2026-11-21 21:07:05"), False, True)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"topic":"a","payload":"x"}', "received_at is missing"),
        ('{"received_at":"2026-11-21T12:00:00","topic":"a","payload":"x"}', "time without zone"),
        ('{"received_at":"yesterday","topic":"a","payload":"x"}', "Invalid isoformat"),
        ('{"received_at":1789000000,"topic":"a","payload":"x"}', "must be str"),
        ('{"received_at":"2026-11-21T12:00:00Z","payload":"x"}', "topic is missing"),
        ('{"received_at":"2026-11-21T12:00:00Z","topic":"a"}', "either payload or payload_b64"),
        (
            '{"received_at":"2026-11-21T12:00:00Z","topic":"a","payload":"x","payload_b64":""}',
            "either payload or payload_b64",
        ),
        ('{"received_at":"2026-11-21T12:00:00Z","topic":"a","payload_b64":"*"}', "base64"),
        ('{"received_at":"2026-11-21T12:00:00Z","topic":"a","payload":"x","retain":1}', "true or false"),
        ('{"received_at":"2026-11-21T12:00:00Z","topic":"a","payload":NaN}', "not JSON"),
    ],
)
def test_a_line_that_is_no_message_is_told_with_file_and_line(tmp_path, line, reason):
    good = '{"received_at":"2026-11-21T12:00:00Z","topic":"a","payload":"x"}'
    path = put(tmp_path, "night.jsonl", f"{good}\n{line}\n{good}\n")
    messages = read(path)
    assert next(messages).topic == "a"
    with pytest.raises(RecordingError) as refused:
        next(messages)
    assert str(refused.value).startswith(f"{path}:2: ")
    assert reason in str(refused.value)


def test_bytes_that_are_no_text_are_told_with_file_and_line(tmp_path):
    path = tmp_path / "night.jsonl"
    path.write_bytes(b'{"topic":"\xff"}\n')
    with pytest.raises(RecordingError, match=":1: not JSON"):
        list(read(path))


MESSAGES = st.builds(
    Message,
    topic=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
    payload=st.binary(max_size=40) | st.text(st.characters(exclude_categories=["Cs"])).map(str.encode),
    received_at=st.integers(at("2000-01-01 00:00"), at("2999-01-01 00:00")),
    retain=st.booleans(),
    dup=st.booleans(),
)


@given(messages=st.lists(MESSAGES, max_size=5))
def test_what_was_written_is_read_back_byte_for_byte(tmp_path_factory, messages):
    file = io.StringIO()
    write(messages, file)
    path = tmp_path_factory.mktemp("recording") / "r.jsonl"
    path.write_text(file.getvalue(), encoding="utf-8", newline="")
    assert list(read(path)) == messages


@given(st.integers(at("1900-01-01 00:00"), at("2999-01-01 00:00")))
def test_a_time_that_was_written_is_the_same_to_the_millisecond(now):
    assert millis(iso(now)) == now


# --- river series ---------------------------------------------------------------------------------


KOTO_2023 = """\
time_raw,time,stage_m,stage_diff_raw,rain_60min_mm,rain_cumulative_mm,dam_level_m,dam_inflow_m3s,dam_outflow_m3s
2023/07/01 01:00,2023-07-01T01:00:00+09:00,5.02,0.23,53.00,130.00,38.00,900.00,880.00
2023/07/03 10:10,2023-07-03T10:10:00+09:00,,0.00,,5.00,0.00,0.00,0.00
"""


def test_the_koto_series_gives_level_and_rain_at_the_time_of_observation(tmp_path):
    first, second = koto_2023(put(tmp_path, "x.csv", KOTO_2023), "town", "koto")
    assert (first.topic, first.received_at) == ("naruko/town/koto/up", at("2023-07-01 01:00"))
    assert said(first) == {
        "v": 1,
        "at": "2023-06-30T16:00:00.000Z",
        "m": {"level_m": 5.02, "rain_60min_mm": 53.0},
    }
    assert said(second)["m"] == {"level_m": None, "rain_60min_mm": None}


ARRIVALS = """\
received_at_raw,data_time_raw,level_m,status_raw,dam_outflow_m3s,source_file
2025-06-23T06:26:49.319028+09:00,2025-06-22T21:20:00+09:00,2.83,正常,,b.json
2025-06-22T07:26:17.384413,,3.8,正常,,a.json
2025-06-22T09:45:01.558684,,,正常,,a.json
"""


def test_arrivals_come_in_order_of_arrival_and_zoneless_times_are_japan_s(tmp_path):
    path = put(tmp_path, "x.csv", ARRIVALS)
    false, null, late = koto_2025_arrivals(path, "town", "koto")
    assert false.received_at == at("2025-06-22 07:26:17") + 384
    assert said(false) == {"v": 1, "m": {"level_m": 3.8}}, "no observation time, no at"
    assert said(null) == {"v": 1, "m": {"level_m": None}}
    assert late.received_at - millis(said(late)["at"]) > 9 * HOUR


def test_stations_become_devices_in_order_of_time(tmp_path):
    path = put(
        tmp_path,
        "x.csv",
        "station,time_unix_raw,time,level_m\n"
        "Yaka Wewa,1764417412,2025-11-29T17:26:52+05:30,5.71\n"
        "Nagalagam Street,1764410000,2025-11-29T15:23:20+05:30,1.95\n",
    )
    first, second = lk(path, "lk")
    assert (first.topic, first.received_at) == ("naruko/lk/nagalagam-street/up", 1_764_410_000_000)
    assert (second.topic, second.received_at) == ("naruko/lk/yaka-wewa/up", 1_764_417_412_000)


USGS = "site_no,site_name,quantity,time_raw,value_raw,unit_raw,qualifiers,value_si,unit_si\n"


def test_what_belongs_to_one_instant_is_one_message(tmp_path):
    path = put(
        tmp_path,
        "x.csv",
        USGS + '02489500,"Pearl River, LA",stage,2019-02-25T00:00:00.000-06:00,19.86,ft,P,6.0533,m\n'
        '02489500,"Pearl River, LA",elevation_navd88,2019-02-25T00:00:00.000-06:00,74.50,ft,P,22.7076,m\n'
        '02489500,"Pearl River, LA",discharge,2019-02-25T00:00:00.000-06:00,100,ft3/s,P,2.8317,m3/s\n',
    )
    (message,) = usgs_iv(path, "us")
    assert (message.topic, message.received_at) == ("naruko/us/usgs-02489500/up", at("2019-02-25 15:00"))
    assert said(message)["m"] == {"level_m": 6.0533, "elevation_m": 22.7076, "discharge_m3s": 2.8317}


@pytest.mark.parametrize(
    "row",
    [
        "-999999,ft3/s,P;Ice,,m3/s",
        "3760,ft3/s,P;Ice,106.4713,m3/s",
        "-999999,ft3/s,P,-28316.8,m3/s",
        ",ft3/s,P,,m3/s",
    ],
)
def test_ice_no_data_and_an_empty_value_are_null(tmp_path, row):
    path = put(tmp_path, "x.csv", USGS + f"01542500,K,discharge,2019-01-28T14:15:00.000-05:00,{row}\n")
    (message,) = usgs_iv(path, "us")
    assert said(message)["m"] == {"discharge_m3s": None}


def test_the_hour_that_comes_twice_in_autumn_is_two_hours(tmp_path):
    times = [
        "2018-11-04T01:45:00.000-04:00",
        "2018-11-04T01:00:00.000-05:00",
        "2018-11-04T01:45:00.000-05:00",
    ]
    rows = "".join(f"01541000,B,discharge,{time},1000,ft3/s,P,28.3168,m3/s\n" for time in times)
    received = [m.received_at for m in usgs_iv(put(tmp_path, "x.csv", USGS + rows), "us")]
    assert received == [at("2018-11-04 14:45"), at("2018-11-04 15:00"), at("2018-11-04 15:45")]


def test_an_unknown_quantity_is_told_with_its_line(tmp_path):
    path = put(tmp_path, "x.csv", USGS + "01541000,B,turbidity,2018-11-04T01:45:00-04:00,1,FNU,P,1,FNU\n")
    with pytest.raises(RecordingError, match=r"x\.csv:2: unknown quantity 'turbidity'"):
        list(usgs_iv(path, "us"))


def test_what_a_library_filled_in_stays_null(tmp_path):
    path = put(
        tmp_path,
        "x.csv",
        "time,gage_height_ft,gage_height_qualifier,stage_m,library_filled_ft,discharge_ft3s,discharge_qualifier\n"
        "2016-01-23T02:00:00Z,,hf.missing,,1.0809,2.35,A\n"
        "2016-01-23T02:05:00Z,1.11,A,0.3383,,,hf.missing\n",
    )
    measures = [said(message)["m"] for message in usgs_stage(path, "us", "plumtree")]
    assert measures == [
        {"level_m": None, "discharge_m3s": 0.0665},
        {"level_m": 0.3383, "discharge_m3s": None},
    ]


@pytest.mark.parametrize(("time", "level"), [("yesterday", "1.0"), ("2025-11-29T17:26:52+05:30", "high")])
def test_a_row_that_cannot_be_read_is_told_with_file_and_line(tmp_path, time, level):
    path = put(tmp_path, "x.csv", f"station,time_unix_raw,time,level_m\nA,0,{time},{level}\n")
    with pytest.raises(RecordingError, match=r"x\.csv:2: "):
        list(lk(path, "lk"))


# --- camera traps ---------------------------------------------------------------------------------

OBSERVATIONS = """\
deploymentID,eventID,eventStart,eventEnd,observationLevel,observationType,scientificName,count,classificationProbability
D2,e3,2020-06-03T02:00:00Z,2020-06-03T02:01:00Z,event,human,Homo sapiens,1,
D1,e1,2020-06-01T02:00:00Z,2020-06-01T02:00:10Z,event,animal,Sus scrofa,2,0.83
D1,e1,2020-06-01T02:00:00Z,2020-06-01T02:00:05Z,media,animal,Sus scrofa,1,0.83
D1,e1,2020-06-01T02:00:00Z,2020-06-01T02:00:10Z,event,animal,Vulpes vulpes,,
D1,e2,2020-06-02T02:00:00Z,2020-06-02T02:00:10Z,event,blank,,,
D1,e4,2020-06-04T02:00:00Z,2020-06-04T02:00:10Z,event,unknown,,,
D1,e5,2020-06-05T02:00:00Z,2020-06-05T02:00:10Z,event,unclassified,,,
"""


def test_a_visit_is_one_message_however_many_pictures_were_taken(tmp_path):
    put(tmp_path, "observations.csv", OBSERVATIONS)
    visits = list(camtrap(tmp_path, "town", {"D1": "cam-1", "D2": "cam-2"}.__getitem__))
    assert [(m.topic.split("/")[2], m.received_at) for m in visits] == [
        ("cam-1", at("2020-06-01 11:00")),
        ("cam-2", at("2020-06-03 11:00")),
        ("cam-1", at("2020-06-04 11:00")),
    ]
    assert said(visits[0]) == {
        "v": 1,
        "at": "2020-06-01T02:00:00.000Z",
        "e": [
            {"type": "animal", "species": "boar", "confidence": 0.83, "count": 2},
            {"type": "animal", "species": "fox", "count": 1},
        ],
    }
    assert said(visits[1])["e"][0]["species"] == "person"
    assert said(visits[2])["e"][0]["species"] == "unknown"


@pytest.mark.parametrize(
    ("kind", "name", "species"),
    [
        ("animal", "Sus scrofa", "boar"),
        ("animal", "Sus scrofa leucomystax", "boar"),
        ("animal", "Cervus nippon", "deer"),
        ("animal", "Cervus elaphus", "deer"),
        ("animal", "Capreolus capreolus", "deer"),
        ("animal", "Ursus thibetanus japonicus", "bear"),
        ("animal", "Ursus arctos", "brown_bear"),
        ("animal", "Macaca fuscata", "monkey"),
        ("animal", "Vulpes vulpes", "fox"),
        ("animal", "Nyctereutes viverrinus", "tanuki"),
        ("animal", "Meles anakuma", "badger"),
        ("animal", "Canis lupus familiaris", "pet"),
        ("animal", "Aves", "bird"),
        ("animal", "Anas platyrhynchos", "bird"),
        ("animal", "Martes foina", "unknown"),
        ("animal", "", "unknown"),
        ("human", "Homo sapiens", "person"),
        ("vehicle", "", "vehicle"),
    ],
)
def test_scientific_names_become_our_words(kind, name, species):
    assert species_of(kind, name) == species


# --- which reader ---------------------------------------------------------------------------------


def test_a_series_is_known_by_its_columns(tmp_path):
    (first, _) = convert(put(tmp_path, "whatever.csv", KOTO_2023), "town")
    assert first.topic == "naruko/town/koto-jiseiji/up"
    assert len(list(convert(put(tmp_path, "other.csv", ARRIVALS), "town"))) == 3
    put(tmp_path, "observations.csv", OBSERVATIONS)
    assert next(m.topic for m in convert(tmp_path, "town")) == "naruko/town/d1/up"


def test_what_is_no_csv_is_a_recording(tmp_path):
    line = '{"received_at":"2026-11-21T12:00:00Z","topic":"a","payload":"x"}\n'
    assert [m.topic for m in convert(put(tmp_path, "night.jsonl", line), "town")] == ["a"]


@pytest.mark.parametrize("text", ["", "time,value\n2026-01-01T00:00:00Z,1\n"])
def test_a_table_of_unknown_columns_is_refused(tmp_path, text):
    with pytest.raises(RecordingError, match="no known series"):
        convert(put(tmp_path, "x.csv", text), "town")


def test_a_name_becomes_a_device_id():
    assert slug("Nagalagam Street") == "nagalagam-street"
