"""Device clocks that are wrong: named once, and what they report is neither lost nor taken for fresh."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.quality import skew
from hub.quality.skew import DeviceClock
from tests import towns
from tests.stepped import ALL, Stepped, booted, quiet_valley
from tests.timeline import Timeline, animal, nothing_else_was_told
from tests.towns import HOUR, MINUTE, SECOND, at

__all__ = ["nothing_else_was_told"]

NOON = at("2026-11-21 12:00")


def beats(t: Timeline, device: str, off: int, times: int, every: int = 10 * MINUTE, **m: Any) -> None:
    """So many reports at the device's heartbeat by a clock that is `off`."""
    for _ in range(times):
        t.says(device, at=t.now + off, **m).passes(every)


def test_a_clock_that_is_constantly_behind_is_named_once_and_its_reports_count_as_they_arrive() -> None:
    t = Timeline(quiet_valley())
    beats(t, "river-1", -9 * HOUR, 5, level_m=1.0)
    t.silence()
    beats(t, "river-1", -9 * HOUR, 8, level_m=1.0)
    (named,) = t.told("clock_behind opened: operator")
    assert "約540分" in named.body
    t.says("river-1", at=t.now - 9 * HOUR, level_m=3.2).told("river_lv2 opened: resident official")


def test_a_device_whose_clock_is_behind_tells_people_and_sounds_no_siren() -> None:
    people = [towns.person("farmer", "farmer"), towns.person("operator", "operator")]
    camera = towns.camera("cam-1", heartbeat="10m")
    t = Timeline(towns.town([camera, towns.siren("siren-1", north=40, heartbeat="0s")], people=people))
    beats(t, "cam-1", -9 * HOUR, 8)
    assert [n.template for n in t.unread if n.template.startswith("clock")] == ["clock_behind"]
    t.unread.clear()
    t.says("cam-1", animal("boar"), at=t.now - 9 * HOUR).told("animal_detected opened: farmer")
    assert t.ordered() == []


def test_a_clock_that_was_put_right_is_right_again_after_the_reports_agree_for_a_while() -> None:
    t = Timeline(quiet_valley())
    beats(t, "river-1", -9 * HOUR, 8, level_m=1.0)
    t.told("clock_behind opened: operator")
    beats(t, "river-1", 0, 3, level_m=1.0)
    assert t.open("clock")
    beats(t, "river-1", 0, 5, level_m=1.0)
    assert not t.open("clock")
    t.silence()


def test_a_clock_that_is_ahead_is_named_and_its_reports_count_as_they_arrive() -> None:
    t = Timeline(quiet_valley())
    beats(t, "river-1", 9 * HOUR, 8, level_m=1.0)
    t.told("clock_ahead opened: operator")
    t.says("river-1", at=t.now + 9 * HOUR, level_m=3.2).told("river_lv2 opened: resident official")


@settings(max_examples=60, deadline=None)
@given(
    made_every=st.integers(1, 60),
    count=st.integers(1, 60),
    away=st.integers(0, 600),
    sent_every=st.integers(0, 30),
)
def test_a_backlog_that_comes_faster_than_it_was_made_is_never_taken_for_a_wrong_clock(
    made_every: int, count: int, away: int, sent_every: int
) -> None:
    """Times in minutes; handed on at half the pace of its making at the slowest, and a minute faster."""
    t = Timeline(quiet_valley(), tick=HOUR)
    begun = t.now - (away + made_every * count) * MINUTE
    pace = min(sent_every * MINUTE, made_every * MINUTE - 61 * SECOND) if made_every > 1 else 0
    for number in range(count):
        t.says("cam-1", animal("boar"), at=begun + number * made_every * MINUTE)
        t.passes(max(pace, 0))
    t.passes(HOUR)
    assert not [event for event in t.events if event.kind.value.startswith("clock")]
    assert t.ordered() == []
    t.unread.clear()


def test_the_backlog_of_a_device_whose_clock_is_behind_is_history_all_the_same() -> None:
    t = Timeline(quiet_valley())
    beats(t, "cam-1", -9 * HOUR, 8)
    t.told("clock_behind opened: operator")
    t.says("cam-1", animal("boar"), at=t.now - 9 * HOUR - 3 * HOUR).silence()


def test_while_the_hubs_own_clock_is_not_set_no_device_is_blamed() -> None:
    t = booted(quiet_valley())
    for _ in range(12):
        t.says("river-1", level_m=1.0).passes(10 * MINUTE)
    t.silence()


def test_when_the_hubs_clock_jumps_no_device_is_blamed() -> None:
    t = Stepped(quiet_valley()).hears(*ALL).set_clock(5 * HOUR)
    for _ in range(12):
        t.says("river-1", level_m=1.0).passes(10 * MINUTE)
    t.silence()


@given(
    behind=st.integers(2 * MINUTE, 20 * HOUR),
    age=st.integers(0, 20 * HOUR),
)
def test_a_report_read_by_a_corrected_clock_is_never_younger_than_it_is(behind: int, age: int) -> None:
    """`behind` since our clock went ahead; the device agreed with us before."""
    read, doubtful = skew.read(DeviceClock(behind=behind), NOON - behind - age, NOON)
    assert (read, doubtful) == (NOON - age, False)


@given(behind=st.integers(2 * MINUTE, 20 * HOUR), age=st.integers(0, 40 * HOUR))
def test_after_our_clock_went_back_what_may_be_old_is_never_live(behind: int, age: int) -> None:
    read, doubtful = skew.read(DeviceClock(behind=-behind), NOON + behind - age, NOON)
    assert doubtful or NOON - read == age
