"""A drill marks what opens in it, and nothing else; it ends, and what is real is told as real."""

import pytest

from hub.config.policy import SilencePolicy, StormPolicy
from hub.model import AlertState, Mode, Status
from tests.stepped import Stepped
from tests.timeline import ARMED, CUT, SPRUNG, Timeline, animal, nothing_else_was_told
from tests.towns import (
    HOUR,
    MINUTE,
    UNCHASED,
    at,
    camera,
    gauge,
    person,
    siren,
    slope,
    square,
    town,
    trap,
)

__all__ = ["nothing_else_was_told"]

NOON = "2026-11-21 12:00"
LEVELS = {"standby": 2.0, "caution": 3.0, "danger": 4.0, "overflow": 5.0}
SPRUNG_TOLD = "trap_sprung opened: hunter"
OVER = "drill_over cleared: hunter"


def valley(**more):
    return town(
        devices=[
            trap("trap", owner="hunter", heartbeat="0s"),
            trap("trap-2", north=900, owner="hunter", heartbeat="0s"),
            camera("cam", heartbeat="0s"),
            gauge("gauge", LEVELS, max_rise_m_per_10min=9.0, heartbeat="0s"),
            slope("wire", north=3000, heartbeat="0s"),
            siren("siren", north=30, heartbeat="0s"),
            siren("hall", north=3000, use=("warn",), heartbeat="0s"),
        ],
        zones=[
            square("paddy", "paddy"),
            square("flood", "flood", rivers=("gauge",)),
            square("below", "stream", north=3000, rivers=("大沢",)),
        ],
        people=[
            person("sato", "farmer", zones=("paddy",)),
            person("hunter", "hunter"),
            person("office", "official"),
            person("mori", "resident", zones=("flood", "below")),
        ],
        **{"trap": UNCHASED} | more,
    )


def drilling(targets, minutes=60, start=NOON, **more):
    t = Timeline(valley(**more), start)
    return t.does(
        "drill_start", "site", who="office", detail="秋の訓練", minutes=str(minutes), targets=targets
    )


def marked(told):
    """Every text begins with the mark."""
    assert told
    for n in told:
        assert n.body.startswith("【訓練】")
        assert n.title.startswith("【訓練】") or n.channel_kind == "sms"
    return told


@pytest.mark.parametrize("restarts", [False, True])
def test_a_drill_with_a_trap_from_its_first_word_to_its_last(restarts):
    t = drilling("device/trap", 60)
    t.passes(MINUTE).says("trap", SPRUNG)
    marked(t.told(SPRUNG_TOLD))
    (alert,) = t.open("trap")
    assert alert.mode is Mode.EXERCISE
    if restarts:
        t.restart()
    t.passes(MINUTE).does("take", alert.id, who="hunter", eta="10")
    marked(t.told("trap_acked taken: hunter"))
    t.at("12:59").silence()
    if restarts:
        t.restart()
    t.at("13:01")
    (over,) = marked(t.told(OVER))
    assert "これからのお知らせは本物です" in over.body
    assert t.open() == []
    t.says("trap", ARMED).passes(20 * MINUTE).says("trap", SPRUNG)
    (real,) = t.told(SPRUNG_TOLD)
    assert "訓練" not in real.body
    assert t.open("trap")[0].mode is Mode.ACTUAL


def test_what_the_drill_does_not_name_stays_actual():
    t = drilling("device/trap kind/animal")
    t.says("trap-2", SPRUNG).says("gauge", level_m=4.2).says("wire", CUT)
    told = t.told(
        SPRUNG_TOLD,
        "river_lv4 opened: office mori",
        "debris_unconfirmed opened: office",
        "debris_flow opened: mori",
    )
    assert not any("訓練" in n.body + n.title for n in told)
    t.says("cam", animal("boar"))
    marked(t.told("animal_detected opened: sato hunter"))
    t.passes(11 * MINUTE)
    marked(t.told("animal_closed cleared: sato hunter"))


def test_what_was_open_before_stays_actual():
    t = Timeline(valley(), NOON)
    t.says("trap", SPRUNG).told(SPRUNG_TOLD)
    t.does("drill_start", "site", minutes="30", targets="kind/trap")
    t.passes(MINUTE).does("trap_reset", "trap")
    (done,) = t.told("trap_reset cleared: hunter")
    assert "訓練" not in done.body
    t.passes(HOUR).silence()


@pytest.mark.parametrize("targets", ["", "all", "device/none", "kind/", "kind/none", "trap", "site"])
def test_a_drill_that_names_nothing_is_none(targets):
    t = drilling(targets)
    t.says("trap", SPRUNG)
    (text,) = t.told(SPRUNG_TOLD)
    assert "訓練" not in text.body


def test_a_drill_in_a_zone_covers_what_lies_in_it_alone():
    t = drilling("zone/paddy")
    t.says("cam", animal("boar"))
    marked(t.told("animal_detected opened: sato hunter"))
    t.says("trap-2", SPRUNG)
    assert "訓練" not in t.told(SPRUNG_TOLD)[0].body
    t.passes(11 * MINUTE).told("animal_closed cleared: sato hunter")


def test_the_siren_is_short_in_a_drill():
    t = drilling("kind/animal kind/debris")
    t.says("cam", animal("boar")).says("wire", CUT)
    marked(
        t.told(
            "animal_detected opened: sato hunter",
            "debris_unconfirmed opened: office",
            "debris_flow opened: mori",
        )
    )
    assert {c.device: c.until - c.created_at for c in t.commands} == {"siren": 3_000, "hall": 3_000}
    t.at("13:01").unread.clear()
    t.does("drill_end", "site")


def test_a_drill_is_ended_by_hand_and_a_level_that_is_real_is_told_as_real():
    t = drilling("device/gauge", 600)
    t.says("gauge", level_m=3.2)
    marked(t.told("river_lv2 opened: office mori"))
    t.passes(10 * MINUTE).does("drill_end", "site", who="office")
    marked(t.told("drill_over cleared: office mori"))
    t.says("gauge", level_m=3.3)
    (real, _) = t.told("river_lv2 opened: office mori")
    assert "訓練" not in real.body


def test_a_drill_of_a_debris_flow_ends_and_the_next_cut_is_real():
    t = drilling("kind/debris", 30)
    t.says("wire", CUT)
    marked(t.told("debris_unconfirmed opened: office", "debris_flow opened: mori"))
    t.passes(31 * MINUTE)
    marked(t.told("drill_over cleared: office mori"))
    t.says("wire", {"type": "wire", "state": "ok"}).says("wire", CUT)
    assert "訓練" not in t.told("debris_unconfirmed opened: office", "debris_flow opened: mori")[0].body


def test_a_drill_is_no_longer_than_the_town_allows():
    t = drilling("kind/trap", 99999, silence=SilencePolicy(longest_drill="1h"))
    t.passes(61 * MINUTE).says("trap", SPRUNG)
    assert "訓練" not in t.told(SPRUNG_TOLD)[0].body


def test_the_end_of_a_drill_that_never_was_changes_nothing():
    t = Timeline(valley(), NOON).does("drill_end", "site")
    t.says("trap", SPRUNG).told(SPRUNG_TOLD)


def test_a_hub_whose_clock_is_not_set_ends_its_drill_all_the_same():
    t = Stepped(valley(), "2026-11-21 12:00", off=60_000 - at("2026-11-21 12:00"))
    t.does("drill_start", "site", minutes="20", targets="kind/trap").says("trap", SPRUNG)
    marked(t.told(SPRUNG_TOLD))
    t.passes(10 * MINUTE).set_clock(-t.off).passes(9 * MINUTE).silence()
    t.passes(2 * MINUTE)
    marked(t.told(OVER))


def test_the_news_of_a_drill_neither_fills_a_storm_nor_is_counted_in_one():
    traps = [trap(f"t{n}", north=50 * n, owner="hunter", heartbeat="0s") for n in range(6)]
    ground = town(traps, people=[person("hunter", "hunter")], trap=UNCHASED, storm=StormPolicy(first=2))
    t = Timeline(ground, NOON)
    t.does("drill_start", "site", minutes="20", targets="device/t0 device/t1 device/t2 device/t3")
    for each in traps:
        t.says(each.id, SPRUNG)
    told = t.told(*[SPRUNG_TOLD] * 6)
    assert [n.body.startswith("【訓練】") for n in told] == [True] * 4 + [False] * 2
    assert {n.status for n in told} == {Status.PENDING}
    t.passes(21 * MINUTE).told(*[OVER] * 4)


def test_what_ends_with_a_drill_is_closed_and_stays_an_exercise():
    t = drilling("device/trap", 30)
    t.says("trap", SPRUNG).told(SPRUNG_TOLD)
    t.passes(31 * MINUTE).told(OVER)
    (alert,) = t.alerts.values()
    assert (alert.state, alert.mode) == (AlertState.RESOLVED, Mode.EXERCISE)
