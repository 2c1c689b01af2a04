"""The named levels of a river: reached, left, doubted. A course is a timeline of levels every 10 minutes."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.frame import Measure
from hub.config.policy import RiverPolicy
from hub.config.shapes import LEVELS, Kind, Profile, Quantity
from hub.detect.river import RiverState, step, thresholds
from hub.model import EventKind, Flag, Freshness, Reading, Uplink
from tests.riverside import Bank
from tests.towns import DAY, HOUR, MINUTE, at, gauge, pir

NOW = at("2026-07-01 00:00")
STEP = 10 * MINUTE
AYAGAWA = {"standby": 2.75, "caution": 3.95, "evac_judge": 4.00, "danger": 4.45}
"""綾川 鴨川新橋: two of its levels are 5 cm apart."""

UP, DOWN, CLEAR = EventKind.LEVEL_UP, EventKind.LEVEL_DOWN, EventKind.LEVEL_CLEAR
UNVERIFIED, VERIFIED = EventKind.LEVEL_UNVERIFIED, EventKind.LEVEL_VERIFIED


def bank(levels_m: dict[str, float] | None = None, **of_gauge) -> Bank:
    return Bank(gauge("g", AYAGAWA if levels_m is None else levels_m, **of_gauge))


def reading(level_m: float | None, now: int, flag: Flag = Flag.PASS, *tests: str, **more) -> Reading:
    return Reading("g", "level_m", now, level_m, flag, more.pop("received_at", now), tests, **more)


# --- rising ---------------------------------------------------------------------------------------


def test_each_level_is_told_at_the_first_reading_at_or_above_it_and_once():
    there = bank()
    there.levels(NOW, STEP, [2.5, 2.74, 2.75, 3.2, 3.6, 3.95, 3.99, 4.00, 4.3, 4.45, 4.6, 4.6])
    assert there.told() == [(UP, "standby"), (UP, "caution"), (UP, "evac_judge"), (UP, "danger")]
    assert [(e.at - NOW) // STEP for e in there.events] == [2, 5, 7, 9]


def test_levels_passed_in_one_reading_are_one_event_with_the_highest():
    there = bank()
    there.levels(NOW, STEP, [3.6, 4.05])
    assert there.told() == [(UP, "standby"), (UP, "evac_judge")]


def test_a_gauge_that_starts_above_a_level_tells_it_at_its_first_reading():
    there = bank()
    there.level(NOW, 4.5)
    assert there.told() == [(UP, "danger")]
    assert there.river.above == "danger"


def test_an_event_says_where_and_when_how_high_and_which_way():
    there = bank()
    there.levels(NOW, STEP, [3.5, 3.7, 3.96])
    event = there.events[-1]
    assert (event.device, event.incident, event.at) == ("g", "river/g", NOW + 2 * STEP)
    assert (event.value, event.change, event.window, event.trend) == (3.96, 0.26, STEP, "rising")
    assert (event.lat, event.lon, event.confirmed) == (there.device.lat, there.device.lon, True)


def test_the_same_reading_gives_the_same_event_id():
    first, second = bank(), bank()
    first.levels(NOW, STEP, [3.5, 4.0])
    second.levels(NOW, STEP, [3.5, 4.0])
    assert [e.id for e in first.events] == [e.id for e in second.events]
    assert len({e.id for e in first.events}) == len(first.events)


def test_a_gauge_without_levels_and_a_device_that_is_no_gauge_say_nothing():
    silent = bank({})
    silent.levels(NOW, STEP, [1.0, 1.4])
    assert silent.told() == []
    state = RiverState()
    assert step(pir("a"), RiverPolicy(), state, reading(9.0, NOW), NOW) == (state, [])


def test_other_quantities_of_a_gauge_change_nothing():
    battery = Reading("g", "battery_v", NOW, 9.0, Flag.PASS, NOW)
    state = RiverState()
    assert step(gauge("g", AYAGAWA), RiverPolicy(), state, battery, NOW)[0] is state


@pytest.mark.parametrize(
    ("levels_m", "trend"),
    [
        ([3.0, 3.02, 3.04, 3.96], "rising"),
        ([4.10, 4.0, 3.97, 3.96], "falling"),
        ([3.93, 3.94, 3.94, 3.96], "steady"),
        ([3.96], ""),
    ],
)
def test_the_trend_is_that_of_the_last_half_hour(levels_m, trend):
    there = bank({"caution": 3.95}, max_rise_m_per_10min=2.0)
    there.levels(NOW, STEP, levels_m[:-1])
    before = there.river
    there.river = msgspec.structs.replace(before, above="")
    there.level(NOW + STEP * (len(levels_m) - 1), levels_m[-1])
    assert there.events[-1].trend == trend


# --- falling --------------------------------------------------------------------------------------


def test_a_level_is_left_after_three_readings_over_half_an_hour_below_its_hysteresis():
    there = bank({"caution": 3.95})
    there.levels(NOW, STEP, [3.96, 3.86, 3.84, 3.83, 3.82])
    assert there.told() == [(UP, "caution")], "three readings, but only 20 minutes"
    there.level(NOW + 5 * STEP, 3.81)
    assert there.told() == [(UP, "caution"), (CLEAR, "")]
    assert there.events[-1].detail == "caution"
    assert there.river == msgspec.structs.replace(there.river, above="", below=())


def test_half_an_hour_with_two_readings_is_not_enough():
    there = bank({"caution": 3.95})
    there.levels(NOW, 40 * MINUTE, [3.96, 3.80, 3.80])
    assert (CLEAR, "") not in there.told()
    there.level(NOW + 3 * 40 * MINUTE, 3.80)
    assert (CLEAR, "") in there.told()


def test_a_reading_back_within_the_hysteresis_starts_the_wait_again():
    there = bank({"caution": 3.95})
    there.levels(NOW, STEP, [3.96, 3.84, 3.84, 3.84, 3.86, 3.84, 3.84, 3.84])
    assert there.told() == [(UP, "caution")]


def test_the_hysteresis_is_smaller_than_the_gap_to_the_next_lower_level():
    levels = thresholds(tuple(AYAGAWA.items()), 0.10, 0.3)
    assert [(level.key, level.clear_m) for level in levels] == [
        ("standby", 2.65),
        ("caution", 3.85),
        ("evac_judge", 3.985),
        ("danger", 4.35),
    ]


def test_a_falling_river_leaves_its_levels_one_after_the_other():
    there = bank()
    falling = [4.5 - 0.05 * i for i in range(60)]
    there.levels(NOW, STEP, falling)
    assert there.told() == [
        (UP, "danger"),
        (DOWN, "evac_judge"),
        (DOWN, "caution"),
        (DOWN, "standby"),
        (CLEAR, ""),
    ]
    assert [e.detail for e in there.events[1:]] == ["danger", "evac_judge", "caution", "standby"]


def test_a_level_that_is_reached_again_is_told_again():
    there = bank({"caution": 3.95})
    there.levels(NOW, STEP, [3.96, 3.8, 3.8, 3.8, 3.8, 3.96])
    assert there.told() == [(UP, "caution"), (CLEAR, ""), (UP, "caution")]


def test_the_town_decides_how_many_readings_and_how_long():
    there = bank({"caution": 3.95})
    there.policy = RiverPolicy(clear_readings=1, clear_after="0s", hysteresis_m=0.02)
    there.levels(NOW, STEP, [3.96, 3.94, 3.92])
    assert [(e.kind, e.at) for e in there.events[1:]] == [(CLEAR, NOW + 2 * STEP)]


@pytest.mark.parametrize("flag", [Flag.SUSPECT, Flag.FAIL])
def test_doubtful_readings_never_clear_and_start_the_wait_again(flag):
    there = bank({"caution": 3.95})
    there.levels(NOW, STEP, [3.96, 3.8, 3.8, 3.8])
    there.judge(reading(3.8, NOW + 4 * STEP, flag, "flat"))
    there.levels(NOW + 5 * STEP, STEP, [3.8, 3.8, 3.8])
    assert (CLEAR, "") not in there.told()
    there.level(NOW + 8 * STEP, 3.8)
    assert (CLEAR, "") in there.told()


def test_missing_levels_clear_nothing_however_long():
    there = bank({"caution": 3.95})
    there.levels(NOW, STEP, [3.96] + [None] * 500)
    assert there.told() == [(UP, "caution")]
    assert there.river.above == "caution"


def test_above_caution_is_caution_and_everything_higher():
    assert [RiverState(above=key).above_caution for key in ("", *LEVELS)] == [
        False,
        False,
        True,
        True,
        True,
        True,
    ]


def test_a_gauge_that_dies_with_an_unconfirmed_level_dies_above_it():
    there = bank()
    there.levels(NOW, STEP, [2.8, 4.5])
    assert (there.river.above, there.river.highest, there.river.above_caution) == ("standby", "danger", True)
    there.levels(NOW + 2 * STEP, STEP, [2.8, 2.8])
    assert (there.river.highest, there.river.above_caution) == ("standby", False)


# --- history --------------------------------------------------------------------------------------


@pytest.mark.parametrize("freshness", [Freshness.LATE, Freshness.RETAINED, Freshness.STORED])
@pytest.mark.parametrize("level_m", [9.0, 0.0])
def test_late_retained_and_stored_readings_neither_raise_nor_clear(freshness, level_m):
    there = bank({"caution": 3.95})
    there.level(NOW, 3.96)
    state = there.river
    for i in range(1, 9):
        there.judge(reading(level_m, NOW + i * HOUR, freshness=freshness))
    assert there.told() == [(UP, "caution")]
    assert there.river is state


def test_a_delayed_reading_is_still_news():
    there = bank()
    there.level(NOW, 4.5, received_at=NOW + 41 * MINUTE)
    assert [(e.kind, e.freshness) for e in there.events] == [(UP, Freshness.DELAYED)]


def test_overtaken_and_repeated_readings_change_nothing():
    there = bank()
    there.levels(NOW, STEP, [2.0, 2.1])
    state = there.river
    there.level(NOW + MINUTE, 9.0, received_at=NOW + STEP)
    there.level(NOW + STEP, 2.1)
    assert there.told() == []
    assert there.river is state


def test_what_is_in_force_outlives_a_wrong_hub_clock():
    there = bank({"caution": 3.95})
    there.level(NOW + 400 * DAY, 3.96)
    there.levels(NOW, STEP, [3.96, 3.8, 3.8, 3.8, 3.8])
    assert there.told() == [(UP, "caution"), (CLEAR, "")]


# --- doubt ----------------------------------------------------------------------------------------


def test_a_doubtful_rise_is_told_to_officials_at_once():
    there = bank()
    there.levels(NOW, STEP, [1.0, 2.34])
    (event,) = there.events
    assert (event.kind, event.incident, event.level) == (UNVERIFIED, "unverified/g", "")
    assert (event.value, event.change, event.window) == (2.34, 1.34, STEP)


def test_a_doubtful_rise_to_a_level_is_unconfirmed_until_a_second_reading_agrees():
    there = bank()
    there.levels(NOW, STEP, [3.0, 4.5])
    assert there.told() == [(UP, "standby"), (UNVERIFIED, "danger"), (UP, "?danger")]
    assert there.river.above == "standby"
    there.level(NOW + 2 * STEP, 4.6)
    assert there.told()[3:] == [(UP, "danger"), (VERIFIED, "")]
    assert there.river.above == "danger"


def test_a_flood_that_stays_too_fast_to_believe_is_confirmed_by_its_second_reading_all_the_same():
    there = bank({"caution": 3.0, "danger": 5.0})
    there.levels(NOW, STEP, [1.0, 3.1, 5.2, 7.3])
    assert {int(r.flag) for r in there.readings[1:]} == {Flag.SUSPECT}
    assert there.told() == [
        (UNVERIFIED, "caution"),
        (UP, "?caution"),
        (UP, "caution"),
        (UP, "?danger"),
        (UP, "danger"),
    ]


def test_a_second_reading_that_reaches_only_a_lower_level_confirms_that_one():
    there = bank({"caution": 3.0, "danger": 5.0})
    there.levels(NOW, STEP, [1.0, 5.2, 4.9])
    assert there.told()[1:] == [(UP, "?danger"), (UP, "caution"), (DOWN, "?caution"), (VERIFIED, "")]
    assert there.events[-2].detail == "danger", "whoever was told of danger hears that it was none"


def test_an_unconfirmed_level_is_taken_back_though_a_lower_one_was_reached_meanwhile():
    there = bank({"caution": 1.2, "danger": 5.0})
    there.levels(NOW, STEP, [1.0, 5.2, 1.3, 1.3])
    assert there.told()[1:] == [(UP, "?danger"), (UP, "caution"), (DOWN, "?caution"), (VERIFIED, "")]


@pytest.mark.parametrize("levels_m", [[2.6, 4.9, 3.2, 0.0, 2.7, 2.7], [1.0, 3.2, 5.4, 2.8, 2.7]])
def test_a_level_that_was_confirmed_is_left_once_and_not_taken_back_besides(levels_m):
    there = bank({"caution": 3.0}, max_rise_m_per_10min=0.7)
    there.policy = RiverPolicy(clear_readings=1, clear_after="0s")
    there.levels(NOW, STEP, levels_m)
    assert there.told(UP, CLEAR) == [(UP, "?caution"), (UP, "caution"), (CLEAR, "")]


def test_a_failing_level_confirms_nothing():
    there = bank({"caution": 3.0}, bank_m=4.0)
    there.levels(NOW, STEP, [1.0, 9.0, 3.2])
    assert (UP, "?caution") in there.told()
    assert (UP, "caution") not in there.told()


def test_an_unconfirmed_level_that_was_none_is_taken_back_after_two_believed_readings():
    there = bank({"caution": 3.0, "danger": 5.0})
    there.levels(NOW, STEP, [3.1, 5.2, 3.1])
    assert there.told() == [(UP, "caution"), (UNVERIFIED, "danger"), (UP, "?danger")]
    there.level(NOW + 3 * STEP, 3.1)
    assert there.told()[3:] == [(DOWN, "?caution"), (VERIFIED, "")]
    assert there.river.above == "caution"


def test_an_unconfirmed_level_above_none_is_taken_back_with_a_clear():
    there = bank({"caution": 3.0})
    there.levels(NOW, STEP, [1.0, 3.2, 1.0, 1.0])
    assert there.told() == [(UNVERIFIED, "caution"), (UP, "?caution"), (CLEAR, "?"), (VERIFIED, "")]


def test_a_lone_dip_that_returns_is_nobody_s_news():
    there = bank()
    there.levels(NOW, STEP, [3.90, 2.12, 3.94, 3.94])
    assert there.told() == [(UP, "standby")]


def test_four_zeros_are_told_once_and_change_no_level():
    there = bank()
    there.levels(NOW, STEP, [3.0, 0.0, 0.0, 0.0, 0.0, 2.9, 2.9])
    assert there.told() == [(UP, "standby"), (UNVERIFIED, ""), (VERIFIED, "")]
    assert [(e.at - NOW) // STEP for e in there.events] == [0, 2, 6]


def test_a_sensor_that_flickers_is_told_once():
    there = bank()
    there.levels(NOW, STEP, [3.0] + [0.0, 0.0, 2.9] * 20)
    assert there.told(UNVERIFIED, VERIFIED) == [(UNVERIFIED, "")]


def test_a_dead_sensor_never_ends_a_flood():
    there = bank()
    there.levels(NOW, STEP, [4.5] + [0.0] * 1000)
    assert there.told() == [(UP, "danger"), (UNVERIFIED, "")]
    assert there.river.above == "danger"


def test_a_real_sudden_fall_is_accepted_and_then_clears_by_the_usual_rules():
    there = bank({"caution": 3.95})
    there.levels(NOW, STEP, [4.2] + [2.0 + i / 100 for i in range(12)])
    assert there.told() == [(UP, "caution"), (UNVERIFIED, ""), (VERIFIED, ""), (CLEAR, "")]
    assert [(e.at - NOW) // STEP for e in there.events] == [0, 2, 7, 10]


def test_levels_out_of_range_raise_and_clear_nothing_and_two_are_told():
    there = bank({"caution": 3.95}, bed_m=0.0, bank_m=5.0)
    there.levels(NOW, STEP, [3.5, 99.0])
    assert there.told() == []
    there.levels(NOW + 2 * STEP, STEP, [99.0, 99.0, 3.5, 3.5])
    assert there.told() == [(UNVERIFIED, ""), (VERIFIED, "")]


def test_water_in_the_dead_zone_of_the_sensor_is_told():
    """The last that an ultrasonic sensor says of a river that rises to it is a distance it cannot measure."""
    profile = Profile(
        model="sonar",
        name="sonar",
        kind=Kind.RIVER,
        heartbeat="10m",
        quantities={"distance_m": Quantity(min=0.5, max=10)},
    )
    there = Bank(gauge("g", {"danger": 4.0}, sensor_height_m=5.0), profile)
    for i, distance in enumerate([1.2, 0.9, 0.4, 0.3]):
        now = NOW + i * STEP
        there.hear(Uplink("g", now, measures=(Measure("distance_m", distance),)), now)
    assert there.told() == [(UP, "danger"), (UNVERIFIED, "")]


def test_without_a_thermometer_a_rising_river_is_told_all_the_same():
    there = Bank(gauge("g", {"caution": 3.0}, sensor_height_m=6.0, assumed_air_c=20.0))
    for i, distance in enumerate([3.4, 3.1, 2.9, 2.8]):
        now = NOW + i * STEP
        there.hear(Uplink("g", now, measures=(Measure("distance_m", distance),)), now)
    assert there.told() == [(UP, "?caution"), (UP, "caution")]


def test_a_frozen_gauge_is_told_where_its_river_stands_above_a_level_and_nowhere_else():
    high, low = bank({"caution": 3.0}), bank({"caution": 3.0})
    high.levels(NOW, STEP, [3.2] * 300)
    low.levels(NOW, STEP, [1.2] * 300)
    assert high.told() == [(UP, "caution"), (UNVERIFIED, "")]
    assert high.events[-1].at == NOW + DAY
    assert low.told() == []


# --- for all rivers -------------------------------------------------------------------------------

COURSE = st.lists(st.one_of(st.none(), st.integers(0, 120).map(lambda n: n / 20)), min_size=1, max_size=60)


@given(course=COURSE)
def test_the_level_in_force_is_never_below_what_two_readings_in_a_row_agree_on(course):
    """Quality never silences a rising river."""
    there = bank()
    before: float | None = None
    for i, level_m in enumerate(course):
        there.level(NOW + i * STEP, level_m)
        if level_m is None or before is None:
            before = level_m
            continue
        agreed = [key for key, at_m in AYAGAWA.items() if min(level_m, before) >= at_m]
        rank = LEVELS.index(there.river.above) if there.river.above else -1
        assert rank >= (LEVELS.index(agreed[-1]) if agreed else -1)
        before = level_m


@given(course=COURSE)
def test_up_and_down_alternate_so_that_each_level_is_told_once_until_it_was_left(course):
    there = bank()
    there.levels(NOW, STEP, course)
    rank = -1
    for event in there.events:
        if event.kind in {UNVERIFIED, VERIFIED} or not event.confirmed:
            continue
        new = LEVELS.index(event.level) if event.level else -1
        assert (new > rank) == (event.kind is UP)
        assert new != rank
        rank = new
    assert rank == (LEVELS.index(there.river.above) if there.river.above else -1)


@given(course=COURSE)
def test_every_doubt_that_is_told_is_told_once_until_it_is_over(course):
    there = bank()
    there.levels(NOW, STEP, course)
    doubts = [event.kind for event in there.events if event.kind in {UNVERIFIED, VERIFIED}]
    assert doubts == [UNVERIFIED, VERIFIED] * (len(doubts) // 2) + [UNVERIFIED] * (len(doubts) % 2)


@given(course=COURSE)
def test_no_event_has_the_id_of_another(course):
    there = bank()
    there.levels(NOW, STEP, course)
    assert len({event.id for event in there.events}) == len(there.events)


@given(course=COURSE, again=st.integers(1, 3))
def test_redelivery_changes_nothing(course, again):
    once, often = bank(), bank()
    for i, level_m in enumerate(course):
        once.level(NOW + i * STEP, level_m)
        for _ in range(1 + again):
            often.level(NOW + i * STEP, level_m)
    assert often.events == once.events
    assert often.river == once.river
