"""Text of a device is short and plain wherever it is shown, and nothing is built from it."""

import io
import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from rich.console import Console

from firmware_sim.phones import Phones, Received
from hub.config.settings import Influx, LedgerSettings
from hub.config.shapes import Channel, Device, Person, Role
from hub.explain import explain
from hub.influx import forwarder
from hub.ledger import Ledger
from hub.model import Outcome, Status
from hub.notify.sender import AppriseSender
from hub.replay import told
from hub.report import build
from hub.story import Story
from hub.wording import render
from tests.config_towns import FIXTURES, make_town, problems_of
from tests.hostile import TEXTS, TOKEN, messages, village
from tests.ledgers import notification
from tests.points import Recorder, fake, forwarded, forwarding, until
from tests.timeline import Timeline
from tests.towns import at

NOW = at("2026-11-21 21:07:03")
LONGEST_LINE = 700
MAPS = re.compile(
    r"https://(www\.google\.com/maps/search/\?api=1&query=\d+\.\d{5}%2C\d+\.\d{5}"
    r"|maps\.gsi\.go\.jp/#17/\d+\.\d{6}/\d+\.\d{6}/&base=std&ls=std&disp=1&vs=c1"
    r"|example\.invalid/)(?=[\s。]|$)"
)
ONE_POINT = re.compile(r'(?:\\.|[^ ])+ (?:"(?:\\.|[^"\\])*"|\\.|[^ "])+ \d+')
TOUCHES = (
    "open",
    "os.",
    "socket.",
    "subprocess.",
    "compile",
    "exec",
    "import",
    "sqlite3.",
    "urllib.",
    "shutil.",
)
TOWN = village()


class Night(Timeline):
    """A night on which every device says every one of the texts in every way it can. `outcomes` of it all."""

    def __init__(self) -> None:
        super().__init__(TOWN, "2026-11-21 21:00")
        self.outcomes: list[Outcome] = []
        for text in TEXTS.values():
            for topic, payload in messages(text):
                self.now += 1_000
                self.sends(topic, payload)
            self.passes(60_000)
        self.passes(7_200_000)

    def store(self, outcome: Outcome) -> None:
        super().store(outcome)
        self.outcomes.append(outcome)


@pytest.fixture(scope="module")
def log() -> Iterator[list[str]]:
    """What is logged from the first test on."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    keep, root = Keep(logging.DEBUG), logging.getLogger()
    before = root.level
    root.addHandler(keep)
    root.setLevel(logging.DEBUG)
    yield lines
    root.setLevel(before)
    root.removeHandler(keep)


@pytest.fixture(scope="module")
def touched() -> Iterator[list[str]]:
    """What the interpreter is asked to open, connect to, compile or run under a name with the token in it."""
    found: list[str] = []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if listening and event.startswith(TOUCHES) and TOKEN in repr(arguments).lower():
            found.append(f"{event} {arguments!r}"[:300])

    listening = [True]
    sys.addaudithook(hook)  # for ever: it cannot be taken away
    yield found
    listening.clear()


@pytest.fixture(scope="module")
def night(log: list[str], touched: list[str]) -> Night:
    return Night()


def assert_plain(shown: str) -> None:
    """Lines of printable signs: no control, no direction, nothing invisible."""
    for line in shown.split("\n"):
        assert line.isprintable(), ascii(line)
        assert len(line) < LONGEST_LINE, line


# --- where it is shown ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_in_the_steps_of_explain_it_is_one_short_plain_line(text: str, touched: list[str]) -> None:
    for topic, payload in messages(text):
        for line in explain(TOWN, topic, payload, now=NOW):
            assert_plain(line)
            assert "\n" not in line
    assert touched == []


def test_in_the_reasons_of_the_quarantine_it_is_one_short_plain_line(night: Night) -> None:
    reasons = [receipt.reason for receipt in night.receipts if TOKEN in receipt.reason]
    assert len(reasons) > 20 * len(TEXTS)
    for reason in reasons:
        assert_plain(reason)
        assert "\n" not in reason


def test_in_events_alerts_and_orders_it_is_short_and_plain(night: Night) -> None:
    assert any(TOKEN in event.species for event in night.events)
    for kept in (*night.events, *night.alerts.values(), *night.commands):
        for value in (getattr(kept, name) for name in kept.__struct_fields__):
            if isinstance(value, str):
                assert value.isprintable(), ascii(value)
                assert len(value) < LONGEST_LINE


def test_what_people_are_told_holds_nothing_of_it(night: Night) -> None:
    """Species, places and causes are our own words; links lead to the maps and to the town."""
    assert {n.channel_kind for n in night.notifications} == {"mail", "ntfy", "line", "sms"}
    assert {"trap_sprung", "animal_detected", "debris_flow"} <= {n.template for n in night.notifications}
    for n in night.notifications:
        assert TOKEN not in (n.title + n.body).lower()
        assert_plain(n.title)
        assert_plain(n.body)
        assert "\n" not in n.title
        assert "http" not in MAPS.sub("", n.body), n.body


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_in_the_story_of_the_demo_it_does_not_stand(night: Night, lang: str) -> None:
    out = io.StringIO()
    story = Story(TOWN, Console(file=out, width=120, highlight=False, force_terminal=False), lang)
    for outcome in night.outcomes:
        story.outcome(outcome)
    assert len(out.getvalue()) > 10_000
    assert_plain(out.getvalue())
    assert TOKEN not in out.getvalue().lower()


def test_in_a_replay_and_its_report_it_does_not_stand(night: Night) -> None:
    lines = [line for outcome in night.outcomes for line in told(TOWN, NOW, outcome)]
    report = json.dumps(build(night.ledger, night.pipeline), ensure_ascii=False, indent=1)
    assert lines
    for shown in (*lines, report):
        assert_plain(shown)
        assert TOKEN not in shown.lower()


async def test_in_line_protocol_it_is_within_one_line(
    night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder()
    monkeypatch.setattr(forwarder, "connect", lambda settings: recorder)
    settings = TOWN.hub.model_copy(update={"influx": Influx(url="http://x")})
    with closing(Ledger.open(tmp_path / "naruko.db", LedgerSettings())) as ledger:
        readings = [reading for outcome in night.outcomes for reading in outcome.readings]
        alerts = [alert for outcome in night.outcomes for alert in outcome.alerts]
        await ledger.store(Outcome(readings=readings, alerts=alerts))
        async with forwarding(ledger, replace(TOWN, hub=settings)):
            await until(forwarded(ledger))
    assert any(TOKEN in line for line in recorder.lines), "the species of an alert"
    for line in recorder.lines:
        assert line.isprintable(), ascii(line)
        assert ONE_POINT.fullmatch(line), line
        assert not line.startswith("forged")


def test_in_the_log_it_is_plain(night: Night, log: list[str]) -> None:
    for line in log:
        assert_plain(line)


def test_no_path_address_or_code_is_made_from_it(night: Night, touched: list[str]) -> None:
    assert touched == []


# --- on the phone ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sender() -> AppriseSender:
    loaded = AppriseSender()
    loaded.load()
    return loaded


@pytest.fixture(scope="module")
def phones() -> Iterator[Phones]:
    with Phones() as running:
        yield running


def arrives(sender: AppriseSender, phones: Phones, url: str, title: str, body: str) -> Received:
    """What a phone shows of this text, as if the wording had let it through."""
    kind = "ntfy" if url.startswith("ntfy") else "mail"
    channels = (Channel(kind=kind, url=url),)
    somebody = Person(id=f"p{len(phones.inbox)}", name="p", roles=(Role.HUNTER,), channels=channels)
    message = notification(recipient=somebody.id, channel_kind=kind, title=title, body=body)
    before = len(phones.inbox)
    assert sender.send(somebody, message).status is Status.SENT
    assert len(phones.inbox) == before + 1
    return phones.inbox[-1]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_mail_has_one_subject_and_no_header_of_the_texts(
    sender: AppriseSender, phones: Phones, text: str
) -> None:
    url = f"mailto://127.0.0.1:{phones.mail_port}?from=naruko@town.test&to=a@phone.test"
    received = arrives(sender, phones, url, f"title {text[:64]}", f"body {text}")
    assert received.to == "a@phone.test"
    assert "bcc" not in received.headers
    assert "\n" not in received.title
    assert received.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("text", [TEXTS["html"], TEXTS["markdown"], TEXTS["rich"], TEXTS["format"]])
def test_signs_of_markup_arrive_as_the_signs_that_they_are(
    sender: AppriseSender, phones: Phones, text: str
) -> None:
    received = arrives(sender, phones, f"ntfy://127.0.0.1:{phones.http_port}/a", "title", text)
    assert received.body.startswith(text)
    assert "markdown" not in {name.lower() for name in received.headers}


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_a_messenger_that_reads_markup_is_given_text_without_any(
    sender: AppriseSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Telegram reads HTML or Markdown where it is told to."""
    from apprise.plugins.telegram import NotifyTelegram  # noqa: PLC0415 (only this test needs it)

    answer = (200, json.dumps({"ok": True, "result": {"message_id": 1}}), {})
    with fake(answer) as server:
        monkeypatch.setattr(NotifyTelegram, "notify_url", f"{server.url}/bot")
        channel = Channel(
            kind="other", url="tgram://123456789:abcdefghijklmnopqrstuvwxyz123456789/987654321/"
        )
        somebody = Person(id="t", name="t", roles=(Role.HUNTER,), channels=(channel,))
        message = notification(recipient="t", channel_kind="other", title="t", body=TEXTS["html"])
        assert sender.send(somebody, message).status is Status.SENT
    (said,) = (json.loads(body) for _, _, body in server.seen)
    assert "parse_mode" not in said or "<script>" not in said["text"]


@given(st.text(max_size=300))
def test_a_place_of_any_name_is_told_on_one_line_or_refused_in_the_config(name: str) -> None:
    """The town's own words, too: a name pasted into a table may hold anything."""
    try:
        place = Device(
            id="d", name="d", name_en="d", profile="p", lat=36, lon=138, place=name, place_en="x"
        ).place
    except ValidationError:
        place = ""
        assert not any(sign.isprintable() and not sign.isspace() for sign in name)
    fields = {"time": "21:07", "place": place or "-", "species": name, "deterrent": name, "sensor_name": name}
    for channel in ("mail", "ntfy", "line", "sms"):
        title, body = render("animal_detected", "ja", channel, fields | {"lat": 36.1, "lon": 137.9})
        assert title.isprintable()
        assert all(line.isprintable() for line in body.split("\n"))


@pytest.mark.parametrize("name", ["", " ", "\u200b", "\u202e\n"])
def test_a_name_that_shows_nothing_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    """No message could be told of it."""
    text = (FIXTURES / "good" / "devices.yaml").read_text("utf-8")
    line = re.search(r"^ *place: .*$", text, re.MULTILINE)
    assert line
    folder = make_town(
        tmp_path / "town", {"devices.yaml": text.replace(line[0], f"    place: {json.dumps(name)}", 1)}
    )
    (problem,) = problems_of(folder)
    assert problem.startswith("devices.yaml:")
    assert "must hold a sign that can be read" in problem
