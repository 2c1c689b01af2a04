"""A decoder of a small town, and the ways to ask it."""

import json
from typing import Any

import msgspec
import pytest

from hub.config.shapes import Kind, Profile
from hub.decode import Decoder, QuarantineError
from hub.model import Message, Uplink
from tests.town_of_devices import PROFILES, device, town

RECEIVED = 1_795_262_830_000
AT = 1_795_262_823_000

TRAP = {"no": "3", "type": "box", "owner": "miyashita"}
SLOPE = {"stream": "上田沢", "stream_en": "Ueda-zawa"}

MAPPED = Profile.model_validate(
    {
        "model": "town-gauge",
        "name": "mapped",
        "kind": "river",
        "heartbeat": "10m",
        "time": {"path": "when", "zone": "Asia/Tokyo"},
        "fields": [
            {"path": "river.level_cm", "quantity": "level_m", "scale": 0.01, "offset": -1.0},
            {"path": "river.raw", "quantity": "distance_m", "missing": [-999999, "No Sensor"]},
            {"path": "probes.1.value", "quantity": "air_c"},
        ],
        "signals": [
            {"path": "class", "when": "bear", "type": "animal", "species": "bear", "confidence": "score"},
            {"path": "door", "when": True, "type": "contact", "state": "open"},
            {"path": "door", "when": False, "type": "contact", "state": "closed"},
        ],
    }
)

DECODER = Decoder(
    town(
        device("river-1", "naruko-gauge"),
        device("box-3", "naruko-trap", trap=TRAP),
        device("cam-1", "naruko-animal"),
        device("door-1", "browan-tbdw100", "E8E1E10001010101", trap=TRAP),
        device("door-2", "browan-tbdw100", "e8e1e10001010102", trap=TRAP | {"sprung_when": "closed"}),
        device("wire-1", "town-lds03a", "a840410000000001", slope=SLOPE),
        device("pir-1", "browan-tbms100", "e8e1e10001010103"),
        device("mapped-1", "town-gauge", "some/Topic"),
        device("esp-1", "town-esp", "gate"),
        device("node-1", "meshtastic-node", "!7efeb2c8"),
        profiles={
            "town-gauge": MAPPED,
            "town-lds03a": PROFILES["dragino-lds03a"].model_copy(
                update={"model": "town-lds03a", "kind": Kind.SLOPE}
            ),
            "town-esp": Profile.model_validate(
                {
                    "model": "town-esp",
                    "name": "esp",
                    "kind": "animal",
                    "heartbeat": "1h",
                    "fields": [{"path": "sensor/air/state", "quantity": "air_c"}],
                    "signals": [
                        {"path": "binary_sensor/pir/state", "when": "ON", "type": "motion", "state": "on"}
                    ],
                }
            ),
        },
    )
)


def said(payload: Any, topic: str = "naruko/kita-ono/river-1/up") -> Message:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Message(topic, raw, RECEIVED)


def decode(payload: Any, topic: str = "naruko/kita-ono/river-1/up") -> Uplink:
    return DECODER.decode(said(payload, topic))


def reason(payload: Any, topic: str = "naruko/kita-ono/river-1/up") -> str:
    with pytest.raises(QuarantineError) as error:
        decode(payload, topic)
    return str(error.value)


def lorawan(eui: str, data: str, fport: int | None, **more: Any) -> Uplink:
    body = {"data": data, "fPort": fport} | more
    return decode({k: v for k, v in body.items() if v is not None}, f"application/1/device/{eui}/event/up")


def b64(data: bytes) -> str:
    return json.loads(msgspec.json.encode(data))  # type: ignore[no-any-return]
