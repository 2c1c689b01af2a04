"""The duty roster: a week that stands in it wins over the days of people.csv."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.config.check import report
from hub.config.load import load
from hub.config.roster import Turn
from hub.config.shapes import Role
from hub.doctor import examine
from hub.telling.audience import Audience, resolve
from hub.telling.roster import ends
from tests.config_towns import make_town, problems_of
from tests.timeline import (
    SPRUNG,
    Timeline,
    nothing_else_was_told,  # noqa: F401
)
from tests.towns import DAY, HOUR, at, person, town, trap

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HUNTERS = Audience(here=frozenset({Role.HUNTER, Role.PATROL}))
MONDAY = "2026-11-23"


def group(*turns, people=()):
    made = town(
        devices=[trap("trap", owner="owner")],
        people=people
        or [
            person("owner", "farmer"),
            person("weekend", "hunter", duty=("sat", "sun")),
            person("weekdays", "hunter", duty=("mon", "tue", "wed", "thu", "fri")),
            person("patrol", "patrol", duty=("mon", "wed", "fri")),
        ],
    )
    return replace(made, roster=tuple(Turn.model_validate(turn) for turn in turns))


def on_duty(place, when):
    return [p.id for p in resolve(place, HUNTERS, (), at(when))]


def test_a_week_in_the_roster_wins_over_the_days_of_people():
    place = group({"week": MONDAY, "people": ["weekend"]})
    assert on_duty(place, "2026-11-24 12:00") == ["weekend", "patrol"]
    assert on_duty(group(), "2026-11-24 12:00") == ["weekdays", "patrol"]


def test_a_week_runs_from_monday_six_to_six_on_the_monday_after():
    place = group({"week": MONDAY, "people": ["weekend"]})
    assert "weekend" not in on_duty(place, "2026-11-23 05:59")[1:]
    assert on_duty(place, "2026-11-23 06:00") == ["weekend", "patrol"]
    assert on_duty(place, "2026-11-30 05:59") == ["weekend", "patrol"]
    assert on_duty(place, "2026-11-30 06:00") == ["weekdays", "patrol"]


def test_a_turn_may_have_any_first_and_last_day():
    place = group({"start": "2026-11-25", "end": "2026-11-26", "people": ["weekend"]})
    assert on_duty(place, "2026-11-24 12:00") == ["weekdays", "patrol"]
    assert on_duty(place, "2026-11-26 23:00") == ["weekend", "patrol"]
    assert on_duty(place, "2026-11-27 12:00") == ["weekdays", "patrol"]


def test_a_role_of_which_the_week_names_nobody_keeps_its_days():
    """The hunters have a roster, the city's patrol comes Mondays, Wednesdays and Fridays."""
    place = group({"week": MONDAY, "people": ["weekend"]})
    assert on_duty(place, "2026-11-25 12:00") == ["weekend", "patrol"]
    many = [person("a", "patrol", duty=("mon",)), person("b", "patrol", duty=("tue",)), person("h", "hunter")]
    assert on_duty(group({"week": MONDAY, "people": ["h"]}, people=many), "2026-11-24 12:00") == ["b", "h"]


def test_where_the_week_names_nobody_of_this_ground_all_of_it_are_told():
    people = [
        person("north", "hunter", zones=("north",)),
        person("south", "hunter", zones=("south",)),
        person("south-2", "hunter", zones=("south",)),
    ]
    place = group({"week": MONDAY, "people": ["north"]}, people=people)
    meant = resolve(place, HUNTERS, ("south",), at("2026-11-24 12:00"))
    assert [p.id for p in meant] == ["south", "south-2"]


def test_a_sprung_trap_calls_its_owner_and_who_stands_in_the_roster():
    t = Timeline(group({"week": MONDAY, "people": ["weekend", "patrol"]}), "2026-11-24 10:00")
    t.says("trap", SPRUNG).told("trap_sprung opened: owner weekend patrol")


@given(st.lists(st.sampled_from(["a", "b", "c"]), unique=True), st.integers(0, 20))
def test_no_roster_leaves_hunters_without_anybody(names, day):
    people = [
        person("a", "hunter", duty=()), person("b", "hunter", "patrol", duty=("mon",)), person("c", "patrol")
    ]  # fmt: skip
    place = group({"week": MONDAY, "people": names}, people=people)
    told = resolve(place, HUNTERS, (), at(f"{MONDAY} 12:00") + day * DAY)
    assert {role for p in told for role in p.roles} >= {Role.HUNTER, Role.PATROL}


# --- its end ----------------------------------------------------------------------------------------


def test_the_end_of_the_roster_is_said_two_weeks_before_and_after_it():
    place = group({"week": MONDAY, "people": ["weekend"]})
    last = at("2026-11-29 12:00")
    assert ends(place, last - 15 * DAY) == ""
    assert ends(place, last - 3 * DAY) == (
        "the roster ends in 3 days, on 2026-11-29; after that the days of people.csv hold"
    )
    assert ends(place, last - DAY).startswith("the roster ends in 1 day,")
    assert ends(place, last).startswith("the roster ends today,")
    assert ends(place, last + 17 * HOUR).startswith("the roster ends today,")
    assert ends(place, last + DAY) == "the roster has ended on 2026-11-29: the days of people.csv hold"
    assert ends(group(), last) == ""


# --- the file ---------------------------------------------------------------------------------------

ROSTER = "\r\n".join(
    [
        "週の月曜日,から,まで,当番,備考",
        "2026/11/23,,,yamane,",
        ",2026年12月1日,2026-12-03,yamane；yamane,年末",
        "",
    ]
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_it_is_read_as_excel_saves_it(tmp_path, encoding):
    folder = make_town(tmp_path / "town", {"roster.csv": ROSTER.encode(encoding)})
    place = load(folder, {})
    assert [(str(turn.first), str(turn.last), turn.people[0]) for turn in place.roster] == [
        ("2026-11-23", "2026-11-29", "yamane"),
        ("2026-12-01", "2026-12-03", "yamane"),
    ]
    assert place.warnings == ()
    assert "roster: 2 turns, 2026-11-23 to 2026-12-03" in report(place)
    assert "the roster ends in 3 days" in report(place, at("2026-11-30 12:00"))


def test_its_headers_may_be_english_and_its_turns_in_any_order(tmp_path):
    rows = "week,people\n2026-12-07,yamane\n2026-11-23,yamane\n"
    place = load(make_town(tmp_path / "town", {"roster.csv": rows}), {})
    assert [str(turn.first) for turn in place.roster] == ["2026-11-23", "2026-12-07"]


WRONG = """\
週の月曜日,から,まで,当番
2026-11-23,,,yamanee
2026-11-24,,,yamane
,2026-11-28,2026-12-02,yamane
,2026-12-09,2026-12-08,yamane
2026-12-14,2026-12-14,,yamane
2026-13-01,,,yamane
2026-12-21,,,mizuta
"""


def test_what_is_wrong_in_it_is_said_with_its_line(tmp_path):
    assert problems_of(make_town(tmp_path / "town", {"roster.csv": WRONG})) == [
        "roster.csv:2: 当番: no person yamanee; did you mean yamane?",
        "roster.csv:3: 週の月曜日: 2026-11-24 is no Monday: write from and to for other weeks",
        "roster.csv:4: overlaps with roster.csv:2, which ends on 2026-11-29",
        "roster.csv:5: まで: lies before its first day",
        "roster.csv:6: needs either a week or both of from and to",
        'roster.csv:7: 週の月曜日: must be a date such as 2026-11-23, not "2026-13-01"',
    ]


def test_who_has_no_duty_and_a_week_without_anybody_are_warned_of(tmp_path):
    rows = "week,people\n2026-11-23,mizuta\n2026-11-30,\n"
    said = load(make_town(tmp_path / "town", {"roster.csv": rows}), {}).warnings
    assert any("mizuta is neither hunter nor patrol" in line for line in said)
    assert any("roster.csv:3: people: is empty: the days of people.csv hold" in line for line in said)


def test_the_doctor_asks_for_the_next_weeks(tmp_path):
    folder = make_town(tmp_path / "town", {"roster.csv": ROSTER})

    class Then:
        def now(self):
            return at("2026-12-02 12:00")

    findings = examine(folder, {}, Then(), thorough=False)
    said = [finding for _, finding in zip(range(3), findings, strict=False) if finding.what == "roster"]
    assert said[0].said.startswith("the roster ends in 1 day, on 2026-12-03")
