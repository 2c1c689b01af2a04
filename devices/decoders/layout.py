"""What every payload family checks before it reads a byte."""

from collections.abc import Mapping
from functools import lru_cache
from typing import TypeVar

from devices.frame import BadFrameError, Measure

T = TypeVar("T")


@lru_cache(maxsize=512)
def _key(models: tuple[str, ...], model: str) -> str | None:
    return next((known for known in models if model == known or model.endswith("-" + known)), None)


def by_model(table: Mapping[str, T], model: str) -> T:
    """The entry of `table` whose key is the end of `model`: `em310-udl` for `milesight-em310-udl`."""
    key = _key(tuple(table), model)
    if key is None:
        raise BadFrameError(f"model {model!r} is not of this family: its name ends in {', '.join(table)}")
    return table[key]


def check_port(fport: int | None, *expected: int) -> None:
    """An uplink without a port is taken for the usual one: network servers leave out what is unset."""
    if fport is not None and fport not in expected:
        raise BadFrameError(f"fPort {fport}, expected {' or '.join(map(str, expected))}")


def check_length(data: bytes, *expected: int) -> None:
    if len(data) not in expected:
        raise BadFrameError(f"{len(data)} bytes, expected {' or '.join(map(str, expected))}")


def counter(quantity: str, value: int, bits: int) -> Measure:
    """A count of `bits` width. At its end it no longer counts, and says nothing about how many there were."""
    if value == (1 << bits) - 1:
        return Measure(quantity, None, why="counter saturated")
    return Measure(quantity, float(value))


def contact(is_open: int) -> str:
    return "open" if is_open else "closed"


def on_off(is_on: int) -> str:
    return "on" if is_on else "off"
