"""Quiet hours: what may wait comes in one message in the morning, and danger never waits."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.config.load import load
from hub.config.shapes import Channel, parse_hours
from hub.config.tell_policy import QuietPolicy
from hub.model import Mode, Reason, Severity, Status
from hub.people.roll import Said
from hub.telling.held import MOST
from tests.config_towns import make_town, problems_of
from tests.timeline import (
    ARMED,
    CUT,
    SPRUNG,
    Timeline,
    animal,
    nothing_else_was_told,  # noqa: F401
)
from tests.towns import DAY, HOUR, MINUTE, at, one_of_each, person, town

LEVELS_M = {"standby": 2.0, "caution": 3.0, "evac_judge": 3.5, "danger": 4.0, "overflow": 5.0}
NIGHT = "2026-11-21 22:00"
BOTH = tuple(Channel(kind=kind, url="json://127.0.0.1/") for kind in ("mail", "sms"))


def valley(*, quiet=None, people=(), traps=1, **policy):
    return town(
        **one_of_each(traps),
        people=people
        or [
            person("farmer", "farmer", zones=("paddy",)),
            person("hunter", "hunter"),
            person("office", "official"),
            person("corps", "corps", zones=("flood",)),
            person("granny", "resident", zones=("flood", "below")),
        ],
        quiet=QuietPolicy(hours="21:00-06:00", **(quiet or {})),
        **policy,
    )


def rises(t, level_m):
    return t.says("gauge", level_m=level_m).says("gauge", level_m=level_m)


def held(t):
    return [n for n in t.notifications if n.status is Status.HELD]


# --- the night ------------------------------------------------------------------------------------------


def test_a_notice_of_the_night_comes_with_the_morning_and_by_day_at_once():
    t = rises(Timeline(valley(), NIGHT), 2.1).silence()
    assert {(n.recipient, n.template, n.error) for n in held(t)} == {
        ("office", "river_standby", "quiet: told from 06:00 on"),
        ("corps", "river_standby", "quiet: told from 06:00 on"),
    }
    t.at("2026-11-22 05:59").silence()
    digests = t.at("2026-11-22 06:00").told("morning_digest reported: office corps")
    assert digests[0].created_at == at("2026-11-22 06:00")
    assert digests[0].title == "【まとめ】お知らせ1件"
    assert "11/21 22:00" not in digests[0].title
    assert "・11/21 22:00 【" in digests[0].body
    assert "（川1）" in digests[0].body
    t.at("2026-11-22 12:00").silence()
    rises(Timeline(valley(), "2026-11-21 12:00"), 2.1).told("river_standby opened: office corps")


def test_what_the_town_sets_as_urgent_is_told_at_any_hour():
    t = rises(Timeline(valley(), NIGHT), 3.1)
    t.told("river_lv2 opened: office corps granny")


def test_a_level_for_a_role_and_of_several_roles_the_one_that_is_woken_by_more():
    people = [
        person("office", "official"),
        person("both", "official", "corps"),
        person("corps", "corps"),
    ]
    place = valley(people=people, quiet={"below_by_role": {"official": "warning"}})
    t = rises(Timeline(place, NIGHT), 3.1)
    t.told("river_lv2 opened: both corps")
    t.at("2026-11-22 06:00").told("morning_digest reported: office")


def test_farmers_and_hunters_are_told_of_animals_and_traps_whatever_the_hour():
    place = valley(quiet={"below": "danger"})
    t = Timeline(place, NIGHT).says("cam", animal("boar"))
    t.told("animal_detected opened: farmer hunter")
    assert not held(t)


def test_a_town_may_let_them_sleep():
    place = valley(quiet={"below": "warning", "field_too": True})
    t = Timeline(place, NIGHT).says("cam", animal("boar")).silence()
    t.at("2026-11-22 06:00").told("morning_digest reported: farmer hunter")


def test_an_escalation_breaks_through_and_what_it_overtook_is_not_told_again():
    t = rises(Timeline(valley(), NIGHT), 2.1).silence()
    rises(t.passes(10 * MINUTE), 3.1).told("river_lv2 escalated: office corps granny")
    t.at("2026-11-22 06:00").silence()


def test_a_state_that_came_and_went_in_the_night_is_one_line_in_the_morning():
    t = rises(Timeline(valley(), NIGHT), 2.1).silence()
    for _ in range(8):
        t.passes(10 * MINUTE).says("gauge", level_m=1.2)
    t.silence()
    told = t.at("2026-11-22 06:00").told("morning_digest reported: office corps")
    assert "お知らせ1件" in told[0].title
    assert "平常" in told[0].body or "解除" in told[0].body or "下" in told[0].body
    t.at("2026-11-22 12:00").silence()


def test_the_end_of_a_danger_is_told_at_any_hour():
    t = rises(Timeline(valley(), NIGHT), 5.1)
    t.told("river_lv5 opened: office corps granny")
    for _ in range(10):
        t.passes(5 * MINUTE).says("gauge", level_m=1.0)
    told = {n.template for n in t.unread if n.status is not Status.HELD}
    assert "river_cleared" in told
    assert not held(t)
    t.unread = []


def test_danger_and_life_never_wait():
    place = valley(quiet={"below": "danger", "field_too": True})
    t = Timeline(place, NIGHT).says("wire", CUT)
    t.told("debris_unconfirmed opened: office corps", "debris_flow opened: granny")
    t.says("cam", animal("bear")).told("animal_bear opened: farmer hunter office")


def test_it_is_one_message_on_every_channel_and_a_restart_loses_nothing():
    people = [person("office", "official", channels=BOTH)]
    t = rises(Timeline(valley(people=people), NIGHT), 2.1).silence()
    t.restart().at("2026-11-22 06:00")
    _, sms = t.told("morning_digest reported: office office/sms")
    assert sms.body == "【まとめ】控えていたお知らせ1件（川1）。確認してください。"
    t.restart().at("2026-11-22 12:00").silence()


def test_a_hub_that_was_off_in_the_morning_tells_when_it_is_back():
    t = rises(Timeline(valley(), NIGHT), 2.1)
    t.now = at("2026-11-22 09:30")
    t.restart().passes(MINUTE).told("morning_digest reported: office corps")


def test_while_the_clock_is_not_set_nothing_waits():
    t = Timeline(valley(), "1970-01-01 22:00")
    rises(t, 2.1).told("river_standby opened: office corps")


def test_more_than_a_hundred_alerts_are_counted():
    place = valley(quiet={"below": "danger", "field_too": True}, traps=MOST + 3)
    t = Timeline(place, "2026-11-21 21:30", tick=MINUTE)
    for n in range(1, MOST + 4):
        t.says(f"trap-{n}", SPRUNG)
    (digest,) = t.at("2026-11-22 06:00").told("morning_digest reported: hunter")
    assert "103件" in digest.title
    assert digest.severity is Severity.WARNING


def test_what_a_drill_held_comes_in_a_message_of_its_own_that_says_so_first():
    t = rises(Timeline(valley(), NIGHT, mode=Mode.EXERCISE), 2.1)
    told = t.at("2026-11-22 06:00").told("morning_digest reported: office corps")
    assert told[0].title == "【訓練】【まとめ】お知らせ1件"
    assert told[0].body.startswith("【訓練】")


# --- hours of one's own -------------------------------------------------------------------------------


def one_with(quiet):
    return [person("farmer", "farmer", zones=("paddy",), quiet=quiet), person("hunter", "hunter")]


def test_who_has_hours_of_his_own_sleeps_through_a_boar_and_not_through_a_trap():
    place = valley(people=one_with("20:00-05:30"))
    t = Timeline(place, NIGHT).says("cam", animal("boar"))
    t.told("animal_detected opened: hunter")
    t.at("2026-11-22 05:30")
    t.told("animal_closed cleared: hunter", "morning_digest reported: farmer")


def test_hours_over_noon_end_on_the_same_day():
    place = valley(people=one_with("12:00-14:00"))
    t = Timeline(place, "2026-11-21 13:00").says("cam", animal("boar"))
    t.told("animal_detected opened: hunter")
    t.at("2026-11-21 14:00").told("animal_closed cleared: hunter", "morning_digest reported: farmer")


def test_who_wishes_for_quiet_on_the_page_has_it_for_so_long_but_not_from_what_endangers():
    t = Timeline(valley(), "2026-11-21 12:00")
    t.pipeline.state.put("said", "granny", Said(quiet_until=t.now + 3 * HOUR))
    rises(t, 3.1).told("river_lv2 opened: office corps")
    rises(t.passes(10 * MINUTE), 3.6).told("river_lv3 escalated: office corps granny")
    t.unread = []


# --- the property ---------------------------------------------------------------------------------------

HAPPENINGS = {
    "boar": lambda t: t.says("cam", animal("boar")),
    "bear": lambda t: t.says("cam", animal("bear")),
    "trap": lambda t: t.says("trap-1", SPRUNG),
    "standby": lambda t: rises(t, 2.1),
    "caution": lambda t: rises(t, 3.1),
    "flood": lambda t: rises(t, 5.1),
    "debris": lambda t: t.says("wire", CUT),
    "reset": lambda t: t.says("trap-1", ARMED).does("trap_reset", "trap-1"),
}
HOURS = st.builds(lambda a, b: f"{a:02}:00-{b:02}:30", st.integers(0, 23), st.integers(0, 23))
QUIET = st.fixed_dictionaries(
    {
        "below": st.sampled_from(["notice", "caution", "warning", "danger"]),
        "below_own": st.sampled_from(["notice", "caution", "warning", "danger"]),
        "field_too": st.booleans(),
    }
)


@settings(max_examples=40, deadline=None)
@given(
    QUIET,
    st.lists(HOURS, min_size=5, max_size=5),
    st.lists(st.sampled_from(sorted(HAPPENINGS)), min_size=1, max_size=4),
    st.integers(0, 23),
)
def test_no_quiet_hours_keep_danger_from_anybody_and_what_waits_is_told_within_a_day(quiet, own, whats, hour):
    people = [
        person("farmer", "farmer", zones=("paddy",), quiet=own[0]),
        person("hunter", "hunter", quiet=own[1]),
        person("office", "official", quiet=own[2]),
        person("corps", "corps", zones=("flood",), quiet=own[3]),
        person("granny", "resident", zones=("flood", "below"), quiet=own[4]),
    ]
    t = Timeline(valley(people=people, quiet=quiet), f"2026-11-21 {hour:02}:07", tick=10 * MINUTE)
    for what in whats:
        HAPPENINGS[what](t)
    assert all(n.severity < Severity.DANGER for n in held(t))
    waiting = {n.recipient for n in held(t) if n.error.startswith("quiet")}
    t.passes(DAY)
    digests = [n for n in t.notifications if n.template == "morning_digest"]
    overtaken = {n.recipient for n in t.notifications if n.status is Status.PENDING}
    assert waiting <= {n.recipient for n in digests} | overtaken
    assert all(n.reason is Reason.REPORTED for n in digests)
    assert not [one for one in t.pipeline.state.rooms["held"].values() if one.more]
    t.unread = []
    t.ledger.close()


# --- the files ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("21:00-06:00", "21:00-06:00"),
        ("21:00〜6:00", "21:00-06:00"),
        (" 9:30 - 12:00 ", "09:30-12:00"),
        ("", ""),
    ],
)
def test_hours_may_be_written_as_people_write_them(text, hours):
    assert parse_hours(text) == hours


@pytest.mark.parametrize("text", ["21-6", "25:00-06:00", "21:00", "06:00-6:00", "夜"])
def test_what_is_no_hours_is_refused(text):
    with pytest.raises(ValueError, match=r"hours|end"):
        parse_hours(text)


PEOPLE = "ID,氏名,役割,静かな時間,メール\r\nyamane,山根 猛,猟友会,２１：００〜６：００,yamane@town.test\r\n"
PEOPLE += "mizuta,水田 守,職員,,mizuta@town.test\r\n"


def test_a_column_of_people_csv_holds_the_hours(tmp_path):
    place = load(make_town(tmp_path / "town", {"people.yaml": None, "people.csv": PEOPLE}), {})
    assert (place.people["yamane"].quiet, place.people["mizuta"].quiet) == ("21:00-06:00", "")
    wrong = PEOPLE.replace("２１：００", "２９：００")
    said = problems_of(make_town(tmp_path / "town", {"people.yaml": None, "people.csv": wrong}))
    assert said[0].startswith('people.csv:2: 静かな時間: write hours as "21:00-06:00"')


def test_danger_may_not_wait_by_any_policy(tmp_path):
    policy = "quiet:\n  hours: 21:00\n  below: life\n"
    said = problems_of(make_town(tmp_path / "town", {"policy.yaml": policy}))
    assert any(line.startswith("policy.yaml:3: quiet.below") for line in said)
