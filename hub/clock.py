"""The only caller of the system clock. The hub's time runs with the monotonic clock: see `SystemClock`."""

import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from devices.frame import Millis

EARLIEST_SANE: Millis = 1_767_225_600_000
"""2026-01-01T00:00:00Z: a clock before the year of this release has not been set."""
STEP: Millis = 10_000
"""By so much a time server corrects a clock that runs; the hub's time goes along. What is more is a step."""
BEFORE: Millis = 300_000
"""What the hub noted may have happened so long before it: a report on its way."""
BEYOND: Millis = 3_600_000
"""What the hub noted may lie so far ahead of it: the next attempt, the end of a siren."""


class Step(NamedTuple):
    """The wall clock was set. From `since` to `until` this process has lived by the clock as it was before;
    whatever it noted then is now `by` later (ms, negative: earlier)."""

    since: Millis
    until: Millis
    by: Millis

    def covers(self, at: Millis) -> bool:
        """Whether a time was noted by the clock as it was before. 0 is no time."""
        return at > 0 and self.since - BEFORE <= at <= self.until + BEYOND

    def moved(self, at: Millis) -> Millis:
        return at + self.by if self.covers(at) else at


class Clock(Protocol):
    """What tells the time: the system's clock, or one that a simulation sets."""

    followed: list[Step]
    """The steps that the hub has followed, in order."""

    def now(self) -> Millis: ...

    def step(self) -> Step | None:
        """By how much the wall clock has left the hub's time, None where they agree."""

    def follow(self, step: Step) -> None:
        """From now on the hub's time is the wall's again."""


def _wall() -> Millis:
    return time.time_ns() // 1_000_000


_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux: counts on while the machine sleeps."""


def _steady() -> Millis:
    return time.clock_gettime_ns(_STEADY) // 1_000_000


class SystemClock:
    """The wall clock of this machine, as far as the hub has followed it.

    When somebody sets the wall clock, `now` goes on as if nobody had: `step` tells it, and `follow` is called
    by whoever has moved what was noted before (`hub.steps`). So all parts of the hub change in one moment.
    """

    def __init__(self, wall: Callable[[], Millis] = _wall, steady: Callable[[], Millis] = _steady) -> None:
        self._wall = wall
        self._steady = steady
        self.followed: list[Step] = []
        self._since = wall()
        self._offset = self._since - steady()

    def now(self) -> Millis:
        wall = self._wall()
        ahead = wall - self._steady() - self._offset
        if -STEP <= ahead <= STEP:
            self._offset += ahead
            return wall
        return wall - ahead

    def step(self) -> Step | None:
        now = self.now()
        by = self._wall() - now
        return Step(self._since, now, by) if abs(by) > STEP else None

    def follow(self, step: Step) -> None:
        self._offset += step.by
        self._since += step.by
        self.followed.append(step)


class SetClock:
    """A clock that stands where it is put: replay, demo and tests. Nobody else sets it."""

    def __init__(self, at: Millis) -> None:
        self.at = at
        self.followed: list[Step] = []

    def now(self) -> Millis:
        return self.at

    def step(self) -> Step | None:
        return None

    def follow(self, step: Step) -> None:
        """There is nothing to follow."""


def is_sane(now: Millis) -> bool:
    """False on a Raspberry Pi which has booted without a battery clock and not yet met a time server."""
    return now >= EARLIEST_SANE


def monotonic() -> float:
    """Seconds from an arbitrary start, for intervals: unaffected by steps of the wall clock."""
    return time.monotonic()
