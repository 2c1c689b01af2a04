"""The level of a river over time: rate, spike, flat line, gap, backlog, order, wherever gauge zero lies."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.frame import Measure
from hub import quality
from hub.config.shapes import Kind, Profile
from hub.model import Flag, Freshness, Reading, Uplink
from tests.riverside import EVERY_10_MIN, EVERY_HOUR, Bank
from tests.towns import DAY, HOUR, MINUTE, SECOND, at, gauge

NOW = at("2026-07-01 12:00")


def bank(profile: Profile = EVERY_10_MIN, **of_gauge) -> Bank:
    return Bank(gauge("g", of_gauge.pop("levels_m", {}), **of_gauge), profile)


def flags(readings: list[Reading]) -> list[int]:
    return [int(reading.flag) for reading in readings]


# --- rate, spike, flat line -----------------------------------------------------------------------


def test_a_change_faster_than_the_gauge_allows_is_suspect_and_never_false():
    *_, jump = bank().levels(NOW, 10 * MINUTE, [1.0, 1.5, 2.01])
    assert (jump.flag, jump.tests) == (Flag.SUSPECT, ("rate",))
    *_, allowed = bank().levels(NOW, 10 * MINUTE, [1.0, 1.5, 2.0])
    assert (allowed.flag, allowed.tests) == (Flag.PASS, ())


def test_a_gauge_that_reports_every_hour_may_change_by_as_many_tens_of_minutes():
    assert flags(bank(EVERY_HOUR).levels(NOW, HOUR, [1.0, 4.0, 7.01])) == [2, 1, 3]


def test_the_return_from_a_fault_is_not_itself_a_fault():
    readings = bank().levels(NOW, 10 * MINUTE, [2.67, 2.61, 0.0, 0.0, 0.0, 0.0, 2.42, 2.40])
    assert flags(readings) == [2, 1, 3, 3, 3, 3, 1, 1]


def test_a_sudden_rise_is_believed_as_soon_as_a_second_level_agrees():
    assert flags(bank().levels(NOW, 10 * MINUTE, [2.0, 3.34, 3.6, 3.7])) == [2, 3, 1, 1]


def test_a_sudden_fall_that_lasts_and_moves_is_believed_after_an_hour():
    levels = [5.0, 3.0, 2.98, 2.97, 2.97, 2.96, 2.95, 2.95, 2.94]
    assert flags(bank().levels(NOW, 10 * MINUTE, levels)) == [2, 3, 3, 3, 3, 3, 3, 1, 1]


def test_a_sensor_that_died_and_sends_one_number_is_never_believed():
    readings = bank(flat_suspect="100d", flat_fail="200d").levels(NOW, 10 * MINUTE, [5.0] + [0.0] * 300)
    assert set(flags(readings[1:])) == {3}


@pytest.mark.parametrize("zero", [0.0, -1.0, -20.0])
def test_the_level_after_a_spike_says_so_and_passes_and_the_spike_keeps_its_flag(zero):
    levels = [zero + 1.51, zero + 0.51, zero + 1.50]
    before, spike, after = bank(EVERY_HOUR).levels(NOW, HOUR, levels)
    assert (spike.flag, spike.tests) == (Flag.PASS, ())
    assert (after.flag, after.tests) == (Flag.PASS, ("spike_before",))
    assert before.tests == ()


def test_the_river_after_a_believed_upward_spike_is_not_doubted():
    readings = bank(EVERY_HOUR).levels(NOW, 25 * MINUTE, [2.63, 3.80, 2.52, 2.42])
    assert flags(readings) == [2, 1, 1, 1]
    assert readings[2].tests == ("spike_before",)


def test_a_high_level_below_gauge_zero_is_no_spike():
    readings = bank(EVERY_HOUR).levels(NOW, HOUR, [-2.0, -2.02, -2.0])
    assert readings[-1].tests == ()


def test_a_fault_of_several_samples_is_no_spike():
    readings = bank().levels(NOW, 10 * MINUTE, [2.6, 0.0, 0.0, 2.6])
    assert readings[-1].tests == ()


def test_levels_hours_apart_make_no_spike():
    there = bank()
    there.levels(NOW, 10 * MINUTE, [1.5, 1.1])
    assert there.level(NOW + 10 * HOUR, 1.5).tests == ("gap",)


def test_the_crest_of_a_flood_is_no_spike():
    readings = bank(EVERY_HOUR).levels(NOW, HOUR, [2.0, 3.5, 4.6, 3.9, 3.2])
    assert [reading.tests for reading in readings] == [()] * 5


def test_an_unchanged_raw_value_is_suspect_after_6_hours_and_fails_after_24():
    readings = bank().levels(NOW, 10 * MINUTE, [1.234] * 200)
    found = {(r.at - NOW) // MINUTE: r for r in readings}
    assert (found[350].flag, found[350].tests) == (Flag.PASS, ())
    assert (found[360].flag, found[360].tests) == (Flag.SUSPECT, ("flat",))
    assert (found[1430].flag, found[1440].flag) == (Flag.SUSPECT, Flag.FAIL)


def test_the_flat_line_ends_with_the_first_other_digit():
    readings = bank().levels(NOW, 10 * MINUTE, [1.234] * 40 + [1.235])
    assert readings[-2].flag is Flag.SUSPECT
    assert (readings[-1].flag, readings[-1].tests) == (Flag.PASS, ())


def test_the_patience_with_a_flat_line_is_the_station_s_own():
    own = bank(flat_suspect="1h", flat_fail="2h")
    assert flags(own.levels(NOW, 10 * MINUTE, [1.0] * 13)) == [2] + [1] * 5 + [3] * 6 + [4]


def test_the_same_number_before_and_after_a_silence_is_no_flat_line():
    there = bank()
    there.levels(NOW, 10 * MINUTE, [1.0] * 5)
    assert there.level(NOW + 9 * HOUR, 1.0).tests == ("gap",)


def test_two_equal_reports_a_day_apart_are_no_flat_line():
    daily = Profile(model="p", name="p", kind=Kind.RIVER, heartbeat="1d")
    assert flags(bank(daily).levels(NOW, DAY, [1.0, 1.0])) == [2, 1]


def test_a_level_that_stands_still_in_heavy_rain_is_suspect_within_the_hour():
    device, state = gauge("g", {}), quality.DeviceQuality()
    found = []
    for i in range(8):
        now = NOW + i * 10 * MINUTE
        uplink = Uplink("g", now, measures=(Measure("level_m", 1.0),))
        state, readings = quality.check(
            device, EVERY_10_MIN, state, uplink, now, Freshness.LIVE, now, rain_mm_h=12.0
        )
        found += readings
    assert flags(found) == [2, 1, 1, 1, 1, 1, 3, 3]


# --- gaps, backlogs, order ------------------------------------------------------------------------


def test_a_gap_is_named_and_leaves_the_flag_alone():
    there = bank()
    there.level(NOW, 1.0)
    assert there.level(NOW + 20 * MINUTE, 1.0).tests == ()
    after = there.level(NOW + 41 * MINUTE, 1.0)
    assert (after.flag, after.tests) == (Flag.PASS, ("gap",))


def test_above_caution_the_interval_of_floods_decides_what_a_gap_is():
    flood = Profile(model="p", name="p", kind=Kind.RIVER, heartbeat="1d", flood_heartbeat="10m")
    there = bank(flood, levels_m={"caution": 3.0})
    calm = there.levels(NOW, 6 * HOUR, [1.0, 1.0, 3.2])
    assert [reading.tests for reading in calm] == [(), (), ()]
    assert there.level(calm[-1].at + 30 * MINUTE, 3.2).tests == ("gap",)


def test_levels_entered_at_once_after_a_silence_are_suspect_for_their_time():
    """Yaka Wewa, 2025-11-29: four values within 11 s after 38 h."""
    there = bank(EVERY_HOUR)
    there.level(NOW, 5.73)
    back = NOW + 38 * HOUR
    entered = [there.level(back + s * SECOND, v) for s, v in ((0, 5.71), (5, 5.73), (8, 5.74), (11, 2.11))]
    assert [(r.flag, r.tests) for r in entered] == [
        (Flag.PASS, ("gap",)),
        (Flag.SUSPECT, ("backlog",)),
        (Flag.SUSPECT, ("backlog",)),
        (Flag.SUSPECT, ("backlog",)),
    ]
    assert there.level(back + 40 * MINUTE, 2.11).flag is Flag.PASS, "the last entry was the river"


def test_two_reports_within_a_minute_are_normal_and_three_are_a_backlog():
    there = bank(EVERY_HOUR)
    found = [there.level(NOW + s * SECOND, 7.32) for s in (-3600, 0, 84)]
    assert [reading.tests for reading in found] == [(), (), ()]
    third = there.level(NOW + 130 * SECOND, 7.32)
    assert (third.flag, third.tests) == (Flag.SUSPECT, ("backlog",))


def test_a_gauge_that_goes_on_reporting_every_minute_is_in_a_hurry_and_no_backlog():
    readings = bank().levels(NOW, MINUTE, [1.0 + i / 100 for i in range(30)])
    assert all("backlog" not in reading.tests for reading in readings[6:])


def test_the_same_level_at_the_same_time_again_is_a_duplicate_and_teaches_nothing():
    there = bank()
    there.levels(NOW, 10 * MINUTE, [1.0, 1.2])
    state = there.quality
    again = there.level(NOW + 10 * MINUTE, 1.2)
    assert again.tests == ("duplicate",)
    assert there.quality is state


def test_a_level_that_is_overtaken_by_a_newer_one_is_kept_and_teaches_nothing():
    there = bank()
    there.levels(NOW, 20 * MINUTE, [1.0, 1.2])
    state = there.quality
    overtaken = there.level(NOW + 10 * MINUTE, 9.0, received_at=NOW + 21 * MINUTE)
    assert (overtaken.value, overtaken.at, overtaken.tests) == (9.0, NOW + 10 * MINUTE, ("out_of_order",))
    assert there.quality is state


def test_late_stored_and_retained_levels_are_tested_for_range_alone_and_teach_nothing():
    there = bank(bed_m=0.0)
    there.levels(NOW, 10 * MINUTE, [1.0, 1.0])
    state, now = there.quality, NOW + 2 * DAY
    late = there.level(now - 5 * HOUR, 9.0, received_at=now)
    assert (late.freshness, late.flag, late.tests) == (Freshness.LATE, Flag.PASS, ())
    (stored,) = there.hear(Uplink("g", now, measures=(Measure("level_m", -9.0, at=now - HOUR),)), now)
    assert (stored.freshness, stored.flag, stored.at) == (Freshness.STORED, Flag.FAIL, now - HOUR)
    (retained,) = there.hear(Uplink("g", now, measures=(Measure("level_m", 9.0),)), now, retain=True)
    assert (retained.freshness, retained.flag) == (Freshness.RETAINED, Flag.PASS)
    assert there.quality is state


def test_a_missing_level_is_flagged_9_and_the_next_one_names_the_gap():
    readings = bank().levels(NOW, 10 * MINUTE, [1.0, None, None, None, 1.1])
    assert flags(readings) == [2, 9, 9, 9, 1]
    assert readings[-1].tests == ("gap",)


def test_what_was_remembered_under_a_wrong_hub_clock_does_not_silence_the_gauge():
    there = bank()
    there.level(NOW + 400 * DAY, 1.0)
    assert there.level(NOW, 1.5).tests == ()
    assert there.level(NOW + 10 * MINUTE, 1.6).flag is Flag.PASS


# --- for all rivers -------------------------------------------------------------------------------

SIXTEENTHS = st.integers(-64, 64).map(lambda n: n / 16)
STEPS = st.sampled_from([0, 5 * SECOND, MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, 3 * HOUR])
COURSES = st.lists(st.tuples(STEPS, st.one_of(st.none(), SIXTEENTHS)), max_size=30)


def follow(course, shift: float = 0.0, start: int = NOW) -> Bank:
    there = bank(
        levels_m={"caution": 1.0 + shift, "danger": 2.5 + shift}, bed_m=-3.0 + shift, bank_m=1.5 + shift
    )
    now = start
    for step, level_m in course:
        now += step
        there.level(now, None if level_m is None else level_m + shift)
    return there


@given(course=COURSES, shift=st.integers(-200, 200))
def test_gauge_zero_changes_no_flag_and_no_event(course, shift):
    """Negative levels included: everything lowered or raised by whole metres is judged alike."""
    here, there = follow(course), follow(course, float(shift))
    assert [(r.flag, r.tests) for r in here.readings] == [(r.flag, r.tests) for r in there.readings]
    assert here.told() == there.told()


@given(course=COURSES, days=st.integers(-3000, 3000))
def test_the_calendar_changes_no_flag(course, days):
    here, there = follow(course), follow(course, start=NOW + days * DAY)
    assert [(r.flag, r.tests) for r in here.readings] == [(r.flag, r.tests) for r in there.readings]


@given(course=COURSES)
def test_the_state_survives_a_restart_at_any_point(course):
    straight, restarted = follow(course), bank()
    restarted.device = straight.device
    now = NOW
    for step, level_m in course:
        now += step
        restarted.quality = msgspec.json.decode(
            msgspec.json.encode(restarted.quality), type=quality.DeviceQuality
        )
        restarted.river = msgspec.json.decode(
            msgspec.json.encode(restarted.river), type=type(restarted.river)
        )
        restarted.level(now, level_m)
    assert restarted.readings == straight.readings
    assert restarted.events == straight.events


@given(course=COURSES)
def test_the_state_of_a_gauge_stays_small(course):
    assert len(msgspec.json.encode(follow(course).quality)) < 500


@given(levels=st.lists(st.floats(-0.2, 0.2), min_size=1, max_size=60))
def test_a_river_that_moves_by_centimetres_is_never_doubted(levels):
    readings = bank().levels(NOW, 10 * MINUTE, [2.0 + level for level in levels])
    assert all(not {"rate", "range", "backlog", "gap"} & set(reading.tests) for reading in readings)


@given(value=st.floats(), then=st.floats(-5, 5))
def test_no_number_a_sensor_can_send_breaks_the_state(value, then):
    there = bank()
    for i, level_m in enumerate([1.0, value, then]):
        there.level(NOW + i * 10 * MINUTE, level_m)
        stored = msgspec.json.encode(there.quality)
        assert msgspec.json.decode(stored, type=quality.DeviceQuality) == there.quality
