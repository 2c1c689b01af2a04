"""Nobody speaks for another: topic and payload name one device, and a bridge does not speak for ours."""

import json
from typing import Any

import pytest

from hub.decode import Decoder, QuarantineError
from hub.model import Message, Uplink, Verdict
from hub.pipeline import Pipeline
from hub.state import State
from tests.fuzz.strangers import GAUGE, RECEIVED, TRAP
from tests.town_of_devices import device, town

EUI, OTHER = "0101010101010101", "0202020202020202"
TOWN = town(
    device("gauge-a", "decentlab-dl-mbx", EUI, gauge=GAUGE),
    device("gauge-b", "decentlab-dl-mbx", OTHER, gauge=GAUGE),
    device("gauge-c", "decentlab-dl-mbx", gauge=GAUGE),
    device("pir-1", "zigbee2mqtt-pir", "Kitchen_PIR"),
    device("pir-2", "zigbee2mqtt-pir", "0x00158d0001e50d78"),
    device("pir-3", "zigbee2mqtt-pir", "hall/Upper_PIR"),
    device("box-1", "tasmota-switch", "river-cam", trap=TRAP),
    device("snare-1", "trap-record", "traps/70b3d57ed0000101/record", trap=TRAP),
    device("node-1", "meshtastic-node", "!7efeb2c8"),
    device("node-2", "meshtastic-node", "!11223344"),
    device("cam-1", "frigate-camera", "front_door"),
    device("trap-1", "naruko-trap", trap=TRAP),
    device("trap-2", "naruko-trap", trap=TRAP | {"no": "4"}),
    device("mast-1", "naruko-gauge", "Mast-A", gauge=GAUGE),
    device("gw-1", "naruko-gateway", "0016c001f153a14c"),
)
DECODER = Decoder(TOWN)
CHIRPSTACK = f"application/1/device/{EUI}/event"
NODE = "msh/JP/2/json/LongFast/!7efeb2c8"
PACKET = {"from": 0x7EFEB2C8, "id": 5, "type": "text", "payload": {"text": "x"}}
SPRUNG = {"v": 1, "e": [{"type": "trap", "state": "sprung"}]}


def says(topic: str, payload: Any) -> Message:
    return Message(
        topic, payload.encode() if isinstance(payload, str) else json.dumps(payload).encode(), RECEIVED
    )


def decode(topic: str, payload: Any) -> Uplink:
    return DECODER.decode(says(topic, payload))


SAME = {
    "ours, silent about itself": ("naruko/kita-ono/trap-1/up", SPRUNG, "trap-1"),
    "ours with device": ("naruko/kita-ono/trap-1/up", SPRUNG | {"device": "trap-1"}, "trap-1"),
    "ours with id": ("naruko/kita-ono/trap-1/up", SPRUNG | {"id": "Trap-1"}, "trap-1"),
    "ours by its address": ("naruko/kita-ono/mast-1/up", {"v": 1, "device": "Mast-A"}, "mast-1"),
    "ours with a number as id": ("naruko/kita-ono/trap-1/up", SPRUNG | {"id": 812}, "trap-1"),
    "status": ("naruko/kita-ono/trap-1/status", {"state": "online", "device": "trap-1"}, "trap-1"),
    "done": ("naruko/kita-ono/trap-1/done", {"id": "c1", "device": "trap-1"}, "trap-1"),
    "ChirpStack": (f"{CHIRPSTACK}/up", {"deviceInfo": {"devEui": EUI.upper()}}, "gauge-a"),
    "ChirpStack, silent about it": (f"{CHIRPSTACK}/status", {"batteryLevel": 80}, "gauge-a"),
    "The Things Stack": ("v3/a/devices/gauge-c/up", {"end_device_ids": {"device_id": "gauge-c"}}, "gauge-c"),
    "The Things Stack by DevEUI": (
        "v3/a/devices/mine/up",
        {"end_device_ids": {"device_id": "mine", "dev_eui": EUI.upper()}},
        "gauge-a",
    ),
    "Zigbee2MQTT": (
        "zigbee2mqtt/Kitchen_PIR",
        {"occupancy": True, "device": {"friendlyName": "Kitchen_PIR", "ieeeAddr": "0x00158d0001e50d77"}},
        "pir-1",
    ),
    "Zigbee2MQTT by its IEEE address": (
        "zigbee2mqtt/0x00158d0001e50d78",
        {"occupancy": True, "device": {"friendlyName": "Hall", "ieeeAddr": "0x00158d0001e50d78"}},
        "pir-2",
    ),
    "Zigbee2MQTT with a name of two parts": (
        "zigbee2mqtt/hall/Upper_PIR",
        {"occupancy": True, "device": {"friendlyName": "hall/Upper_PIR"}},
        "pir-3",
    ),
    "JSON of a name that nobody has": ("tele/river-cam/SENSOR", {"Switch1": "ON", "device": "esp"}, "box-1"),
    "Meshtastic": (NODE, PACKET | {"sender": "!7EFEB2C8"}, "node-1"),
    "Meshtastic through another gateway": (
        NODE,
        PACKET | {"from": 0x11223344, "sender": "!7efeb2c8"},
        "node-2",
    ),
    "Frigate": ("frigate/events", {"after": {"id": "1", "camera": "front_door"}}, "cam-1"),
}

OTHERS = {
    "ours with device": ("naruko/kita-ono/trap-1/up", SPRUNG | {"device": "trap-2"}),
    "ours with id": ("naruko/kita-ono/trap-1/up", SPRUNG | {"id": "trap-2"}),
    "ours with a name that nobody has": ("naruko/kita-ono/trap-1/up", SPRUNG | {"device": "trap-9"}),
    "status": ("naruko/kita-ono/trap-1/status", {"state": "offline", "device": "trap-2"}),
    "done": ("naruko/kita-ono/trap-1/done", {"id": "c1", "device": "trap-2"}),
    "ChirpStack up": (f"{CHIRPSTACK}/up", {"deviceInfo": {"devEui": OTHER}}),
    "ChirpStack join": (f"{CHIRPSTACK}/join", {"deviceInfo": {"devEui": OTHER}}),
    "ChirpStack status": (f"{CHIRPSTACK}/status", {"batteryLevel": 80, "deviceInfo": {"devEui": OTHER}}),
    "The Things Stack": ("v3/a/devices/gauge-c/up", {"end_device_ids": {"device_id": "gauge-d"}}),
    "The Things Stack, another DevEUI": (
        "v3/a/devices/gauge-c/up",
        {"end_device_ids": {"device_id": "gauge-c", "dev_eui": OTHER}},
    ),
    "The Things Stack join": ("v3/a/devices/gauge-c/join", {"end_device_ids": {"device_id": "gauge-d"}}),
    "Zigbee2MQTT": ("zigbee2mqtt/Kitchen_PIR", {"occupancy": True, "device": {"friendlyName": "Hall_PIR"}}),
    "Zigbee2MQTT, another IEEE address": (
        "zigbee2mqtt/0x00158d0001e50d78",
        {"occupancy": True, "device": {"friendlyName": "Hall", "ieeeAddr": "0x00158d0001e50d77"}},
    ),
    "JSON that names another by device": (
        "tele/river-cam/SENSOR",
        {"Switch1": "ON", "device": "Kitchen_PIR"},
    ),
    "JSON that names another by sensor_id": (
        "traps/70b3d57ed0000101/record",
        {"status": "Sprung", "sensor_id": EUI},
    ),
    "Meshtastic": (NODE, PACKET | {"sender": "!11223344"}),
}

BRIDGED = {
    "ChirpStack": ("application/1/device/trap-1/event/up", {}),
    "The Things Stack": ("v3/a/devices/trap-1/up", {"end_device_ids": {"device_id": "trap-1"}}),
    "Zigbee2MQTT": ("zigbee2mqtt/trap-1/availability", {"state": "offline"}),
    "Tasmota": ("tele/trap-1/LWT", "Offline"),
    "Frigate": ("frigate/events", {"after": {"id": "1", "camera": "trap-1"}}),
    "any other": ("trap-1/status", "offline"),
}


@pytest.mark.parametrize(("topic", "payload", "speaker"), SAME.values(), ids=SAME)
def test_where_both_name_one_device_it_is_heard(topic: str, payload: Any, speaker: str) -> None:
    assert decode(topic, payload).device == speaker


@pytest.mark.parametrize(("topic", "payload"), OTHERS.values(), ids=OTHERS)
def test_where_topic_and_payload_name_different_devices_it_is_put_aside(topic: str, payload: Any) -> None:
    with pytest.raises(QuarantineError, match=r"the topic is of device '.*', the payload names '.*'"):
        decode(topic, payload)
    outcome = Pipeline(TOWN, State(), lambda _: set()).run([says(topic, payload)], RECEIVED)
    assert [receipt.verdict for receipt in outcome.receipts] == [Verdict.QUARANTINED]
    assert outcome.notifications == []
    assert DECODER.steps(says(topic, payload))[-1].startswith("quarantined: the topic is of device")


@pytest.mark.parametrize(("topic", "payload"), BRIDGED.values(), ids=BRIDGED)
def test_no_bridge_speaks_for_a_device_that_has_topics_of_its_own(topic: str, payload: Any) -> None:
    with pytest.raises(QuarantineError, match="unknown device"):
        decode(topic, payload)


def test_a_device_of_ours_with_an_address_may_be_carried_by_another_network() -> None:
    assert decode("application/1/device/0016c001f153a14c/event/up", {}).device == "gw-1"
