"""What the path says in the log: each outcome by its ids, bounded, and nothing of any person."""

import io
import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from timeit import repeat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from hub.config.town import Town
from hub.demo import Options, free_port, play
from hub.ledger import LedgerError
from hub.logs.journal import BOUNDS, Journal
from hub.logs.lines import Json, Text
from hub.metrics.counts import Counts
from hub.metrics.outbox import CountedOutbox
from hub.model import AlertState, Event, EventKind, Message, Outcome, Receipt, Status, Verdict
from hub.story import Story
from tests.fleets import example_town
from tests.ledgers import NOW, alert, command, event, notification, receipt
from tests.timeline import Timeline
from tests.towns import valley

NOT_OF_THE_HUB = ("mail", "amqtt", "transitions")
"""The demo's phones and broker stand in the same process."""


class Lines(logging.Handler):
    """Keeps what would be written, as JSON and as text."""

    def __init__(self) -> None:
        super().__init__()
        self.json: list[str] = []
        self.text: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(NOT_OF_THE_HUB):
            return
        self.json.append(Json().format(record))
        self.text.append(Text(dated=True).format(record))

    def said(self) -> list[dict[str, Any]]:
        """The events of the path, without what every line has."""
        found = [json.loads(line) for line in self.json]
        head = ("time", "level", "logger")
        return [{k: v for k, v in one.items() if k not in head} for one in found if "event" in one]

    def events(self) -> list[str]:
        return [one["event"] for one in self.said()]


@contextmanager
def listening(name: str = "naruko", level: int = logging.INFO) -> Iterator[Lines]:
    handler, log = Lines(), logging.getLogger(name)
    before = log.level
    log.addHandler(handler)
    log.setLevel(level)
    try:
        yield handler
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


def quarantined(number: int, payload: bytes = b"\xff") -> Receipt:
    return receipt(number, Verdict.QUARANTINED, payload=payload)


# --- one line for each ------------------------------------------------------------------------------


def test_an_alert_is_said_as_it_opens_changes_and_closes() -> None:
    journal = Journal(ticks=lambda: 0.0)
    with listening() as lines:
        journal.outcome(Outcome(alerts=[alert("a1")], events=[event()], notifications=[notification()]))
        journal.outcome(Outcome(alerts=[alert("a1")]))
        journal.outcome(Outcome(alerts=[alert("a1", state=AlertState.RESOLVED)]))
        journal.outcome(Outcome(alerts=[alert("a1", state=AlertState.RESOLVED, label="true")]))
    assert lines.events() == ["alert.opened", "alert.updated", "alert.closed", "alert.updated"]
    assert lines.said()[0] == {
        "event": "alert.opened",
        "alert": "a1",
        "incident": "river/river-1",
        "kind": "river",
        "severity": "caution",
        "device": "river-1",
        "why": ["level_up"],
    }
    assert lines.said()[2]["state"] == "resolved"


def test_an_alert_that_was_open_at_the_start_of_the_hub_is_not_opened_again() -> None:
    with listening() as lines:
        Journal(["a1"]).outcome(Outcome(alerts=[alert("a1")]))
    assert lines.events() == ["alert.updated"]


def test_who_walks_the_round_is_not_in_the_name_of_its_incident() -> None:
    with listening() as lines:
        Journal().outcome(Outcome(alerts=[alert("p1", incident="patrol/yamane", kind="patrol")]))
    assert lines.said()[0]["incident"] == "patrol"
    assert "yamane" not in lines.json[0]


def test_what_became_of_a_notification_is_said_by_its_id_and_never_for_whom_it_was() -> None:
    journal = Journal(ticks=lambda: 0.0)
    with listening() as lines:
        journal.settled(notification(status=Status.SENT, attempts=1, finished_at=NOW + 431))
        journal.settled(notification(attempts=1, next_at=NOW + 5_000, error="Connection refused"))
        journal.settled(notification(status=Status.FAILED, attempts=2, finished_at=NOW, error="no such user"))
        journal.outcome(
            Outcome(notifications=[notification(status=Status.HELD, finished_at=NOW), notification()])
        )
    sent, waits, failed, held = lines.said()
    assert sent == {
        "event": "notification.sent",
        "notification": "n1",
        "alert": "river/river-1/1",
        "channel": "mail",
        "reason": "opened",
        "severity": "caution",
        "attempts": 1,
        "took_ms": 431,
    }
    assert (waits["event"], waits["error"]) == ("notification.waits", "Connection refused")
    assert failed["event"] == "notification.failed"
    assert held["event"] == "notification.held"
    assert "tanaka" not in "".join(lines.json)


def test_a_command_is_said_at_each_step() -> None:
    journal = Journal(ticks=lambda: 0.0)
    with listening() as lines:
        journal.outcome(Outcome(commands=[command("c1")]))
        journal.commanded(command("c1", status=Status.SENT))
        journal.commanded(command("c2", status=Status.EXPIRED))
        journal.outcome(Outcome(commands_done=[("c1", "done", NOW), ("水田 守", "refused", NOW)]))
    assert lines.events() == ["command.decided", "command.sent", "command.expired", *["command.answered"] * 2]
    assert lines.said()[0] == {
        "event": "command.decided",
        "command": "c1",
        "alert": "a",
        "device": "siren-1",
        "action": "deter",
        "lasts_ms": 20_000,
    }
    assert lines.said()[3] == {"event": "command.answered", "command": "c1", "result": "done"}
    assert lines.said()[4] == {"event": "command.answered", "result": "refused"}, "an id that is not ours"


def test_a_quarantined_message_is_said_by_its_fingerprint_and_without_its_bytes() -> None:
    with listening() as lines:
        Journal().outcome(Outcome(receipts=[receipt(1), quarantined(0x1F0A77, b"mizuta 090-0000")]))
    assert lines.said() == [
        {
            "event": "message.quarantined",
            "fingerprint": "00000000001f0a77",
            "reason": "not_json",
            "bytes": 15,
        }
    ]
    assert "mizuta" not in lines.json[0] + lines.text[0]


def test_the_fingerprint_is_that_of_the_row_in_the_ledger() -> None:
    site = Timeline(valley(), "2026-11-21 21:00").sends("naruko/test/cam/up", "nonsense")
    with listening() as lines:
        Journal().outcome(Outcome(receipts=site.receipts))
    (row,) = site.ledger.quarantined()
    assert [int(one["fingerprint"], 16) for one in lines.said()] == [row.fingerprint]


async def test_what_is_said_is_on_the_disk() -> None:
    """Of a commit that fails nothing is said."""

    class Full:
        notifications_after = notifications_of = None

        async def update_notification(self, _: object) -> None:
            raise LedgerError("the disk is full")

    with listening() as lines:
        outbox = CountedOutbox(Full(), Counts())  # type: ignore[arg-type]
        with pytest.raises(LedgerError):
            await outbox.update_notification(notification(status=Status.SENT, finished_at=NOW))
    assert lines.events() == []


# --- bounded ----------------------------------------------------------------------------------------


def test_in_a_storm_few_lines_are_made_and_the_others_counted() -> None:
    now = [0.0]
    journal = Journal(ticks=lambda: now[0])
    with listening() as lines:
        for batch in range(100):
            journal.outcome(Outcome(receipts=[quarantined(batch * 100 + n) for n in range(100)]))
            now[0] += 0.01
        assert lines.events() == ["message.quarantined"] * BOUNDS["message"].most
        journal.tick()
        assert len(lines.events()) == BOUNDS["message"].most, "its minute is not over"
        now[0] += 60
        journal.tick()
        journal.tick()
    assert lines.said()[-1] == {"event": "log.left_out", "of": "message", "lines": 9_980}
    assert lines.events().count("log.left_out") == 1


def test_a_storm_of_one_kind_leaves_room_for_the_others() -> None:
    journal = Journal(ticks=lambda: 0.0)
    with listening() as lines:
        journal.outcome(Outcome(receipts=[quarantined(n) for n in range(1_000)]))
        journal.outcome(Outcome(alerts=[alert(f"a{n}") for n in range(1_000)]))
        journal.outcome(Outcome(commands=[command()]))
    kinds = [event.partition(".")[0] for event in lines.events()]
    assert {kind: kinds.count(kind) for kind in kinds} == {"message": 20, "alert": 50, "command": 1}


def test_a_thousand_quarantined_messages_take_less_than_a_hundredth_of_a_second() -> None:
    outcome = Outcome(receipts=[quarantined(n) for n in range(1_000)])
    journal = Journal()
    with listening():
        assert min(repeat(lambda: journal.outcome(outcome), number=1, repeat=10)) < 0.01


# --- nothing of any person --------------------------------------------------------------------------

MARK = "秘密の名前"
WHERE = 36.123456
TEXTS = st.sampled_from([MARK, f"{MARK}@example.jp", f"tel:{MARK}"])


@given(
    TEXTS,
    st.sampled_from(list(Status)),
    st.sampled_from(list(EventKind)),
    st.sampled_from(list(Verdict)),
    st.sampled_from(list(AlertState)),
    st.booleans(),
)
def test_no_name_text_position_payload_or_topic_is_ever_said(  # noqa: PLR0917
    mark: str, status: Status, kind: EventKind, verdict: Verdict, state: AlertState, ended: bool
) -> None:
    texts = dict.fromkeys(("recipient", "title", "body", "link", "rule", "template"), mark)
    about = {"place": mark, "place_en": mark, "lat": WHERE, "lon": WHERE, "told": {mark: 3}}
    outcome = Outcome(
        receipts=[Receipt(Message(mark, mark.encode(), NOW), verdict, "", 7, f"not JSON {mark}")],
        events=[
            Event("e", kind, f"patrol/{mark}", "dev", NOW, NOW, who=mark, detail=mark, lat=WHERE, lon=WHERE)
        ],
        alerts=[
            alert("a1", incident=f"patrol/{mark}", state=state, acknowledged={mark: NOW}, cause=mark, **about)
        ],
        notifications=[notification(**texts, status=status, finished_at=NOW if ended else None)],
        commands=[command(reason=mark, pattern=mark)],
        commands_done=[(mark, "done", NOW)],
    )
    with listening() as lines:
        journal = Journal()
        journal.outcome(outcome)
        for row in outcome.notifications:
            journal.settled(row)
    assert lines.json
    for line in lines.json + lines.text:
        assert MARK not in line
        assert "秘" not in line
        assert "36.12" not in line


def personal(town: Town) -> Iterator[str]:
    """What must not be said: names, ids, addresses and their parts, tokens, and where anything stands."""
    for person in town.people.values():
        yield person.name
        yield from (part for part in re.split(r"[\s・]", person.name) if len(part) > 1)
        for channel in person.channels:
            url = channel.url.get_secret_value() if channel.url else ""
            yield url
            yield from (part for part in re.split(r"[/?&=@:]", url) if len(part) > 7)
    for device in town.devices.values():
        for degrees in (device.lat, device.lon):
            yield f"{degrees:.4f}"
        yield from (device.name, device.place)
    yield town.site.contact


COMMON = frozenset({"127.0.0.1", "localhost", "example.invalid", "town.example.invalid", "image=no"})


async def test_a_whole_night_of_the_story_says_nothing_of_any_person_or_trap() -> None:
    town = example_town()
    options = Options("story", None, once=True, seconds=None, seed=7, port=free_port())
    with listening("naruko", logging.DEBUG) as ours, listening("", logging.INFO) as all_:
        report = await play(town, options, Story(town, Console(file=io.StringIO()), "en"))
    said = ours.events()
    assert said.count("alert.opened") == len(report["alerts"])
    left_out = sum(one["lines"] for one in ours.said() if one.get("of") == "notification")
    assert said.count("notification.sent") + left_out >= len(report["notifications"]) > 50
    assert {"command.decided", "command.sent", "command.answered"} <= set(said)
    text = "\n".join([*ours.json, *ours.text, *all_.json, *all_.text])
    for secret in set(personal(town)) - COMMON:
        if secret and not re.fullmatch(r"[a-z]+\.example\.invalid", secret):
            assert secret not in text, secret
    devices_and_zones = set(town.devices) | set(town.zones)
    for id in set(town.people) - {part for name in devices_and_zones for part in name.split("-")}:
        assert not re.search(rf"(?<![\w-]){re.escape(id)}(?![\w-])", text), id
