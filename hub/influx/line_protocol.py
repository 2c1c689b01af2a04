"""Line protocol of InfluxDB: rendered here, as a `Point` of the client library costs several times as much.

After the InfluxDB 2 reference, "Line protocol"; so that 1.x, 2 and 3 and VictoriaMetrics read the same.
"""

import math
from collections.abc import Callable, Iterable, Mapping

from devices.frame import Millis
from hub.model import Reading

NS_PER_MS = 1_000_000
LAST_MS: Millis = (2**63 - 1) // NS_PER_MS - 1
"""Nanoseconds are a 64-bit number: times end in 2262. Before 1970 the servers differ, and nothing is sent."""

Value = float | int | bool | str

_SPACES = dict.fromkeys((*range(32), *range(127, 160), 0x2028, 0x2029), " ")
_UNSURE = {**_SPACES, ord("\\"): "/"}
"""Servers disagree on what a backslash before a comma means: it becomes a slash."""
_MEASUREMENT = str.maketrans({",": "\\,", " ": "\\ "})
_KEY = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})
_STRING = str.maketrans({"\\": "\\\\", '"': '\\"'})


def measurement(text: str) -> str:
    """The name of a measurement. Raises ValueError where it is empty."""
    return _filled(text).translate(_MEASUREMENT)


def key(text: str) -> str:
    """A tag key, tag value or field key. Raises ValueError where it is empty."""
    return _filled(text).translate(_KEY)


def value(field: Value) -> str:
    """A field value. Raises ValueError for NaN and infinity, which InfluxDB cannot hold."""
    if isinstance(field, bool):
        return "true" if field else "false"
    if isinstance(field, int):
        return f"{field}i"
    if isinstance(field, float):
        if not math.isfinite(field):
            raise ValueError("no line protocol for NaN or infinity")
        return repr(field)
    return f'"{field.translate(_SPACES).translate(_STRING)}"'


def head(name: str, tags: Mapping[str, str]) -> str:
    """Measurement and tags; empty tags are left out, as the protocol demands."""
    return ",".join([measurement(name), *(f"{key(k)}={key(v)}" for k, v in sorted(tags.items()) if v)])


def line(start: str, fields: Mapping[str, Value], at: Millis) -> str:
    """One line. `start` is what `head` has made."""
    joined = ",".join(f"{key(name)}={value(field)}" for name, field in fields.items())
    return f"{start} {joined} {at * NS_PER_MS}"


def sendable(at: Millis) -> bool:
    return 0 <= at <= LAST_MS


def reading_lines(
    readings: Iterable[Reading], head_of: Callable[[str], str], hidden: Callable[[str, str], bool]
) -> list[str]:
    """A field a quantity with its flag as `<quantity>_qc` beside it; one line for what came together.

    A missing value has a flag and no field. `hidden(device, quantity)` names what must not leave the ledger.
    """
    lines: list[str] = []
    device, at = "", -1
    fields: list[str] = []

    def end() -> None:
        if fields:
            lines.append(f"{head_of(device)} {','.join(fields)} {at * NS_PER_MS}")
            fields.clear()

    for reading in readings:
        if reading.device != device or reading.at != at:
            end()
            device, at = reading.device, reading.at
        if not sendable(at) or hidden(device, reading.quantity):
            continue
        name = key(reading.quantity)
        if reading.value is not None and math.isfinite(reading.value):
            fields.append(f"{name}={float(reading.value)!r}")
        fields.append(f"{name}_qc={int(reading.flag)}i")
    end()
    return lines


def _filled(text: str) -> str:
    if not text:
        raise ValueError("line protocol has no empty names")
    return text.translate(_UNSURE)
