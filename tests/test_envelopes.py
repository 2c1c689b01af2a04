"""The messages of real network servers and other sources, each with what becomes of it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from devices.frame import Measure, Signal
from hub.config.shapes import Profile
from hub.decode import Decoder, QuarantineError, fingerprint
from hub.model import Message, Uplink
from tests.data import data_dir, needs_data
from tests.town_of_devices import device, town

pytestmark = needs_data

RECEIVED = 1_795_262_823_000

UNO = Profile.model_validate(
    {
        "model": "the-things-uno",
        "name": "The Things Uno",
        "kind": "weather",
        "heartbeat": "1h",
        "fields": [
            {"path": "temperature", "quantity": "air_c"},
            {"path": "luminosity", "quantity": "light_share"},
        ],
    }
)

BIRDS = Profile.model_validate(
    {
        "model": "birdnet",
        "name": "BirdNET-Go",
        "kind": "animal",
        "heartbeat": "1d",
        "time": {"path": "EndTime"},
        "signals": [
            {
                "path": "CommonName",
                "when": "House Wren",
                "type": "animal",
                "species": "wren",
                "confidence": "Confidence",
            }
        ],
    }
)

DECODER = Decoder(
    town(
        device("gauge-a", "decentlab-dl-mbx", "0101010101010101"),
        device("gw-1", "naruko-gateway", "0016c001f153a14c"),
        device("dev1", "the-things-uno"),
        device("kitchen", "zigbee2mqtt-pir", "Kitchen_PIR"),
        device("pir-78", "zigbee2mqtt-pir", "0x00158d0001e50d78"),
        device("node-1", "meshtastic-node", "!7efeb2c8"),
        device("node-2", "meshtastic-node", "2130636288"),
        device("box-3", "tasmota-switch", "river-cam"),
        device("path-1", "esphome-binary", "esp/home/move/1"),
        device("path-2", "esphome-binary", "aimotion/triggers/FrontDoor"),
        device("jiseiji", "kotogawa-river", "town/river/koto/jiseiji"),
        device("cam-1", "frigate-camera", "front_door"),
        device("nvr", "naruko-gateway", "frigate"),
        device("snare-1", "trap-record", "traps/70b3d57ed0000101/record"),
        device("mic-1", "birdnet", "birdnet"),
        profiles={"the-things-uno": UNO, "birdnet": BIRDS},
    )
)


def messages(name: str) -> list[Message]:
    return [
        Message(
            entry["topic"],
            (
                entry["payload"] if isinstance(entry["payload"], str) else json.dumps(entry["payload"])
            ).encode(),
            RECEIVED,
            retain=entry.get("retain", False),
        )
        for entry in json.loads((data_dir() / "envelopes" / name).read_text("utf-8"))
    ]


def uplinks(name: str) -> list[Uplink]:
    return [DECODER.decode(message) for message in messages(name)]


def prints(name: str) -> list[int]:
    return [fingerprint(message, DECODER.decode(message)) for message in messages(name)]


def utc(text: str) -> int:
    return round(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1000)


def reason(message: Message) -> str:
    with pytest.raises(QuarantineError) as error:
        DECODER.decode(message)
    return str(error.value)


def values(uplink: Uplink) -> dict[str, float | None]:
    return {m.quantity: m.value for m in uplink.measures}


def test_a_frame_too_short_for_its_model_is_put_aside_with_what_was_expected() -> None:
    (message,) = messages("chirpstack_up.json")
    assert reason(message) == "decentlab-dl-mbx: 1 bytes, expected a header of 5"


def test_raw_bytes_of_chirpstack_are_decoded_by_us_and_not_taken_from_its_object() -> None:
    first, second, _ = uplinks("chirpstack_up_with_object.json")
    assert first == Uplink(
        "gauge-a",
        utc("2022-07-18T09:34:15.775+00:00"),
        "b0c6f2de-5a0e-4a55-9a0e-6a1d0d1c0a01",
        (Measure("distance_m", 1.234), Measure("battery_v", 2.993)),
        seq=1234,
        gateway="gw-1",
        rssi_dbm=-36,
    )
    assert (second.seq, second.gateway, second.rssi_dbm) == (1235, "gw-1", -36)


def test_a_chirpstack_uplink_delivered_twice_has_one_fingerprint() -> None:
    first, second, again = prints("chirpstack_up_with_object.json")
    assert first != second == again


def test_chirpstack_status_is_the_battery_join_a_sign_of_life_and_log_no_word_of_the_device() -> None:
    status, join, log = messages("chirpstack_status_join_log.json")
    assert DECODER.decode(status).measures == (Measure("battery_pct", 88.3),)
    joined = DECODER.decode(join)
    assert (joined.device, joined.measures, joined.signals) == ("gauge-a", (), ())
    assert joined.at == utc("2022-07-18T09:33:28.824+00:00")
    assert reason(log) == (
        "ChirpStack ERROR UPLINK_MIC: MIC of join-request is invalid, make sure keys are correct"
    )


def test_the_things_stack_uplink_is_mapped_where_only_its_decoded_form_is_understood() -> None:
    up, _ = messages("tts_up.json")
    assert DECODER.decode(up) == Uplink(
        "dev1",
        utc("2020-02-12T15:15:45.790+00:00"),
        "as:up:01E0WZGT6Y7657CPFPE5WEYDSQ",
        (Measure("air_c", 1.0), Measure("light_share", 0.64)),
        seq=1,
        gateway="gtw1",
        rssi_dbm=-35,
    )


def test_the_things_stack_uplink_that_nobody_decodes_is_put_aside() -> None:
    _, up = messages("tts_up.json")
    assert reason(up) == "raw bytes, but profile the-things-uno has neither decoder nor fields"


def test_the_things_stack_device_is_found_by_its_dev_eui_too() -> None:
    decoder = Decoder(
        town(device("field-4", "the-things-uno", "0004A30B001C0530"), profiles={"the-things-uno": UNO})
    )
    up, _ = messages("tts_up.json")
    assert decoder.decode(up).device == "field-4"


def test_the_things_stack_join_is_a_sign_of_life() -> None:
    (join,) = uplinks("tts_join.json")
    assert join == Uplink("dev1", utc("2020-02-17T07:49:09.935+00:00"), "as:up:01E191YN5F2HMBQCBCVRF731VY")


def test_the_documented_sample_that_is_no_json_is_put_aside() -> None:
    text = (data_dir() / "envelopes" / "tts_up_documented_invalid.txt").read_text("utf-8")
    page = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    found = reason(Message("v3/app1@tenant1/devices/dev1/up", page.encode(), RECEIVED))
    assert found.startswith("not JSON: JSON is malformed: expected")


def test_zigbee_motion_battery_and_presence_are_told_in_our_words() -> None:
    report, offline, online = messages("zigbee2mqtt_pir.json")
    uplink = DECODER.decode(report)
    assert values(uplink) == {"battery_pct": 100, "battery_v": 3.025, "light_lux": 15}
    assert uplink.signals == (Signal("motion", "off"),)
    assert uplink.at == utc("2020-07-16T20:33:17+01:00")
    assert uplink.identity.startswith(f"{uplink.at}#")
    assert DECODER.decode(offline) == Uplink("kitchen", signals=(Signal("status", "offline"),))
    assert DECODER.decode(online) == Uplink("kitchen", signals=(Signal("status", "online"),))
    assert [report.retain, offline.retain, online.retain] == [False, True, True]


def test_equal_reports_without_a_time_have_no_identity_so_that_none_is_lost_as_a_repeat() -> None:
    found = uplinks("zigbee2mqtt_pir_series.json")
    assert {uplink.identity for uplink in found} == {""}
    assert {uplink.signals for uplink in found} == {(Signal("motion", "off"),)}
    assert {uplink.at for uplink in found} == {None}
    assert len({uplink.device for uplink in found}) == 1


def test_zeros_of_meshtastic_are_not_measurements_and_text_is_not_an_event() -> None:
    telemetry, text, _, _ = uplinks("meshtastic.json")
    assert telemetry == Uplink("node-1", None, "!7efeb2c8/1576523471")
    assert (text.device, text.measures, text.signals) == ("node-1", (), ())
    assert (text.at, text.rssi_dbm) == (1_783_900_000_000, -87)


def test_a_meshtastic_detection_is_motion_and_a_position_a_place() -> None:
    _, _, detection, position = uplinks("meshtastic.json")
    assert (detection.device, detection.signals) == ("node-2", (Signal("motion", "on"),))
    assert detection.gateway == "node-1"
    assert values(position) == pytest.approx({"lat_deg": 34.1234567, "lon_deg": 131.2345678})
    assert position.at == 1_783_899_990_000


def test_one_meshtastic_packet_through_two_gateways_is_one() -> None:
    detection = messages("meshtastic.json")[2]
    other = json.loads(detection.payload) | {"sender": "!11223344", "timestamp": 1_783_900_007, "rssi": -110}
    again = Message("msh/JP/2/json/LongFast/!11223344", json.dumps(other).encode(), RECEIVED + 5000)
    assert fingerprint(detection, DECODER.decode(detection)) == fingerprint(again, DECODER.decode(again))


def test_tasmota_tells_the_contact_with_its_dotted_time_and_its_presence() -> None:
    sensor, online, offline = messages("plain_json.json")[:3]
    uplink = DECODER.decode(sensor)
    assert uplink.signals == (Signal("trap", "armed"),)
    assert uplink.at == utc("2018-02-15T01:00:50+09:00")
    assert DECODER.decode(online).signals == (Signal("status", "online"),)
    assert DECODER.decode(offline).signals == (Signal("status", "offline"),)
    assert (online.retain, offline.retain) == (True, True)


def test_a_bare_value_and_a_word_in_json_are_motion() -> None:
    bare, word = uplinks("plain_json.json")[3:5]
    assert (bare.device, bare.signals, bare.at) == ("path-1", (Signal("motion", "on"),), None)
    assert (word.device, word.signals, word.at) == ("path-2", (Signal("motion", "on"),), None)


def test_a_town_s_river_record_counts_at_the_time_of_observation_and_not_of_collection() -> None:
    good, null, threshold = uplinks("plain_json.json")[5:8]
    assert good.measures == (Measure("level_m", 2.83),)
    assert good.at == utc("2025-07-05T13:00:00+09:00")
    assert null.measures == (Measure("level_m", None, why="null"),)
    assert null.at is None
    assert threshold.measures == (Measure("level_m", 3.8),)
    assert threshold.at is None


def test_frigate_tells_one_object_three_times_under_one_key() -> None:
    available, *events = messages("frigate.json")
    assert DECODER.decode(available) == Uplink("nvr", signals=(Signal("status", "online"),))
    found = [DECODER.decode(message) for message in events]
    assert {uplink.device for uplink in found} == {"cam-1"}
    assert {uplink.signals for uplink in found} == {
        (Signal("animal", species="person", confidence=0.958984375, key="1607123955.475377-mxklsc"),)
    }
    assert [uplink.at for uplink in found] == [1607123962083, 1607123962083, 1607124012345]
    assert len({fingerprint(m, u) for m, u in zip(events, found, strict=True)}) == 3


def test_what_frigate_takes_back_as_false_is_only_a_sign_of_life() -> None:
    entry = json.loads(messages("frigate.json")[1].payload)
    entry["after"]["false_positive"] = True
    message = Message("frigate/events", json.dumps(entry).encode(), RECEIVED)
    assert DECODER.decode(message).signals == ()


def test_an_old_retained_detection_keeps_its_own_time() -> None:
    (message,) = messages("birdnet_go.json")
    assert message.retain
    uplink = DECODER.decode(message)
    assert uplink.at == utc("2025-04-30T12:25:30.862-04:00")
    assert uplink.signals == (Signal("animal", species="wren", confidence=0.48),)


def test_a_trap_record_is_armed_sprung_and_still_sprung() -> None:
    armed, sprung, heartbeat = uplinks("trap_sensor_record.json")
    assert [u.signals for u in (armed, sprung, heartbeat)] == [
        (Signal("trap", "armed"),),
        (Signal("trap", "sprung"),),
        (Signal("trap", "sprung"),),
    ]
    assert values(sprung) == {"battery_v": 3.6, "angle_deg": 38.0}
    assert sprung.at == utc("2026-06-02T02:13:20+00:00")
    assert len({u.identity for u in (armed, sprung, heartbeat)}) == 3


@pytest.mark.parametrize("name", sorted(f.name for f in (data_dir() / "envelopes").glob("*.json")))
def test_a_message_of_a_device_that_is_not_listed_is_put_aside_and_says_what_to_add(name: str) -> None:
    nobody = Decoder(town())
    for message in messages(name):
        with pytest.raises(QuarantineError, match=r"unknown device .*: add it to devices\.yaml with address"):
            nobody.decode(message)


def understood() -> list[tuple[str, dict[str, Any]]]:
    """Topic and document of every JSON message that is not put aside."""
    found = []
    for file in sorted((data_dir() / "envelopes").glob("*.json")):
        for message in messages(file.name):
            if message.payload[:1] == b"{" and "/event/log" not in message.topic:
                found.append((message.topic, json.loads(message.payload)))
    return [entry for entry in found if entry[1].get("data") != "qg==" and "AWiZ" not in str(entry)]


def test_only_device_and_payload_are_needed_of_an_envelope() -> None:
    needed = {"from", "after", "state", "data"}
    for topic, document in understood():
        for field in document.keys() - needed:
            rest = {name: value for name, value in document.items() if name != field}
            uplink = DECODER.decode(Message(topic, json.dumps(rest).encode(), RECEIVED))
            assert uplink.device == DECODER.decode(Message(topic, json.dumps(document).encode(), 0)).device
