"""The hub's clock is set, jumps and goes back; device clocks are wrong: who is told what, and when."""

import ast
import inspect
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from hub import steps
from hub.clock import BEYOND, SetClock, Step, SystemClock, is_sane
from hub.model import Act, Alert, Command, Message, Notification
from hub.state import ROOMS
from tests import towns
from tests.ledgers import command, notification, waiting
from tests.stepped import ALL, Stepped, booted, quiet_valley, valley
from tests.timeline import ARMED, CUT, MENDED, SHAKES, SPRUNG, Timeline, animal, motion, nothing_else_was_told
from tests.towns import DAY, HOUR, MINUTE, SECOND, at

__all__ = ["nothing_else_was_told"]

NOON = at("2026-11-21 12:00")
YEAR = 365 * DAY


class Wall:
    """A wall clock that somebody may set, beside a steady one."""

    def __init__(self, at: int = NOON) -> None:
        self.at = at
        self.steady = 1_000
        self.clock = SystemClock(lambda: self.at, lambda: self.steady)

    def passes(self, ms: int) -> None:
        self.at += ms
        self.steady += ms


# --- the clock itself -------------------------------------------------------------------------------


def test_the_hubs_time_goes_on_as_if_nobody_had_set_the_clock_until_the_hub_follows() -> None:
    wall = Wall()
    wall.passes(5_000)
    wall.at += HOUR
    wall.passes(1_000)
    assert wall.clock.now() == NOON + 6_000
    step = wall.clock.step()
    assert step == Step(NOON, NOON + 6_000, HOUR)
    wall.clock.follow(step)
    assert (wall.clock.now(), wall.clock.step()) == (NOON + HOUR + 6_000, None)
    assert wall.clock.followed == [step]


def test_a_clock_that_goes_ahead_and_comes_back_before_anybody_looked_was_never_set() -> None:
    wall = Wall()
    wall.at += 5 * YEAR
    assert wall.clock.now() == NOON
    wall.at -= 5 * YEAR
    wall.passes(1_000)
    assert (wall.clock.now(), wall.clock.step()) == (NOON + 1_000, None)


@given(st.lists(st.tuples(st.integers(-9_000, 9_000), st.integers(1, 60_000)), max_size=20))
def test_small_corrections_are_followed_at_once_and_are_no_step(corrections: list[tuple[int, int]]) -> None:
    wall = Wall()
    for by, passes in corrections:
        wall.passes(passes)
        wall.at += by
        assert wall.clock.now() == wall.at
        assert wall.clock.step() is None


@given(st.lists(st.tuples(st.integers(-YEAR, YEAR), st.integers(1, HOUR)), max_size=10))
def test_whatever_the_clock_is_set_to_intervals_of_the_hubs_time_are_those_that_passed(
    sets: list[tuple[int, int]],
) -> None:
    wall = Wall(NOON + 20 * YEAR)
    noted = wall.clock.now()
    steady = wall.steady
    for by, passes in sets:
        wall.at += by
        wall.passes(passes)
        before = wall.clock.now()
        if step := wall.clock.step():
            noted = step.moved(noted)
            wall.clock.follow(step)
        assert abs(wall.clock.now() - before - (step.by if step else 0)) == 0
        assert abs((wall.clock.now() - noted) - (wall.steady - steady)) <= 10_000 * len(sets)


def test_the_clock_of_a_simulation_is_set_by_nobody_else() -> None:
    clock = SetClock(NOON)
    clock.at += YEAR
    assert (clock.step(), clock.followed) == (None, [])


# --- which fields are times of the hub ----------------------------------------------------------------

NO_TIMES = {
    ("DeviceClock", "behind"),
    ("DeviceClock", "gap"),
    ("Flap", "shortest"),
    ("Flap", "longest"),
    ("Worry", "bad_for"),
    ("Period", "lasts"),
    ("Drill", "lasts"),
    ("Event", "window"),
    ("Telling", "keep_for"),
}
"""Durations."""
OVER = {("Alert", "closed_at")}
"""A closed alert is history, and keeps the time at which it was noted."""


def structs_of(kind: type[Struct], found: dict[type[Struct], None]) -> dict[type[Struct], None]:
    """A Struct and all that it holds."""
    if kind not in found:
        found[kind] = None
        for field in msgspec.structs.fields(kind):
            for inner in inner_types(field.type):
                structs_of(inner, found)
    return found


def inner_types(annotation: Any) -> list[type[Struct]]:
    if isinstance(annotation, type) and issubclass(annotation, Struct):
        return [annotation]
    return [inner for part in getattr(annotation, "__args__", ()) for inner in inner_types(part)]


def millis_fields(kind: type[Struct]) -> set[str]:
    """The fields whose annotation, as it is written, names Millis."""
    tree = ast.parse(inspect.getsource(sys.modules[kind.__module__]))
    found = next(n for n in ast.walk(tree) if isinstance(n, ast.ClassDef) and n.name == kind.__name__)
    return {
        line.target.id
        for line in found.body
        if isinstance(line, ast.AnnAssign)
        and isinstance(line.target, ast.Name)
        and any(isinstance(part, ast.Name) and part.id == "Millis" for part in ast.walk(line.annotation))
    }


REMEMBERED: dict[type[Struct], None] = {}
for remembered in (*ROOMS.values(), Alert, Notification, Command, Act):
    structs_of(remembered, REMEMBERED)


@pytest.mark.parametrize("kind", REMEMBERED, ids=lambda kind: kind.__name__)
def test_every_time_that_the_hub_remembers_is_known_to_move_with_its_clock(kind: type[Struct]) -> None:
    apart = {field for name, field in NO_TIMES | OVER if name == kind.__name__}
    assert millis_fields(kind) - apart == set(steps.MOMENTS.get(kind, ()))


def test_a_time_that_was_noted_moves_and_one_of_long_before_stays() -> None:
    step = Step(NOON, NOON + HOUR, YEAR)
    assert step.moved(NOON + MINUTE) == NOON + MINUTE + YEAR
    assert step.moved(NOON + HOUR + 20 * SECOND) == NOON + HOUR + 20 * SECOND + YEAR  # the end of a siren
    assert step.moved(NOON - DAY) == NOON - DAY
    assert step.moved(0) == 0
    assert step.moved(NOON + HOUR + BEYOND + 1) == NOON + HOUR + BEYOND + 1


def test_a_message_received_before_the_clock_was_set_and_handled_after_it_is_restamped() -> None:
    ahead, back = Step(NOON, NOON + HOUR, YEAR), Step(NOON, NOON + HOUR, -YEAR)
    old = Message("t", b"", NOON + HOUR)
    for step in (ahead, back):
        now = NOON + HOUR + step.by + 5
        new = replace(old, received_at=now)
        assert steps.restamped([old, new], step, now) == [
            replace(old, received_at=NOON + HOUR + step.by),
            new,
        ]


# --- a hub that boots without a time --------------------------------------------------------------------


def test_every_alarm_is_told_while_the_clock_is_not_set_and_none_prints_a_made_up_time() -> None:
    t = booted()
    t.says("trap-1", SPRUNG).says("cam-1", animal("bear")).says("wire-1", CUT).says("river-1", level_m=3.2)
    told = t.told(
        "trap_sprung opened: hunter",
        "animal_bear opened: farmer hunter official resident",
        "debris_unconfirmed opened: official",
        "debris_flow opened: resident",
        "river_lv2 opened: resident official",
    )
    for text in told:
        assert "時刻未確定" in text.body
        assert "09:0" not in text.body
        assert "1/1" not in text.body


def test_in_english_too_an_unset_clock_is_said_to_be_one() -> None:
    hunter = towns.person("hunter", "hunter", lang="en")
    t = booted(towns.town([towns.trap("trap-1")], people=[hunter]))
    (text,) = t.says("trap-1", SPRUNG).told("trap_sprung opened: hunter")
    assert "time not known" in text.body


def test_judgements_by_time_wait_until_the_clock_is_set_and_then_count_from_what_was_noted() -> None:
    t = booted(quiet_valley())
    t.says("cam-1", animal("boar")).told("animal_detected opened: farmer hunter")
    t.passes(15 * MINUTE).silence()
    t.set_clock(-t.off).passes(10 * SECOND)
    t.told("animal_closed cleared: farmer hunter")


def test_a_trap_sprung_before_the_clock_was_set_is_silent_after_three_hours_and_not_after_56_years() -> None:
    t = booted(quiet_valley())
    t.says("trap-1", SPRUNG).told("trap_sprung opened: hunter")
    t.passes(7 * MINUTE).set_clock(-t.off)
    t.passes(2 * HOUR + 52 * MINUTE).silence()
    t.passes(2 * MINUTE).told("trap_silent updated: hunter operator")


def test_nobody_is_called_silent_because_the_clock_was_set() -> None:
    t = booted(valley())
    t.hears(*ALL).passes(5 * MINUTE).set_clock(-t.off).passes(4 * MINUTE)
    t.silence()


def test_without_a_clock_nobody_knows_whose_day_it_is_and_all_hunters_are_told() -> None:
    monday = towns.person("monday", "hunter", duty=("mon",))
    tuesday = towns.person("tuesday", "hunter", duty=("tue",))
    t = booted(towns.town([towns.trap("trap-1", owner="monday")], people=[monday, tuesday]))
    t.says("trap-1", SPRUNG).told("trap_sprung opened: monday tuesday")


def test_a_notification_of_1970_waits_for_its_channel_as_long_as_any_other() -> None:
    """Decided before the clock was set and not yet sent: it expires as long after it as ever."""
    t = booted(quiet_valley())
    t.says("trap-1", SPRUNG).told("trap_sprung opened: hunter")
    (before,) = t.waiting()
    t.passes(3 * MINUTE).set_clock(-t.off)
    (after,) = t.waiting()
    assert t.now - after.created_at == 3 * MINUTE
    assert after.expires_at - after.created_at == before.expires_at - before.created_at
    assert after.next_at == after.created_at


def test_what_was_decided_by_a_clock_that_ran_ahead_is_due_at_once_when_it_comes_back() -> None:
    t = Stepped(quiet_valley(), off=3 * YEAR)
    t.says("trap-1", SPRUNG, at=t.now).told("trap_sprung opened: hunter")
    t.passes(MINUTE).set_clock(-3 * YEAR)
    (waits,) = waiting(t.ledger, t.now)
    assert waits.expires_at > t.now


def test_a_notification_from_before_the_process_keeps_its_time_and_only_its_next_attempt_moves() -> None:
    step = Step(NOON, NOON + HOUR, 3 * DAY)
    old = notification(created_at=NOON - DAY, expires_at=NOON + DAY, next_at=NOON + MINUTE)
    assert steps.moved_notification(old, step) == replace(old, next_at=NOON + MINUTE + 3 * DAY)


def test_a_command_lasts_as_long_after_the_clock_was_set_as_before() -> None:
    step = Step(NOON, NOON + MINUTE, -HOUR)
    order = command(created_at=NOON + 59 * SECOND, until=NOON + 79 * SECOND)
    after = steps.moved_command(order, step)
    assert after.until - after.created_at == order.until - order.created_at
    assert after.created_at == order.created_at - HOUR


# --- an hour ahead, and back ----------------------------------------------------------------------------


def test_a_wire_cut_while_the_hubs_clock_is_an_hour_ahead_is_no_history() -> None:
    t = Stepped(quiet_valley()).hears(*ALL).passes(MINUTE).set_clock(2 * HOUR).passes(MINUTE)
    t.says("wire-1", CUT).told("debris_unconfirmed opened: official", "debris_flow opened: resident")


def test_a_backlog_that_comes_while_the_hubs_clock_is_ahead_is_as_old_as_it_is() -> None:
    t = Stepped(quiet_valley()).hears(*ALL).passes(MINUTE).set_clock(2 * HOUR).passes(MINUTE)
    t.says("cam-1", animal("boar"), at=t.true - 40 * MINUTE).silence()


def test_a_backlog_that_comes_while_the_hubs_clock_is_behind_sounds_no_siren() -> None:
    town = towns.town(
        [towns.camera("cam-1"), towns.siren("siren-1", north=40)],
        [towns.square("paddy-1", "paddy")],
        [towns.person("farmer", "farmer")],
    )
    t = Stepped(town).hears("cam-1", "siren-1").passes(MINUTE).set_clock(-HOUR).passes(MINUTE)
    for age in (20 * MINUTE, HOUR, 2 * HOUR):
        t.says("cam-1", animal("boar"), at=t.true - age)
    assert t.ordered() == []
    t.unread.clear()
    t.passes(15 * MINUTE)
    t.unread.clear()
    t.says("cam-1", animal("boar"))
    assert t.ordered() == [("siren-1", "deter")]
    t.unread.clear()


def test_a_visit_goes_on_and_ends_as_if_the_clock_had_not_run_ahead_and_come_back() -> None:
    t = Stepped(quiet_valley()).hears(*ALL)
    t.says("cam-1", animal("boar")).told("animal_detected opened: farmer hunter")
    t.passes(5 * MINUTE).set_clock(HOUR).passes(2 * MINUTE).set_clock(-HOUR)
    t.passes(2 * MINUTE + 50 * SECOND).silence()
    t.passes(20 * SECOND).told("animal_closed cleared: farmer hunter")


def test_rain_of_the_last_hour_is_rain_of_the_last_hour_after_a_step() -> None:
    t = Stepped(quiet_valley()).hears(*ALL)
    t.says("rain-1", rain_mm=25.0).passes(10 * MINUTE).set_clock(-HOUR).passes(10 * MINUTE)
    t.says("wire-1", CUT).told("debris_flow opened: resident official")


WORDS: dict[str, tuple[str, dict[str, Any] | float]] = {
    "trap": ("trap-1", SPRUNG),
    "set": ("trap-1", ARMED),
    "other": ("trap-2", SPRUNG),
    "boar": ("cam-1", animal("boar")),
    "bear": ("cam-1", animal("bear")),
    "moves": ("pir-1", motion()),
    "low": ("river-1", 1.0),
    "high": ("river-1", 3.2),
    "flood": ("river-1", 4.5),
    "cut": ("wire-1", CUT),
    "mended": ("wire-1", MENDED),
    "shakes": ("shake-1", SHAKES),
}
Acts = list[tuple[str | int, int]]
"""A word, or by how much the clock is set; and how long after the act before it."""
PAUSES = st.sampled_from([0, 3_000, 40_000, 5 * MINUTE, 11 * MINUTE, 40 * MINUTE, 2 * HOUR])
SETS = st.one_of(
    st.integers(-3 * HOUR, 3 * HOUR),
    st.sampled_from([HOUR, -HOUR, DAY, -DAY, 3 * YEAR, -30 * DAY, 11_000, -11_000, 61_000]),
)
ACTS = st.lists(st.tuples(st.one_of(st.sampled_from(sorted(WORDS)), SETS), PAUSES), max_size=14)


def lived(acts: Acts, *, stated: bool, steps: bool) -> list[tuple[int, str, str, str]]:
    """What is told in a story, and when by the time that passed."""
    t = Stepped(quiet_valley(), "2030-05-21 12:00").hears(*ALL)
    for act, pause in acts:
        t.passes(pause)
        if isinstance(act, int):
            if steps and abs(act) > 10_000 and is_sane(t.now + act):
                t.set_clock(act)
        else:
            device, what = WORDS[act]
            events = [what] if isinstance(what, dict) else []
            measures = {} if isinstance(what, dict) else {"level_m": what}
            if stated:
                t.says(device, *events, **measures)
            else:
                body: dict[str, Any] = {"v": 1, "seq": len(t.receipts)} | (
                    {"m": measures} if measures else {}
                )
                body |= {"e": events} if events else {}
                t.sends(f"naruko/test/{device}/up", msgspec.json.encode(body))
    t.passes(4 * HOUR)
    t.unread.clear()
    return t.heard_of


@pytest.mark.parametrize("stated", [True, False], ids=["devices state their time", "devices state none"])
@settings(max_examples=40, deadline=None)
@given(acts=ACTS)
@example(acts=[("shakes", 0), (HOUR, 3_000), ("cut", 3_000)])
@example(acts=[("cut", 0), ("mended", 3_000), (-2 * HOUR, 3_000), ("cut", 2 * HOUR), ("shakes", 3_000)])
@example(acts=[("moves", 0), (HOUR, 3_000), ("moves", 40_000), (-HOUR, 3_000), ("boar", 5 * MINUTE)])
@example(acts=[("trap", 0), (-DAY, 3_000), ("set", 2 * HOUR), (DAY, 3_000), ("trap", 40 * MINUTE)])
@example(acts=[("flood", 0), ("low", 11 * MINUTE), (HOUR, 3_000), ("low", 11 * MINUTE), ("low", 40 * MINUTE)])
def test_whenever_the_clock_is_set_the_same_is_told_at_the_same_moment(acts: Acts, *, stated: bool) -> None:
    assert lived(acts, stated=stated, steps=True) == lived(acts, stated=stated, steps=False)


# --- a clock that was wrong while the hub was down --------------------------------------------------------


def test_after_a_start_with_the_clock_put_right_a_visit_of_the_future_ends_all_the_same() -> None:
    t = Timeline(quiet_valley(), "2029-01-01 00:00")
    t.says("cam-1", animal("boar")).told("animal_detected opened: farmer hunter")
    t.now = NOON
    t.restart().passes(10 * MINUTE).silence()
    t.passes(20 * SECOND).told("animal_closed cleared: farmer hunter")


def test_after_a_start_with_the_clock_put_right_a_sprung_trap_of_the_future_falls_silent_all_the_same() -> (
    None
):
    t = Timeline(quiet_valley(), "2029-01-01 00:00")
    t.says("trap-1", SPRUNG).told("trap_sprung opened: hunter")
    t.now = NOON
    t.restart().passes(2 * HOUR + 59 * MINUTE).silence()
    t.passes(2 * MINUTE).told("trap_silent updated: hunter operator")


def test_a_wire_cut_after_the_clock_came_back_is_another_flow_than_the_one_of_the_future() -> None:
    t = Timeline(quiet_valley(), "2029-01-01 00:00")
    t.says("wire-1", CUT).told("debris_unconfirmed opened: official", "debris_flow opened: resident")
    t.says("wire-1", MENDED)
    t.now = NOON
    t.restart().says("wire-1", CUT)
    t.told("debris_unconfirmed repeated: official", "debris_flow repeated: resident")
