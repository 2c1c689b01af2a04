"""The only caller of the system clock."""

import time
from typing import Protocol

from devices.frame import Millis

EARLIEST_SANE: Millis = 1_767_225_600_000
"""2026-01-01T00:00:00Z: a clock before the year of this release has not been set."""


class Clock(Protocol):
    """What tells the time: the system's clock, or one that a simulation sets."""

    def now(self) -> Millis: ...


class SystemClock:
    """The wall clock of this machine."""

    def now(self) -> Millis:
        return time.time_ns() // 1_000_000


class SetClock:
    """A clock that stands where it is put: replay, demo and tests."""

    def __init__(self, at: Millis) -> None:
        self.at = at

    def now(self) -> Millis:
        return self.at


def is_sane(now: Millis) -> bool:
    """False on a Raspberry Pi which has booted without a battery clock and not yet met a time server."""
    return now >= EARLIEST_SANE


def monotonic() -> float:
    """Seconds from an arbitrary start, for intervals: unaffected by steps of the wall clock."""
    return time.monotonic()
