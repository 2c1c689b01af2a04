"""Series of readings as a chart shows them: thinned without losing a peak, with their gaps; rain in sums."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import timedelta, tzinfo
from itertools import pairwise
from typing import Literal

from msgspec import Struct

from devices.frame import Millis
from hub.days import begins, day_of, wall
from hub.ledger.views.readings import Row
from hub.model import Flag

HOUR: Millis = 3_600_000
STEPS: dict[str, Millis] = {"10m": 600_000, "1h": HOUR}
Step = Literal["10m", "1h", "1d"]

A_BUCKET = 5
"""What one bucket keeps at most: lowest, highest, and the first that is suspect, failed and missing."""


def thinned(rows: Sequence[Row], most: int) -> list[Row]:
    """At most `most` (7 or more) of these rows, in order and unchanged: the first, the last, and of as many
    even stretches of time as go into the rest the lowest and highest usable value, and the first suspect,
    failed and missing one.

    Usable is what the hub judges by: a value that has not failed a check. No peak is lost, none is averaged.
    """
    if len(rows) <= most:
        return list(rows)
    for a_bucket in (2, A_BUCKET):
        kept = _kept(rows, (most - 2) // a_bucket)
        if len(kept) <= most:
            return kept
    raise AssertionError("a bucket keeps more than it may")


def _kept(rows: Sequence[Row], buckets: int) -> list[Row]:
    first, last = rows[0][0], rows[-1][0]
    width = max(1, -(-(last - first + 1) // buckets))
    kept = {first: rows[0], last: rows[-1]}
    start = 0
    for bucket in range(buckets):
        end = bisect_left(rows, first + (bucket + 1) * width, start, key=lambda row: row[0])
        if end > start:
            kept |= {row[0]: row for row in _telling(rows[start:end])}
        start = end
    return [kept[at] for at in sorted(kept)]


def _telling(rows: Sequence[Row]) -> Iterable[Row]:
    """What one bucket keeps. Of equal values the first."""
    usable = [row for row in rows if row[1] is not None and row[2] < Flag.FAIL]
    if usable:
        yield min(usable, key=_value)
        yield max(usable, key=_value)
    for flag in (Flag.SUSPECT, Flag.FAIL, Flag.MISSING):
        if found := next((row for row in rows if row[2] == flag), None):
            yield found


def _value(row: Row) -> float:
    return row[1] or 0.0


def with_gaps(rows: Sequence[Row], longest: Millis) -> list[Row]:
    """With a row without value, flag MISSING, between two that lie further apart than `longest` ms."""
    found = list(rows[:1])
    for (before, _, _), row in pairwise(rows):
        if row[0] - before > longest:
            found.append((before + longest, None, Flag.MISSING))
        found.append(row)
    return found


# --- rain -----------------------------------------------------------------------------------------


class Sum(Struct, frozen=True):
    """What fell within one step: mm, None where the gauge said nothing; the worst flag, then MISSING."""

    mm: float | None
    flag: int


def edges(since: Millis, until: Millis, step: Step, zone: tzinfo) -> list[Millis]:
    """The ends of the steps which cover `since` to `until`: full hours and midnights of the site's clock."""
    if step == "1d":
        day = day_of(since, zone)
        found = [begins(day, zone)]
        while found[-1] < until:
            day += timedelta(days=1)
            found.append(begins(day, zone))
        return found
    width = STEPS[step]
    offset = wall(since, zone).utcoffset() or timedelta()
    ahead = offset // timedelta(milliseconds=1) % width
    first = (since + ahead) // width * width - ahead
    return list(range(first, until + width, width))


def sums(rows: Sequence[Row], ends: Sequence[Millis]) -> list[Sum]:
    """The amounts between each two of `ends`.

    A report tells of the time before it: that of 21:00 is part of the hour from 20:00 to 21:00. What has
    failed a check is not added, but is said in the flag.
    """
    return [
        total(rows[bisect_left(rows, start + 1, key=_at) : bisect_left(rows, end + 1, key=_at)])
        for start, end in pairwise(ends)
    ]


def total(rows: Sequence[Row]) -> Sum:
    """Of reports that each tell what fell since the one before."""
    usable = [value for _, value, flag in rows if value is not None and flag < Flag.FAIL]
    worst = max((flag for _, _, flag in rows), default=int(Flag.MISSING))
    return Sum(round(sum(usable), 3) if usable else None, worst)


def _at(row: Row) -> Millis:
    return row[0]
