"""Silences, work, drills and repeats through crashes: told is what would have been told without."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.config.policy import RepeatPolicy, WildlifePolicy
from hub.model import Mode, Severity
from tests.test_silence import valley
from tests.timeline import CUT, MENDED, SPRUNG, Timeline, animal
from tests.towns import HOUR, MINUTE

Happening = tuple[int, str, Any]

TARGETS = (
    "device/trap",
    "device/gauge",
    "kind/animal",
    "kind/bear",
    "kind/river",
    "zone/paddy",
    "zone/flood",
)
SAID = {
    "trap": SPRUNG,
    "cam": animal("boar"),
    "other": animal("bear"),
    "wire": CUT,
}
HAPPENINGS = st.one_of(
    st.tuples(st.just("says"), st.sampled_from(sorted(SAID))),
    st.tuples(st.just("mends"), st.just("wire")),
    st.tuples(st.just("level"), st.sampled_from([1.0, 2.2, 3.2, 4.2, 5.2])),
    st.tuples(st.just("silence"), st.sampled_from(TARGETS)),
    st.tuples(st.just("unsilence"), st.sampled_from(TARGETS)),
    st.tuples(st.just("maintenance"), st.sampled_from(["trap", "gauge", "cam", "wire"])),
    st.tuples(st.just("maintenance_end"), st.sampled_from(["trap", "gauge", "cam", "wire"])),
    st.tuples(st.just("drill_start"), st.sampled_from(TARGETS)),
    st.tuples(st.just("drill_end"), st.just("site")),
    st.tuples(st.sampled_from(["acknowledge", "confirm", "cancel", "close", "label"]), st.integers(0, 3)),
)
STORY = st.lists(st.tuples(st.sampled_from([0, 1, 7, 25, 61]), HAPPENINGS), max_size=16)


def town():
    return valley(repeat=RepeatPolicy(), wildlife=WildlifePolicy(quiet_for="30m"))


def happen(t: Timeline, minutes: int, what: str, about: Any) -> None:
    t.passes(minutes * MINUTE)
    if what == "says":
        t.says(about, SAID[about])
    elif what == "mends":
        t.says(about, MENDED)
    elif what == "level":
        t.says("gauge", level_m=about)
    elif what == "drill_start":
        t.does(what, "site", minutes="40", targets=about)
    elif isinstance(about, int):
        opened = sorted(alert.id for alert in t.open())
        t.does(what, opened[about] if about < len(opened) else "none", who="office", label="false")
    else:
        t.does(what, about, who="office", minutes="45")


@settings(max_examples=40, deadline=None)
@given(STORY, st.integers(0, 16))
def test_a_crash_at_any_point_changes_nothing_that_is_told(story, cut):
    whole, halved = Timeline(town()), Timeline(town())
    for number, (minutes, happening) in enumerate(story):
        happen(whole, minutes, *happening)
        happen(halved, minutes, *happening)
        if number >= cut:
            halved.restart()
    for t in (whole, halved):
        t.passes(2 * HOUR)
    assert halved.notifications == whole.notifications
    assert halved.commands == whole.commands
    assert halved.pipeline.state.alerts == whole.pipeline.state.alerts


@settings(max_examples=40, deadline=None)
@given(STORY)
def test_whatever_is_silenced_life_is_told_and_whatever_is_drilled_only_what_it_names_is_marked(story):
    t = Timeline(town())
    drilled = {happening[1] for _, happening in story if happening[0] == "drill_start"}
    for minutes, happening in story:
        happen(t, minutes, *happening)
    for alert in t.alerts.values():
        if alert.peak is Severity.LIFE:
            assert alert.told
        if alert.mode is Mode.EXERCISE:
            assert drilled & {f"device/{alert.device}", f"kind/{alert.kind}", *_zones(alert)}
    told = [n for n in t.notifications if n.alert_id in t.alerts]
    for n in told:
        mode = t.alerts[n.alert_id].mode
        assert n.body.startswith("【訓練】") == (mode is Mode.EXERCISE)


def _zones(alert):
    return {f"zone/{zone}" for zone in alert.zones}
