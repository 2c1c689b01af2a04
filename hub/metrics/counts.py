"""What is counted from one start of the hub to the next. All labels are there before the first count."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import get_args

from devices.frame import Millis
from hub.clock import is_sane
from hub.config.shapes import ChannelKind
from hub.ledger.reads import OVERTAKEN
from hub.metrics.reasons import REASONS, reason_class
from hub.model import Command, EventKind, Flag, Notification, Outcome, Status, Verdict

CHANNELS: tuple[str, ...] = get_args(ChannelKind)
OTHER = "other"
"""Kind of a channel that this release does not know."""
RESULTS = (Status.SENT, Status.TIMEOUT, Status.FAILED, Status.EXPIRED, Status.MERGED, Status.HELD, OVERTAKEN)
"""What may become of a notification. Overtaken: a later message of its alert went in its place."""
ORDERS = ("decided", "sent", "expired", "done", "refused", "late")
"""Of a command. `expired`: it never left the hub; `late`: it came to its device after its end."""
BUCKETS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 7_200.0)
STORED, DUPLICATE, SHED = Verdict.STORED, Verdict.DUPLICATE, Verdict.SHED


@dataclass
class Latency:
    """How many took so long: `counts[n]` of them up to `BUCKETS_S[n]`, the last one longer than all."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    sum_s: float = 0.0

    def note(self, seconds: float) -> None:
        self.counts[bisect_left(BUCKETS_S, seconds)] += 1
        self.sum_s += seconds

    def cumulative(self) -> list[tuple[str, float]]:
        """(upper bound, how many took no longer), as Prometheus wants it."""
        total, found = 0, []
        for bound, number in zip((*map(str, BUCKETS_S), "+Inf"), self.counts, strict=True):
            total += number
            found.append((bound, float(total)))
        return found


def _zeros(*labels: Iterable[str]) -> dict[str, int]:
    return {label: 0 for some in labels for label in some}


@dataclass
class Counts:
    """Fed by the hub with what is on the disk. No key is ever added, so that a thread may read it.

    Nothing here raises: a label that is not known counts as `other`.
    """

    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0
    shed: int = 0
    last_message: Millis | None = None
    """When the newest message came; None: none yet, or by a clock that is not set."""
    reasons: dict[str, int] = field(default_factory=lambda: _zeros(REASONS))
    flags: list[int] = field(default_factory=lambda: [0] * (max(Flag) + 1))
    """By the number of the flag."""
    events: dict[str, int] = field(default_factory=lambda: _zeros(EventKind))
    told: dict[tuple[str, str], int] = field(
        default_factory=lambda: {(channel, result): 0 for channel in CHANNELS for result in RESULTS}
    )
    """(kind of channel, result) -> notifications that are finished."""
    retries: dict[str, int] = field(default_factory=lambda: _zeros(CHANNELS))
    latency: dict[str, Latency] = field(default_factory=lambda: {kind: Latency() for kind in CHANNELS})
    orders: dict[str, int] = field(default_factory=lambda: _zeros(ORDERS))

    def note(self, outcome: Outcome) -> None:
        """What a batch, a tick or an act has changed, after its commit."""
        if outcome.receipts:
            self._receipts(outcome)
        if outcome.readings:
            flags = self.flags
            for reading in outcome.readings:
                flags[reading.flag] += 1
        for event in outcome.events:
            self.events[event.kind] += 1
        for notification in outcome.notifications:
            if notification.finished_at is not None:
                self.settled(notification)
        self.orders["decided"] += len(outcome.commands)
        for _, result, _ in outcome.commands_done:
            self.orders[_answer(result)] += 1
        if outcome.shed:
            self.shed += sum(outcome.shed.values())

    def _receipts(self, outcome: Outcome) -> None:
        stored = 0
        for receipt in outcome.receipts:
            verdict = receipt.verdict
            if verdict is STORED:
                stored += 1
            elif verdict is DUPLICATE:
                self.duplicate += 1
            elif verdict is SHED:
                self.shed += 1
            else:
                self.quarantined += 1
                self.reasons[reason_class(receipt.reason)] += 1
        self.stored += stored
        newest = outcome.receipts[-1].message.received_at
        self.last_message = newest if is_sane(newest) else None

    def settled(self, notification: Notification) -> None:
        """What became of one attempt to tell, or of a notification that was never sent for itself."""
        kind = notification.channel_kind if notification.channel_kind in self.retries else OTHER
        if notification.finished_at is None:
            self.retries[kind] += 1
            return
        key = kind, OVERTAKEN if OVERTAKEN in notification.error else notification.status
        if key in self.told:
            self.told[key] += 1
        if notification.status is Status.SENT:
            self.latency[kind].note(max(0, notification.finished_at - notification.created_at) / 1000)

    def commanded(self, command: Command) -> None:
        """A command has gone to the broker, or was too old for it."""
        self.orders["expired" if command.status is Status.EXPIRED else "sent"] += 1


def _answer(result: str) -> str:
    return {"refused": "refused", "expired": "late"}.get(result, "done")
