"""How long a battery lasts, from what was measured of it in four weeks: days, or honestly nothing."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.config.shapes import Battery
from hub.console.views.battery_life import DAY, FURTHEST, days_left

NOW = 1_790_000_000_000
VOLTS = Battery(low=3.3, ok=3.5)
CURVE = Battery(low=3.3, ok=3.5, curve=((3.0, 0), (3.3, 20), (3.6, 100)))


def samples(per_day: float, start: float = 3.9, days: int = 28, step: int = 2) -> list[tuple[int, float]]:
    return [(NOW - back * DAY, start + per_day * (days - back)) for back in range(days, -1, -step)]


def test_a_battery_that_falls_evenly_lasts_until_it_is_low():
    assert days_left(VOLTS, samples(-0.01), NOW) == 31  # (3.9 - 0.28 - 3.3) / 0.01, and not one day more
    assert days_left(CURVE, samples(-0.005, 3.6), NOW) == 32  # in percent, along the curve


def test_a_battery_that_is_low_has_no_day_left_and_one_that_lasts_lasts_a_year_or_more():
    assert days_left(VOLTS, samples(-0.03, 3.9), NOW) == 0
    assert days_left(VOLTS, samples(-0.0001), NOW) == FURTHEST


@pytest.mark.parametrize(
    "unclear",
    [
        [],
        samples(-0.01)[:3],
        samples(-0.01, days=8, step=1),
        [(at - 9 * DAY, value) for at, value in samples(-0.01)],
        samples(0.0),
        samples(+0.01),
        [(at, 3.8 + 0.1 * math.sin(at / DAY * 2.1)) for at, _ in samples(0)],
    ],
    ids=["none", "few", "of a week", "old", "flat", "charging", "up and down"],
)
def test_nothing_is_said_where_nobody_can_say(unclear):
    assert days_left(VOLTS, unclear, NOW) is None


def test_a_new_battery_begins_anew():
    worn, new = samples(-0.01, 3.5, days=28)[:5], samples(-0.01, 4.0, days=14, step=1)
    assert days_left(VOLTS, worn + new, NOW) == days_left(VOLTS, new, NOW) == 55
    assert days_left(VOLTS, worn + new[-3:], NOW) is None


def test_a_few_wild_values_move_it_by_days_and_not_by_months():
    wild = samples(-0.01)
    wild[4], wild[9] = (wild[4][0], 2.1), (wild[9][0], wild[9][1] + 0.19)
    found = days_left(VOLTS, wild, NOW)
    assert found is not None
    assert abs(found - 31) <= 3


@given(
    st.floats(-0.03, -0.002),
    st.lists(st.floats(-0.01, 0.01), min_size=15, max_size=15),
    st.randoms(use_true_random=False),
)
def test_noise_and_order_do_not_change_it_by_much(per_day, noise, random):
    clean = samples(per_day)
    noisy = [(at, value + shift) for (at, value), shift in zip(clean, noise, strict=True)]
    random.shuffle(noisy)
    exact, found = days_left(VOLTS, clean, NOW), days_left(VOLTS, noisy, NOW)
    assert exact is not None
    assert found is None or abs(found - exact) <= 5 + 0.02 / abs(per_day) * (1 + exact / 14)


@given(
    st.lists(st.tuples(st.integers(0, NOW), st.floats(allow_nan=True, allow_infinity=True)), max_size=30),
    st.sampled_from([VOLTS, CURVE, Battery(quantity="battery_pct", low=20, ok=30)]),
)
def test_whatever_was_measured_it_is_days_or_nothing(measured, battery):
    found = days_left(battery, measured, NOW)
    assert found is None or 0 <= found <= FURTHEST
