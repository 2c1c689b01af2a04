"""How long a battery lasts: a robust line through its readings of the last weeks. Pure."""

from collections.abc import Sequence
from itertools import combinations, pairwise
from math import isfinite, sqrt
from statistics import median

from devices.frame import Millis
from hub.config.shapes import Battery
from hub.detect.battery import percent

DAY: Millis = 86_400_000
LEAST = 6
LEAST_SPAN: Millis = 10 * DAY
"""Fewer samples, or over less time, tell the weather from the wear no more than a guess does."""
STALE: Millis = 4 * DAY
"""Nothing newer than this: what it was like then says nothing of today."""
SURE = 1.96
"""Standard deviations by which the falls must outnumber the rises: chance does that once in 40 times."""
FURTHEST = 365
"""Days. A line through four weeks does not reach further; so many stand for a year or more."""

Samples = Sequence[tuple[Millis, float]]


def days_left(battery: Battery, samples: Samples, now: Millis) -> int | None:
    """Whole days until it is low, 0 where it is, `FURTHEST` at most; None where nobody can honestly say.

    `samples`: (time, value of the battery's quantity), in any order, taken at about the same hour of the day,
    so that a cold night is not taken for wear. The line is that of Theil and Sen, in percent where the
    profile has a curve; it counts where the test of Mann and Kendall finds a fall. A battery that rises by
    more than the hysteresis from low to well has been changed or charged: what was before is left out.
    """
    known = _since_changed(battery, sorted({at: v for at, v in samples if isfinite(v) and at <= now}.items()))
    if len(known) < LEAST or known[-1][0] - known[0][0] < LEAST_SPAN or now - known[-1][0] > STALE:
        return None
    line = [((at - now) / DAY, _charge(battery, value)) for at, value in known]
    if not _falls([value for _, value in line]):
        return None
    slope = median((b - a) / (t - s) for (s, a), (t, b) in combinations(line, 2))
    if slope >= 0:
        return None
    today = median(value - slope * t for t, value in line)
    left = (_charge(battery, battery.low) - today) / slope
    return int(min(max(left, 0), FURTHEST)) if isfinite(left) else None


def _charge(battery: Battery, value: float) -> float:
    found = percent(battery, value)
    return value if found is None else found


def _since_changed(battery: Battery, samples: Samples) -> Samples:
    step = max(battery.ok - battery.low, 0.0)
    cut = 0
    for place, ((_, before), (_, after)) in enumerate(pairwise(samples), start=1):
        if after - before > step > 0:
            cut = place
    return samples[cut:]


def _falls(values: Sequence[float]) -> bool:
    """Mann and Kendall's test, one-sided; ties count for neither side."""
    n = len(values)
    rises = sum((b > a) - (b < a) for a, b in combinations(values, 2))
    return (rises + 1) / sqrt(n * (n - 1) * (2 * n + 5) / 18) <= -SURE
