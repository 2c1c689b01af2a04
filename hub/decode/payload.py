"""From payload bytes to values, or a reason for the quarantine. What devices write is hostile until read."""

from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

LIMIT = 64 * 1024
"""Bytes of a payload; the real envelopes that we know have a few KiB."""

_ANYTHING: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


class QuarantineError(ValueError):
    """The message is put aside; the text says why, and what would have been right."""


def plain(text: str, length: int = 64) -> str:
    """Text of a device as it may be kept: one short line without control or direction characters."""
    text = text[:length]
    return text.strip() if text.isprintable() else "".join(c for c in text if c.isprintable()).strip()


def must_name(spoken: str, *named: object) -> None:
    """Raises QuarantineError where the payload names a device, and not the one of its topic, `spoken`.

    `named`: what stands where it says who it is; what is no text or empty says nothing.
    """
    names = [name for name in named if isinstance(name, str) and name]
    if names and spoken.lower() not in (name.lower() for name in names):
        raise QuarantineError(
            f"the topic is of device {plain(spoken)!r}, the payload names {plain(names[0])!r}"
        )


def parse(decoder: msgspec.json.Decoder[T], payload: bytes) -> T:
    """Strict JSON: no NaN, no infinity, types as declared. Raises QuarantineError with the path."""
    try:
        return decoder.decode(payload)
    except msgspec.ValidationError as error:
        raise QuarantineError(f"wrong content: {plain(str(error), 200)}") from None
    except UnicodeDecodeError as error:
        raise QuarantineError(f"not UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise QuarantineError("not JSON that a device sends: nested too deep") from None
    except ValueError as error:
        why = plain(str(error), 200) if payload.strip() else "the payload is empty"
        raise QuarantineError(f"not JSON: {why}") from None


def parse_any(payload: bytes) -> Any:
    """JSON, or a bare word such as `ON` or `2.31`."""
    try:
        return parse(_ANYTHING, payload)
    except QuarantineError:
        word = payload.strip()
        if not word or len(word) > 64 or word[:1] in b'{["' or not word.isascii():
            raise
        return plain(word.decode())


def number(value: object) -> float | None:
    """A finite number, also where it was written as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if abs(found) < float("inf") else None
