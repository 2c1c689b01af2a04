"""A town on a timeline: messages go through the real pipeline and ledger, and whoever is told was expected.

`t.at("21:07").says("cam", animal("boar", 0.9))`, then `t.told("animal_detected opened: farmer hunter")`.
Time passes in ticks of 10 s. A test module which imports `nothing_else_was_told` fails where a test ends with
a notification that it did not ask for.
"""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from hub.acts import apply
from hub.app import resume
from hub.config.town import Town
from hub.ledger import Ledger
from hub.model import Alert, Command, Event, Message, Mode, Notification, Outcome, Receipt, Status, Verdict
from hub.rounds import tick
from tests.towns import DAY, SECOND, at

TICK = 10 * SECOND

_begun: list["Timeline"] = []


@pytest.fixture(autouse=True)
def nothing_else_was_told() -> Iterator[None]:
    """At the end of a test everything told must have been asked for."""
    _begun.clear()
    yield
    for timeline in _begun:
        timeline.silence()
    _begun.clear()


def animal(species: str = "boar", confidence: float | None = 0.9, **more: Any) -> dict[str, Any]:
    return {"type": "animal", "species": species, "confidence": confidence} | more


def motion(**more: Any) -> dict[str, Any]:
    return {"type": "motion", "state": "on"} | more


def event(type: str, state: str, **more: Any) -> dict[str, Any]:
    return {"type": type, "state": state} | more


SPRUNG, ARMED = event("trap", "sprung"), event("trap", "armed")
CUT, MENDED = event("wire", "cut"), event("wire", "ok")
SHAKES, LEANS = event("vibration", "on"), event("tilt", "on")


class Timeline:
    """One site from `start` on. What was told since the last look is in `unread`, all in `notifications`."""

    def __init__(
        self,
        town: Town,
        start: str = "2026-11-21 21:00",
        *,
        mode: Mode = Mode.ACTUAL,
        live: bool = True,
        tick: int = TICK,
    ) -> None:
        self.town = town
        self.ledger = Ledger.in_memory()
        self.mode = mode
        self.live = live
        self.step = tick
        self.now = at(start)
        self.seq: Counter[str] = Counter()
        self.receipts: list[Receipt] = []
        self.events: list[Event] = []
        self.notifications: list[Notification] = []
        self.unread: list[Notification] = []
        self.commands: list[Command] = []
        self.alerts: dict[str, Alert] = {}
        self.restart()
        _begun.append(self)

    def restart(self, town: Town | None = None) -> "Timeline":
        """The process ends and another begins, with what the ledger holds and perhaps another config."""
        self.town = town or self.town
        self.pipeline = resume(self.town, self.ledger, mode=self.mode, live=self.live)
        return self

    # --- time -----------------------------------------------------------------------------------

    def at(self, text: str) -> "Timeline":
        """`21:07`, the next time that the clock shows it; or a full `2026-11-22 06:00`."""
        if len(text) > 8:
            return self.until(at(text))
        today = datetime.fromtimestamp(self.now / 1000, self.town.zone_info).date()
        then = at(f"{today} {text}")
        return self.until(then if then >= self.now else then + DAY)

    def passes(self, millis: int) -> "Timeline":
        return self.until(self.now + millis)

    def until(self, then: int) -> "Timeline":
        assert then >= self.now, "time does not run backwards"
        while self.now < then:
            self.now = min(self.now + self.step, then)
            self.store(tick(self.pipeline, self.now))
        return self

    # --- what happens ---------------------------------------------------------------------------

    def says(self, device: str, *events: dict[str, Any], at: int | None = None, **m: Any) -> "Timeline":
        """One message of our own payload: events and measures, with the device's number and time."""
        self.seq[device] += 1
        said: dict[str, Any] = {"v": 1, "seq": self.seq[device], "at": self.now if at is None else at}
        said |= ({"m": m} if m else {}) | ({"e": list(events)} if events else {})
        return self.sends(f"naruko/{self.town.site.id}/{device}/up", json.dumps(said))

    def hears(self, *devices: str) -> "Timeline":
        """A sign of life of each."""
        for device in devices:
            self.says(device)
        return self

    def loses(self, device: str, messages: int) -> "Timeline":
        """The device sends so many that nobody ever hears."""
        self.seq[device] += messages
        return self

    def returns(self, *, forgotten: bool = False) -> "Timeline":
        """The broker answers; with `forgotten` it had no session for us any more."""
        self.pipeline.returned(self.now, forgotten=forgotten)
        self.store(tick(self.pipeline, self.now))
        return self

    def status(self, device: str, state: str, *, retain: bool = False) -> "Timeline":
        return self.sends(f"naruko/{self.town.site.id}/{device}/status", state, retain=retain)

    def sends(
        self, topic: str, payload: str | bytes, *, retain: bool = False, dup: bool = False
    ) -> "Timeline":
        data = payload.encode() if isinstance(payload, str) else payload
        return self.batch([Message(topic, data, self.now, retain, dup)])

    def batch(self, messages: list[Message]) -> "Timeline":
        self.store(self.pipeline.run(messages, self.now))
        return self

    def does(self, kind: str, target: str, who: str = "山根", detail: str = "", **form: str) -> "Timeline":
        """A person acts, as the command line writes it down."""
        self.ledger.add_act(
            self.now, who=who, source="cli", kind=kind, target=target, detail=detail, form=form
        )
        self.store(apply(self.pipeline, self.ledger.acts_after(), self.now))
        return self

    def store(self, outcome: Outcome) -> None:
        self.ledger.insert(outcome)
        self.ledger.commit()
        self.receipts += outcome.receipts
        self.events += outcome.events
        self.commands += outcome.commands
        self.notifications += outcome.notifications
        self.unread += outcome.notifications
        self.alerts |= {alert.id: alert for alert in outcome.alerts}

    # --- what came of it ------------------------------------------------------------------------

    def told(self, *expected: str) -> list[Notification]:
        """Exactly these since the last look: `template reason: person person/line`; mail goes unsaid.

        What was held in a storm is told to nobody.
        """
        read, self.unread = [n for n in self.unread if n.status is not Status.HELD], []
        wanted: Counter[tuple[str, ...]] = Counter()
        for line in expected:
            what, people = line.split(":")
            for person in people.split():
                name, _, channel = person.partition("/")
                wanted[name, *what.split(), channel or "mail"] += 1
        found = Counter((n.recipient, n.template, n.reason.value, n.channel_kind) for n in read)
        assert found == wanted, f"unexpected: {[*(found - wanted)]}, missing: {[*(wanted - found)]}"
        return read

    def silence(self) -> "Timeline":
        """Nobody was told anything since the last look."""
        self.told()
        return self

    def open(self, kind: str = "") -> list[Alert]:
        """The open alerts, of one kind or all."""
        return [a for a in self.pipeline.state.alerts.values() if kind in ("", a.kind)]

    def verdicts(self) -> list[Verdict]:
        return [receipt.verdict for receipt in self.receipts]

    def ordered(self) -> list[tuple[str, str]]:
        """(siren, action) of the commands since the last look."""
        read, self.commands = self.commands, []
        return [(command.device, command.action) for command in read]
