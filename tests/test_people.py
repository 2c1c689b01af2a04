"""Who is told: invited, enrolled, heard from; like the people of the config, and after it has changed."""

import string
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import app
from hub.links import Links
from hub.people import roll
from hub.people.enrolment import Address, Invitation, state_of
from hub.people.roll import NOTHING, Enrolled, Said
from tests.roll import EMI, FORM, enrols, invited, place
from tests.timeline import (
    Timeline,
    animal,
    nothing_else_was_told,  # noqa: F401
)
from tests.towns import DAY, MINUTE, person

LINKS = Links(b"0" * 32, "https://naruko.example.jp")


# --- enrolled like the people of the config ----------------------------------------------------------


def test_who_enrols_gets_the_test_at_once_and_is_then_told_like_the_people_of_the_file():
    t = enrols(invited(Timeline(place())))
    (test,) = t.told(f"test reported: {EMI}")
    assert test.body.startswith("【テスト】")
    t.says("cam", animal()).told(f"animal_detected opened: farmer hunter {EMI}")
    assert t.pipeline.town.people[EMI].channels[0].url.get_secret_value().endswith("to=usui.emi@example.jp")


def test_the_test_message_carries_the_link_by_which_one_says_that_it_rang():
    t = invited(Timeline(place()))
    t.pipeline.links = LINKS
    (test,) = enrols(t).told(f"test reported: {EMI}")
    assert LINKS.read("h", test.link.rpartition("/")[2]).id == test.id


def test_the_enrolled_are_there_after_a_restart():
    t = enrols(invited(Timeline(place())))
    t.unread = []
    t.restart().says("cam", animal()).told(f"animal_detected opened: farmer hunter {EMI}")


def test_the_roles_and_zones_are_those_of_the_invitation():
    t = enrols(invited(Timeline(place()), zones="far"))
    t.unread = []
    t.says("cam", animal()).told("animal_detected opened: farmer hunter")


def test_several_channels_are_told_each():
    t = enrols(invited(Timeline(place())), ntfy="naruko-abcdefgh22345677")
    t.told(f"test reported: {EMI} {EMI}/ntfy")


def test_an_invitation_for_one_lets_one_in_and_says_so_to_the_next():
    t = enrols(invited(Timeline(place()), name="薄井えみ"))
    enrols(t, id="e-bbbbbbbbbb").told(f"test reported: {EMI}")
    assert set(t.pipeline.state.rooms["person"]) == {EMI}
    assert t.pipeline.state.rooms["invitation"]["inv"].name == ""
    assert state_of(t.pipeline.state.rooms["invitation"]["inv"], t.now) == "used"


def test_an_invitation_for_a_meeting_lets_as_many_in_as_it_says():
    t = invited(Timeline(place()), uses="2")
    for id in ("e-aaaaaaaaaa", "e-bbbbbbbbbb", "e-cccccccccc"):
        enrols(t, id=id)
    t.told("test reported: e-aaaaaaaaaa e-bbbbbbbbbb")


def test_an_invitation_ends_with_its_days_or_when_the_office_takes_it_back():
    t = invited(Timeline(place()), days="2")
    t.passes(2 * DAY)
    enrols(t).silence()
    assert state_of(t.pipeline.state.rooms["invitation"]["inv"], t.now) == "over"
    invited(t)
    enrols(t.does("invite", "inv", roles="farmer", uses="0")).silence()
    assert state_of(t.pipeline.state.rooms["invitation"].get("inv"), t.now) == "gone"


def test_a_form_that_was_sent_twice_is_one_person():
    t = invited(Timeline(place()), uses="5")
    enrols(enrols(t)).told(f"test reported: {EMI}")
    assert t.pipeline.state.rooms["invitation"]["inv"].used == 1


def test_nobody_enrols_as_somebody_of_the_file():
    t = enrols(invited(Timeline(place())), id="farmer").silence()
    assert t.pipeline.state.rooms["person"] == {}


def test_a_link_to_nowhere_enrols_nobody():
    Timeline(place()).does("enrol", "no-such", who=EMI, **FORM).silence()


# --- the config changes ------------------------------------------------------------------------------


def without_far():
    ground = place()
    zones, shapes = (
        {id: zone for id, zone in d.items() if id != "far"} for d in (ground.zones, ground.geometry)
    )
    return replace(ground, zones=zones, geometry=shapes)


def test_a_zone_that_is_no_more_is_dropped_and_the_start_warns_of_it():
    t = enrols(invited(Timeline(place()), zones="far paddy"))
    t.unread = []
    t.restart(without_far())
    assert t.pipeline.town.people[EMI].zones == ("paddy",)
    assert t.pipeline.town.warnings == (f"enrolled {EMI}: there is no zone far any more",)


async def test_the_log_of_a_start_counts_such_warnings_and_names_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Started:
        def __init__(self, town: Any, *_: Any, **__: Any) -> None:
            self.town = replace(
                town, warnings=(*town.warnings, f"enrolled {EMI}: there is no zone far any more")
            )

        async def run(self) -> None:
            """Ends at once."""

    ground = place()
    settings = ground.hub.ledger.model_copy(update={"path": tmp_path / "naruko.db", "ballast_mb": 0})
    monkeypatch.setattr(app, "Hub", Started)
    monkeypatch.setattr(app, "_be_ready", lambda _: None)
    await app.serve(replace(ground, hub=ground.hub.model_copy(update={"ledger": settings})))
    assert "files: 1 warnings; naruko people" in caplog.text
    assert EMI not in caplog.text


def test_who_has_no_zone_left_is_told_of_every_place_and_not_of_none():
    t = enrols(invited(Timeline(place()), zones="far"))
    t.unread = []
    t.restart(without_far())
    assert "told of every place now" in t.pipeline.town.warnings[0]
    t.says("cam", animal()).told(f"animal_detected opened: farmer hunter {EMI}")


def test_where_the_town_has_no_such_channel_any_more_the_start_warns_and_goes_on():
    t = enrols(invited(Timeline(place())))
    t.unread = []
    t.restart(place(channels={}))
    assert t.pipeline.town.people[EMI].channels[0].url is None
    assert "no URL for mail" in t.pipeline.town.warnings[0]


def test_an_id_that_the_file_has_taken_since_is_the_files():
    t = enrols(invited(Timeline(place())))
    t.unread = []
    t.restart(place(person(EMI, "official")))
    assert t.pipeline.town.people[EMI].roles == ("official",)


# --- what people say of themselves ---------------------------------------------------------------------


def test_it_rang_is_kept_of_the_enrolled_and_of_the_people_of_the_file():
    t = enrols(invited(Timeline(place())))
    t.unread = []
    t.passes(MINUTE)
    for who in (EMI, "farmer", "stranger"):
        t.does("test_heard", who, who=who)
    assert {id: said.heard_at for id, said in t.restart().pipeline.state.rooms["said"].items()} == {
        EMI: t.now,
        "farmer": t.now,
    }


def test_a_language_that_was_chosen_holds_for_the_next_message_and_after_a_restart():
    t = Timeline(place()).does("prefer", "farmer", lang="en").restart()
    told = t.says("cam", animal()).told("animal_detected opened: farmer hunter")
    assert {n.recipient: "イノシシ" in n.title for n in told} == {"farmer": False, "hunter": True}


def test_for_some_hours_nothing_small_comes_and_then_it_comes_at_once_as_one_message():
    t = Timeline(place(), "2026-11-21 13:00").does("prefer", "farmer", quiet="2")
    t.restart().says("cam", animal()).told("animal_detected opened: hunter")
    t.at("15:30").told("animal_closed cleared: hunter", "morning_digest reported: farmer")


def test_to_end_the_quiet_is_heard_at_once():
    t = Timeline(place()).does("prefer", "farmer", quiet="8").does("prefer", "farmer", quiet="0")
    t.says("cam", animal()).told("animal_detected opened: farmer hunter")


def test_one_person_can_have_the_test_again_and_the_others_are_not_troubled():
    t = Timeline(place()).does("test_send", "farmer", who="farmer")
    t.told("test reported: farmer")
    assert t.pipeline.state.rooms["roll_call"] == {}


# --- the roll, for any people ---------------------------------------------------------------------------

IDS = st.sampled_from(["ops", "farmer", "hunter", EMI, "e-bbbbbbbbbb"])
ENROLLED = st.builds(
    Enrolled,
    name=st.text(string.ascii_letters, min_size=1, max_size=5),
    roles=st.lists(st.sampled_from(["farmer", "hunter", "wizard"]), max_size=2).map(tuple),
    zones=st.lists(st.sampled_from(["paddy", "far", "moon"]), max_size=2).map(tuple),
    lang=st.sampled_from(["ja", "en"]),
    addresses=st.just((Address("mail", "a@example.jp"),)),
    at=st.just(1),
)
SAID = st.builds(Said, lang=st.sampled_from(["", "en"]), left_at=st.sampled_from([0, 0, 5]))


@given(st.dictionaries(IDS, ENROLLED), st.dictionaries(IDS, SAID))
def test_the_roll_is_the_file_and_the_enrolled_without_those_who_left(enrolled, said):
    ground = place()
    found = roll.roll(ground, enrolled, said).people
    left = {id for id in ground.people if said.get(id, NOTHING).left_at}
    assert set(found) == (set(ground.people) - left) | (set(enrolled) - set(ground.people))
    for one in found.values():
        assert set(one.zones) <= set(ground.zones)
    assert list(found)[: len(ground.people) - len(left)] == [id for id in ground.people if id not in left]


VALUES = st.recursive(
    st.one_of(st.integers(), st.sampled_from([EMI, "farmer", ""])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from([EMI, "x"]), inner, max_size=2),
    ),
    max_leaves=8,
)


@given(VALUES)
def test_nothing_is_left_of_an_id_and_the_rest_stays(value):
    after = roll.without(value, EMI)
    assert EMI not in repr(after)
    assert roll.without(after, EMI) is after
    assert roll.without(value, "nobody") is value


def test_an_invitation_keeps_its_fields_over_a_restart():
    t = invited(Timeline(place()), days="3", uses="7", name="薄井", lang="en").restart()
    assert t.pipeline.state.rooms["invitation"]["inv"] == Invitation(
        t.now + 3 * DAY, ("farmer",), ("paddy",), 7, 0, "薄井", "en"
    )
