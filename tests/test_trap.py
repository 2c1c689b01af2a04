"""Traps: sprung opens, only a person closes. Every event is written down, so an unexpected one fails too."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.frame import Signal
from hub.config.policy import TrapPolicy
from hub.config.shapes import Device
from hub.config.shapes import Trap as TrapConfig
from hub.detect import trap as traps
from hub.detect.trap import TrapState
from hub.model import Act, Event, EventKind, Freshness
from tests.towns import DAY, HOUR, MINUTE, at, trap

START = at("2026-11-21 18:00:00")
SPRUNG, ARMED = Signal("trap", state="sprung"), Signal("trap", state="armed")
CAUGHT, SILENT, RESET = EventKind.TRAP_SPRUNG, EventKind.TRAP_SILENT, EventKind.TRAP_RESET


class Round:
    """One trap over some days."""

    def __init__(self, device: Device | None = None) -> None:
        self.device = device or trap("box12")
        self.policy = TrapPolicy()
        self.state = TrapState()

    def says(
        self, signal: Signal, after: int, freshness: Freshness = Freshness.LIVE, late: int = 0
    ) -> list[Event]:
        """The sensor's word `after` ms from the start, heard `late` ms later."""
        self.state, events = traps.step(
            self.policy,
            self.state,
            self.device,
            signal,
            at=START + after,
            freshness=freshness,
            received_at=START + after + late,
        )
        assert msgspec.json.decode(msgspec.json.encode(self.state), type=TrapState) == self.state
        return events

    def tick(self, after: int) -> list[Event]:
        self.state, events = traps.tick(self.policy, self.state, self.device, START + after)
        return events

    def person(self, kind: str, after: int) -> list[Event]:
        act = Act(id=1, at=START + after, who="tanaka", source="cli", kind=kind, target="box12")
        self.state, events = traps.act(self.state, self.device, act, START + after)
        return events


def kinds(events: list[Event]) -> list[EventKind]:
    return [event.kind for event in events]


def test_a_sprung_trap_opens_at_once() -> None:
    (event,) = Round().says(SPRUNG, 0)
    assert (event.kind, event.incident, event.device) == (CAUGHT, "trap/box12", "box12")
    assert (event.at, event.freshness) == (START, Freshness.LIVE)


def test_a_heartbeat_that_still_says_sprung_is_no_new_catch() -> None:
    box = Round()
    assert kinds(box.says(SPRUNG, 0)) == [CAUGHT]
    for hour in range(1, 24):
        assert box.says(SPRUNG, hour * HOUR) == []
        assert box.tick(hour * HOUR) == []


def test_an_armed_contact_never_closes_and_a_person_does() -> None:
    box = Round()
    box.says(SPRUNG, 0)
    assert box.says(ARMED, HOUR) == []
    assert box.state.state == "sprung"
    (reset,) = box.person("trap_reset", 2 * HOUR)
    assert (reset.kind, reset.incident) == (RESET, "trap/box12")
    assert (reset.level, reset.detail) == ("armed", "tanaka")
    assert kinds(box.says(SPRUNG, 3 * HOUR)) == [CAUGHT]


def test_a_door_that_the_animal_rattles_is_no_new_catch() -> None:
    box = Round()
    box.says(SPRUNG, 0)
    for minute in range(1, 60):
        assert box.says(ARMED if minute % 2 else SPRUNG, minute * MINUTE) == []


def test_a_trap_set_again_without_a_word_to_the_hub_has_a_new_catch() -> None:
    box = Round()
    box.says(SPRUNG, 0)
    box.says(ARMED, HOUR)
    (again,) = box.says(SPRUNG, 5 * HOUR)
    assert (again.kind, again.detail, again.incident) == (CAUGHT, "again", "trap/box12")
    assert box.says(SPRUNG, 6 * HOUR) == []


def test_a_trap_out_of_use_springs_without_an_alert_until_it_is_set_again() -> None:
    box = Round()
    (out,) = box.person("trap_disarm", 0)
    assert (out.kind, out.level) == (RESET, "disarmed")
    assert box.says(SPRUNG, HOUR) == []
    assert box.tick(DAY) == []
    assert kinds(box.person("trap_reset", 2 * DAY)) == [RESET]
    assert kinds(box.says(SPRUNG, 3 * DAY)) == [CAUGHT]


def test_taking_a_sprung_trap_out_of_use_closes_it() -> None:
    box = Round()
    box.says(SPRUNG, 0)
    assert kinds(box.person("trap_disarm", HOUR)) == [RESET]
    assert box.says(SPRUNG, 2 * HOUR) == []


def test_the_same_act_twice_and_an_act_of_another_kind_change_nothing() -> None:
    box = Round()
    assert box.person("trap_reset", 0) == []
    assert box.person("siren_stop", 0) == []
    box.person("trap_disarm", HOUR)
    assert box.person("trap_disarm", 2 * HOUR) == []


def test_sprung_and_silent_is_said_once() -> None:
    box = Round()
    box.says(SPRUNG, 0)
    assert box.tick(3 * HOUR - 1) == []
    (silent,) = box.tick(3 * HOUR)
    assert (silent.kind, silent.incident, silent.window) == (SILENT, "trap/box12", 3 * HOUR)
    assert box.tick(4 * HOUR) == []
    box.state = traps.heard(box.state, START + 5 * HOUR)
    assert box.tick(9 * HOUR) == []


def test_any_word_of_its_sensor_is_a_sign_of_life() -> None:
    box = Round()
    box.says(SPRUNG, 0)
    box.state = traps.heard(box.state, START + 2 * HOUR)
    assert box.tick(5 * HOUR - 1) == []
    assert kinds(box.tick(5 * HOUR)) == [SILENT]


def test_a_trap_that_is_not_sprung_is_not_judged_here_and_costs_nothing() -> None:
    box = Round()
    assert box.tick(9 * DAY) == []
    assert traps.heard(box.state, START) is box.state


def test_the_next_catch_may_fall_silent_again() -> None:
    box = Round()
    box.says(SPRUNG, 0)
    assert kinds(box.tick(3 * HOUR)) == [SILENT]
    box.person("trap_reset", 4 * HOUR)
    box.says(SPRUNG, 5 * HOUR)
    assert kinds(box.tick(8 * HOUR)) == [SILENT]


def test_a_late_report_opens_because_the_animal_is_still_inside() -> None:
    box = Round()
    (event,) = box.says(SPRUNG, 0, Freshness.LATE, late=20 * HOUR)
    assert (event.kind, event.at, event.freshness) == (CAUGHT, START, Freshness.LATE)
    assert box.tick(20 * HOUR + 1) == []


def test_a_report_older_than_late_after_does_not_open() -> None:
    assert Round().says(SPRUNG, 0, Freshness.LATE, late=DAY + 1) == []


def test_a_late_report_from_before_the_reset_is_history() -> None:
    box = Round()
    box.says(SPRUNG, 0)
    box.person("trap_reset", 2 * HOUR)
    assert box.says(SPRUNG, HOUR, Freshness.LATE, late=3 * HOUR) == []
    assert box.state.state == "armed"


@pytest.mark.parametrize("freshness", [Freshness.RETAINED, Freshness.STORED])
def test_what_was_retained_or_stored_never_opens(freshness: Freshness) -> None:
    box = Round()
    assert box.says(SPRUNG, 0, freshness) == []
    assert box.state == TrapState()


@pytest.mark.parametrize(("sprung_when", "state"), [("open", "open"), ("closed", "closed")])
def test_a_door_contact_springs_the_way_its_magnet_is_mounted(sprung_when: str, state: str) -> None:
    config = TrapConfig(no="3", type="box", owner="hunter", sprung_when=sprung_when)
    box = Round(trap("box3").model_copy(update={"trap": config}))
    other = {"open": "closed", "closed": "open"}[state]
    assert box.says(Signal("contact", state=other), 0) == []
    assert kinds(box.says(Signal("contact", state=state), HOUR)) == [CAUGHT]
    assert box.says(Signal("contact", state=other), 2 * HOUR) == []


def test_signals_of_other_rooms_say_nothing_of_a_trap() -> None:
    for type in ("motion", "animal", "wire", "tilt", "status"):
        assert Round().says(Signal(type, state="on"), 0) == []


def test_a_trap_under_maintenance_springs_without_an_alert() -> None:
    assert Round(trap("box12", maintenance=True)).says(SPRUNG, 0) == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["sprung", "armed", "tick", "trap_reset", "trap_disarm"]),
            st.integers(1, 4 * HOUR),
            st.sampled_from(Freshness),
        ),
        max_size=40,
    )
)
def test_whatever_comes_only_a_person_ends_a_catch_and_silence_is_said_once_a_catch(
    steps: list[tuple[str, int, Freshness]],
) -> None:
    box = Round()
    now, silent = 0, 0
    for what, pause, freshness in steps:
        now += pause
        before = box.state.state
        if what == "tick":
            events = box.tick(now)
        elif what in ("sprung", "armed"):
            events = box.says(Signal("trap", state=what), now, freshness)
            assert before != "sprung" or box.state.state == "sprung"
            assert freshness not in (Freshness.RETAINED, Freshness.STORED) or events == []
        else:
            events = box.person(what, now)
        for event in events:
            silent = silent + 1 if event.kind is SILENT else 0
        assert silent <= 1
