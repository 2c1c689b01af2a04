"""The monthly test message: to everybody, in its hours, and who has not answered."""

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import cli
from hub.acts import apply
from hub.app import resume
from hub.config.load import load
from hub.config.policy import HubPolicy
from hub.config.settings import LedgerSettings
from hub.config.shapes import Channel
from hub.days import wall
from hub.ledger import Ledger
from hub.links import Purpose
from hub.model import Mode, Reason
from hub.watch import roll_call
from hub.watch.digest import Day
from tests.config_towns import make_town
from tests.inward import look
from tests.paged import village
from tests.timeline import (
    Timeline,
    nothing_else_was_told,  # noqa: F401
)
from tests.towns import DAY, HOUR, MINUTE, at, camera, gauge, person, square, town

TOKYO = ZoneInfo("Asia/Tokyo")
EVERY_CHANNEL = tuple(
    Channel(kind=kind, url="json://127.0.0.1/") for kind in ("mail", "ntfy", "line", "sms", "other")
)
ALL = "test reported: ops farmer hunter"


def place(**more):
    people = [
        person("ops", "operator"),
        person("farmer", "farmer", zones=("paddy",)),
        person("hunter", "hunter", duty=("mon",)),
    ]
    return town(
        devices=[gauge("gauge", {"caution": 3.0}, heartbeat="900d"), camera("cam", heartbeat="900d")],
        zones=[square("paddy", "paddy")],
        people=people,
        hub=HubPolicy(digest=False, **more),
    )


def looks(t: Timeline, until: str, step: int = 10 * MINUTE) -> Timeline:
    """Looks until then; no device falls silent meanwhile."""
    while t.now < at(until):
        t.pipeline.hearing_since = t.now
        look(t.passes(step))
    return t


# --- when -------------------------------------------------------------------------------------------


def test_on_the_first_of_the_month_at_ten_everybody_gets_it_on_duty_or_not():
    t = Timeline(place(), "2026-11-21 12:00", tick=HOUR)
    looks(t, "2026-12-01 09:50").silence()
    looks(t, "2026-12-01 10:00").told(ALL)
    looks(t.restart(), "2026-12-31 23:00").silence()
    looks(t, "2027-01-01 12:00").told(ALL)


def test_day_and_time_are_the_towns_and_0_is_never():
    t = Timeline(place(test_day=15, test_at="13:30"), "2026-11-21 12:00", tick=HOUR)
    looks(t, "2026-12-15 13:20").silence()
    looks(t, "2026-12-15 13:30").told(ALL)
    t = Timeline(place(test_day=0), "2026-11-21 12:00", tick=HOUR)
    looks(t, "2027-01-05 12:00", HOUR).silence()


def test_a_hub_that_starts_after_its_day_waits_for_the_next_month():
    looks(Timeline(place(), "2026-12-01 10:30", tick=HOUR), "2026-12-31 23:00", HOUR).silence()


def test_a_hub_that_was_off_at_its_hour_wakes_nobody_at_night_and_sends_it_the_next_day():
    t = Timeline(place(), "2026-11-21 12:00", tick=HOUR)
    looks(t, "2026-12-01 09:00")
    t.now = at("2026-12-01 23:00")
    looks(t, "2026-12-02 09:50").silence()
    looks(t, "2026-12-02 10:00").told(ALL)


def test_nobody_is_troubled_with_a_test_while_a_river_is_high():
    t = Timeline(place(), "2026-12-01 09:00", tick=HOUR)
    look(t)
    t.says("gauge", level_m=3.5)
    t.unread = []
    looks(t, "2026-12-01 15:00").silence()
    t.does("close", t.open("river")[0].id)
    looks(t, "2026-12-02 10:00").told(ALL)


def test_by_a_clock_that_was_far_ahead_no_later_month_is_lost():
    t = Timeline(place(), "2027-06-15 12:00", tick=HOUR)
    look(t)
    t.now = at("2026-11-21 12:00")
    looks(t, "2026-12-01 10:00").told(ALL)


def test_a_replay_tests_nobody():
    looks(Timeline(place(), "2026-11-21 12:00", tick=HOUR, live=False), "2026-12-05 12:00", HOUR).silence()


@given(
    st.lists(st.integers(0, 40 * DAY // HOUR).map(lambda hours: hours * HOUR), max_size=40),
    st.integers(1, 28),
)
def test_there_is_one_a_month_at_most_and_only_in_its_hours(steps, day):
    policy, now = HubPolicy(test_day=day), at("2026-11-21 12:00")
    state = roll_call.begin(policy, None, now, TOKYO)
    months = []
    for step in steps:
        now += step
        state = roll_call.begin(policy, state, now, TOKYO) or state
        if roll_call.is_due(policy, state, [], now, TOKYO):
            local = wall(now, TOKYO)
            assert local.day >= day
            assert 10 <= local.hour < 13
            months.append(f"{local:%Y-%m}")
            state = roll_call.RollCall(months[-1], now)
    assert months == sorted(set(months))


# --- what it says -----------------------------------------------------------------------------------


def test_it_says_first_that_it_is_a_test_and_asks_for_an_answer_on_every_channel():
    people = [person(lang, "resident", lang=lang, channels=EVERY_CHANNEL) for lang in ("ja", "ja-easy", "en")]
    t = Timeline(town(people=people, hub=HubPolicy()), "2026-11-21 12:00")
    t.does("test_send", "all")
    sent, t.unread = t.unread, []
    assert len(sent) == 15
    for n in sent:
        mark = "[TEST]" if n.recipient == "en" else "【テスト】"
        assert n.body.startswith(mark)
        assert n.title.startswith(mark) or n.channel_kind == "sms"
        assert n.body.count(mark) == 1
        assert len(n.body) <= 70 or n.channel_kind != "sms"
        assert "町役場 0263-00-0000" in n.body or (n.channel_kind, n.recipient) == ("sms", "en")
        assert n.reason is Reason.REPORTED
        assert n.expires_at == n.created_at + 6 * HOUR
    assert t.mode is Mode.ACTUAL
    assert t.alerts == {}


def test_where_there_are_pages_it_is_answered_with_a_tap_and_by_telephone_from_a_plain_phone(tmp_path):
    people = [person(lang, "resident", lang=lang, channels=EVERY_CHANNEL) for lang in ("ja", "ja-easy", "en")]
    t = Timeline(replace(village(tmp_path), people={p.id: p for p in people}), "2026-11-21 12:00")
    t.does("test_send", "all")
    sent, t.unread = t.unread, []
    for n in sent:
        link = t.pipeline.links.of_notification(Purpose.HEARD, n.id)
        if n.channel_kind == "sms":
            assert "http" not in n.body
            assert "0263-00-0000" in n.body or n.recipient == "en"
            assert len(n.body) <= 70
        else:
            assert n.body.count(link) == 1
            assert "へお知らせください" not in n.body


# --- who has answered -------------------------------------------------------------------------------


def test_who_has_not_answered_after_three_days_is_named_in_the_next_report_once():
    t = Timeline(
        town(people=[person("ops", "operator"), person("farmer", "farmer"), person("hunter", "hunter")])
    )
    t.now = at("2026-12-01 10:00")
    look(t)
    t.does("test_send", "all").told(ALL)
    t.does("test_heard", "farmer").does("test_heard", "farmer").does("test_heard", "stranger")
    state = t.restart().pipeline.state.rooms["roll_call"]["site"]
    assert state.missing == ("ops", "hunter")
    assert list(state.heard) == ["farmer"]
    reports = []
    for _ in range(6 * 24):
        look(t.passes(HOUR), Day({}, [], {}, 0))
        read, t.unread = t.unread, []
        reports += read
    named = [n for n in reports if "テストの返事がない方" in n.body]
    assert [n.template for n in reports] == ["morning"] * 6
    assert [n.created_at for n in named] == [at("2026-12-05 07:00")]
    assert "テストの返事がない方：2人（ops、hunter）" in named[0].body
    assert named[0].body.startswith("要対応 2件")


def test_a_later_test_asks_everybody_anew():
    t = Timeline(place())
    t.does("test_send", "all").does("test_heard", "farmer").passes(MINUTE).does("test_send", "all")
    assert len({n.id for n in t.told(ALL, ALL)}) == 6
    assert t.pipeline.state.rooms["roll_call"]["site"].missing == ("ops", "farmer", "hunter")


def test_an_answer_before_any_test_is_none():
    t = Timeline(place()).does("test_heard", "farmer")
    assert t.pipeline.state.rooms["roll_call"] == {}


# --- the command line -------------------------------------------------------------------------------


def test_the_command_line_sends_it_notes_answers_and_lists_who_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder = make_town(tmp_path / "town")
    ground = load(folder, {})
    Ledger.open(ground.hub.ledger.path, LedgerSettings()).close()

    def naruko(*arguments: str) -> int:
        return cli.main(["test-message", *arguments, "-c", str(folder)])

    def the_hub_applies() -> int:
        ledger = Ledger.open(ground.hub.ledger.path, LedgerSettings())
        outcome = apply(resume(ground, ledger), ledger.acts_after(), at("2026-12-01 10:00"))
        ledger.insert(outcome)
        ledger.commit()
        ledger.close()
        return len(outcome.notifications)

    assert naruko() == 0
    assert "no test message was sent yet" in capsys.readouterr().out
    assert naruko("send") == 0
    assert the_hub_applies() == sum(len(p.channels) for p in ground.people.values())
    first, *others = ground.people
    assert naruko("heard", first, "--who", "bosai") == 0
    the_hub_applies()
    capsys.readouterr()
    assert naruko("list") == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"sent 2026-12-01T10:00:00+09:00 to {len(ground.people)}, answered 1"
    assert said[1:] == others


@pytest.mark.parametrize("arguments", [["heard"], ["send", "yamane"], ["heard", "nobody"]])
def test_what_cannot_be_meant_is_usage_2(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder = make_town(tmp_path / "town")
    assert cli.main(["test-message", *arguments, "-c", str(folder)]) == 2
    assert capsys.readouterr().err.startswith("naruko: ")
