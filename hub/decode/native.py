"""Our own topics `naruko/<site>/<device>/up`, `/status` and `/done`, version 1."""

from functools import lru_cache
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from devices.frame import STATES, Frame, Measure, Signal
from hub.decode.mapping import confidence
from hub.decode.payload import QuarantineError, must_name, parse, plain
from hub.decode.times import parse_time
from hub.decode.unit import Envelope, Unit
from hub.model import Uplink

VERSION = 1
MOST = 64
"""Quantities and events of one message; a device of ours sends up to ten."""

LONGEST_NAME = 40

EVENTS = frozenset({"animal", "motion", "trap", "contact", "wire", "vibration", "tilt"})


class Happening(Struct):
    """One entry of `e`."""

    type: str
    state: str = ""
    species: str = ""
    confidence: float | None = None
    count: int = 1
    key: str = ""


class Up(Struct):
    """Readings `m` (quantity -> value or null) and events `e`; `at` is the device's own time."""

    v: Annotated[int, Meta(ge=0, le=1000)] = VERSION
    seq: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None
    at: str | int | float | None = None
    m: dict[str, float | None] = {}
    e: list[Happening] = []
    device: Any = None
    id: Any = None
    """Who speaks: where a device says so it must be the device of the topic."""


class Done(Struct):
    """The command `id` was carried out, refused, or came too late."""

    id: str
    result: str = "done"
    at: str | int | float | None = None
    device: Any = None


class State(Struct):
    state: str
    device: Any = None


_UP = msgspec.json.Decoder(Up)
_DONE = msgspec.json.Decoder(Done)
_STATE = msgspec.json.Decoder(State | str)

STATUS = {"online": "online", "offline": "offline", "stopped": "offline"}


def read_up(payload: bytes, unit: Unit) -> Uplink:
    """What cannot be read is left out; where nothing else remains it is a reason for the quarantine."""
    up = parse(_UP, payload)
    if up.v != VERSION:
        raise QuarantineError(f"payload version {up.v}, this hub reads version {VERSION}")
    if up.device is not None or up.id is not None:
        _is_of(unit, up.device)
        _is_of(unit, up.id)
    if len(up.m) > MOST or len(up.e) > MOST:
        raise QuarantineError(f"{len(up.m)} quantities and {len(up.e)} events, at most {MOST} of each")
    measures = tuple([Measure(name, value) for name, value in up.m.items() if _is_quantity(name)])
    signals: tuple[Signal, ...] = ()
    if up.e:
        signals = unit.signals(tuple(signal for entry in up.e if (signal := _signal(entry))))
    if not measures and not signals and (up.m or up.e):
        raise QuarantineError("; ".join(_left_out(up)))
    at = parse_time(up.at, unit.zone) if up.at is not None else None
    identity = f"{up.seq}@{at}" if up.seq is not None and at is not None else ""
    return Uplink(unit.id, at, identity, measures, signals, up.seq)


def _is_of(unit: Unit, named: object) -> None:
    if named != unit.device.address:
        must_name(unit.id, named)


def left_out(payload: bytes) -> list[str]:
    """What of an `up` payload was not understood, in words."""
    return _left_out(parse(_UP, payload))


def _left_out(up: Up) -> list[str]:
    names = [f"$.m: {plain(name)!r} is no name of a quantity" for name in up.m if not _is_quantity(name)]
    return names + [
        f"$.e[{i}]: unknown event type {plain(entry.type)!r}"
        if entry.type not in EVENTS
        else f"$.e[{i}]: unknown state {plain(entry.state)!r} of {entry.type}"
        for i, entry in enumerate(up.e)
        if _signal(entry) is None
    ]


def _is_quantity(name: str) -> bool:
    return len(name) <= LONGEST_NAME and _is_spelled(name)


@lru_cache(maxsize=1024)
def _is_spelled(name: str) -> bool:
    """`distance_m`: lower case, digits and underscores, as it becomes a field name in InfluxDB."""
    return name.isascii() and name.isidentifier() and name == name.lower()


def _signal(entry: Happening) -> Signal | None:
    if entry.type not in EVENTS:
        return None
    states = STATES[entry.type]
    if entry.state and entry.state not in states:
        return None
    if entry.type == "contact" and not entry.state:
        return None
    return Signal(
        entry.type,
        entry.state or states[0],
        plain(entry.species).lower(),
        confidence(entry.confidence),
        min(max(entry.count, 1), 1000),
        key=plain(entry.key),
    )


def read_status(payload: bytes, unit: Unit) -> Envelope:
    """`online` or `offline`, as a word or as `state` in JSON. Its time, if any, is not read: a last will is
    written when the device connects, not when it fails."""
    word = payload.strip().lower()[:16].decode("ascii", "replace")
    if word not in STATUS:
        said = parse(_STATE, payload)
        if isinstance(said, State):
            _is_of(unit, said.device)
        word = (said if isinstance(said, str) else said.state).strip().lower()
    if word not in STATUS:
        raise QuarantineError(f"status {plain(word)!r}, expected online or offline")
    return Envelope(frame=Frame(signals=(Signal("status", STATUS[word]),)))


def read_done(payload: bytes, unit: Unit) -> Envelope:
    done = parse(_DONE, payload)
    _is_of(unit, done.device)
    if done.result not in STATES["done"]:
        raise QuarantineError(f"result {plain(done.result)!r}, expected {', '.join(STATES['done'])}")
    command = plain(done.id, 200)
    return Envelope(
        at=parse_time(done.at, unit.zone),
        identity=f"done/{command}/{done.result}",
        frame=Frame(signals=(Signal("done", done.result, command=command),)),
    )
