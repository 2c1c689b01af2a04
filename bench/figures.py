"""From what was measured to figures: percentiles and slopes."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

LATENCIES = {"p50": 0.5, "p99": 0.99, "p999": 0.999}


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value which that share of them does not exceed (nearest rank). ValueError: no values."""
    if not values:
        raise ValueError("no values")
    ranked = sorted(values)
    return ranked[max(math.ceil(share * len(ranked)) - 1, 0)]


def exponent(curve: Mapping[int, float]) -> float:
    """How a cost grows with a size n, as n to the power of this: the steepest step of the curve.

    1 is linear. Of sizes in rising order, all above 0, each with a cost above 0.
    """
    steps = list(curve.items())
    return max(
        math.log(cost / cost_before) / math.log(size / size_before)
        for (size_before, cost_before), (size, cost) in pairwise(steps)
    )
