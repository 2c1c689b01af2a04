"""Sunrise and sunset: against the almanac, and what always holds."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import daylight
from hub.daylight import DAY, Sun
from tests.towns import HOUR, MINUTE, at

TOKYO = Sun(35.6581, 139.7414)


@pytest.mark.parametrize(
    ("day", "rise", "set_"),
    [
        ("2026-01-01", "06:51", "16:38"),
        ("2026-03-20", "05:45", "17:53"),
        ("2026-06-21", "04:25", "19:00"),
        ("2026-12-22", "06:47", "16:32"),
    ],
)
def test_tokyo_agrees_with_the_almanac_to_two_minutes(day: str, rise: str, set_: str) -> None:
    """The almanac of the National Astronomical Observatory of Japan (暦計算室) prints whole minutes."""
    number = (date.fromisoformat(day) - date(1970, 1, 1)).days
    found = daylight.of_day(TOKYO, number)
    for moment, wanted in zip(found, (rise, set_), strict=True):
        assert abs(moment - at(f"{day} {wanted}")) <= 2 * MINUTE


def test_by_day_it_is_day_and_the_next_sunrise_is_tomorrows() -> None:
    noon = at("2026-11-21 12:00")
    assert daylight.is_day(TOKYO, noon)
    assert not daylight.is_day(TOKYO, at("2026-11-21 23:00"))
    assert not daylight.is_day(TOKYO, at("2026-11-21 04:00"))
    sunrise = datetime.fromtimestamp(daylight.next_sunrise(TOKYO, noon) / 1000, UTC)
    assert sunrise.isoformat().startswith("2026-11-21T21:2")


PLACES = st.builds(Sun, st.floats(-90, 90), st.floats(-180, 180))
TIMES = st.integers(0, 4_102_444_800_000)


@given(PLACES, TIMES, st.integers(0, 40 * DAY), st.integers(0, 40 * DAY))
def test_daylight_adds_up_and_is_no_more_than_the_time(sun: Sun, since: int, one: int, two: int) -> None:
    first = daylight.between(sun, since, since + one)
    second = daylight.between(sun, since + one, since + one + two)
    assert 0 <= first <= one
    assert daylight.between(sun, since, since + one + two) == first + second


@given(st.builds(Sun, st.floats(24, 46), st.floats(122, 154)), TIMES)
def test_in_japan_every_day_has_its_night_and_the_sun_rises_within_a_day(sun: Sun, now: int) -> None:
    assert 8 * HOUR < daylight.between(sun, now, now + DAY) < 17 * HOUR
    assert 0 < daylight.next_sunrise(sun, now) - now <= DAY + 10 * MINUTE
