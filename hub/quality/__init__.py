"""Whether a reading can be believed: flags beside the value, never instead of it.

Flags are those of QARTOD (Manual for Real-Time Quality Control of Water Level Data v2.1, 2021). Every
quantity is tested for being there and for its range; the level of a river gauge is tested further
(`hub.quality.level`). A flag that was set stays: what is learned later is said with the reading that
brought it.
"""

from msgspec import Struct

from devices.frame import Measure, Millis
from hub.config.shapes import Device, Gauge, Profile
from hub.model import Flag, Freshness, Reading, Uplink
from hub.quality import height
from hub.quality.height import Sample
from hub.quality.level import DeviceQuality, judge, pace_of

__all__ = ["DeviceQuality", "check", "is_plausible", "when"]

EARLIEST_AT: Millis = 1_420_070_400_000
"""2015-01-01T00:00:00Z: a time before it comes from a clock that nobody has set."""
AHEAD_ALLOWED: Millis = 300_000
"""A device clock may run ahead by so much and is still believed."""

CLOCK = ("clock",)
MISSING = ("missing",)
RANGE = ("range",)


class Stamp(Struct, frozen=True):
    """What all readings of one uplink have in common."""

    at: Millis
    freshness: Freshness
    received_at: Millis
    tests: tuple[str, ...]


def is_plausible(at: Millis, received_at: Millis) -> bool:
    """False for year 0001, 2106 and whatever else the clock of a device can say."""
    return EARLIEST_AT <= at <= received_at + AHEAD_ALLOWED


def when(
    uplink_at: Millis | None,
    received_at: Millis,
    late_after: Millis,
    live_within: Millis,
    *,
    retain: bool,
) -> tuple[Millis, Freshness, tuple[str, ...]]:
    """The time of what a device says, how far it is the present, and the tests its clock did not pass.

    The device's own time counts. Where it sent none, or one that cannot be (before 2015, more than 5 min
    ahead of the hub, or the hub's own clock not set), the receive time counts; "clock" is named unless none
    was sent. LIVE up to `live_within` ms old, DELAYED up to `late_after`, then LATE; what the broker had
    retained is RETAINED at any age.
    """
    at: Millis = received_at
    tests: tuple[str, ...] = ()
    if uplink_at is not None:
        if is_plausible(uplink_at, received_at):
            at = uplink_at
        else:
            tests = CLOCK
    age = received_at - at
    if retain:
        freshness = Freshness.RETAINED
    elif age <= live_within:
        freshness = Freshness.LIVE
    else:
        freshness = Freshness.DELAYED if age <= late_after else Freshness.LATE
    return at, freshness, tests


def check(  # noqa: PLR0917
    device: Device,
    profile: Profile,
    state: DeviceQuality,
    uplink: Uplink,
    at: Millis,
    freshness: Freshness,
    received_at: Millis,
    rain_mm_h: float = 0.0,
) -> tuple[DeviceQuality, list[Reading]]:
    """A reading for every measure of `uplink`, and the level of the water where `device` is a gauge.

    `at` and `freshness` are those of `when`. A measure with its own `at` is from the device's memory: STORED.
    Flag: MISSING without a value, FAIL outside the profile's range or not a number, NOT_EVALUATED where the
    profile has no range, else PASS. `rain_mm_h` is the rain nearby, for the flat-line test. The state is the
    same object where nothing was learned: always, for what is not a gauge.
    """
    stamp = Stamp(at, freshness, received_at, CLOCK if uplink.at is not None and uplink.at != at else ())
    gauge = device.gauge
    if gauge is None:
        return state, [_plain(device.id, profile, measure, stamp) for measure in uplink.measures]
    readings = [_plain(device.id, profile, m, stamp) for m in uplink.measures if m.quantity != height.LEVEL]
    for sample in height.samples(gauge, profile, uplink.measures):
        state, reading = _level(device, profile, state, sample, stamp, gauge=gauge, rain_mm_h=rain_mm_h)
        readings.append(reading)
    return state, readings


def _plain(device_id: str, profile: Profile, measure: Measure, stamp: Stamp) -> Reading:
    if measure.at is not None:
        stamp = _stored(measure.at, stamp.received_at)
    value, tests = measure.value, stamp.tests
    if value is None:
        flag = Flag.MISSING
        tests = (*MISSING, *tests)
    else:
        flag = height.in_range(profile, measure.quantity, value)
        if flag is Flag.FAIL:
            tests = (*RANGE, *tests)
    return Reading(
        device_id, measure.quantity, stamp.at, value, flag, stamp.received_at, tests, stamp.freshness
    )


def _stored(at: Millis, received_at: Millis) -> Stamp:
    if is_plausible(at, received_at):
        return Stamp(at, Freshness.STORED, received_at, ())
    return Stamp(received_at, Freshness.STORED, received_at, CLOCK)


def _level(
    device: Device,
    profile: Profile,
    state: DeviceQuality,
    sample: Sample,
    stamp: Stamp,
    *,
    gauge: Gauge,
    rain_mm_h: float,
) -> tuple[DeviceQuality, Reading]:
    """The reading of the level. What is not of the present is tested for range and teaches nothing."""
    if sample.at is not None:
        stamp = _stored(sample.at, stamp.received_at)
    if state.at > stamp.received_at + AHEAD_ALLOWED:
        state = DeviceQuality()  # remembered while the hub's clock was wrong
    level = sample.level
    flag: Flag = Flag.MISSING
    tests: tuple[str, ...] = MISSING
    if level is not None:
        pace = pace_of(device, profile, gauge, state)
        if stamp.freshness <= Freshness.DELAYED:
            state, flag, tests = judge(gauge, state, sample, level, stamp.at, pace=pace, rain_mm_h=rain_mm_h)
        else:
            _, flag, tests = judge(gauge, DeviceQuality(), sample, level, stamp.at, pace=pace)
    return state, Reading(
        device.id,
        height.LEVEL,
        stamp.at,
        level,
        flag,
        stamp.received_at,
        (*tests, *stamp.tests),
        stamp.freshness,
    )
