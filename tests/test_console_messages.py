"""Messages and people at the console: what was told to whom, what came of it, and nobody's address."""

import json
import string
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hub.config.shapes import Channel, Person
from hub.config.tell_policy import ChannelBudget
from hub.config.town import Town
from hub.console.api.messages import message_of, why_of
from hub.console.api.people import begins_of
from hub.console.pages.messages import moment
from hub.console.users import ConsoleRole
from hub.ledger import Ledger
from hub.ledger.views import messages as view
from hub.ledger.views.messages import Sought, Told, find, tallies
from hub.model import Act, Notification, Outcome, Reason, Severity, Status
from hub.notify.outbox import Answer
from tests.consoles import Visitor, console, place
from tests.towns import DAY, HOUR, MINUTE, at, person, town
from tests.waiting import until

NOW = at("2026-11-22 09:00")
FARMER = person(
    "farmer",
    "farmer",
    name="水田 守",
    zones=("paddy",),
    channels=(
        Channel(kind="mail", url="mailto://naruko:geheim77@mail.example.jp/?to=mizuta.mamoru@example.jp"),
        Channel(kind="line", url="line://TOKENabcdefghijklmnop/U0123456789abcdef0123456789abcdef"),
        Channel(kind="ntfy", url="ntfy://ntfy.example.jp/naruko-k3xq7mvz2abcdefg"),
        Channel(kind="sms", url="twilio://AC0:secret9@0312345678/09012345678"),
    ),
)
HUNTER = person("hunter", "hunter", name="山根 猛", zones=())
ADDRESSES = (
    "mizuta.mamoru", "geheim77", "TOKENabcdefghijklmnop", "U0123456789abcdef0123456789abcdef",
    "naruko-k3xq7mvz2abcdefg", "09012345678", "0312345678", "secret9", "hunter@example.jp", "mailto:",
)  # fmt: skip


def ground(**policy: object) -> Town:
    found = place()
    people = {one.id: one for one in (FARMER, HUNTER)}
    return replace(found, people=people, policy=found.policy.model_copy(update=policy))


def row(number: int, **more: object) -> Notification:
    fields = {
        "id": f"n{number}",
        "alert_id": "a1",
        "recipient": "farmer",
        "channel": 0,
        "channel_kind": "mail",
        "reason": Reason.OPENED,
        "template": "animal_detected",
        "severity": Severity.CAUTION,
        "title": f"イノシシ {number}",
        "body": "body that no page shows",
        "created_at": NOW + number * MINUTE,
        "event_received_at": NOW + number * MINUTE,
        "expires_at": NOW + DAY,
        "status": Status.SENT,
        "attempts": 1,
        "finished_at": NOW + number * MINUTE + 2_000,
        "link": "http://127.0.0.1/a/linkthatisasecret",
        "rule": "animal_detected: farmer of paddy",
    }
    return Notification(**(fields | more))  # type: ignore[arg-type]


def ledger_of(*rows: Notification) -> Ledger:
    ledger = Ledger.in_memory()
    ledger.insert(Outcome(notifications=list(rows)))
    ledger.commit()
    return ledger


class Failing:
    """Stands in for Apprise: LINE refuses with the address in its words, the rest is delivered."""

    def __call__(self, person: Person, notification: Notification) -> Answer:
        channel = person.channels[notification.channel]
        if channel.kind == "line":
            return Answer(Status.FAILED, f"Failed to send to {channel.url.get_secret_value()}: error=401")
        return Answer(Status.SENT)


@asynccontextmanager
async def desk(folder: Path, **policy: object) -> AsyncIterator[Visitor]:
    """A hub whose operator is logged in."""
    roles = {"yamada": ConsoleRole.OPERATOR, "kouhou": ConsoleRole.VIEWER}
    async with console(folder, ground(**policy), Failing(), **roles) as browser:  # type: ignore[arg-type]
        await browser.logs_in("yamada")
        yield browser


async def api(browser: Visitor, path: str, status: int = 200) -> dict:
    answer = await browser.get(f"/api/v1{path}")
    assert answer.status == status, answer.text
    return json.loads(answer.text)


async def sends_tests(browser: Visitor, who: str) -> None:
    """The test message to one person or all, sent and settled."""
    await browser.hub.do(Act(0, 0, "ops", "cli", "test_send", who))
    rows = lambda: find(browser.hub.ledger._read, Sought(), 200).rows  # noqa: E731
    await until(lambda: rows() and all(r.finished_at for r in rows()), "all was sent or given up")


# --- what a page finds --------------------------------------------------------------------------------


def test_messages_come_the_newest_first_and_page_by_page():
    ledger = ledger_of(*(row(n) for n in range(7)))
    first = find(ledger._read, Sought(), 3)
    then = find(ledger._read, Sought(before=first.rest), 3)
    last = find(ledger._read, Sought(before=then.rest), 3)
    assert [[r.id for r in page.rows] for page in (first, then, last)] == [
        ["n6", "n5", "n4"],
        ["n3", "n2", "n1"],
        ["n0"],
    ]
    assert last.rest is None


@pytest.mark.parametrize(
    ("sought", "ids"),
    [
        (Sought(people=frozenset({"hunter"})), ["n1"]),
        (Sought(kind="line"), ["n2"]),
        (Sought(result="failed"), ["n3"]),
        (Sought(result="overtaken"), ["n4"]),
        (Sought(result="waiting"), ["n5"]),
        (Sought(alert="a2"), ["n6"]),
        (Sought(since=NOW + 5 * MINUTE), ["n6", "n5"]),
        (Sought(until=NOW + 2 * MINUTE), ["n1", "n0"]),
    ],
)
def test_messages_are_found_by_person_channel_result_alert_and_time(sought: Sought, ids: list[str]):
    ledger = ledger_of(
        row(0),
        row(1, recipient="hunter"),
        row(2, channel_kind="line"),
        row(3, status=Status.EXPIRED),
        row(4, status=Status.EXPIRED, error="overtaken by n5"),
        row(5, status=Status.PENDING, finished_at=None),
        row(6, alert_id="a2"),
    )
    assert [r.id for r in find(ledger._read, sought, 50).rows] == ids


def test_a_message_of_another_year_has_its_year():
    zone = town().zone_info
    assert moment(at("2025-11-22 09:00"), NOW, zone) == "2025/11/22 09:00"
    assert moment(at("2026-01-02 09:00"), NOW, zone) == "1/2 09:00"
    assert moment(NOW, NOW, zone) == "09:00"


def test_a_search_that_finds_little_ends_and_says_where_to_go_on(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(view, "SCANNED", 10)
    ledger = ledger_of(*(row(n, recipient="hunter" if n == 0 else "farmer") for n in range(25)))
    sought, looks = Sought(people=frozenset({"hunter"})), 0
    while (found := find(ledger._read, sought, 50)).rest is not None:
        assert not found.rows
        sought, looks = Sought(people=sought.people, before=found.rest), looks + 1
    assert [r.id for r in found.rows] == ["n0"]
    assert looks == 2


def test_every_search_walks_an_index():
    ledger = ledger_of(row(0))
    plans = []
    ledger._read.set_trace_callback(plans.append)
    for sought in (Sought(), Sought(alert="a1"), Sought(since=NOW, until=NOW + DAY)):
        find(ledger._read, sought, 10)
    tallies(ledger._read, NOW, NOW)
    ledger._read.set_trace_callback(None)
    for statement in plans:
        for step in ledger._read.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall():
            assert "TEMP B-TREE" not in step[-1], (statement, step)
            if "SCAN" in step[-1]:
                assert "ORDER BY seq DESC LIMIT" in statement or "seq >=" in statement, (statement, step)


def test_a_year_of_messages_takes_no_longer_than_a_day():
    ledger = Ledger.in_memory()
    for part in range(20):
        ledger.insert(Outcome(notifications=[row(part * 2_000 + n) for n in range(2_000)]))
        ledger.commit()
    began = time.perf_counter()
    find(ledger._read, Sought(people=frozenset({"nobody"})), 50)
    find(ledger._read, Sought(since=NOW + 10 * MINUTE, until=NOW + 60 * MINUTE), 50)
    took = time.perf_counter() - began
    assert took < 2, f"{took:.2f} s"


def test_what_a_person_was_told_is_counted_from_midnight_and_from_the_evening():
    day, night = begins_of(NOW, town().zone_info)
    assert (day, night) == (at("2026-11-22 00:00"), at("2026-11-21 18:00"))
    assert begins_of(at("2026-11-22 18:00"), town().zone_info)[1] == at("2026-11-22 18:00")
    ledger = ledger_of(
        row(0, finished_at=night - 1),
        row(1, finished_at=night),
        row(2, finished_at=day),
        row(3, finished_at=NOW, status=Status.FAILED, error="error=401"),
        row(4, finished_at=NOW + 5, status=Status.EXPIRED, error="overtaken by n5"),
        row(5, finished_at=None, status=Status.PENDING),
    )
    of = tallies(ledger._read, day, night)["farmer"]
    assert (of.today, of.tonight, of.sent_at, of.failed_at) == (1, 2, day, NOW)


# --- why ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "why"),
    [
        ("quiet: told from 06:00 on", "quiet"),
        ("budget: line has its reserve left", "budget"),
        ("storm: counted in storm-1", "storm"),
        ("recipient or channel is no longer in the config", "gone"),
        ("no answer (1): read timed out; overtaken by 0123456789abcdef", "overtaken"),
        ("the messages that LINE gives this account a month are used up (error=429)", "used_up"),
        ("Failed to send: error=401", "login"),
        ("the push service refuses it: error=410", "refused"),
        ("no answer (2): Read timed out", "no_answer"),
        ("[Errno 111] Connection refused", "unreachable"),
        ("Failed: error=503", "broken"),
        ("something quite new", "other"),
        ("", "expired"),
    ],
)
def test_the_reason_is_one_of_a_few_words(error: str, why: str):
    assert (
        why_of(msgspec.convert(msgspec.to_builtins(row(0, status=Status.EXPIRED, error=error)), Told)) == why
    )


SIGNS = st.text(string.ascii_lowercase + string.digits, min_size=5, max_size=20)
KINDS = st.sampled_from(
    [
        ("mail", "mailto://gate.example.jp/?to={}@example.jp"),
        ("line", "line://token/U{}"),
        ("ntfy", "ntfy://ntfy.example.jp/naruko-{}"),
        ("sms", "twilio://sid:pass@from/{}"),
    ]
)


@given(KINDS, SIGNS, st.text(max_size=30), st.text(max_size=30))
def test_no_word_of_a_service_carries_an_address(kind: tuple[str, str], secret: str, before: str, after: str):
    one = person("one", "farmer", channels=(Channel(kind=kind[0], url=kind[1].format(secret)),))
    found = town(people=[one])
    assume(secret not in before + after)
    error = f"{before} {kind[1].format(secret)} {after}"
    told = msgspec.convert(
        msgspec.to_builtins(row(0, recipient="one", status=Status.FAILED, error=error, rule="")), Told
    )
    shown = message_of(found, told)
    assert secret not in shown.said
    assert shown.result in ("failed", "overtaken")


# --- the API and the page ---------------------------------------------------------------------------------


async def test_the_results_of_every_channel_are_there_and_nobodys_address(tmp_path: Path):
    async with desk(tmp_path) as browser:
        await sends_tests(browser, "farmer")
        found = await api(browser, "/messages")
        results = {one["channel_kind"]: (one["result"], one["why"]) for one in found["messages"]}
        assert results == {
            "mail": ("sent", ""),
            "line": ("failed", "login"),
            "ntfy": ("sent", ""),
            "sms": ("sent", ""),
        }
        sent = next(one for one in found["messages"] if one["channel_kind"] == "mail")
        assert sent["name"] == "水田 守"
        assert 0 <= sent["late"] < 60_000
        pages = [
            "/api/v1/messages", "/api/v1/people", "/console/messages", "/console/messages?lang=ja",
            "/console/messages?tab=people", "/console/messages?who=%E6%B0%B4&result=failed",
        ]  # fmt: skip
        for path in pages:
            text = (await browser.get(path)).text
            for address in ADDRESSES:
                assert address not in text, (path, address)
            assert "linkthatisasecret" not in text
        page = (await browser.get("/console/messages")).text
        assert "not delivered" in page
        assert "the service refuses our login" in page
        assert (
            "the service refuses our login" not in (await browser.get("/console/messages?result=sent")).text
        )


async def test_filters_of_the_page_narrow_what_is_shown(tmp_path: Path):
    async with desk(tmp_path) as browser:
        await sends_tests(browser, "all")
        assert len((await api(browser, "/messages?person=hunter"))["messages"]) == 1
        assert len((await api(browser, "/messages?kind=line"))["messages"]) == 1
        assert (await api(browser, "/messages?alert=nothing"))["messages"] == []
        page = (await browser.get("/console/messages?who=%E7%8C%9B&lang=ja")).text
        assert "山根 猛" in page
        assert "水田 守" not in page
        assert "この名前の人はいません" in (await browser.get("/console/messages?who=xyz&lang=ja")).text
        for odd in ("since=x", "until=9999-12-31", "since=0001-01-01", "before=-1", "kind=fax", "result=x"):
            assert (await browser.get(f"/console/messages?{odd}")).status == 200, odd
        for odd in ("limit=0", "limit=1000", "kind=fax", "result=x", "since=-1", "nothing=1"):
            await api(browser, f"/messages?{odd}", 400)


async def test_people_are_listed_with_what_reaches_them(tmp_path: Path):
    budgets = {"line": ChannelBudget(limit=200, per="month")}
    async with desk(tmp_path, budgets=budgets) as browser:
        await sends_tests(browser, "all")
        await browser.hub.do(Act(0, 0, "farmer", "web", "test_heard", "farmer"))
        await browser.hub.do(Act(0, 0, "farmer", "web", "prefer", "farmer", form={"quiet": "8"}))
        found = await api(browser, "/people")
        farmer, hunter = found["people"]
        assert farmer["channels"] == ["mail", "line", "ntfy", "sms"]
        assert (farmer["heard"], hunter["heard"]) == ("heard", "missing")
        assert farmer["told_today"] == 3
        assert farmer["failed_at"] >= farmer["sent_at"] - MINUTE
        assert farmer["on_duty"] is None
        assert hunter["on_duty"] is True
        assert farmer["quiet_until"] > found["now"] + 7 * HOUR
        assert [(one["kind"], one["used"], one["left"]) for one in found["budgets"]] == [("line", 1, 199)]
        assert [one["id"] for one in (await api(browser, "/people?search=hunt"))["people"]] == ["hunter"]
        page = (await browser.get("/console/messages?tab=people")).text
        assert "199 left this month of 200" in page
        assert "no answer yet" in page


async def test_an_operator_sends_a_test_to_one_person_and_not_twice_at_once(tmp_path: Path):
    async with desk(tmp_path) as browser:
        answer = await browser.sends("/console/messages?tab=people", person="hunter")
        assert "did=test" in answer.location
        assert "The test is on its way" in (await browser.get(answer.location.partition("#")[0])).text
        again = await browser.sends("/console/messages?tab=people", person="hunter")
        assert "fault=soon" in again.location
        nobody = await browser.sends("/console/messages", person="nobody")
        assert "fault=person" in nobody.location
        assert [act.target for act in browser.acts("test_send")] == ["hunter"]
        assert browser.acts("test_send")[0].who == "user:yamada"
        await until(
            lambda: {r.recipient for r in find(browser.hub.ledger._read, Sought(), 9).rows} == {"hunter"},
            "the hunter alone is told",
        )


async def test_who_may_only_look_sends_no_test(tmp_path: Path):
    async with desk(tmp_path) as browser:
        viewer = browser.other()
        await viewer.logs_in("kouhou")
        assert (await viewer.sends("/console/messages", person="hunter")).status == 403
        assert "Send a test" not in (await viewer.get("/console/messages?tab=people")).text
        assert not browser.acts("test_send")


async def test_who_has_left_is_somebody_and_no_name(tmp_path: Path):
    async with desk(tmp_path) as browser:
        await sends_tests(browser, "farmer")
        await browser.hub.do(Act(0, 0, "farmer", "web", "leave_town", "farmer"))
        found = await api(browser, "/messages")
        assert {one["name"] for one in found["messages"]} == {""}
        assert "水田" not in json.dumps(found, ensure_ascii=False)
        assert "somebody who has left" in (await browser.get("/console/messages")).text
        assert [one["id"] for one in (await api(browser, "/people"))["people"]] == ["hunter"]
