"""What is told of a level that is doubted, and when it is believed. A course is a level every 10 minutes."""

import pytest

from devices.frame import Measure
from hub.config.policy import RiverPolicy
from hub.config.shapes import Kind, Profile, Quantity
from hub.model import Flag, Uplink
from tests.riverside import CLEAR, DOWN, NOW, STEP, UNVERIFIED, UP, VERIFIED, Bank, bank
from tests.towns import DAY, gauge


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
