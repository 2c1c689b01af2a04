"""The targets: each takes any bytes and fails where the hub does anything but take them or say why not.

`TARGETS` names them. `make test` calls them with hypothesis, `python -m tests.fuzz` is guided by coverage.
"""

import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import msgspec

from devices.decoders import FAMILIES
from devices.frame import STATES, BadFrameError, Frame
from hub.config.check import report
from hub.config.document import ConfigError
from hub.config.load import load
from hub.decode import Decoder, QuarantineError
from hub.decode.times import LATEST
from hub.explain import _judged
from hub.ledger import Ledger
from hub.model import Message, Verdict
from hub.pipeline import Pipeline
from hub.recordings import RecordingError, convert, read
from hub.state import State
from tests.config_towns import make_town
from tests.fuzz.strangers import PROFILES, RECEIVED, fuzz_town

CONFIG = ("hub.yaml", "policy.yaml", "devices.yaml", "people.yaml", "profiles/town-gauge.yaml")
TABLES = ("people.csv", "devices.csv")
SERIES = ("series.csv", "observations.csv", "night.jsonl")
MODELS = sorted(model for model, profile in PROFILES.items() if profile.decoder in FAMILIES)


def topic(data: bytes) -> None:
    """Any topic, with payloads that are well-formed somewhere."""
    name = data.decode("utf-8", "replace").replace("\0", "")
    for payload in (b'{"state":"online"}', b"ON", b""):
        uplink_or_reason(_decoder(), Message(name, payload, RECEIVED))
    take(Message(name, b'{"v":1,"m":{"level_m":1.5}}', RECEIVED))


def envelope(data: bytes) -> None:
    """`topic NUL payload`."""
    name, _, payload = data.partition(b"\0")
    take(Message(name.decode("utf-8", "replace"), payload, RECEIVED))


def payload(data: bytes) -> None:
    """`model fPort frame` as radio delivers it: the first byte chooses the model."""
    if len(data) < 2:
        return
    model = MODELS[data[0] % len(MODELS)]
    try:
        frame = FAMILIES[PROFILES[model].decoder](model, data[1] or None, data[2:])
        said = ""
    except BadFrameError as error:
        frame, said = Frame(), str(error)
    assert is_said(said)
    if not said:
        assert all(m.value is None or abs(m.value) < float("inf") for m in frame.measures)
        assert all(s.state in STATES[s.type] for s in frame.signals)


def native(data: bytes) -> None:
    """Our own payload: the first byte chooses device and leaf."""
    devices = ("gauge", "trap", "wire", "siren", "camera", "rain", "gateway", "tilt")
    leaf = ("up", "status", "done")[(data[:1] or b"\0")[0] % 3]
    device = devices[(data[:1] or b"\0")[0] // 3 % len(devices)]
    take(Message(f"naruko/kita-ono/{device}/{leaf}", data[1:], RECEIVED))


def config(data: bytes) -> None:
    """A YAML file of the town: the first byte chooses which."""
    loads_or_says_why(*chosen(CONFIG, data))


def table(data: bytes) -> None:
    """A CSV file of the town, or of a recording: the first byte chooses which."""
    name, content = chosen((*TABLES, *SERIES), data)
    if name in TABLES:
        loads_or_says_why(name, content)
        return
    path = _town_folder().parent / name
    path.write_bytes(content)
    try:
        readers: dict[str, Callable[[], Iterable[Message]]] = {
            "series.csv": lambda: convert(path, "kita-ono"),
            "observations.csv": lambda: convert(path.parent, "kita-ono"),
            "night.jsonl": lambda: read(path),
        }
        read_or_refused(readers[name], f"{name}:")
    finally:
        path.unlink()


def geojson(data: bytes) -> None:
    """The map of the zones."""
    loads_or_says_why("zones.geojson", data)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "topic": topic,
    "envelope": envelope,
    "payload": payload,
    "native": native,
    "config": config,
    "csv": table,
    "geojson": geojson,
}


# --- what must hold -----------------------------------------------------------------------------------


def take(message: Message) -> None:
    """Decoded, judged, decided, written and explained; or put aside with a reason."""
    pipeline = Pipeline(fuzz_town(), State(), lambda _: set())
    uplink_or_reason(pipeline.decoder, message)
    ledger = _ledger()
    outcome = pipeline.run([message], RECEIVED)
    (receipt,) = outcome.receipts
    assert receipt.verdict is Verdict.STORED or is_said(receipt.reason)
    ledger.insert(outcome)
    ledger.rollback()
    for told in outcome.notifications:
        assert all(line.isprintable() for line in (told.title, *told.body.split("\n")))
    assert all(line.isprintable() for line in _judged(pipeline.town, outcome))


def uplink_or_reason(decoder: Decoder, message: Message) -> None:
    """Either an uplink whose words are ours and whose numbers fit everywhere, or a short reason."""
    try:
        uplink = decoder.decode(message)
        said = uplink.identity
    except QuarantineError as error:
        uplink, said = None, str(error)
    assert is_said(said)
    if uplink is not None:
        assert uplink.at is None or abs(uplink.at) <= LATEST
        assert uplink.seq is None or 0 <= uplink.seq < 2**63
        assert all(m.value is None or abs(m.value) < float("inf") for m in uplink.measures)
        assert all(s.state in STATES[s.type] for s in uplink.signals)
        assert all(len(s.species) <= 64 and s.species.isprintable() for s in uplink.signals)
        assert len(uplink.gateway) <= 64
        msgspec.json.encode(uplink)
    steps = decoder.steps(message)
    assert steps
    assert all(step.isprintable() for step in steps)


def is_said(text: str) -> bool:
    """Short and on one line."""
    return len(text) < 600 and text.isprintable()


def loads_or_says_why(name: str, content: bytes, folder: Path | None = None) -> None:
    """The town loads with `content` as its file `name`, or every line of the ConfigError can be printed."""
    folder = folder or _town_folder()
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    kept = path.read_bytes() if path.exists() else None
    path.write_bytes(content)
    try:
        town = load(folder, {})
        report(town)
        lines = list(town.warnings)
    except ConfigError as error:
        lines = [str(problem) for problem in error.problems] or [""]
    finally:
        path.unlink()
        if kept is not None:
            path.write_bytes(kept)
    assert all(line.encode() and line.isprintable() for line in lines)


def read_or_refused(reader: Callable[[], Iterable[Message]], name: str) -> None:
    """Every message has a topic; a refusal names the file."""
    refused = ""
    try:
        assert all(message.topic for message in reader())
    except RecordingError as error:
        refused = str(error)
    assert name in refused or not refused


def chosen(names: tuple[str, ...], data: bytes) -> tuple[str, bytes]:
    return names[(data[:1] or b"\0")[0] % len(names)], data[1:]


@cache
def _decoder() -> Decoder:
    return Decoder(fuzz_town())


@cache
def _ledger() -> Ledger:
    return Ledger.in_memory()


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="naruko-fuzz-")


def _town_folder() -> Path:
    folder = Path(_folder().name) / "town"
    return folder if folder.exists() else make_town(folder)
