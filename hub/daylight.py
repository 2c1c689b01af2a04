"""Sunrise and sunset at a place. Pure.

By the equations of the NOAA Solar Calculator in their short form (NOAA Global Monitoring Division, "General
Solar Position Calculations"): good to a minute or two between 60 N and 60 S. The sun's upper edge on a flat
horizon: in a valley it is dark earlier.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import acos, cos, degrees, pi, radians, sin, tan
from typing import NamedTuple

from devices.frame import Millis

MINUTE: Millis = 60_000
DAY: Millis = 86_400_000
ZENITH = radians(90.833)
"""Refraction and the sun's half width."""
LONGEST_DAYS = 400
"""What waits longer than this is counted from then on."""


class Sun(NamedTuple):
    """Where the sun is looked at from, in degrees north and east."""

    lat: float
    lon: float


@lru_cache(maxsize=1024)
def of_day(sun: Sun, day: int) -> tuple[Millis, Millis]:
    """Sunrise and sunset of the solar day that is `day` days after 1970-01-01 there: UTC epoch ms.

    Where the sun does not set the day is 24 h long, where it does not rise it has no length.
    """
    noon_utc = datetime(1970, 1, 1, 12, tzinfo=UTC) + timedelta(days=day)
    turn = 2 * pi / 365 * (noon_utc.timetuple().tm_yday - 1)
    equation = 229.18 * (
        0.000075
        + 0.001868 * cos(turn)
        - 0.032077 * sin(turn)
        - 0.014615 * cos(2 * turn)
        - 0.040849 * sin(2 * turn)
    )
    declination = (
        0.006918
        - 0.399912 * cos(turn)
        + 0.070257 * sin(turn)
        - 0.006758 * cos(2 * turn)
        + 0.000907 * sin(2 * turn)
        - 0.002697 * cos(3 * turn)
        + 0.00148 * sin(3 * turn)
    )
    lat = radians(max(-89.9, min(89.9, sun.lat)))
    half = cos(ZENITH) / (cos(lat) * cos(declination)) - tan(lat) * tan(declination)
    half_day = 4 * degrees(acos(max(-1.0, min(1.0, half))))
    noon = day * DAY + round((720 - 4 * sun.lon - equation) * MINUTE)
    return noon - round(half_day * MINUTE), noon + round(half_day * MINUTE)


def is_day(sun: Sun, now: Millis) -> bool:
    return any(rise <= now < set_ for rise, set_ in _around(sun, now))


def next_sunrise(sun: Sun, now: Millis) -> Millis:
    """The first sunrise after now."""
    return next(rise for rise, _ in _around(sun, now, ahead=3) if rise > now)


def between(sun: Sun, since: Millis, until: Millis) -> Millis:
    """How much of this time was day."""
    since = max(since, until - LONGEST_DAYS * DAY)
    first, last = since // DAY - 1, until // DAY + 1
    days = (of_day(sun, day) for day in range(first, last + 1))
    return sum(max(0, min(set_, until) - max(rise, since)) for rise, set_ in days)


def _around(sun: Sun, now: Millis, ahead: int = 1) -> list[tuple[Millis, Millis]]:
    day = now // DAY
    return [of_day(sun, one) for one in range(day - 1, day + ahead + 1)]
