"""The town that the fuzzed messages reach, and the seeds: real messages, frames and files."""

import base64
import json
from collections.abc import Iterator
from functools import cache

import yaml

from hub.config.profiles import load_profiles
from hub.config.town import Town
from tests.config_towns import FIXTURES
from tests.data import ROOT, data_dir
from tests.town_of_devices import device, town

RECEIVED = 1_795_262_830_000
PROFILES = load_profiles()
EXAMPLES = ROOT / "devices" / "profiles"

GAUGE = {
    "river": "小野川", "river_en": "Ono", "station": "橋", "station_en": "Bridge", "sensor_height_m": 5.0,
    "levels_m": {"caution": 3.0, "danger": 4.0},
}  # fmt: skip
TRAP = {"no": "3", "type": "box", "owner": "miyashita"}
SLOPE = {"stream": "上田沢", "stream_en": "Ueda-zawa"}
SENT_TO = {
    "chirpstack": "0101010101010101",
    "things stack": "dev1",
    "meshtastic": "!7efeb2c8",
    "frigate": "front_door",
    "zigbee": "Kitchen_PIR",
    "tasmota": "river-cam",
}
"""Addresses in the recorded envelopes."""


@cache
def fuzz_town() -> Town:
    """One device of each profile, with the parts that its kind may have; and those of the envelopes."""
    parts = {
        "river": {"gauge": GAUGE},
        "trap": {"trap": TRAP},
        "slope": {"slope": SLOPE},
        "siren": {"siren": {}},
    }
    radio = [
        device(f"unit-{number}", model, eui(number), **parts.get(profile.kind.value, {}))
        for number, (model, profile) in enumerate(sorted(PROFILES.items()))
    ]
    ours = [
        device("gauge", "naruko-gauge", gauge=GAUGE),
        device("trap", "naruko-trap", trap=TRAP),
        device("wire", "naruko-wire", slope=SLOPE),
        device("siren", "naruko-siren", siren={}),
        device("camera", "naruko-animal"),
        device("rain", "naruko-rain"),
        device("gateway", "naruko-gateway"),
        device("tilt", "naruko-tilt", slope=SLOPE),
    ]
    theirs = [
        device("gauge-a", "decentlab-dl-mbx", SENT_TO["chirpstack"], gauge=GAUGE),
        device("dev1", "decentlab-dl-mbx", SENT_TO["things stack"], gauge=GAUGE),
        device("node-1", "meshtastic-node", SENT_TO["meshtastic"]),
        device("cam-1", "frigate-camera", SENT_TO["frigate"]),
        device("kitchen", "zigbee2mqtt-pir", SENT_TO["zigbee"]),
        device("box-3", "tasmota-switch", SENT_TO["tasmota"], trap=TRAP),
        device("path-1", "esphome-binary", "esp/home/move/1"),
        device("jiseiji", "kotogawa-river", "town/river/koto/jiseiji", gauge=GAUGE),
        device("snare-1", "trap-record", "traps/70b3d57ed0000101/record", trap=TRAP),
    ]
    return town(*radio, *ours, *theirs)


def eui(number: int) -> str:
    return f"{number:016x}"


def seeds(target: str) -> list[bytes]:
    """What this target begins with. Without the shared data fewer, and never none."""
    return list(dict.fromkeys(SEEDS[target]()))


def _envelopes() -> Iterator[bytes]:
    for number, (model, profile) in enumerate(sorted(PROFILES.items())):
        for fport, frame in _frames(model):
            document = {
                "deduplicationId": "a",
                "fCnt": 7,
                "fPort": fport,
                "data": base64.b64encode(frame).decode(),
            }
            yield _message(f"application/1/device/{eui(number)}/event/up", document)
        yield _message(f"some/{eui(number)}/{profile.kind}", {"state": "online", "battery": 3.6})
    for folder in [data_dir() / "envelopes"] * data_dir().is_dir():
        for path in sorted(folder.glob("*.json")):
            for entry in json.loads(path.read_text("utf-8")):
                yield _message(entry["topic"], entry["payload"])
    yield _message("naruko/kita-ono/trap/up", {"v": 1, "seq": 3, "e": [{"type": "trap", "state": "sprung"}]})


def _message(topic: str, payload: object) -> bytes:
    text = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
    return f"{topic}\0{text}".encode()


def _topics() -> Iterator[bytes]:
    for message in _envelopes():
        yield message.partition(b"\0")[0]
    yield from (b"naruko/kita-ono/gauge/up", b"naruko/kita-ono/gauge/status", b"tele/river-cam/LWT")


def _frames(model: str) -> Iterator[tuple[int | None, bytes]]:
    path = EXAMPLES / f"{model}.examples.yaml"
    for example in yaml.safe_load(path.read_text("utf-8")) if path.exists() else ():
        yield example.get("fport"), bytes.fromhex(example["bytes"])


def _payloads() -> Iterator[bytes]:
    from tests.fuzz.targets import MODELS  # noqa: PLC0415 (the targets know how they are spoken to)

    for number, model in enumerate(MODELS):
        for fport, frame in _frames(model):
            yield bytes([number, fport or 0]) + frame


def _natives() -> Iterator[bytes]:
    said = (
        {"v": 1, "seq": 812, "at": "2026-11-21T21:07:03+09:00", "m": {"distance_m": 2.31, "battery_v": 3.6}},
        {
            "v": 1,
            "at": 1795262823,
            "e": [{"type": "animal", "species": "boar", "confidence": 0.83, "count": 2}],
        },
        {"v": 1, "e": [{"type": "trap", "state": "sprung"}, {"type": "wire", "state": "cut"}]},
        {"v": 1, "m": {"rain_mm": 4.5, "level_m": 4.4}, "device": "gauge"},
        {"state": "online"},
        {"id": "c1", "result": "done", "at": 1795262823.5},
    )
    for first in range(24):
        for document in said:
            yield bytes([first]) + json.dumps(document).encode()


def _configs() -> Iterator[bytes]:
    for number, name in enumerate(("hub.yaml", "policy.yaml", "devices.yaml", "people.yaml")):
        for folder in (FIXTURES / "good", ROOT / "config"):
            if (folder / name).exists():
                yield bytes([number]) + (folder / name).read_bytes()
    for name in ("kotogawa-river", "zigbee2mqtt-pir", "naruko-gauge"):
        yield bytes([4]) + (EXAMPLES / f"{name}.yaml").read_bytes()


def _tables() -> Iterator[bytes]:
    yield bytes([0]) + (ROOT / "config" / "people.csv").read_bytes()
    yield (
        bytes([1]) + b"id,profile,name,name_en,lat,lon,place,place_en\nc,naruko-animal,c,c,36.05,137.98,a,a\n"
    )
    for folder in [data_dir()] * data_dir().is_dir():
        for path in sorted((folder / "river").glob("*.csv")):
            yield bytes([2]) + b"".join(path.read_bytes().splitlines(keepends=True)[:4])
        observations = (folder / "wildlife" / "observations.csv").read_bytes()
        yield bytes([3]) + b"".join(observations.splitlines(keepends=True)[:4])
    yield bytes([4]) + b'{"received_at":"2026-11-21T21:00:00+09:00","topic":"a/b","payload":{"v":1}}\n'


def _maps() -> Iterator[bytes]:
    for folder in (FIXTURES / "good", ROOT / "config", FIXTURES / "error.zones", FIXTURES / "warn.zones"):
        if (folder / "zones.geojson").exists():
            yield (folder / "zones.geojson").read_bytes()


SEEDS = {
    "topic": _topics,
    "envelope": _envelopes,
    "payload": _payloads,
    "native": _natives,
    "config": _configs,
    "csv": _tables,
    "geojson": _maps,
}
