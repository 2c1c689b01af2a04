"""Flags beside the value: what each quality test says, and what it leaves alone."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.frame import Measure
from hub import quality
from hub.config.shapes import Device, Kind, Profile, Quantity
from hub.model import Flag, Freshness, Reading, Uplink
from tests.towns import DAY, HOUR, MINUTE, SECOND, at, gauge, pir

NOW = at("2026-07-01 12:00")
LATE_AFTER, LIVE_WITHIN = HOUR, 2 * MINUTE

PLAIN = Profile(
    model="plain",
    name="plain",
    kind=Kind.ANIMAL,
    heartbeat="10m",
    quantities={"battery_v": Quantity(min=2, max=5), "air_c": Quantity(min=-40, max=60)},
)


def when(device_time: int | None, received_at: int = NOW, *, retain: bool = False):
    return quality.when(device_time, received_at, LATE_AFTER, LIVE_WITHIN, retain=retain)


def check(*measures: Measure, device: Device | None = None, profile: Profile = PLAIN) -> list[Reading]:
    """The readings of one uplink of now."""
    device = device or pir("a")
    uplink = Uplink(device.id, NOW, measures=measures)
    return quality.check(device, profile, quality.DeviceQuality(), uplink, NOW, Freshness.LIVE, NOW)[1]


def flags(readings: list[Reading]) -> list[int]:
    return [int(reading.flag) for reading in readings]


# --- time and freshness ---------------------------------------------------------------------------


def test_the_device_time_counts_and_its_age_is_the_freshness():
    assert when(NOW - 5 * SECOND) == (NOW - 5 * SECOND, Freshness.LIVE, ())
    assert when(NOW - LIVE_WITHIN - 1)[1] is Freshness.DELAYED
    assert when(NOW - LATE_AFTER)[1] is Freshness.DELAYED
    assert when(NOW - LATE_AFTER - 1)[1] is Freshness.LATE


def test_without_device_time_the_receive_time_counts_and_nothing_is_wrong():
    assert when(None) == (NOW, Freshness.LIVE, ())


@pytest.mark.parametrize(
    "insane",
    [at("0001-01-02 00:00"), at("2014-12-31 23:59"), at("2106-02-07 06:28"), NOW + 5 * MINUTE + 1],
    ids=["year 1", "before 2015", "year 2106", "over 5 minutes ahead"],
)
def test_an_insane_device_clock_gives_way_to_the_receive_time_and_is_named(insane):
    assert when(insane) == (NOW, Freshness.LIVE, ("clock",))


def test_a_clock_that_runs_5_minutes_ahead_is_still_believed():
    assert when(NOW + 5 * MINUTE) == (NOW + 5 * MINUTE, Freshness.LIVE, ())


def test_a_hub_whose_clock_is_not_set_takes_its_own_time():
    booted = at("1970-01-01 09:00")
    assert when(NOW, booted) == (booted, Freshness.LIVE, ("clock",))


def test_what_the_broker_retained_is_retained_at_any_age():
    assert when(NOW, retain=True)[1] is Freshness.RETAINED
    assert when(NOW - DAY, retain=True)[:2] == (NOW - DAY, Freshness.RETAINED)


@given(device_time=st.one_of(st.none(), st.integers(-(2**62), 2**62)), retain=st.booleans())
def test_no_device_clock_can_place_a_reading_before_2015_or_in_the_future(device_time, retain):
    found, _, tests = when(device_time, retain=retain)
    assert quality.EARLIEST_AT <= found <= NOW + 5 * MINUTE
    assert bool(tests) == (device_time is not None and found != device_time)


def test_a_skewed_clock_is_named_on_every_reading_and_worsens_no_flag():
    uplink = Uplink("a", at("2106-02-07 06:28"), measures=(Measure("battery_v", 3.6), Measure("air_c", 18.0)))
    found = quality.check(pir("a"), PLAIN, quality.DeviceQuality(), uplink, NOW, Freshness.LIVE, NOW)[1]
    assert [(r.at, r.flag, r.tests) for r in found] == [(NOW, Flag.PASS, ("clock",))] * 2


# --- every quantity -------------------------------------------------------------------------------


def test_a_value_within_the_range_of_its_profile_passes_and_one_outside_fails_with_its_value_kept():
    good, low, high = check(Measure("battery_v", 2.0), Measure("battery_v", 1.99), Measure("air_c", 85.0))
    assert (good.flag, good.tests) == (Flag.PASS, ())
    assert (low.flag, low.tests, low.value) == (Flag.FAIL, ("range",), 1.99)
    assert (high.flag, high.tests, high.value) == (Flag.FAIL, ("range",), 85.0)


def test_a_quantity_without_range_is_not_evaluated():
    assert check(Measure("humidity_pct", 55.0))[0].flag is Flag.NOT_EVALUATED


def test_no_value_is_missing():
    (reading,) = check(Measure("air_c", None, why="No Sensor"))
    assert (reading.value, reading.flag, reading.tests) == (None, Flag.MISSING, ("missing",))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("quantity", ["air_c", "humidity_pct"])
def test_what_is_not_a_number_fails_with_and_without_a_range(quantity, value):
    assert check(Measure(quantity, value))[0].flag is Flag.FAIL


def test_a_measure_from_the_device_memory_is_stored_at_its_own_time():
    now, then = check(Measure("air_c", 18.0), Measure("air_c", 17.0, at=NOW - DAY))
    assert (now.at, now.freshness) == (NOW, Freshness.LIVE)
    assert (then.at, then.freshness) == (NOW - DAY, Freshness.STORED)


def test_a_stored_measure_with_an_insane_time_stays_history():
    (reading,) = check(Measure("air_c", 18.0, at=at("2106-02-07 06:28")))
    assert (reading.at, reading.freshness, reading.tests) == (NOW, Freshness.STORED, ("clock",))


def test_a_device_that_is_no_gauge_leaves_its_state_as_the_same_object():
    state = quality.DeviceQuality()
    uplink = Uplink("a", NOW, measures=(Measure("level_m", 3.0), Measure("air_c", 99.0)))
    assert quality.check(pir("a"), PLAIN, state, uplink, NOW, Freshness.LIVE, NOW)[0] is state


@given(value=st.one_of(st.none(), st.floats()), quantity=st.sampled_from(["air_c", "distance_m", "depth_m"]))
def test_every_value_is_kept_beside_its_flag_whatever_it_is(value, quantity):
    device = gauge("g", {}, sensor_height_m=6.0, probe_height_m=0.2, assumed_air_c=20.0)
    (raw,) = [r for r in check(Measure(quantity, value), device=device) if r.quantity == quantity]
    assert repr(raw.value) == repr(value)


# --- from the sensor to the level -----------------------------------------------------------------


def level_of(*measures: Measure, **of_gauge) -> Reading:
    (reading,) = [
        reading
        for reading in check(*measures, device=gauge("g", {}, **of_gauge))
        if reading.quantity == "level_m"
    ]
    return reading


def test_the_level_is_the_height_of_the_sensor_less_its_distance_and_may_be_negative():
    assert level_of(Measure("distance_m", 2.31), sensor_height_m=6.0).value == 3.69
    assert level_of(Measure("distance_m", 7.25), sensor_height_m=6.0).value == -1.25


def test_a_distance_that_is_exactly_a_threshold_away_gives_exactly_the_threshold():
    assert 4.02 - 0.22 < 3.8
    assert level_of(Measure("distance_m", 0.22), sensor_height_m=4.02).value == 3.8


def test_the_level_is_the_height_of_the_probe_and_the_water_over_it():
    assert level_of(Measure("depth_m", 1.5), probe_height_m=-0.4).value == 1.1
    assert level_of(Measure("pressure_bar", 0.1), probe_height_m=0.5).value == 1.5197


def test_a_level_as_the_gauge_states_it_counts_before_a_distance():
    assert level_of(Measure("distance_m", 2.0), Measure("level_m", 1.0), sensor_height_m=6.0).value == 1.0


def test_a_distance_without_surveyed_height_gives_no_level():
    assert [r.quantity for r in check(Measure("distance_m", 2.0), device=gauge("g", {}))] == ["distance_m"]


def test_a_distance_that_the_sensor_does_not_have_is_a_missing_level():
    reading = level_of(Measure("distance_m", None), sensor_height_m=6.0)
    assert (reading.value, reading.flag, reading.tests) == (None, Flag.MISSING, ("missing",))


@pytest.mark.parametrize(("air_c", "error_m"), [(20.0, 0.0), (35.0, 0.1324), (-10.0, -0.2647)])
def test_an_ultrasonic_distance_is_corrected_for_the_air_it_went_through(air_c, error_m):
    """c(T) = 331.3 + 0.606 T: what a sensor that assumes 20 degrees takes for 5 m."""
    reading = level_of(
        Measure("distance_m", 5.0), Measure("air_c", air_c), sensor_height_m=10.0, assumed_air_c=20.0
    )
    assert reading.value == pytest.approx(5.0 - error_m, abs=1e-4)
    assert reading.flag is Flag.NOT_EVALUATED


@pytest.mark.parametrize("air", [(), (Measure("air_c", None),), (Measure("air_c", 99.0),)])
def test_without_a_believable_thermometer_the_level_is_uncorrected_and_suspect(air):
    device = gauge("g", {}, sensor_height_m=10.0, assumed_air_c=20.0)
    (reading,) = [
        r for r in check(Measure("distance_m", 5.0), *air, device=device) if r.quantity == "level_m"
    ]
    assert (reading.value, reading.flag, reading.tests) == (5.0, Flag.SUSPECT, ("no_air_temperature",))


def test_a_stored_distance_is_not_corrected_with_the_air_of_now():
    measures = Measure("distance_m", 5.0, at=NOW - HOUR), Measure("air_c", 35.0)
    reading = level_of(*measures, sensor_height_m=10.0, assumed_air_c=20.0)
    assert (reading.value, reading.flag) == (5.0, Flag.SUSPECT)


def test_a_distance_outside_the_range_of_the_sensor_fails_as_distance_and_as_level():
    profile = Profile(
        model="p",
        name="p",
        kind=Kind.RIVER,
        heartbeat="10m",
        quantities={"distance_m": Quantity(min=0.3, max=10)},
    )
    device = gauge("g", {}, sensor_height_m=6.0)
    assert flags(check(Measure("distance_m", 0.2), device=device, profile=profile)) == [4, 4]


@pytest.mark.parametrize(
    ("level_m", "flag"), [(-1.3, Flag.PASS), (-1.31, Flag.FAIL), (6.0, Flag.PASS), (6.01, Flag.FAIL)]
)
def test_a_level_far_below_the_bed_or_above_the_bank_fails(level_m, flag):
    assert level_of(Measure("level_m", level_m), bed_m=-1.0, bank_m=4.0).flag is flag
