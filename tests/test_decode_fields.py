"""JSON that only a profile explains, and the ways in which devices write a time."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.frame import Measure, Signal
from hub.decode import Decoder
from hub.decode.times import LATEST, parse_time
from hub.model import Uplink
from tests.decoding import AT, TRAP, decode, reason, said
from tests.town_of_devices import device, town

# --- mapped JSON ----------------------------------------------------------------------------------


def test_fields_are_scaled_and_found_by_path_also_as_text_or_with_their_unit() -> None:
    uplink = decode(
        {
            "when": "2026-11-21T21:07:03",
            "river": {"level_cm": "283", "raw": {"value": 4.5, "unit": "m"}},
            "probes": [{"value": 1}, {"value": 18.5}],
        },
        "some/topic",
    )
    assert uplink.measures == (
        Measure("level_m", 1.83),
        Measure("distance_m", 4.5),
        Measure("air_c", 18.5),
    )
    assert uplink.at == AT


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (None, "null"),
        (-999999, "-999999 means that there is none"),
        ("-999999.00", "-999999.00 means that there is none"),
        ("no sensor", "no sensor means that there is none"),
        ("Ice", "not a number: Ice"),
        ("nan", "not a number: nan"),
        (True, "not a number: bool"),
        ([], "not a number: list"),
        ({"unit": "m"}, "not a number: dict"),
    ],
)
def test_a_field_that_holds_no_number_is_a_reading_without_a_value_and_says_why(raw: Any, why: str) -> None:
    assert decode({"river": {"raw": raw}}, "some/topic").measures == (Measure("distance_m", None, why=why),)


def test_an_integer_beyond_all_bounds_is_no_measurement() -> None:
    found = decode(b'{"river":{"raw":1' + b"0" * 400 + b"}}", "some/topic").measures
    assert found[0].value is None


def test_a_field_that_is_missing_says_nothing() -> None:
    assert decode({"river": {}}, "some/topic") == Uplink("mapped-1")


def test_a_camera_that_only_yaml_knows_names_the_animal() -> None:
    assert decode({"class": "Bear", "score": 0.93}, "some/topic").signals == (
        Signal("animal", species="bear", confidence=0.93),
    )


@pytest.mark.parametrize("word", [True, "on", "ON", "true"])
def test_on_in_a_profile_means_the_word_and_the_truth_value(word: Any) -> None:
    assert decode({"door": word}, "some/topic").signals == (Signal("contact", "open"),)


@pytest.mark.parametrize("word", [1, "open", None, [], {}])
def test_another_value_is_not_a_match(word: Any) -> None:
    assert decode({"door": word}, "some/topic").signals == ()


def test_a_part_of_a_device_has_a_topic_of_its_own() -> None:
    assert decode(b"21.5", "gate/sensor/air/state").measures == (Measure("air_c", 21.5),)
    assert decode(b"ON", "gate/binary_sensor/pir/state").signals == (Signal("motion", "on"),)
    assert decode(b"OFF", "gate/binary_sensor/pir/state").signals == ()
    assert decode(b"online", "gate/status").signals == (Signal("status", "online"),)
    assert (
        reason(b"ON", "gate/switch/siren/command") == "profile town-esp has no field 'switch/siren/command'"
    )


def test_bare_bytes_that_are_no_word_are_put_aside() -> None:
    assert reason(b"", "some/topic") == "not JSON: the payload is empty"
    assert reason(b"\xff\xfe", "some/topic").startswith("not JSON")
    assert reason(b"{open", "some/topic").startswith("not JSON")
    assert reason(b"x" * 65, "some/topic").startswith("not JSON")


@pytest.mark.parametrize(
    ("text", "state"),
    [("Motion detected", "on"), ("Motion state: 1", "on"), ("Motion state: 0", "off")],
)
def test_a_meshtastic_detection_that_repeats_its_rest_is_no_motion(text: str, state: str) -> None:
    packet = {"from": 0x7EFEB2C8, "id": 7, "type": "detection", "payload": {"text": text}}
    assert decode(packet, "msh/JP/2/json/LongFast/!11223344").signals == (Signal("motion", state),)


def test_a_meshtastic_node_on_a_trap_tells_of_the_trap() -> None:
    decoder = Decoder(town(device("box-8", "meshtastic-node", "!11223344", trap=TRAP)))
    packet = {"from": 0x11223344, "id": 7, "type": "detection", "payload": {"text": "Door detected"}}
    message = said(packet, "msh/JP/2/json/LongFast/!7efeb2c8")
    assert decoder.decode(message).signals == (Signal("trap", "sprung"),)


# --- times ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-21T21:07:03+09:00", AT),
        ("2026-11-21T12:07:03Z", AT),
        ("2026-11-21T12:07:03.775023242Z", AT + 775),
        ("2026-11-21 21:07:03", AT),
        ("2026.11.21 21:07:03", AT),
        (AT / 1000, AT),
        (AT, AT),
        (str(AT // 1000), AT),
        (str(AT), AT),
        (4294967295, 4_294_967_295_000),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000),
        ("0001-01-01T00:00:00+09:00", -62_135_629_200_000),
        ("2106-02-07T06:28:15Z", 4_294_967_295_000),
        ("9999-12-31T23:59:59.999999Z", LATEST),
        ("yesterday", None),
        ("", None),
        ("²", None),
        ("9" * 4000, None),
        (True, None),
        (None, None),
        ([], None),
        (1e300, None),
        (10**400, None),
    ],
)
def test_a_time_is_read_as_its_sender_writes_it_and_what_is_none_is_none(
    value: Any, expected: int | None
) -> None:
    assert parse_time(value, ZoneInfo("Asia/Tokyo")) == expected


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_time_that_can_be_written_comes_back_to_the_millisecond(moment: datetime) -> None:
    expected = (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000
    assert parse_time(moment.isoformat(), UTC) == pytest.approx(expected, abs=1)


@given(st.text() | st.integers() | st.floats() | st.none() | st.booleans())
def test_no_value_makes_a_time_raise(value: Any) -> None:
    found = parse_time(value, ZoneInfo("Asia/Tokyo"))
    assert found is None or abs(found) <= LATEST
