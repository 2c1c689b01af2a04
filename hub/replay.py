"""Recorded messages through the same pipeline, in simulated time and without a network."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from devices.frame import Millis
from hub import recordings
from hub.config.town import Town
from hub.ledger import Ledger
from hub.model import Message, Outcome, Status
from hub.pipeline import Pipeline
from hub.report import local
from hub.rounds import tick
from hub.state import State

JSON_LINES = (".jsonl", ".ndjson", ".json")
TICK: Millis = 60_000
QUIET_AFTER: Millis = 86_400_000
"""A longer gap in the recording is walked through in growing steps: a day in hours, a year in weeks."""
QUIET_SHARE = 24


class Replay:
    """A hub whose time is the recording's. Nothing is sent: notifications are decided and written down."""

    def __init__(self, town: Town) -> None:
        self.ledger = Ledger.in_memory()
        self.pipeline = Pipeline(town, State(), self.ledger.known, live=False)
        self.now: Millis = 0

    def play(self, messages: Iterable[Message]) -> Iterator[tuple[Millis, Outcome]]:
        """Every outcome that changed something, with its time. The messages come in order of arrival."""
        for received_at, group in groupby(messages, key=lambda message: message.received_at):
            yield from self._pass_time(received_at)
            self.now = max(self.now, received_at)
            yield self.now, self._store(self.pipeline.run(list(group), self.now))

    def _pass_time(self, until: Millis) -> Iterator[tuple[Millis, Outcome]]:
        if not self.now:
            self.now = until
        heard_at = self.now
        while self.now < until:
            quiet = self.now - heard_at
            step = quiet // QUIET_SHARE if quiet > QUIET_AFTER else TICK
            self.now = min(until, self.now + step)
            outcome = tick(self.pipeline, self.now)
            if not outcome.is_empty():
                yield self.now, self._store(outcome)

    def _store(self, outcome: Outcome) -> Outcome:
        self.ledger.insert(outcome)
        self.ledger.commit()
        return outcome


def walk(files: Sequence[Path], site: str) -> list[Message]:
    """The messages of recordings (JSON lines) and of the public series (CSV), in order of arrival.

    Raises RecordingError with file and line, OSError where a file cannot be opened.
    """
    messages: list[Message] = []
    for file in files:
        messages += recordings.read(file) if file.suffix in JSON_LINES else recordings.convert(file, site)
    return sorted(messages, key=lambda message: message.received_at)


def told(town: Town, now: Millis, outcome: Outcome) -> Iterator[str]:
    """One line for what came of one instant: each text that was decided, and for whom."""
    texts: dict[str, list[str]] = {}
    for notification in outcome.notifications:
        if notification.status is Status.HELD:
            continue
        text = notification.title or notification.body
        texts.setdefault(text, []).append(f"{notification.recipient}/{notification.channel_kind}")
    for text, recipients in texts.items():
        yield f"{local(now, town.zone_info)}  {text}  -> {' '.join(dict.fromkeys(recipients))}"
