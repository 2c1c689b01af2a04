"""The named levels of a river: reached, left, doubted. A course is a timeline of levels every 10 minutes."""

import msgspec
import pytest

from hub.config.policy import RiverPolicy
from hub.config.shapes import LEVELS
from hub.detect.river import RiverState, step, thresholds
from hub.model import Flag, Freshness, Reading
from tests.riverside import AYAGAWA, CLEAR, DOWN, NOW, STEP, UP, bank, reading
from tests.towns import DAY, HOUR, MINUTE, gauge, pir

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
