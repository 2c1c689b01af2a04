"""From topic and bytes to what one device says, or a reason."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.frame import Measure, Signal
from hub.decode import Decoder, QuarantineError, fingerprint
from hub.decode.payload import LIMIT
from hub.model import Message, Uplink
from tests.decoding import AT, DECODER, RECEIVED, TRAP, b64, decode, lorawan, reason, said
from tests.town_of_devices import device, town

# --- our own payload ------------------------------------------------------------------------------


def test_readings_and_events_of_our_own_payload_are_taken_as_they_are() -> None:
    payload = (
        b'{"v":1,"seq":812,"at":"2026-11-21T21:07:03+09:00","m":{"distance_m":2.31,"air_c":18,"battery_v":null},'
        b'"e":[{"type":"animal","species":"boar","confidence":0.83,"count":2}]}'
    )
    assert decode(payload) == Uplink(
        "river-1",
        AT,
        f"812@{AT}",
        (Measure("distance_m", 2.31), Measure("air_c", 18.0), Measure("battery_v", None)),
        (Signal("animal", species="boar", confidence=0.83, count=2),),
        seq=812,
    )


def test_a_payload_without_anything_is_a_sign_of_life() -> None:
    assert decode(b"{}") == Uplink("river-1")


@pytest.mark.parametrize(
    ("fields", "identity"),
    [
        ({"seq": 1, "at": "2026-11-21T12:07:03Z"}, f"1@{AT}"),
        ({"seq": 1}, ""),
        ({"at": "2026-11-21T12:07:03Z"}, ""),
        ({"seq": 1, "at": "yesterday"}, ""),
    ],
)
def test_only_a_number_and_a_time_together_make_a_message_one_of_its_kind(
    fields: dict[str, Any], identity: str
) -> None:
    assert decode(fields | {"m": {"air_c": 1.0}}).identity == identity


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"", "not JSON: the payload is empty"),
        (b"   ", "not JSON: the payload is empty"),
        (b'{"m":{"distance_m":2.', "not JSON: JSON is malformed: invalid number (byte 21)"),
        (b'{"m":{"distance_m":NaN}}', "not JSON: JSON is malformed: invalid character (byte 19)"),
        (b'{"m":{"distance_m":Infinity}}', "not JSON: JSON is malformed: invalid character (byte 19)"),
        (b'{"m":{"distance_m":1e400}}', "wrong content: Number out of range - at `$.m[...]`"),
        (b'{"m":{"distance_m":"2.31"}}', "wrong content: Expected `float | null`, got `str` - at `$.m[...]`"),
        (b'{"m":{"distance_m":true}}', "wrong content: Expected `float | null`, got `bool` - at `$.m[...]`"),
        (b'{"seq":-1}', "wrong content: Expected `int` >= 0 - at `$.seq`"),
        (b"[1,2]", "wrong content: Expected `object`, got `array`"),
        (b"[" * 20000, "wrong content: Expected `object`, got `array`"),
        (b'{"x":' * 12000, "not JSON that a device sends: nested too deep"),
        (b'{"m":{"\xff":1}}', "not UTF-8 at byte 0"),
        (b'{"v":2}', "payload version 2, this hub reads version 1"),
        (b" " * (LIMIT + 1), f"oversized: {LIMIT + 1} bytes, at most {LIMIT}"),
        (b'{"e":[{"type":"ufo"}]}', "$.e[0]: unknown event type 'ufo'"),
        (b'{"e":[{"type":"wire","state":"eaten"}]}', "$.e[0]: unknown state 'eaten' of wire"),
        (b'{"m":{"a b":1}}', "$.m: 'a b' is no name of a quantity"),
    ],
)  # fmt: skip
def test_a_payload_that_cannot_be_read_is_put_aside_with_the_reason(payload: bytes, expected: str) -> None:
    assert reason(payload) == expected


def test_what_is_understood_is_kept_beside_what_is_not() -> None:
    uplink = decode(
        {
            "m": {"air_c": 3.5, "DROP TABLE": 1},
            "e": [{"type": "ufo"}, {"type": "motion"}, {"type": "contact"}],
        }
    )
    assert uplink.measures == (Measure("air_c", 3.5),)
    assert uplink.signals == (Signal("motion", "on"),)


def test_more_quantities_than_a_device_has_are_refused() -> None:
    assert reason({"m": {f"q{i}_m": 1.0 for i in range(65)}}) == (
        "65 quantities and 0 events, at most 64 of each"
    )


@pytest.mark.parametrize(
    ("entry", "signal"),
    [
        ({"type": "motion"}, Signal("motion", "on")),
        ({"type": "motion", "state": "off"}, Signal("motion", "off")),
        ({"type": "trap"}, Signal("trap", "sprung")),
        ({"type": "trap", "state": "armed"}, Signal("trap", "armed")),
        ({"type": "wire"}, Signal("wire", "cut")),
        ({"type": "wire", "state": "ok"}, Signal("wire", "ok")),
        ({"type": "vibration"}, Signal("vibration", "on")),
        ({"type": "tilt", "state": "off"}, Signal("tilt", "off")),
        ({"type": "animal", "species": "Bear"}, Signal("animal", species="bear")),
        ({"type": "animal", "confidence": 83}, Signal("animal")),
        ({"type": "animal", "count": 0}, Signal("animal")),
        ({"type": "animal", "count": 10**9}, Signal("animal", count=1000)),
        ({"type": "animal", "key": "a\u202e\n7"}, Signal("animal", key="a7")),
        ({"type": "animal", "species": "x" * 500}, Signal("animal", species="x" * 64)),
    ],
)
def test_an_event_without_a_state_has_happened_and_its_text_is_short_and_plain(
    entry: dict[str, Any], signal: Signal
) -> None:
    assert decode({"e": [entry]}).signals == (signal,)


# --- status, done and foreign topics --------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "state"),
    [
        (b"online", "online"),
        (b" Offline\n", "offline"),
        (b'"online"', "online"),
        (b'{"state":"offline","at":"2026-11-21T12:07:03Z"}', "offline"),
    ],
)
def test_presence_is_a_word_or_json_and_the_time_of_a_last_will_is_not_read(
    payload: bytes, state: str
) -> None:
    assert decode(payload, "naruko/kita-ono/river-1/status") == Uplink(
        "river-1", signals=(Signal("status", state),)
    )


def test_a_presence_that_is_neither_is_put_aside() -> None:
    assert reason(b'"asleep"', "naruko/kita-ono/river-1/status") == (
        "status 'asleep', expected online or offline"
    )
    assert reason(b"", "naruko/kita-ono/river-1/status") == "not JSON: the payload is empty"


def test_a_command_that_was_carried_out_is_told_once_under_its_id() -> None:
    long_id = "animal/kita-ono/1795262823000/" + "siren-4/" * 8 + "1"
    message = said(
        {"id": long_id, "result": "done", "at": "2026-11-21T12:07:03Z"}, "naruko/kita-ono/river-1/done"
    )
    uplink = DECODER.decode(message)
    assert uplink.signals == (Signal("done", "done", command=long_id),)
    assert uplink.at == AT
    repeated = msgspec.structs.replace(message, payload=message.payload.replace(b"done", b"done ", 0))
    assert fingerprint(message, uplink) == fingerprint(repeated, DECODER.decode(repeated))


def test_a_result_that_is_unknown_is_put_aside() -> None:
    assert reason({"id": "c1", "result": "maybe"}, "naruko/kita-ono/river-1/done") == (
        "result 'maybe', expected done, refused, expired"
    )


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("naruko/shiojiri/river-1/up", "topic of site 'shiojiri', this hub is 'kita-ono'"),
        ("naruko/kita-ono/river-1/cmd", "topic ends in 'cmd', expected up, status or done"),
        ("naruko/kita-ono/river-1", "topic is not naruko/<site>/<device>/up, status or done"),
        (
            "naruko/kita-ono/river-9/up",
            "unknown device 'river-9': add it to devices.yaml with address: river-9",
        ),
        (
            "application/1/device/00000000000000ff/event/up",
            "unknown device '00000000000000ff': add it to devices.yaml with address: 00000000000000ff",
        ),
        (
            "zigbee2mqtt/bridge/state",
            "unknown device 'bridge': add it to devices.yaml with address: bridge",
        ),
        ("", "unknown device '': add it to devices.yaml with address: "),
        ("naruko/kita-ono/ri\x1b[31mver/up", "unknown device 'ri[31mver': add it to devices.yaml with "
         "address: ri[31mver"),
        ("msh/JP/2/e/LongFast/!7efeb2c8", "Meshtastic packet in protobuf: switch on JSON output in the "
         "gateway node"),
        ("v3/a/devices/d/down/queued", "The Things Stack event 'down/queued' is no word of the device"),
        (
            "application/1/device/e8e1e10001010103/event/txack",
            "ChirpStack event 'txack' is no word of the device",
        ),
    ],
)  # fmt: skip
def test_a_topic_that_is_not_ours_or_of_nobody_says_so(topic: str, expected: str) -> None:
    assert reason(b"{}", topic) == expected


def test_a_simulated_uplink_of_the_console_is_no_word_of_the_device() -> None:
    payload = {"end_device_ids": {"device_id": "pir-1"}, "simulated": True, "uplink_message": {}}
    assert "simulated" in reason(payload, "v3/app/devices/pir-1/up")


# --- LoRaWAN --------------------------------------------------------------------------------------


def test_an_open_door_springs_the_trap_that_is_mounted_so() -> None:
    opened, closed = "AcsAAAAAAAE=", "AMsAAAAAAAE="
    assert lorawan("E8E1E10001010101", opened, 100).signals == (Signal("trap", "sprung"),)
    assert lorawan("e8e1e10001010101", closed, 100).signals == (Signal("trap", "armed"),)
    assert lorawan("e8e1e10001010102", opened, 100).signals == (Signal("trap", "armed"),)
    assert lorawan("e8e1e10001010102", closed, 100).signals == (Signal("trap", "sprung"),)


def test_an_open_loop_on_a_stream_is_a_cut_wire_at_the_device_s_own_time() -> None:
    own = 1_780_336_800
    frame = bytes.fromhex("0100001b000000") + own.to_bytes(4, "big")
    message = {"data": b64(frame), "fPort": 2, "time": "2026-11-21T12:07:03Z"}
    uplink = decode(message, "application/1/device/a840410000000001/event/up")
    assert uplink.signals == (Signal("wire", "cut"),)
    assert uplink.at == own * 1000


def test_stored_events_keep_their_own_time_when_they_are_told_as_a_trap() -> None:
    decoder = Decoder(town(device("box-9", "milesight-em300-mcs", trap=TRAP)))
    message = said(
        {"data": b64(bytes.fromhex("20ce9e74466310015d01")), "fPort": 85},
        "application/1/device/box-9/event/up",
    )
    assert decoder.decode(message).signals == (Signal("trap", "sprung", at=1_665_561_758_000),)


def test_an_uplink_without_payload_is_a_sign_of_life() -> None:
    assert lorawan("e8e1e10001010103", "", None) == Uplink("pir-1")


def test_a_decoded_object_without_raw_bytes_is_never_taken_for_a_mere_sign_of_life() -> None:
    assert reason({"object": {"status": 1}}, "application/1/device/e8e1e10001010103/event/up") == (
        "decoded by others, but profile browan-tbms100 has no fields for that"
    )


def test_bytes_that_are_no_base64_are_put_aside() -> None:
    found = reason({"data": "%%%", "fPort": 102}, "application/1/device/e8e1e10001010103/event/up")
    assert found == "wrong content: Invalid base64 encoded string - at `$.data`"


def test_a_device_restarted_without_a_join_is_not_taken_for_a_repeat() -> None:
    def up(received_at: str) -> Uplink:
        inner = {"session_key_id": "AXA5", "f_port": 102, "frm_payload": "Abs0BADceAE=", "f_cnt": 1}
        return decode(
            {"uplink_message": inner | {"received_at": received_at}}, "v3/app/devices/e8e1e10001010103/up"
        )

    assert up("2026-11-21T12:07:03Z").identity != up("2026-11-22T12:07:03Z").identity


# --- fingerprints ---------------------------------------------------------------------------------


def test_a_fingerprint_is_the_same_today_and_after_a_restart() -> None:
    message = said({"seq": 812, "at": "2026-11-21T12:07:03Z"})
    assert fingerprint(message, DECODER.decode(message)) == 2_303_012_513_450_348_772
    assert fingerprint(message, None) == 8_977_729_553_028_140_788


def test_the_same_reading_written_differently_is_the_same_message() -> None:
    first = said(b'{"seq":1,"at":"2026-11-21T12:07:03Z","m":{"air_c":1}}')
    again = said(b'{"m":{"air_c":1.0},"at":"2026-11-21T21:07:03+09:00","seq":1}')
    assert fingerprint(first, DECODER.decode(first)) == fingerprint(again, DECODER.decode(again))


def test_two_devices_with_the_same_counter_are_two() -> None:
    first = said({"seq": 1, "at": AT})
    other = said({"seq": 1, "at": AT}, "naruko/kita-ono/box-3/up")
    assert fingerprint(first, DECODER.decode(first)) != fingerprint(other, DECODER.decode(other))


@given(st.text(), st.binary())
def test_a_fingerprint_fits_a_signed_64_bit_column(topic: str, payload: bytes) -> None:
    assert 0 <= fingerprint(Message(topic, payload, 0), None) < 2**63


# --- explain --------------------------------------------------------------------------------------


def test_the_steps_of_a_message_are_told_in_words() -> None:
    payload = {"data": b64(bytes.fromhex("080b232fffffffff")), "fPort": 102, "time": "2026-11-21T12:07:03Z"}
    message = said(payload, "application/1/device/e8e1e10001010103/event/up")
    assert DECODER.steps(message) == [
        "topic: application/1/device/e8e1e10001010103/event/up",
        f"payload: {len(message.payload)} bytes",
        "spoken: ChirpStack up",
        "device: pir-1 (pir-1), profile browan-tbms100 (animal), decoder browan",
        "frame: fPort 102, 8 bytes 080b232fffffffff",
        f"time: {AT} ms UTC",
        "reading: battery_v = 3.6",
        "reading: board_c = 3.0",
        "reading: motion_total_count = none (counter saturated)",
        "signal: motion off",
        f"identity: {DECODER.decode(message).identity}",
    ]


def test_the_steps_end_with_the_reason_where_a_message_is_put_aside() -> None:
    assert DECODER.steps(said(b"{}", "nobody/here"))[-1] == (
        "quarantined: unknown device 'nobody/here': add it to devices.yaml with address: nobody/here"
    )
    assert DECODER.steps(said(b"x" * (LIMIT + 1)))[-1].startswith("quarantined: oversized")


def test_the_steps_name_what_was_left_out() -> None:
    assert DECODER.steps(said({"m": {"air_c": 1}, "e": [{"type": "ufo"}]}))[-1] == (
        "left out: $.e[0]: unknown event type 'ufo'"
    )


def test_the_memory_of_topics_is_bounded() -> None:
    decoder = Decoder(town(device("d", "esphome-binary", "a")))
    for n in range(20_000):
        with pytest.raises(QuarantineError):
            decoder.decode(Message(f"a/{n}", b"1", RECEIVED))
    assert len(decoder._routes) <= 8192
