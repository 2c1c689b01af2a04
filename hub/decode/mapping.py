"""JSON fields to quantities and signals, as a profile says: for devices that no code knows."""

from collections.abc import Iterator
from datetime import tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from devices.frame import STATES, Frame, Measure, Millis, Signal
from hub.config.shapes import FieldMap, Profile, SignalMap
from hub.decode.payload import number, plain
from hub.decode.times import parse_time

_ABSENT = object()

Path = tuple[str, ...]

_SAME = {"on": "true", "yes": "true", "off": "false", "no": "false"}
"""YAML reads an unquoted on, yes, off or no as true or false: `when: on` shall still find the word."""


class Field(Struct, frozen=True):
    path: Path
    quantity: str
    scale: float
    offset: float
    missing: frozenset[str]


class Sign(Struct, frozen=True):
    path: Path
    when: str
    signal: Signal
    confidence: Path


class Mapping:
    """The `fields`, `signals` and `time` of one profile."""

    def __init__(self, profile: Profile) -> None:
        self.fields = tuple(map(_field, profile.fields))
        self.signs = tuple(map(_sign, profile.signals))
        self.time_path = _path(profile.time.path) if profile.time else ()
        self.zone: tzinfo | None = ZoneInfo(profile.time.zone) if profile.time else None

    def time(self, document: Any) -> Millis | None:
        """The device's own time; None where it sent none or nothing readable."""
        if self.zone is None:
            return None
        return parse_time(_find(document, self.time_path), self.zone)

    def read(self, document: Any) -> Frame:
        """A field that is not there says nothing; null or no number is a measure without a value."""
        return Frame(tuple(self._measures(document)), tuple(self._signals(document)))

    def touches(self, document: Any) -> bool:
        """True if the document has anything that this mapping reads."""
        paths = [field.path for field in self.fields] + [sign.path for sign in self.signs]
        return any(path and _find(document, path) is not _ABSENT for path in paths)

    def _measures(self, document: Any) -> Iterator[Measure]:
        for field in self.fields:
            found = _find(document, field.path)
            if found is not _ABSENT:
                yield _measure(field, found)

    def _signals(self, document: Any) -> Iterator[Signal]:
        for sign in self.signs:
            found = _find(document, sign.path)
            if found is _ABSENT or isinstance(found, dict | list) or _word(found) != sign.when:
                continue
            signal = sign.signal
            if sign.confidence:
                signal = Signal(
                    signal.type,
                    signal.state,
                    signal.species,
                    confidence(number(_find(document, sign.confidence))),
                )
            yield signal


def confidence(value: float | None) -> float | None:
    """A share from 0 to 1; anything else is not known."""
    return value if value is not None and 0 <= value <= 1 else None


def _path(dotted: str) -> Path:
    return tuple(dotted.split(".")) if dotted else ()


def _field(field: FieldMap) -> Field:
    missing = frozenset(_word(value) for value in field.missing)
    return Field(_path(field.path), field.quantity, field.scale, field.offset, missing)


def _sign(sign: SignalMap) -> Sign:
    signal = Signal(sign.type, sign.state or STATES[sign.type][0], sign.species)
    return Sign(_path(sign.path), _word(sign.when), signal, _path(sign.confidence))


def _find(document: Any, path: Path) -> Any:
    """The value at `path`; a `{"value": ..., "unit": ...}` there stands for its value."""
    for key in path:
        if isinstance(document, dict):
            document = document.get(key, _ABSENT)
        elif isinstance(document, list) and key.isdecimal() and int(key) < len(document):
            document = document[int(key)]
        else:
            return _ABSENT
    if path and isinstance(document, dict) and "value" in document:
        return document["value"]
    return document


def _word(value: object) -> str:
    """The text by which two values are compared: true, ON and on are one, 1 and "1.0" are one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if (found := number(value)) is not None:
        return repr(found)
    if not isinstance(value, str):
        return ""  # null, or an integer that no number of ours can hold
    word = value[:64].strip().casefold()
    return _SAME.get(word, word)


def _measure(field: Field, found: Any) -> Measure:
    if found is None:
        return Measure(field.quantity, None, why="null")
    if field.missing and not isinstance(found, dict | list) and _word(found) in field.missing:
        return Measure(field.quantity, None, why=f"{plain(str(found), 24)} means that there is none")
    value = number(found)
    if value is None:
        shown = plain(found, 24) if isinstance(found, str) else type(found).__name__
        return Measure(field.quantity, None, why=f"not a number: {shown}")
    value = number(value * field.scale + field.offset)
    return Measure(field.quantity, value, why="" if value is not None else "out of all bounds")
