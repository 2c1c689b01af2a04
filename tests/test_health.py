"""What is heard of the devices themselves: babbling, batteries, losses. An unexpected event fails too."""

import pytest

from hub.config.shapes import Battery
from hub.detect import battery
from hub.detect.babbling import StrangerLimits
from hub.model import EventKind, Freshness
from tests.listening import START, Field, told
from tests.towns import DAY, HOUR, MINUTE, SECOND, pir, trap

# --- babbling -------------------------------------------------------------------------------------


def test_the_121st_message_in_a_minute_is_babbling_said_once_and_the_rest_is_shed() -> None:
    field = Field(pir("a"))
    for n in range(120):
        assert field.says("a", n * 10) == []
        assert field.kept
    (event,) = field.says("a", 2 * SECOND)
    assert (event.kind, event.incident) == (EventKind.BABBLING, "babble/a")
    assert not field.kept
    shedding = field.states["a"]
    for n in range(1000):
        assert field.says("a", 3 * SECOND + n) == []
        assert not field.kept
    assert field.states["a"] is shedding


def test_babbling_that_goes_on_is_not_said_again_and_each_minute_keeps_its_share() -> None:
    field = Field(pir("a"))
    said, kept = [], 0
    for n in range(5 * 200):
        said += field.says("a", n * MINUTE // 200)
        kept += field.kept
    assert told(said) == [(EventKind.BABBLING, "a")]
    assert kept == 5 * 120
    assert field.says("a", 5 * MINUTE) == []
    assert told(field.says("a", 6 * MINUTE)) == [(EventKind.BABBLING_OVER, "a")]


def test_babbling_that_stops_dead_is_over_after_a_whole_minute() -> None:
    field = Field(pir("a"))
    for n in range(130):
        field.says("a", n)
    assert field.tick(2 * MINUTE - 1) == []
    assert told(field.tick(2 * MINUTE)) == [(EventKind.BABBLING_OVER, "a")]
    assert field.tick(3 * MINUTE) == []


def test_babbling_that_paused_is_over_with_the_next_word() -> None:
    field = Field(pir("a"))
    for n in range(130):
        field.says("a", n)
    assert told(field.says("a", 5 * MINUTE)) == [(EventKind.BABBLING_OVER, "a")]
    assert field.kept


def test_what_the_broker_kept_while_the_hub_was_away_is_not_babbling() -> None:
    field = Field(pir("a"))
    field.says("a", 0)
    for n in range(20 * 120):
        assert field.says("a", 8 * HOUR + n) == []
        assert field.kept


def test_history_has_its_own_budget_and_does_not_crowd_out_the_news() -> None:
    field = Field(pir("a"))
    for n in range(20 * 120):
        assert field.says("a", 0, freshness=Freshness.LATE, late=HOUR + n) == []
        assert field.kept
    assert field.says("a", HOUR + 3 * SECOND) == []
    assert field.kept
    assert told(field.says("a", 0, freshness=Freshness.LATE, late=HOUR + 4 * SECOND)) == [
        (EventKind.BABBLING, "a")
    ]
    assert not field.kept


def test_senders_that_nobody_knows_are_bounded_each_and_together() -> None:
    limits = StrangerLimits(10)
    assert [limits.admit("t", START) for _ in range(12)] == [True] * 10 + [False] * 2
    assert limits.admit("t", START + MINUTE)
    assert sum(limits.admit(f"made-up/{n}", START + 2 * MINUTE) for n in range(1000)) == 200


# --- battery --------------------------------------------------------------------------------------


def test_a_battery_is_low_once_until_it_is_well_again() -> None:
    field = Field(trap("box"))
    assert field.says("box", 0, volts=3.4) == []
    (low,) = field.says("box", HOUR, volts=3.29)
    assert (low.kind, low.incident, low.value) == (EventKind.BATTERY_LOW, "battery/box", 3.29)
    assert low.change == pytest.approx(19.33, abs=0.01)
    for hour, volts in enumerate((3.2, 3.31, 3.5, 3.29), start=2):
        assert field.says("box", hour * HOUR, volts=volts) == []
    assert told(field.says("box", 9 * HOUR, volts=3.51)) == [(EventKind.BATTERY_OK, "box")]
    assert told(field.says("box", 10 * HOUR, volts=3.2)) == [(EventKind.BATTERY_LOW, "box")]


@pytest.mark.parametrize("volts", [0.0, 9.9, float("nan")])
def test_a_voltage_that_cannot_be_says_nothing(volts: float) -> None:
    field = Field(trap("box"))
    field.says("box", 0, volts=3.6)
    assert field.says("box", HOUR, volts=volts) == []
    assert field.states["box"].battery == 3.6


def test_a_voltage_of_yesterday_says_nothing() -> None:
    field = Field(trap("box"))
    assert field.says("box", 0, volts=3.0, freshness=Freshness.LATE, late=DAY) == []


@pytest.mark.parametrize(
    ("volts", "left"), [(2.9, 0), (3.0, 0), (3.15, 10), (3.3, 20), (3.45, 60), (3.6, 100), (4.2, 100)]
)
def test_the_percent_follows_the_curve_straight_between_its_points(volts: float, left: float) -> None:
    curve = Battery(low=3.3, ok=3.5, curve=((3.6, 100), (3.0, 0), (3.3, 20)))
    assert battery.percent(curve, volts) == pytest.approx(left)


def test_a_battery_told_in_percent_needs_no_curve_and_one_without_curve_has_no_percent() -> None:
    assert battery.percent(Battery(quantity="battery_pct", low=20, ok=30), 17) == 17
    assert battery.percent(Battery(low=3.3, ok=3.5), 3.4) is None


# --- losses ---------------------------------------------------------------------------------------


def lost(*numbers: int) -> int:
    field = Field(pir("a"))
    for n, seq in enumerate(numbers):
        field.says("a", n * MINUTE, seq=seq)
    return field.states["a"].lost


def test_gaps_in_the_sequence_are_counted_and_restarts_and_repeats_are_not() -> None:
    assert lost(7, 8, 9) == 0
    assert lost(7, 9, 12) == 3
    assert lost(7, 7, 8) == 0
    assert lost(700, 0, 1, 2) == 0
    assert lost(700, 0, 2) == 1
    assert lost(3, 4_000_000_000) == 0


def test_a_message_that_comes_out_of_order_fills_its_gap() -> None:
    field = Field(pir("a"))
    field.says("a", 0, seq=10)
    field.says("a", 2 * MINUTE, seq=12)
    assert field.states["a"].lost == 1
    field.says("a", MINUTE, seq=11, freshness=Freshness.LATE, late=HOUR)
    field.says("a", 3 * MINUTE, seq=13)
    assert field.states["a"].lost == 0
