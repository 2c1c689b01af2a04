"""The town's own rules: who is told as well, who is not, and whom no rule keeps from what endangers life."""

import re
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub import alerts
from hub.config.check import report
from hub.config.load import load
from hub.config.policy import StormPolicy
from hub.config.shapes import Channel, Role
from hub.config.tell_policy import AlertKind, ChannelBudget, ChannelsPolicy, QuietPolicy, TellRule
from hub.model import Severity, Status
from hub.telling import storm
from hub.wording.values import words
from tests.config_towns import make_town, problems_of
from tests.timeline import (
    ARMED,
    CUT,
    SPRUNG,
    Timeline,
    animal,
    nothing_else_was_told,  # noqa: F401
)
from tests.towns import camera, gauge, person, slope, square, town, trap

ALERTS = Path(alerts.__file__).parent
LEVELS_M = {"standby": 2.0, "caution": 3.0, "evac_judge": 3.5, "danger": 4.0, "overflow": 5.0}


def valley(*rules, people=(), **policy):
    return town(
        devices=[
            camera("cam"),
            trap("trap", owner="hunter"),
            gauge("gauge", LEVELS_M),
            slope("wire"),
        ],
        zones=[
            square("paddy", "paddy"),
            square("home", "dwelling"),
            square("flood", "flood", 1_000.0, rivers=("gauge",)),
            square("below", "stream", 1_000.0, rivers=("大沢",)),
        ],
        people=people
        or [
            person("farmer", "farmer", zones=("paddy",)),
            person("hunter", "hunter"),
            person("office", "official"),
            person("nurse", "welfare", zones=("flood",)),
            person("granny", "resident", zones=("home", "flood", "below")),
            person("head", "resident", zones=("elsewhere",)),
        ],
        tell=tuple(TellRule.model_validate(rule) for rule in rules),
        **policy,
    )


SCHOOL = {
    "name": "school road",
    "when": {"kinds": ["bear"], "zones": ["home"], "severity": "danger"},
    "also": {"roles": ["welfare"], "people": ["head"]},
}


# --- who is told as well ------------------------------------------------------------------------------


def test_a_rule_adds_people_to_the_built_in_audience_and_says_by_which_rule_each_is_told():
    t = Timeline(valley(SCHOOL)).says("cam", animal("bear"))
    told = t.told("animal_bear opened: farmer hunter office granny nurse head")
    assert {n.recipient: n.rule for n in told} == {
        "farmer": "animal_bear: farmer of paddy",
        "hunter": "animal_bear: hunter",
        "office": "animal_bear: official",
        "granny": "animal_bear: resident of home",
        "nurse": "school road: welfare",
        "head": "school road: by name",
    }


def test_a_rule_of_bears_says_nothing_of_boars():
    Timeline(valley(SCHOOL)).says("cam", animal("boar")).told("animal_detected opened: farmer hunter")


@pytest.mark.parametrize(
    "when",
    [
        {"zones": ["elsewhere"]},
        {"devices": ["trap"]},
        {"kinds": ["trap", "river"]},
        {"severity": "warning"},
    ],
)
def test_all_that_a_rule_is_about_must_be_so(when):
    rule = {"name": "r", "when": {"kinds": ["animal"]} | when, "also": {"people": ["head"]}}
    Timeline(valley(rule)).says("cam", animal("boar")).told("animal_detected opened: farmer hunter")


def test_roles_here_are_those_whose_zones_are_concerned():
    rule = {"name": "homes", "when": {"kinds": ["animal"]}, "also": {"roles_here": ["resident"]}}
    told = (
        Timeline(valley(rule))
        .says("cam", animal("boar"))
        .told("animal_detected opened: farmer hunter granny")
    )
    assert told[-1].rule == "homes: resident of home"


def test_who_was_added_hears_of_the_end_and_is_not_asked_to_come():
    rule = {"name": "traps", "when": {"kinds": ["trap"]}, "also": {"people": ["head"]}}
    t = Timeline(valley(rule), "2026-11-21 09:00").says("trap", SPRUNG)
    t.told("trap_sprung opened: hunter head")
    t.says("trap", ARMED).does("trap_reset", "trap")
    t.told("trap_reset cleared: hunter head")


def test_of_two_things_that_one_event_tells_a_rule_adds_to_the_graver_alone():
    rule = {
        "name": "all of welfare",
        "when": {"kinds": ["debris"]},
        "also": {"roles": ["welfare", "official"]},
    }
    t = Timeline(valley(rule)).says("wire", CUT)
    told = t.told("debris_unconfirmed opened: office", "debris_flow opened: granny nurse office")
    assert told[-1].severity is Severity.LIFE


def test_an_added_hunter_comes_on_his_days_alone():
    people = [
        person("sat", "hunter", zones=("far",), duty=("sat",)),
        person("sun", "hunter", zones=("far",), duty=("sun",)),
        person("granny", "resident", zones=("flood",)),
    ]
    rule = {"name": "boats", "when": {"kinds": ["river"]}, "also": {"roles": ["hunter"]}}
    t = Timeline(valley(rule, people=people)).says("gauge", level_m=3.2).says("gauge", level_m=3.2)
    t.told("river_lv2 opened: sat granny")


# --- who is not told --------------------------------------------------------------------------------------


def test_a_rule_takes_people_away():
    rule = {"name": "by day he farms", "when": {"kinds": ["animal"]}, "but_not": {"people": ["hunter"]}}
    Timeline(valley(rule)).says("cam", animal("boar")).told("animal_detected opened: farmer")


def test_a_rule_that_would_leave_nobody_is_not_followed():
    rule = {"name": "quiet please", "but_not": {"roles": list(Role)}}
    Timeline(valley(rule), "2026-11-21 09:00").says("trap", SPRUNG).told("trap_sprung opened: hunter")


def test_no_rule_keeps_a_resident_or_a_nurse_from_a_river_that_elders_must_leave():
    rule = {
        "name": "r",
        "when": {"kinds": ["river"]},
        "but_not": {"roles": ["resident", "welfare", "official"]},
    }
    t = Timeline(valley(rule)).says("gauge", level_m=3.6).says("gauge", level_m=3.6)
    t.told("river_lv3 opened: granny nurse")


def test_where_lives_are_in_danger_everybody_is_told_whatever_the_rules():
    rule = {"name": "nobody", "but_not": {"roles": list(Role)}}
    t = Timeline(valley(rule)).says("gauge", level_m=5.1).says("gauge", level_m=5.1)
    t.told("river_lv5 opened: office nurse granny")


ROLES = st.lists(st.sampled_from([str(role) for role in Role]), max_size=4, unique=True)
IDS = st.lists(
    st.sampled_from(["farmer", "hunter", "office", "nurse", "granny", "head"]), max_size=3, unique=True
)
WHOM = st.fixed_dictionaries({"roles": ROLES, "roles_here": ROLES, "people": IDS})
RULES = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["one", "two", "three"]),
            "when": st.fixed_dictionaries(
                {
                    "kinds": st.lists(
                        st.sampled_from(["bear", "animal", "river", "debris", "trap"]), max_size=2
                    ),
                    "severity": st.sampled_from(["notice", "caution", "warning", "danger", "life"]),
                    "zones": st.lists(st.sampled_from(["paddy", "home", "flood", "below"]), max_size=2),
                }
            ),
            "also": WHOM,
            "but_not": WHOM,
        }
    ),
    max_size=4,
)
HAPPENINGS = {
    "boar": lambda t: t.says("cam", animal("boar")),
    "bear": lambda t: t.says("cam", animal("bear")),
    "trap": lambda t: t.says("trap", SPRUNG),
    "flood": lambda t: t.says("gauge", level_m=5.1).says("gauge", level_m=5.1),
    "debris": lambda t: t.says("wire", CUT),
}


def told_of(t: Timeline) -> list:
    read, t.unread = t.unread, []
    return read


@settings(max_examples=60, deadline=None)
@given(RULES, st.sampled_from(sorted(HAPPENINGS)))
def test_whatever_the_rules_life_reaches_all_and_nobody_is_told_twice_of_one_thing(rules, what):
    with_rules, without = Timeline(valley(*rules)), Timeline(valley())
    found = told_of(HAPPENINGS[what](with_rules))
    built_in = told_of(HAPPENINGS[what](without))
    order = list(with_rules.town.people)
    told = {n.recipient for n in found}
    assert bool(found) == bool(built_in)
    assert {
        n.recipient for n in built_in if n.severity is Severity.LIFE and n.template != "debris_unconfirmed"
    } <= told
    assert max(Counter((n.recipient, n.channel, n.template) for n in found).values()) == 1
    assert max(Counter((n.recipient, n.channel, n.severity) for n in found).values()) == 1 or what == "debris"
    for template in {n.template for n in found}:
        people = [n.recipient for n in found if n.template == template]
        assert people == sorted(people, key=order.index)
    assert all(n.rule for n in found)
    for t in (with_rules, without):
        t.ledger.close()


@settings(max_examples=40, deadline=None)
@given(
    rules=RULES,
    hours=st.sampled_from(["", "00:00-23:59", "21:00-06:00"]),
    below=st.sampled_from(["caution", "danger"]),
    first=st.sampled_from(["all", "first"]),
    before=st.lists(st.sampled_from(sorted(HAPPENINGS)), max_size=3),
    what=st.sampled_from(["flood", "debris"]),
)
def test_no_policy_at_all_keeps_life_from_anybody_on_any_channel(*, rules, hours, below, first, before, what):
    place = valley(
        *rules,
        quiet=QuietPolicy(hours=hours, below=below, field_too=True),
        channels=ChannelsPolicy(below_danger=first),
        budgets={"mail": ChannelBudget(limit=1, reserve=0.9)},
        storm=StormPolicy(first=1, first_of_devices=1, first_in_danger=1),
    )
    bound, free = Timeline(place), Timeline(valley())
    for happening in (*before, what):
        HAPPENINGS[happening](bound)
        HAPPENINGS[happening](free)
    told, wanted = (
        {
            (n.recipient, n.channel)
            for n in t.notifications
            if n.template in ("debris_flow", "river_lv5") and n.status is Status.PENDING
        }
        for t in (bound, free)
    )
    assert wanted
    assert wanted <= told
    for t in (bound, free):
        told_of(t)
        t.ledger.close()


def test_a_rule_may_name_every_kind_of_alert_that_there_is():
    known = set(get_args(AlertKind))
    assert known == set(words()["alert_kind"]) - {"unknown"}
    assert set(storm.CLASSES) <= known
    begun = re.findall(
        r'begin\(\s*scene, event, "(\w+)"', "".join(p.read_text() for p in ALERTS.glob("*.py"))
    )
    assert begun
    assert set(begun) <= known


# --- in the file ------------------------------------------------------------------------------------------

WRONG = """\
tell:
  - name: school road
    when: {kinds: [beer], zones: [padddy-1], severity: dangr}
    also: {roles: [wellfare]}
  - name: names
    when: {zones: [padddy-1], devices: [cam-9]}
    also: {people: [satoo]}
  - name: nothing
    when: {kinds: [bear]}
  - name: names
    when: {severity: life}
    but_not: {roles: [resident]}
"""


def test_what_is_wrong_in_a_rule_is_said_with_its_line_and_what_may_be_meant(tmp_path):
    said = problems_of(make_town(tmp_path / "town", {"policy.yaml": WRONG}))
    shape = [line for line in said if "tell[0]" in line]
    assert [line.split(": ")[0] for line in shape] == ["policy.yaml:3", "policy.yaml:3", "policy.yaml:4"]
    assert all("did you mean" in line for line in shape)
    right = WRONG.replace("beer", "bear").replace("dangr", "danger").replace("wellfare", "welfare")
    said = problems_of(make_town(tmp_path / "town", {"policy.yaml": right}))
    for wanted in (
        "policy.yaml:3: tell[0].when.zones[0]: no zone padddy-1; did you mean",
        "policy.yaml:6: tell[1].when.devices[0]: no device cam-9",
        "policy.yaml:7: tell[1].also.people[0]: no person satoo",
        "policy.yaml:8: tell[2]: needs also or but_not: it changes nothing",
        "policy.yaml:10: tell[3].name: names is the name of two rules, first in line 5",
        "policy.yaml:12: tell[3].but_not: is not followed where lives are in danger: all are told",
    ):
        assert any(line.startswith(wanted) for line in said), (wanted, said)


def test_a_rule_that_keeps_people_from_a_flood_is_warned_of(tmp_path):
    rule = "tell:\n  - name: r\n    when: {kinds: [river], severity: warning}\n"
    rule += "    but_not: {roles: [official]}\n"
    loaded = load(make_town(tmp_path / "town", {"policy.yaml": rule}), {})
    assert any("keeps only those away who have no zone concerned" in line for line in loaded.warnings)


def test_the_check_names_the_rules_and_each_person_whom_danger_reaches_by_one_kind_of_channel_only():
    both = tuple(Channel(kind=kind, url="json://127.0.0.1/") for kind in ("mail", "sms"))
    mails = tuple(Channel(kind="mail", url=f"json://127.0.0.1/{n}") for n in range(2))
    people = [
        person("safe", "resident", channels=both),
        person("two-mails", "official", channels=mails),
        person("head", "hunter"),
    ]
    said = report(valley(SCHOOL, people=people)).splitlines()
    assert "rules of the town: school road" in said
    at = said.index("one kind of channel only (2): danger reaches them by nothing else")
    assert said[at + 1 : at + 3] == ["   two-mails: mail", "   head: mail"]
