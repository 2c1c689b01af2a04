"""Budgets of the channels: wildlife leaves the reserve alone, a disaster uses it to the end and beyond."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.config.load import load
from hub.config.policy import StormPolicy, WildlifePolicy
from hub.config.shapes import Channel
from hub.config.tell_policy import ChannelBudget, ChannelsPolicy
from hub.model import Severity, Status
from hub.telling import budget
from hub.telling.budget import Spent
from hub.watch.digest import Day, Morning
from tests.config_towns import make_town
from tests.inward import look
from tests.timeline import (
    CUT,
    SPRUNG,
    Timeline,
    animal,
    nothing_else_was_told,  # noqa: F401
)
from tests.towns import DAY, HOUR, MINUTE, at, one_of_each, person, town

LEVELS_M = {"standby": 2.0, "caution": 3.0, "evac_judge": 3.5, "danger": 4.0, "overflow": 5.0}
NOON = "2026-11-21 12:00"
NO_STORMS = StormPolicy(within="1s", first=100, first_of_devices=100, first_in_danger=1_000)


def on(*kinds):
    return tuple(Channel(kind=kind, url="json://127.0.0.1/") for kind in kinds)


LINE_AND_MAIL = [
    person("farmer", "farmer", zones=("paddy",), channels=on("line", "mail")),
    person("hunter", "hunter", channels=on("line")),
    person("granny", "resident", zones=("flood", "below"), channels=on("line", "mail")),
]


def valley(limit=10, people=LINE_AND_MAIL, per="month", traps=8, **policy):
    return town(
        **one_of_each(traps),
        people=people,
        budgets={"line": ChannelBudget(limit=limit, per=per, reserve=0.3)},
        wildlife=WildlifePolicy(join_within_m=1, join_within="1s", quiet_for="10m"),
        **({"storm": NO_STORMS} | policy),
    )


def spent(t, kind="line"):
    return t.pipeline.state.rooms["budget"].get(kind, budget.NOTHING).count


def used(place, count, start=NOON, period="2026-11", **more):
    """A hub of which the month has used so much."""
    t = Timeline(place, start, **more)
    t.pipeline.state.put("budget", "line", Spent(period, count))
    return t


def rises(t, level_m):
    return t.says("gauge", level_m=level_m).says("gauge", level_m=level_m)


# --- counting ---------------------------------------------------------------------------------------


def test_every_message_that_is_to_be_handed_over_is_counted_by_kind_of_channel():
    t = Timeline(valley(100), NOON).says("cam", animal("boar"))
    t.told("animal_detected opened: farmer farmer/line hunter/line")
    assert spent(t) == 2
    t.at("12:10").told("animal_closed cleared: farmer farmer/line hunter/line")
    assert spent(t) == 4
    assert spent(t.restart()) == 4
    assert "mail" not in t.pipeline.state.rooms["budget"]


def test_what_is_sent_at_its_hour_counts_too():
    t = Timeline(valley(100), NOON)
    t.does("test_send", "hunter").told("test reported: hunter/line")
    assert spent(t) == 1


def test_a_month_and_a_day_are_those_of_the_calendar_on_the_wall():
    t = used(valley(10), 7, "2026-11-30 23:50")
    assert budget.saves(t.town.policy, "line", t.pipeline.state.rooms["budget"], t.now, t.town.zone_info)
    t.at("2026-12-01 00:10").says("cam", animal("boar"))
    t.told("animal_detected opened: farmer farmer/line hunter/line")
    assert t.pipeline.state.rooms["budget"]["line"] == Spent("2026-12", 2)
    by_day = used(valley(10, per="day"), 7, "2026-11-21 23:50", "2026-11-21").at("2026-11-22 00:01")
    by_day.says("cam", animal("boar")).told("animal_detected opened: farmer farmer/line hunter/line")
    assert by_day.pipeline.state.rooms["budget"]["line"] == Spent("2026-11-22", 2)


def test_what_is_left_is_there_to_be_shown():
    t = used(valley(10), 6)
    (left,) = budget.left(t.town, t.pipeline.state.rooms["budget"], t.now)
    assert left == ("line", 10, 6, 4, 3, "month", False)
    t.pipeline.state.put("budget", "line", Spent("2026-11", 7))
    assert budget.left(t.town, t.pipeline.state.rooms["budget"], t.now)[0].saves
    t.pipeline.state.put("budget", "line", Spent("2026-11", 12))
    assert budget.left(t.town, t.pipeline.state.rooms["budget"], t.now)[0].left == 0
    t.pipeline.state.put("budget", "line", Spent("2026-10", 12))
    assert budget.left(t.town, t.pipeline.state.rooms["budget"], t.now)[0].used == 0


# --- the reserve ------------------------------------------------------------------------------------


def test_of_an_animal_the_other_channels_tell_at_once_and_who_has_none_gets_a_digest():
    t = used(valley(10), 7).says("cam", animal("boar"))
    t.told("animal_detected opened: farmer")
    assert spent(t) == 7
    reasons = {(n.recipient, n.channel_kind): n.error for n in t.notifications if n.status is Status.HELD}
    assert set(reasons) == {("farmer", "line"), ("hunter", "line")}
    assert reasons["hunter", "line"] == "budget: line has its reserve left"
    t.at("12:10").told("animal_closed cleared: farmer")
    (digest,) = [n for n in t.at("17:00").unread if n.template == "morning_digest"]
    t.unread = []
    assert digest.title == "【まとめ】お知らせ1件"
    assert digest.created_at == at("2026-11-21 17:00")


def test_the_limit_is_reached_within_one_event_by_the_first_of_its_people():
    """The order of the config: who comes first still gets it."""
    t = used(valley(10), 6).says("cam", animal("boar"))
    t.told("animal_detected opened: farmer farmer/line")
    assert spent(t) == 7


def test_a_sprung_trap_leaves_the_reserve_alone_too_and_comes_with_the_digest():
    t = used(valley(10), 7).says("trap-1", SPRUNG).silence()
    t.at("13:00")
    t.unread = []
    t.at("17:00")
    digests = [n for n in t.unread if n.template == "morning_digest"]
    assert [(n.recipient, n.severity) for n in digests] == [("hunter", Severity.WARNING)]
    t.unread = []


def test_a_river_goes_on_to_the_end_of_the_limit_and_beyond_it():
    t = rises(used(valley(10), 9), 3.1)
    t.told("river_lv2 opened: granny granny/line")
    rises(t, 3.6).told("river_lv3 escalated: granny granny/line")
    assert spent(t) == 11


def test_a_bear_and_a_debris_flow_use_the_reserve():
    t = used(valley(10), 9).says("cam", animal("bear"))
    t.told("animal_bear opened: farmer farmer/line hunter/line")
    t.says("wire", CUT).told("debris_flow opened: granny granny/line")


def test_what_was_told_of_a_danger_ends_for_all_who_were_told():
    t = used(valley(10), 9).says("cam", animal("bear"))
    t.told("animal_bear opened: farmer farmer/line hunter/line")
    t.passes(20 * MINUTE)
    ends = [n for n in t.unread if n.template == "animal_closed"]
    assert {(n.recipient, n.channel_kind) for n in ends if n.status is Status.PENDING} == {
        ("farmer", "line"), ("farmer", "mail"), ("hunter", "line"),
    }  # fmt: skip
    t.unread = []


def test_a_new_month_begins_with_what_the_last_one_held():
    t = used(valley(10), 7, "2026-11-30 20:00").says("cam", animal("boar"))
    t.told("animal_detected opened: farmer")
    t.at("20:10").told("animal_closed cleared: farmer")
    t.at("2026-12-01 06:00").told("morning_digest reported: hunter/line")
    assert t.pipeline.state.rooms["budget"]["line"] == Spent("2026-12", 1)


def test_while_the_clock_is_not_set_no_channel_saves():
    t = used(valley(10), 9, "1970-01-01 12:00", "2026-11").says("trap-1", SPRUNG)
    t.told("trap_sprung opened: hunter/line")
    assert t.pipeline.state.rooms["budget"]["line"] == Spent("2026-11", 10)


def test_the_count_of_a_storm_goes_by_a_channel_that_does_not_save():
    people = [
        person("hunter", "hunter", channels=on("line", "mail")),
        person("alone", "hunter", channels=on("line")),
    ]
    place = valley(10, people, storm=StormPolicy(first=1))
    t = used(place, 7).says("trap-1", SPRUNG).says("trap-2", SPRUNG).says("trap-3", SPRUNG)
    t.told("trap_sprung opened: hunter")
    t.passes(3 * MINUTE)
    t.told("storm_summary summary: hunter alone/line")


def test_the_morning_report_says_what_is_left():
    ops = [person("ops", "operator")]
    t = used(valley(10, [*LINE_AND_MAIL, *ops]), 8, "2026-11-21 20:00")
    t.pipeline.state.put("digest", "site", Morning("2026-11-20"))
    look(t, Day({}, [], {}, 0))
    (report,) = t.told("morning reported: ops")
    assert "送れる残り：LINE 2/10（残りは災害用）" in report.body.splitlines()


# --- the first channel alone --------------------------------------------------------------------------


def test_a_town_may_have_small_news_go_by_the_first_channel_alone_and_danger_by_all():
    place = valley(100, channels=ChannelsPolicy(below_danger="first"))
    t = Timeline(place, NOON).says("cam", animal("boar"))
    t.told("animal_detected opened: farmer/line hunter/line")
    t.passes(HOUR)
    t.unread = []
    t.says("cam", animal("bear")).told("animal_bear opened: farmer farmer/line hunter/line")


def test_where_the_first_channel_saves_the_next_one_carries_it():
    place = valley(10, channels=ChannelsPolicy(below_danger="first"))
    used(place, 7).says("cam", animal("boar")).told("animal_detected opened: farmer")


# --- the property -------------------------------------------------------------------------------------

HAPPENINGS = {
    "boar": lambda t: t.says("cam", animal("boar")),
    "bear": lambda t: t.says("cam", animal("bear")),
    "trap": lambda t: t.says("trap-1", SPRUNG),
    "caution": lambda t: rises(t, 3.1),
    "flood": lambda t: rises(t, 5.1),
    "debris": lambda t: t.says("wire", CUT),
}


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 12),
    st.integers(0, 14),
    st.lists(st.sampled_from(sorted(HAPPENINGS)), min_size=1, max_size=5),
    st.sampled_from(["all", "first"]),
)
def test_no_budget_keeps_danger_from_anybody_or_wildlife_from_all_channels(limit, before, whats, below):
    place = valley(limit, channels=ChannelsPolicy(below_danger=below))
    t = used(place, before, tick=10 * MINUTE)
    free = Timeline(replace(place, policy=place.policy.model_copy(update={"budgets": {}})), NOON)
    for what in whats:
        HAPPENINGS[what](t)
        HAPPENINGS[what](free)
    told, unlimited = ({key(n) for n in one.notifications if n.status is Status.PENDING} for one in (t, free))
    grave = {key(n) for n in free.notifications if n.severity >= Severity.DANGER}
    assert grave <= told
    ids = [(n.recipient, n.channel, n.template, n.alert_id) for n in t.notifications]
    assert len(ids) == len(set(ids))
    held = [n for n in t.notifications if n.status is Status.HELD]
    assert all(n.severity < Severity.DANGER and n.channel_kind == "line" for n in held)
    t.passes(DAY)
    digests = {n.recipient for n in t.notifications if n.template == "morning_digest"}
    for n in held:
        other = [m for m in t.notifications if (m.alert_id, m.recipient) == (n.alert_id, n.recipient)]
        assert any(m.status is Status.PENDING for m in other) or n.recipient in digests
    assert {recipient for recipient, *_ in unlimited} == {r for r, *_ in told} | {n.recipient for n in held}
    t.unread, free.unread = [], []
    t.ledger.close()
    free.ledger.close()


def key(n):
    return n.recipient, n.channel, n.template, n.alert_id


# --- the file -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["line", "sms"])
def test_a_budget_of_a_channel_that_nobody_has_is_warned_of(tmp_path, kind):
    policy = f"budgets:\n  {kind}: {{limit: 200, per: month, reserve: 0.3}}\n"
    place = load(make_town(tmp_path / "town", {"policy.yaml": policy}), {})
    assert any(f"nobody has a channel of kind {kind}" in line for line in place.warnings)
    assert place.policy.budgets[kind].limit == 200
