"""What is sent of what has waited for one address: each alert as it is now, small news as a list. Pure.

Told after an outage, one by one and in order, a night's news would be a flood of what is no longer so.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import groupby

from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis
from hub import wording
from hub.clock import Step
from hub.model import Notification, Reason, Severity, Status
from hub.notify.outbox import next_of, order_of, overtakes, unanswered
from hub.steps import moved_notification

DIGEST_ABOVE = 3
"""More alerts than this below severity WARNING become one message. A trap, a level and what endangers life
keep their own, with map and advice."""

ALL_CLEARS = frozenset({Reason.CLEARED, Reason.CANCELLED})


class Letter(Struct, frozen=True):
    """What is handed over: `row` with its id, the same `as_sent`, and the rows that are told with it."""

    row: Notification
    as_sent: Notification
    covers: tuple[Notification, ...] = ()


class Heard:
    """What of one alert has come to whom, by what the ledger says of its notifications."""

    def __init__(self, rows: Iterable[Notification] = ()) -> None:
        self.arrived: set[str] = set()
        """Persons to whom something of it may have come, on any channel."""
        self.alarmed: dict[str, Severity] = {}
        """The highest severity of what was to be told to a person, the all clear apart."""
        self._waits: dict[tuple[str, int], set[str]] = {}
        """By address the alarms that are still to arrive."""
        self._missed: dict[tuple[str, int], dict[str, None]] = {}
        for row in rows:
            self.note(row)

    def note(self, row: Notification) -> None:
        """Rows in order; one may be noted again as it changes."""
        if row.reason not in ALL_CLEARS:
            severity = self.alarmed.get(row.recipient, row.severity)
            self.alarmed[row.recipient] = max(severity, row.severity)
            waits = self._waits.setdefault((row.recipient, row.channel), set())
            (waits.add if row.finished_at is None else waits.discard)(row.id)
        missed = self._missed.setdefault((row.recipient, row.channel), {})
        if row.status in (Status.SENT, Status.MERGED, Status.TIMEOUT):
            self.arrived.add(row.recipient)
            missed.clear()
        elif row.status is Status.HELD:
            self.arrived.add(row.recipient)  # counted in a summary
        elif row.status is Status.EXPIRED:
            missed[row.id] = None

    def missed(self, notification: Notification) -> int:
        """Messages of this alert that did not reach this address, since the last that did."""
        return len(self._missed.get((notification.recipient, notification.channel), ()))

    def needs(self, all_clear: Notification) -> bool:
        """False for the all clear of an alarm that did not reach this person on any channel, and is not about
        to reach this address.

        It would only be noise. But from severity DANGER on everybody is told: a siren or a neighbour may have
        said it. And who has no alarm in the ledger is told too: it may be older than the ledger.
        """
        alarm = self.alarmed.get(all_clear.recipient)
        if alarm is None or alarm >= Severity.DANGER or all_clear.recipient in self.arrived:
            return True
        return bool(self._waits.get((all_clear.recipient, all_clear.channel)))


def overtaken(waiting: Iterable[Notification]) -> list[tuple[Notification, Notification]]:
    """What is no longer so, each with the message of its alert that says what is."""
    by_whom: dict[str, Notification] = {}
    gone = []
    by_alert = sorted(waiting, key=lambda n: (n.alert_id, order_of(n)))
    for _, group in groupby(by_alert, key=lambda n: n.alert_id):
        ordered = list(group)
        for number in reversed(range(len(ordered))):
            earlier, later = ordered[number], ordered[number + 1 :]
            if by := next((n for n in reversed(later) if overtakes(n, earlier)), None):
                by_whom[earlier.id] = by_whom.get(by.id, by)
                gone.append(earlier)
    return [(row, by_whom[row.id]) for row in reversed(gone)]


def digest_of(waiting: Iterable[Notification]) -> list[Notification]:
    """The small news that goes into one message, in the order of its list; empty where each has its own.

    The first is the one whose id the message carries: that of an earlier attempt which may have arrived, so
    that its repeat has the same number.
    """
    small = [n for n in waiting if n.severity < Severity.WARNING]
    by_mode = sorted(small, key=lambda n: (wording.mark_of(n.body), order_of(n)))
    for _, group in groupby(by_mode, key=lambda n: wording.mark_of(n.body)):
        told = list(group)
        if len({n.alert_id for n in told}) > DIGEST_ABOVE:
            return sorted(told, key=lambda n: (-unanswered(n), order_of(n)))
    return []


def next_letter(
    waiting: Sequence[Notification],
    late: Collection[str],
    missed: Callable[[Notification], int],
    *,
    lang: str,
    contact: str,
    time: Callable[[Millis], str],
) -> Letter:
    """The next message to one address, of what waits there and may go now.

    `late`: the ids of what has waited too long to go out as if nothing had been. `missed`: how many before
    it of the same alert did not reach this address. `time` spells one.
    """
    first = next_of(waiting)
    if first.severity < Severity.WARNING:
        small = digest_of(waiting)
        if any(n.id in late for n in small):
            items = [(time(n.created_at), n.title or n.body) for n in sorted(small, key=order_of)]
            title, body = wording.digest(items, lang, first.channel_kind, contact)
            listed = replace(small[0], title=title, body=body, reason=Reason.SUMMARY, link="")
            return Letter(small[0], listed, tuple(small[1:]))
    when = time(first.created_at) if first.id in late else ""
    title, body = wording.belated(
        first.title, first.body, lang, first.channel_kind, time=when, missed=missed(first)
    )
    return Letter(first, replace(first, title=title, body=body))


def moved_letter(letter: Letter, step: Step) -> Letter:
    row, as_sent, *covers = (
        moved_notification(n, step) for n in (letter.row, letter.as_sent, *letter.covers)
    )
    return Letter(row, as_sent, tuple(covers))
