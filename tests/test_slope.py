"""Debris flow: a stream's sensors and the rain, told as timelines. An unexpected event fails too."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.frame import Signal
from hub.config.policy import SlopePolicy
from hub.config.shapes import Device
from hub.detect import slope as slopes
from hub.detect.slope import StreamState
from hub.model import Act, Event, EventKind, Flag, Freshness, Reading
from tests.towns import DAY, HOUR, MINUTE, SECOND, at, device, slope

START = at("2026-07-03 04:10:00")
CUT, OK = Signal("wire", state="cut"), Signal("wire", state="ok")
SHAKES, STILL = Signal("vibration", state="on"), Signal("vibration", state="off")
LEANS = Signal("tilt", state="on")
FLOW, CONFIRMED, CANCEL, MOVED = (
    EventKind.DEBRIS_FLOW,
    EventKind.DEBRIS_CONFIRMED,
    EventKind.DEBRIS_CANCEL,
    EventKind.SLOPE_MOVED,
)


class Stream:
    """大沢: two wires, a vibration sensor, a leaning pole, and rain gauges."""

    def __init__(self, *more: Device, **policy: Any) -> None:
        own = slope("wire-up"), slope("wire-low"), slope("shake", "vibration"), slope("pole", "vibration")
        self.devices = {d.id: d for d in (*own, device("rain1", "rain"), device("rain2", "rain"), *more)}
        self.policy = SlopePolicy(**policy)
        self.state = StreamState()

    def says(
        self, id: str, signal: Signal, after: int, freshness: Freshness = Freshness.LIVE, late: int = 0
    ) -> list[Event]:
        self.state, events = slopes.step(
            self.policy,
            self.state,
            self.devices[id],
            signal,
            at=START + after,
            freshness=freshness,
            received_at=START + after + late,
        )
        assert msgspec.json.decode(msgspec.json.encode(self.state), type=StreamState) == self.state
        return events

    def rains(self, mm: float | None, after: int, id: str = "rain1", **more: Any) -> list[Event]:
        fields = {"flag": Flag.PASS, "received_at": START + after} | more
        reading = Reading(id, "rain_mm", START + after, mm, **fields)
        self.state, events = slopes.rain(self.policy, self.state, self.devices[id], reading)
        return events

    def person(self, kind: str, after: int, detail: str = "") -> list[Event]:
        act = Act(1, START + after, "sato", "cli", kind, "大沢", detail)
        self.state, events = slopes.act(self.state, act, START + after)
        return events


def kinds(events: list[Event]) -> list[EventKind]:
    return [event.kind for event in events]


def test_a_wire_cut_in_dry_weather_is_a_debris_flow_that_is_not_confirmed() -> None:
    (event,) = Stream().says("wire-up", CUT, 0)
    assert (event.kind, event.incident, event.confirmed) == (FLOW, "slope/大沢", False)
    assert (event.device, event.devices, event.detail) == ("wire-up", ("wire-up",), "")


def test_two_wires_within_a_minute_confirm() -> None:
    stream = Stream()
    assert kinds(stream.says("wire-up", CUT, 0)) == [FLOW]
    (event,) = stream.says("wire-low", CUT, 55 * SECOND)
    assert (event.kind, event.incident, event.confirmed) == (CONFIRMED, "slope/大沢", True)
    assert (event.devices, event.detail) == (("wire-up", "wire-low"), "sensor")
    assert event.device == "wire-up"


def test_vibration_before_the_wire_confirms_at_once() -> None:
    stream = Stream()
    assert kinds(stream.says("shake", SHAKES, 0)) == [MOVED]
    (event,) = stream.says("wire-up", CUT, 40 * SECOND)
    assert (event.kind, event.confirmed, event.devices) == (FLOW, True, ("shake", "wire-up"))


def test_vibration_long_before_the_wire_does_not_confirm() -> None:
    stream = Stream()
    stream.says("shake", SHAKES, 0)
    (event,) = stream.says("wire-up", CUT, 61 * SECOND)
    assert (event.kind, event.confirmed) == (FLOW, False)


def test_vibration_that_goes_on_confirms_the_wire_that_is_cut_in_it() -> None:
    stream = Stream()
    assert kinds(stream.says("shake", SHAKES, 0)) == [MOVED]
    for n in range(1, 10):
        assert stream.says("shake", SHAKES, n * 30 * SECOND) == []
    (event,) = stream.says("wire-up", CUT, 280 * SECOND)
    assert (event.kind, event.confirmed) == (FLOW, True)


def test_heavy_rain_confirms_a_wire_at_once() -> None:
    stream = Stream()
    for n in range(6):
        assert stream.rains(3.5, n * 10 * MINUTE) == []
    (event,) = stream.says("wire-up", CUT, 55 * MINUTE)
    assert (event.kind, event.confirmed, event.detail, event.value) == (FLOW, True, "rain", 21.0)


def test_long_rain_confirms_a_wire_though_it_is_light_now() -> None:
    stream = Stream()
    for hour in range(41):
        stream.rains(2.0, hour * HOUR)
    (event,) = stream.says("wire-up", CUT, 41 * HOUR)
    assert (event.confirmed, event.value) == (True, 0.0)


def test_the_rain_of_last_hour_and_of_last_week_does_not_confirm() -> None:
    stream = Stream()
    for hour in range(41):
        stream.rains(2.0, hour * HOUR)
    dry = 40 * HOUR + DAY
    (event,) = stream.says("wire-up", CUT, dry)
    assert not event.confirmed
    assert slopes.rain_total_mm(stream.state, START + dry - 1) == 82.0
    assert slopes.rain_total_mm(stream.state, START + dry) == 0.0
    stream.rains(1.5, dry + MINUTE)
    assert slopes.rain_total_mm(stream.state, START + dry + MINUTE) == 1.5


def test_rain_reported_after_the_wire_confirms_it_within_the_hour() -> None:
    stream = Stream()
    stream.says("wire-up", CUT, 0)
    assert stream.rains(12, 5 * MINUTE) == []
    (event,) = stream.rains(12, 15 * MINUTE)
    assert (event.kind, event.incident, event.detail) == (CONFIRMED, "slope/大沢", "rain")
    assert (event.device, event.devices) == ("wire-up", ("wire-up", "rain1"))
    assert stream.rains(12, 25 * MINUTE) == []


def test_rain_long_after_the_wire_confirms_nothing() -> None:
    stream = Stream()
    stream.says("wire-up", CUT, 0)
    assert stream.rains(30, HOUR + 1) == []


def test_two_rain_gauges_are_not_added_up() -> None:
    stream = Stream()
    for n in range(6):
        stream.rains(2.5, n * 10 * MINUTE, "rain1")
        stream.rains(2.0, n * 10 * MINUTE, "rain2")
    assert slopes.rain_mm_h(stream.state, START + 50 * MINUTE) == 15.0


@pytest.mark.parametrize("flag", [Flag.SUSPECT, Flag.FAIL, Flag.MISSING])
def test_rain_that_is_not_good_is_not_rain(flag: Flag) -> None:
    stream = Stream()
    stream.rains(40, 0, flag=flag)
    stream.rains(None, MINUTE)
    stream.rains(40, 2 * MINUTE, freshness=Freshness.RETAINED)
    assert not stream.says("wire-up", CUT, 3 * MINUTE)[0].confirmed


def test_rain_told_late_and_out_of_order_falls_into_its_own_hour() -> None:
    stream = Stream()
    stream.rains(5, 2 * HOUR)
    stream.rains(9, 90 * MINUTE, freshness=Freshness.LATE)
    stream.rains(7, 10 * MINUTE, freshness=Freshness.LATE)
    assert slopes.rain_mm_h(stream.state, START + 2 * HOUR) == 14.0
    assert slopes.rain_total_mm(stream.state, START + 2 * HOUR) == 21.0


def test_the_same_rain_twice_falls_once() -> None:
    stream = Stream()
    stream.rains(5, 0)
    stream.rains(5, 0)
    assert slopes.rain_mm_h(stream.state, START) == 5.0


def test_a_gauge_that_reports_each_second_keeps_an_hour_in_sixty_numbers() -> None:
    stream = Stream()
    for n in range(2 * 3600):
        stream.rains(0.01, n * SECOND)
    assert len(stream.state.rain["rain1"].minutes) == 60
    assert slopes.rain_mm_h(stream.state, START + 2 * HOUR - SECOND) == pytest.approx(36.0)


def test_vibration_or_tilt_alone_makes_officials_look_once() -> None:
    stream = Stream()
    (event,) = stream.says("shake", SHAKES, 0)
    assert (event.kind, event.incident, event.confirmed) == (MOVED, "slope/大沢/check", False)
    assert event.detail == "vibration"
    assert stream.says("shake", STILL, 10 * SECOND) == []
    assert stream.says("shake", SHAKES, 20 * SECOND) == []
    (event,) = stream.says("pole", LEANS, 10 * MINUTE)
    assert (event.kind, event.detail) == (MOVED, "tilt")
    assert stream.says("pole", LEANS, HOUR) == []
    assert kinds(stream.says("shake", SHAKES, HOUR)) == [MOVED]


def test_vibration_in_heavy_rain_is_still_for_officials() -> None:
    stream = Stream()
    stream.rains(45, 0)
    assert kinds(stream.says("shake", SHAKES, MINUTE)) == [MOVED]


def test_vibration_and_tilt_of_two_sensors_are_a_debris_flow() -> None:
    stream = Stream()
    assert kinds(stream.says("shake", SHAKES, 0)) == [MOVED]
    (event,) = stream.says("pole", LEANS, 30 * SECOND)
    assert (event.kind, event.confirmed, event.devices) == (FLOW, True, ("shake", "pole"))


def test_two_sensors_of_one_post_do_not_confirm_each_other() -> None:
    stream = Stream()
    assert kinds(stream.says("wire-up", CUT, 0)) == [FLOW]
    assert stream.says("wire-up", SHAKES, 5 * SECOND) == []
    assert not stream.state.confirmed
    stream = Stream()
    assert kinds(stream.says("pole", SHAKES, 0)) == [MOVED]
    assert kinds(stream.says("pole", LEANS, 5 * SECOND)) == [MOVED]


def test_a_wire_that_stays_cut_is_said_once() -> None:
    stream = Stream()
    stream.says("wire-up", CUT, 0)
    for n in range(1, 30):
        assert stream.says("wire-up", CUT, n * 10 * MINUTE) == []


def test_a_false_alarm_is_cancelled_with_its_cause_and_the_cut_wire_stays_quiet_until_mended() -> None:
    stream = Stream()
    stream.says("wire-up", CUT, 0)
    (cancel,) = stream.person("debris_cancel", 78 * MINUTE, "シカがワイヤーに触れた")
    assert (cancel.kind, cancel.incident, cancel.device) == (CANCEL, "slope/大沢", "wire-up")
    assert cancel.detail == "シカがワイヤーに触れた"
    assert stream.says("wire-up", CUT, 80 * MINUTE) == []
    assert kinds(stream.says("wire-low", CUT, 5 * HOUR)) == [FLOW]
    stream.person("debris_cancel", 6 * HOUR)
    assert stream.says("wire-up", OK, DAY) == []
    assert kinds(stream.says("wire-up", CUT, 2 * DAY)) == [FLOW]


def test_a_wire_cut_for_weeks_does_not_confirm_another() -> None:
    stream = Stream()
    stream.says("wire-up", CUT, 0)
    stream.person("debris_cancel", HOUR)
    stream.says("wire-low", CUT, 20 * DAY)
    assert stream.says("wire-up", CUT, 20 * DAY + SECOND) == []
    assert not stream.state.confirmed


def test_an_alert_closed_by_a_person_ends_without_a_word() -> None:
    stream = Stream()
    stream.says("wire-up", CUT, 0)
    assert stream.person("close", HOUR) == []
    assert not stream.state.open
    assert stream.person("debris_cancel", 2 * HOUR) == []


def test_a_second_flow_under_an_alert_that_nobody_closed_is_a_debris_flow_again() -> None:
    stream = Stream()
    assert kinds(stream.says("wire-up", CUT, 0)) == [FLOW]
    assert kinds(stream.says("wire-low", CUT, 2 * HOUR)) == [FLOW]


def test_a_third_sensor_of_a_confirmed_flow_adds_no_word() -> None:
    stream = Stream()
    stream.says("wire-up", CUT, 0)
    assert kinds(stream.says("shake", SHAKES, 20 * SECOND)) == [CONFIRMED]
    assert stream.says("wire-low", CUT, 50 * SECOND) == []
    assert stream.state.agreeing == ("wire-up", "shake", "wire-low")


def test_the_loop_of_a_wire_told_as_a_contact_is_cut_when_open() -> None:
    stream = Stream()
    assert stream.says("wire-up", Signal("contact", state="closed"), 0) == []
    assert kinds(stream.says("wire-up", Signal("contact", state="open"), MINUTE)) == [FLOW]


def test_a_delayed_cut_opens_and_says_that_it_is_delayed() -> None:
    (event,) = Stream().says("wire-up", CUT, 0, Freshness.DELAYED, late=30 * MINUTE)
    assert (event.kind, event.freshness) == (FLOW, Freshness.DELAYED)


@pytest.mark.parametrize("freshness", [Freshness.LATE, Freshness.RETAINED, Freshness.STORED])
def test_history_opens_confirms_and_mends_nothing(freshness: Freshness) -> None:
    stream = Stream()
    assert stream.says("wire-up", CUT, 0, freshness, late=DAY) == []
    assert stream.state == StreamState()
    stream.says("wire-up", CUT, MINUTE)
    assert stream.says("wire-low", CUT, MINUTE, freshness, late=DAY) == []
    before = stream.state
    assert stream.says("wire-up", OK, 2 * MINUTE, freshness, late=DAY) == []
    assert stream.state == before


def test_a_sensor_under_maintenance_is_not_heard() -> None:
    stream = Stream(slope("wire-new", maintenance=True))
    assert stream.says("wire-new", CUT, 0) == []
    assert stream.says("wire-new", OK, MINUTE) == []
    assert stream.state == StreamState()


def test_a_wire_that_says_all_is_well_changes_nothing() -> None:
    stream = Stream()
    before = stream.state
    assert stream.says("wire-up", OK, 0) == []
    assert stream.state is before


def test_signals_of_other_rooms_say_nothing_of_a_slope() -> None:
    for type in ("motion", "animal", "trap", "status"):
        assert Stream().says("wire-up", Signal(type, state="on"), 0) == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["wire-up", "wire-low", "shake", "pole", "rain", "debris_cancel", "close"]),
            st.sampled_from([CUT, OK, SHAKES, STILL, LEANS]),
            st.integers(1, 3 * HOUR),
            st.sampled_from(Freshness),
        ),
        max_size=30,
    )
)
def test_whatever_comes_a_flow_is_confirmed_once_and_a_fresh_live_cut_is_never_missed(
    steps: list[tuple[str, Signal, int, Freshness]],
) -> None:
    stream = Stream()
    now, confirmed = 0, False
    for what, signal, pause, freshness in steps:
        now += pause
        was_open = stream.state.open
        whole = ("wire-up", "wire") not in {(t.device, t.type) for t in stream.state.tripped}
        if what == "rain":
            events = stream.rains(15, now, freshness=freshness)
        elif what in ("debris_cancel", "close"):
            events = stream.person(what, now)
        else:
            events = stream.says(what, signal, now, freshness)
        if what == "wire-up" and signal is CUT and freshness <= Freshness.DELAYED and whole:
            assert stream.state.open
            assert was_open or kinds(events) == [FLOW]
        for event in events:
            if event.kind is FLOW:
                confirmed = event.confirmed
            elif event.kind is CONFIRMED:
                assert not confirmed
                confirmed = True
