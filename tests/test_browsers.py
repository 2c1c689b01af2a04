"""Browsers that want to be told: which are taken, what they are told, and how they are forgotten."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from firmware_sim.browser import Browser
from hub.config.settings import WebPush
from hub.people.browsers import LONGEST, MOST, read_subscription
from hub.people.enrolment import read_form
from tests.roll import EMI, FORM, enrols, invited, place
from tests.test_enrolment import GOOD
from tests.timeline import (
    Timeline,
    animal,
    nothing_else_was_told,  # noqa: F401
)

WEB_PUSH = WebPush(key_file=Path("vapid.pem"), subject="mailto:bosai@town.example")
SERVICES = WEB_PUSH.services
OF_TODAY = (
    "https://fcm.googleapis.com/fcm/send/dpH5lCsTSSM:APA91bHqjZxM0VImWWqDRN7U0a3AycjUf4O-byuxb",
    "https://updates.push.services.mozilla.com/wpush/v2/gAAAAABXmPnqJ-_1AhU=",
    "https://wns2-by3p.notify.windows.com/w/?token=BQYAAACCB7%2fa3d&x=1",
    "https://web.push.apple.com/QOIj0vXcM7T6qs8",
)
ELSEWHERE = (
    "http://fcm.googleapis.com/fcm/send/x",
    "https://fcm.googleapis.com:8443/x",
    "https://fcm.googleapis.com@evil.example/x",
    "https://fcm.googleapis.com\\@evil.example/x",
    "https://evil.example/fcm.googleapis.com",
    "https://notfcm.googleapis.com/x",
    "https://xfcm.googleapis.com.evil.example/x",
    "https://127.0.0.1/write?db=naruko",
    "http://127.0.0.1:8086/write?db=naruko",
    "https://[::1]/x",
    "https://fcm.googleapis.com/a b",
    "https://fcm.googleapis.com/\r\nx: y",
    "file:///etc/passwd",
    "",
)
PHONE, TABLET = (Browser().subscription(f"https://web.push.apple.com/{name}") for name in ("phone", "tablet"))


def with_push(*others, **channels):
    ground = place(*others, **channels)
    return replace(ground, hub=ground.hub.model_copy(update={"web_push": WEB_PUSH}))


# --- which are taken -----------------------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", OF_TODAY)
def test_the_browsers_of_today_are_taken_with_nothing_but_what_is_needed(endpoint):
    said = json.loads(Browser().subscription(endpoint)) | {"expirationTime": None}
    taken = json.loads(read_subscription(json.dumps(said), SERVICES))
    assert taken == {"endpoint": endpoint, "keys": said["keys"]}


@pytest.mark.parametrize("endpoint", ELSEWHERE)
def test_whoever_fills_in_a_form_does_not_choose_where_the_hub_calls(endpoint):
    assert read_subscription(Browser().subscription(endpoint), SERVICES) == ""


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"p256dh": "AAAA", "auth": "AAAA"},
        {"p256dh": None, "auth": None},
        {"p256dh": "B" * 87, "auth": ["x"]},
        [],
    ],
)
def test_what_has_no_keys_to_write_to_it_is_not_taken(keys):
    assert read_subscription(json.dumps({"endpoint": OF_TODAY[0], "keys": keys}), SERVICES) == ""


JSON = st.recursive(
    st.none() | st.integers() | st.text() | st.sampled_from([*OF_TODAY, *ELSEWHERE]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["endpoint", "keys", "p256dh", "auth"]), inner)
    ),
)


@given(st.text(max_size=80) | JSON.map(json.dumps))
def test_whatever_is_sent_it_is_taken_or_it_is_not(text):
    assert read_subscription(text, SERVICES) == ""


def test_a_subscription_as_long_as_a_book_is_not_read():
    assert read_subscription(Browser().subscription(OF_TODAY[0] + "x" * LONGEST), SERVICES) == ""


def test_a_browser_is_way_enough_to_enrol_and_a_wrong_one_is_said():
    form = GOOD | {"mail": "", "push": PHONE}
    filled = read_form(form, ("push", "mail"), SERVICES)
    assert (filled.faults, filled.addresses) == ({}, ())
    assert json.loads(filled.as_form()["push"]) == json.loads(PHONE)
    wrong = read_form(form | {"push": "{}"}, ("push", "mail"), SERVICES)
    assert wrong.faults == {"push": "wrong"}
    assert read_form(form, ("mail",), SERVICES).faults == {"channel": "missing"}


# --- what they are told --------------------------------------------------------------------------------


def test_who_enrols_with_a_browser_alone_is_told_there_and_forgotten_when_leaving():
    t = invited(Timeline(with_push()))
    t.does("enrol", "inv", EMI, **{k: v for k, v in FORM.items() if k != "mail"}, push=PHONE)
    (test,) = t.told(f"test reported: {EMI}/push")
    assert test.channel_kind == "push"
    t.says("cam", animal())
    assert {n.channel_kind for n in t.unread if n.recipient == EMI} == {"push"}
    t.unread = []
    t.does("leave_town", EMI, who=EMI).silence()
    assert t.pipeline.state.rooms["said"] == {}


def test_a_browser_of_somebody_in_the_file_is_one_more_way_and_gets_the_test_alone():
    t = Timeline(with_push())
    before = len(t.pipeline.town.people["farmer"].channels)
    t.does("browser", "farmer", who="farmer", push=PHONE)
    (test,) = t.told("test reported: farmer/push")
    assert (test.channel, test.channel_kind) == (before, "push")
    t.restart().does("browser", "farmer", who="farmer", push=TABLET).told("test reported: farmer/push")
    assert len(t.pipeline.town.people["farmer"].channels) == before + 2
    t.does("browser", "farmer", who="farmer").silence()
    assert len(t.pipeline.town.people["farmer"].channels) == before


def test_the_same_browser_stands_there_once_and_a_fourth_takes_the_place_of_the_first():
    t = Timeline(with_push())
    for name in ("a", "b", "a", "c", "d"):
        endpoint = f"https://web.push.apple.com/{name}"
        t.does("browser", "farmer", who="farmer", push=Browser().subscription(endpoint))
        t.unread = []
    kept = [json.loads(one)["endpoint"][-1] for one in t.pipeline.state.rooms["said"]["farmer"].browsers]
    assert kept == ["a", "c", "d"]
    assert len(kept) == MOST


def test_where_the_town_gives_up_web_push_the_other_channels_remain():
    t = enrols(invited(Timeline(with_push())))
    t.does("browser", EMI, who=EMI, push=PHONE)
    t.unread = []
    t.restart(place()).says("cam", animal())
    assert {n.channel_kind for n in t.unread if n.recipient == EMI} == {"mail"}
    t.unread = []


def test_who_stands_in_the_file_and_leaves_leaves_no_browser_behind():
    t = Timeline(with_push()).does("browser", "farmer", who="farmer", push=PHONE)
    t.unread = []
    t.does("leave_town", "farmer", who="farmer").told("person_left reported: ops")
    said = t.pipeline.state.rooms["said"]["farmer"]
    assert said == changed(said, browsers=())
    assert "push.apple.com" not in repr(t.ledger.acts_on("farmer")) + repr(t.ledger.acts_on("gone"))
