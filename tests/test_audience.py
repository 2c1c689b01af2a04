"""Who is meant: by role, zone, duty and name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.config.shapes import Role
from hub.telling.audience import ON_CALL, Audience, resolve, zones_of_gauge, zones_of_stream
from hub.telling.roster import is_on_duty
from tests.towns import DAY, at, person, square, town

FARMER, HUNTER, PATROL, OFFICIAL = Role.FARMER, Role.HUNTER, Role.PATROL, Role.OFFICIAL
RESIDENT, CORPS = Role.RESIDENT, Role.CORPS
EVENING = at("2026-11-21 21:00")
"""A Saturday."""


def meant(people, audience, zones=(), now=EVENING):
    return [p.id for p in resolve(town(people=people), audience, zones, now)]


# --- duty -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "on"),
    [
        ("2026-11-21 05:59", False),
        ("2026-11-21 06:00", True),
        ("2026-11-21 23:59", True),
        ("2026-11-22 00:00", True),
        ("2026-11-22 05:59", True),
        ("2026-11-22 06:00", False),
    ],
)
def test_duty_on_saturday_runs_from_its_six_to_six_on_sunday(when, on):
    hunter = person("hunter", "hunter", duty=("sat",))
    assert is_on_duty(town(people=[hunter]), hunter, HUNTER, at(when)) is on


def test_only_the_hunters_on_duty_are_meant():
    people = [person("sat", "hunter", duty=("sat",)), person("sun", "hunter", duty=("sun",))]
    assert meant(people, Audience(here=frozenset({HUNTER}))) == ["sat"]


def test_where_no_hunter_is_on_duty_all_are_meant():
    people = [person("sun", "hunter", duty=("sun",)), person("mon", "hunter", duty=("mon",))]
    assert meant(people, Audience(here=frozenset({HUNTER}))) == ["sun", "mon"]


def test_a_hunter_on_duty_elsewhere_does_not_stand_in_for_this_ground():
    people = [
        person("north", "hunter", zones=("north",), duty=("sat",)),
        person("south", "hunter", zones=("south",), duty=("sun",)),
    ]
    assert meant(people, Audience(here=frozenset({HUNTER})), ["south"]) == ["south"]


def test_a_gap_in_the_patrol_is_not_filled_by_a_hunter():
    """Each role has its own roster."""
    people = [person("hunter", "hunter"), person("patrol", "patrol", duty=("mon",))]
    assert meant(people, Audience(here=frozenset({HUNTER, PATROL}))) == ["hunter", "patrol"]


def test_the_only_patrol_is_meant_off_duty_although_he_is_a_hunter_too():
    people = [person("hunter", "hunter"), person("both", "hunter", "patrol", duty=("mon",))]
    assert meant(people, Audience(here=frozenset({HUNTER, PATROL}))) == ["hunter", "both"]


def test_a_farmer_hears_of_his_paddy_also_when_he_is_off_duty_as_hunter():
    people = [person("both", "farmer", "hunter", zones=("paddy",), duty=("mon",)), person("hunter", "hunter")]
    field = Audience(here=frozenset({FARMER, HUNTER}))
    assert meant(people, field, ["paddy"]) == ["both", "hunter"]


def test_a_farmer_off_duty_as_hunter_is_not_called_to_the_field_of_another():
    people = [person("both", "farmer", "hunter", zones=("paddy",), duty=("mon",)), person("hunter", "hunter")]
    bear = Audience(here=frozenset({FARMER}), everywhere=frozenset({HUNTER}))
    assert meant(people, bear, ["other"]) == ["hunter"]


def test_farmers_and_officials_have_no_duty():
    people = [person("farmer", "farmer", duty=("mon",)), person("official", "official", duty=("mon",))]
    assert meant(people, Audience(here=frozenset({FARMER, OFFICIAL}))) == ["farmer", "official"]


# --- zones ----------------------------------------------------------------------------------------


def test_of_those_who_have_zones_only_the_concerned_are_meant():
    people = [person("a", "farmer", zones=("east",)), person("b", "farmer", zones=("west", "mid"))]
    assert meant(people, Audience(here=frozenset({FARMER})), ["mid"]) == ["b"]


def test_who_has_no_zones_is_told_of_every_place():
    assert meant([person("a", "farmer")], Audience(here=frozenset({FARMER})), []) == ["a"]


def test_everywhere_means_everywhere():
    people = [person("a", "corps", zones=("east",)), person("b", "farmer", zones=("east",))]
    assert meant(people, Audience(everywhere=frozenset({CORPS})), ["west"]) == ["a"]


def test_anyone_here_is_meant_by_zone_and_not_by_role():
    people = [person("a", "welfare", zones=("flood",)), person("b", "resident", zones=("hill",))]
    assert meant(people, Audience(anyone_here=True), ["flood"]) == ["a"]


def test_anyone_here_does_not_mean_those_who_have_no_zone():
    assert meant([person("a", "resident")], Audience(anyone_here=True), ["flood"]) == []


def test_a_hunter_who_lives_there_is_told_to_run_also_off_duty():
    people = [person("lives", "hunter", zones=("flood",), duty=("mon",)), person("on", "hunter")]
    audience = Audience(anyone_here=True, everywhere=frozenset({HUNTER}))
    assert meant(people, audience, ["flood"]) == ["lives", "on"]


def test_a_gauge_speaks_for_its_flood_zones_and_a_stream_for_the_zones_below_it():
    zones = [
        square("flood-1", "flood", rivers=("gauge-1",)),
        square("flood-2", "flood", rivers=("gauge-2", "gauge-1")),
        square("below", "stream", rivers=("大沢",)),
        square("paddy", "paddy"),
    ]
    ground = town(zones=zones)
    assert zones_of_gauge(ground, "gauge-1") == ("flood-1", "flood-2")
    assert zones_of_gauge(ground, "gauge-3") == ()
    assert zones_of_stream(ground, "大沢") == ("below",)


# --- names and several roles ----------------------------------------------------------------------


def test_who_is_named_is_meant_whatever_his_role_zone_or_duty():
    people = [person("owner", "hunter", zones=("far",), duty=("mon",)), person("on", "hunter")]
    assert meant(people, Audience(here=frozenset({HUNTER}), people=("owner",)), ["near"]) == ["owner", "on"]


def test_a_name_that_the_town_does_not_know_is_passed_over():
    assert meant([person("a", "farmer")], Audience(people=("gone",))) == []


def test_who_is_meant_twice_is_told_once():
    both = person("both", "resident", "corps", zones=("flood",))
    audience = Audience(
        here=frozenset({RESIDENT}), everywhere=frozenset({CORPS}), anyone_here=True, people=("both",)
    )
    assert meant([both], audience, ["flood"]) == ["both"]


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ROLES = st.lists(st.sampled_from(sorted(Role)), min_size=1, max_size=3, unique=True)
PEOPLE = st.lists(
    st.tuples(
        ROLES,
        st.lists(st.sampled_from(["a", "b"]), unique=True),
        st.lists(st.sampled_from(DAYS), unique=True),
    ),
    max_size=6,
)
SOME_ROLES = st.frozensets(st.sampled_from(sorted(Role)), max_size=3)


@given(
    PEOPLE,
    st.builds(Audience, here=SOME_ROLES, everywhere=SOME_ROLES, anyone_here=st.booleans()),
    st.sets(st.sampled_from(["a", "b"])),
    st.integers(0, 20),
)
def test_duty_never_leaves_a_role_that_is_wanted_without_anybody(people, audience, zones, day):
    """Whoever would be told without a roster is told, or somebody of each of his on-call roles is."""
    folk = [
        person(f"p{i}", *roles, zones=tuple(own), duty=tuple(duty))
        for i, (roles, own, duty) in enumerate(people)
    ]
    always = [p.model_copy(update={"duty": DAYS}) for p in folk]
    told = set(meant(folk, audience, zones, EVENING + day * DAY))
    wanted = (audience.here | audience.everywhere) & ON_CALL
    without_roster = set(meant(always, audience, zones, EVENING))
    assert told <= without_roster
    for one in folk:
        if one.id in without_roster - told:
            called = wanted & set(one.roles)
            assert called
            for role in called:
                assert any(role in p.roles for p in folk if p.id in told)
