"""When to change a battery: below `low`, until it is above `ok` again."""

from itertools import pairwise

from devices.frame import Measure
from hub.config.shapes import Battery, Profile


def measured(profile: Profile, measures: tuple[Measure, ...]) -> float | None:
    """The battery's value now, if stated. What the device stored earlier, or cannot be, is passed over."""
    battery = profile.battery
    if battery is None:
        return None
    for measure in measures:
        if measure.quantity != battery.quantity or measure.value is None or measure.at is not None:
            continue
        possible = profile.quantities.get(battery.quantity)
        if possible is None or possible.min <= measure.value <= possible.max:
            return measure.value
    return None


def is_low(battery: Battery, value: float, *, before: bool) -> bool:
    """With the hysteresis between `low` and `ok`: a cold night is no new battery."""
    return value <= battery.ok if before else value < battery.low


def percent(battery: Battery, value: float) -> float | None:
    """By the profile's curve, straight between its points; a quantity in percent is its own answer."""
    if battery.quantity.endswith("_pct"):
        return value
    curve = sorted(battery.curve)
    if not curve:
        return None
    if value <= curve[0][0]:
        return curve[0][1]
    for (low, low_percent), (high, high_percent) in pairwise(curve):
        if value <= high:
            return low_percent + (high_percent - low_percent) * (value - low) / (high - low)
    return curve[-1][1]
