"""Texts that a stranger might send, and every place of an envelope in which text of a device may stand."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from shapely.geometry import box

from hub.config.policy import HealthPolicy, Policy, StormPolicy
from hub.config.shapes import Channel, Person, Role, Zone, ZoneKind
from hub.config.town import Town
from tests.fuzz.strangers import fuzz_town

TOKEN = "qzx"
"""In each of the texts: where it turns up, text of a device is shown."""

TEXTS = {
    "terminal": "\x1b[2J\x1b]0;qzx\x07\x1b[31m",
    "one-byte escapes": "\x9b2Jqzx\x9d0;x\x9c",
    "right to left": "\u202eqzx\u2066\u2069\u200f",
    "invisible": "qzx\u200b\u200d\ufeff\U000e0041\u00ad",
    "new lines": "qzx\r\n\x0b\x0c\x1c\x85\u2028\u2029end",
    "mail headers": "qzx\r\nBcc: all@town.test\r\n\r\nbody",
    "log line": "qzx\n2026-11-21 21:07:03 ERROR naruko.app forged",
    "nul": "qzx\x00after",
    "html": "<script>qzx</script><b>x</b><a href='https://evil.test'>x</a>&lt;",
    "markdown": "[qzx](https://evil.test) *x* _y_ `z` # <@U1>",
    "rich": "[bold red]qzx[/] [link=https://evil.test]x[/link]",
    "line protocol": 'qzx,zone=a value=1 1\nforged,site="b" x=1i',
    "format": "{qzx.__class__} {0} %(qzx)s %n %s ${qzx}",
    "path": "../../../../qzx/etc/passwd\\..\\c:qzx",
    "url": "https://evil.test/qzx?@town.test#",
    "sql": "qzx'; DROP TABLE message; --",
    "long": "qzx" * 2_000,
    "combining": "qzx" + "\u0301" * 500,
}

LIVES_HERE = box(137.95, 36.04, 137.97, 36.06)


def village() -> Town:
    """The town of the fuzzing with people who are told everything, on every kind of phone."""
    roles = {"miyashita": Role.HUNTER, "tanaka": Role.FARMER, "bosai": Role.OFFICIAL, "kawai": Role.RESIDENT}
    zones = [
        Zone(id="hunting", kind=ZoneKind.HUNTING, name="猟区", name_en="Ground"),
        Zone(id="paddy", kind=ZoneKind.PADDY, name="田", name_en="Paddy"),
        Zone(id="stream", kind=ZoneKind.STREAM, name="沢", name_en="Stream", rivers=("上田沢",)),
    ]
    made = fuzz_town()
    return replace(
        made,
        policy=Policy(health=HealthPolicy(max_per_minute=100_000), storm=StormPolicy(within="1s", first=100)),
        zones={zone.id: zone for zone in zones},
        geometry={zone.id: LIVES_HERE for zone in zones},
        people={id: _person(id, role) for id, role in roles.items()},
    )


def _person(id: str, role: Role) -> Person:
    channels = [
        Channel(kind="mail", url=f"mailto://127.0.0.1:25?from=a@town.test&to={id}@phone.test"),
        Channel(kind="ntfy", url=f"ntfy://127.0.0.1:80/{id}"),
        Channel(kind="line", url=f"line://test-token/U{id}"),
        Channel(kind="sms", url="json://127.0.0.1/"),
    ]
    zones = ("hunting", "paddy", "stream")
    return Person(
        id=id, name=id, roles=(role, Role.OPERATOR), zones=zones, channels=tuple(channels), lang="en"
    )


def messages(text: str) -> Iterator[tuple[str, bytes]]:
    """Topic and payload of everything that a device or gateway can say with this text in it."""
    for topic, document in _documents(text):
        yield topic, json.dumps(document, ensure_ascii=False).encode()
    plain = text.encode()
    for topic in ("zigbee2mqtt/Kitchen_PIR", "tele/river-cam/SENSOR", "esp/home/move/1"):
        yield topic, plain
        yield f"{topic}/availability", plain
    for leaf in ("status", "up", "done"):
        yield f"naruko/kita-ono/gauge/{leaf}", plain
    name = text.replace("\0", "").replace("#", "").replace("+", "")[:200]
    for topic in ("", "naruko/kita-ono/", "application/1/device/", "v3/a/devices/", "zigbee2mqtt/", "tele/"):
        yield f"{topic}{name}", b"{}"
        yield f"{topic}{name}/up", b"{}"
        yield f"{topic}{name}/event/up", b"{}"
    yield f"application/1/device/0101010101010101/event/{name}", b"{}"
    yield f"v3/a/devices/dev1/{name}", b"{}"
    yield f"naruko/kita-ono/gauge/{name}", b"{}"
    yield f"zigbee2mqtt/Kitchen_PIR/{name}", b"1"


def _documents(text: str) -> Iterator[tuple[str, Any]]:
    up = "naruko/kita-ono/{}/up"
    animal = {"type": "animal", "species": text, "confidence": 0.9, "key": text}
    yield up.format("camera"), {"v": 1, "e": [animal]}
    yield up.format("camera"), {"v": 1, "at": text, "e": [animal]}
    yield (
        up.format("trap"),
        {"v": 1, "e": [{"type": "trap", "state": "sprung", "species": text, "key": text}]},
    )
    yield up.format("trap"), {"v": 1, "e": [{"type": "trap", "state": text}]}
    yield up.format("wire"), {"v": 1, "e": [{"type": text, "state": "cut"}]}
    yield up.format("wire"), {"v": 1, "e": [{"type": "wire", "state": "cut", "key": text}]}
    yield up.format("gauge"), {"v": 1, "m": {text: 1.0, "level_m": 4.2}}
    yield up.format("gauge"), {"v": 1, "m": {"level_m": text}}
    yield up.format("gauge"), {"v": 1, "device": text, "m": {"level_m": 1.0}}
    yield up.format("gauge"), {text: text, "v": 1, "m": {"level_m": 1.0}}
    yield "naruko/kita-ono/siren/done", {"id": text, "result": "done"}
    yield "naruko/kita-ono/siren/done", {"id": "c1", "result": text}
    yield "naruko/kita-ono/siren/status", {"state": text}
    yield from _lorawan(text)
    yield "zigbee2mqtt/Kitchen_PIR", {"occupancy": True, "battery": text, "last_seen": text, "device": text}
    yield "zigbee2mqtt/Kitchen_PIR", {"occupancy": text, "device": {"friendlyName": text}}
    yield "zigbee2mqtt/Kitchen_PIR/availability", {"state": text}
    yield "tele/river-cam/SENSOR", {"Time": text, "Switch1": text, text: {"Switch1": "ON"}}
    yield "tele/river-cam/STATE", {"POWER": text, "Wifi": {"SSId": text}}
    yield "traps/70b3d57ed0000101/record", {"event": text, "status": "Sprung", "date": text, "network": text}
    for kind in ("text", "telemetry", "detection", "position", text):
        content = {
            "text": text,
            "voltage": text,
            "latitude_i": text,
            "longitude_i": 1_379_600_000,
            "time": text,
        }
        packet = {"from": 2130621128, "id": 7, "sender": "!7efeb2c8", "type": kind, "payload": content}
        yield "msh/JP/2/json/LongFast/!7efeb2c8", packet
        yield f"msh/JP/2/json/{text}/!7efeb2c8".replace("\0", ""), packet | {"sender": text}
    seen = {"id": text, "camera": "front_door", "label": text, "top_score": 0.9}
    yield "frigate/events", {"type": text, "after": seen}
    yield "frigate/events", {"type": "new", "after": seen | {"camera": text}}


def _lorawan(text: str) -> Iterator[tuple[str, Any]]:
    data = base64.b64encode(bytes.fromhex("023e2d0003000a0a1e0b9b")).decode()
    heard = [{"gatewayId": text, "rssi": -80}]
    device = "application/1/device/0101010101010101/event/"
    up = {"deduplicationId": text, "time": text, "fPort": 1, "data": data, "rxInfo": heard}
    yield f"{device}up", up | {"deviceInfo": {"deviceName": text, "devEui": "0101010101010101"}}
    yield f"{device}up", up | {"deviceInfo": {"devEui": text}}
    yield f"{device}up", up | {"data": text}
    yield f"{device}status", {"deduplicationId": text, "batteryLevel": 88.0, "time": text}
    yield f"{device}log", {"level": text, "code": text, "description": text}
    message = {
        "session_key_id": text,
        "f_port": 1,
        "frm_payload": data,
        "rx_metadata": [{"gateway_ids": {"gateway_id": text, "eui": text}, "rssi": -80}],
        "received_at": text,
    }
    ids = {"device_id": "dev1", "dev_eui": "0101010101010109"}
    said = {"end_device_ids": ids, "correlation_ids": [text, f"as:up:{text}"], "uplink_message": message}
    yield "v3/a@b/devices/dev1/up", said
    yield "v3/a@b/devices/dev1/up", said | {"end_device_ids": {"device_id": text, "dev_eui": text}}
    yield "v3/a@b/devices/dev1/join", {"end_device_ids": ids, "correlation_ids": [text], "received_at": text}
