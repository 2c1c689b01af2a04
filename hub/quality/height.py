"""From what a gauge measures to the height of the water above gauge zero."""

from collections.abc import Sequence
from typing import NamedTuple

from devices.frame import Measure, Millis
from hub.config.shapes import Gauge, Profile
from hub.model import Flag

LEVEL = "level_m"
DISTANCE = "distance_m"
DEPTH = "depth_m"
PRESSURE = "pressure_bar"
AIR = "air_c"

WATER_M_PER_BAR = 10.197
"""Height of fresh water whose weight is 1 bar: 1e5 / (1000 x 9.80665). For pressure above that of the air."""


BELOW_BED_M = 0.3
ABOVE_BANK_M = 2.0
"""Further out the sensor cannot be right (DOMAIN notes 1.6)."""


class Sample(NamedTuple):
    """One level as it was measured. `raw` is the sensor's own number, `level` m above gauge zero.

    `in_range` is None where no range is known; `warm` is False where the air temperature is needed to
    correct the distance and is not known.
    """

    at: Millis | None
    level: float | None
    raw: float | None
    in_range: bool | None
    warm: bool = True


def in_range(profile: Profile, quantity: str, value: float) -> Flag:
    """PASS or FAIL by the profile's range, NOT_EVALUATED where it has none. NaN and infinity fail."""
    limits = profile.quantities.get(quantity)
    if limits is None:
        return Flag.NOT_EVALUATED if value - value == 0.0 else Flag.FAIL
    return Flag.PASS if limits.min <= value <= limits.max else Flag.FAIL


def speed_of_sound(air_c: float) -> float:
    """m/s in air of `air_c` degrees Celsius (DOMAIN notes 1.5: 0.17 % of the distance per degree)."""
    return 331.3 + 0.606 * air_c


def samples(gauge: Gauge, profile: Profile, measures: Sequence[Measure]) -> list[Sample]:
    """The levels in one uplink, by the first of: `level_m` as sent, `distance_m` below `sensor_height_m`,
    `depth_m` or `pressure_bar` (above that of the air) over `probe_height_m`. Empty where there is none.
    """
    source = _source(gauge, {measure.quantity for measure in measures})
    return [_sample(gauge, profile, measure, measures) for measure in measures if measure.quantity == source]


def _source(gauge: Gauge, sent: set[str]) -> str:
    if LEVEL in sent:
        return LEVEL
    if DISTANCE in sent and gauge.sensor_height_m is not None:
        return DISTANCE
    if gauge.probe_height_m is not None:
        return DEPTH if DEPTH in sent else PRESSURE
    return ""


def _sample(gauge: Gauge, profile: Profile, measure: Measure, measures: Sequence[Measure]) -> Sample:
    quantity, raw, warm = measure.quantity, measure.value, True
    if raw is None:
        return Sample(measure.at, None, None, None)
    level = raw
    if quantity == DISTANCE and gauge.sensor_height_m is not None:
        distance = raw
        if gauge.assumed_air_c is not None:
            air_c = _air(profile, measures, measure.at)
            warm = air_c is not None
            if air_c is not None:
                distance *= speed_of_sound(air_c) / speed_of_sound(gauge.assumed_air_c)
        level = gauge.sensor_height_m - distance
    elif quantity != LEVEL and gauge.probe_height_m is not None:
        level = gauge.probe_height_m + (raw * WATER_M_PER_BAR if quantity == PRESSURE else raw)
    # Unrounded, 4.22 - 0.42 falls a hair short of 3.8, and the reading at the threshold is not told.
    level = round(level, 4)
    return Sample(measure.at, level, raw, _fits(gauge, profile, quantity, raw, level), warm)


def _air(profile: Profile, measures: Sequence[Measure], at: Millis | None) -> float | None:
    for measure in measures:
        if measure.quantity == AIR and measure.at == at and measure.value is not None:
            return None if in_range(profile, AIR, measure.value) is Flag.FAIL else measure.value
    return None


def _fits(gauge: Gauge, profile: Profile, quantity: str, raw: float, level: float) -> bool | None:
    """Within the sensor's range and the river's bed and banks; None where neither is known."""
    flags = {in_range(profile, quantity, raw), in_range(profile, LEVEL, level)}
    if gauge.bed_m is not None:
        flags.add(Flag.PASS if level >= gauge.bed_m - BELOW_BED_M else Flag.FAIL)
    if gauge.bank_m is not None:
        flags.add(Flag.PASS if level <= gauge.bank_m + ABOVE_BANK_M else Flag.FAIL)
    if Flag.FAIL in flags:
        return False
    return True if Flag.PASS in flags else None
