"""What becomes of a notification: in which order, when again, when no more. Pure."""

import re
import zlib
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis
from hub.model import Notification, Reason, Severity, Status

PAUSES: tuple[Millis, ...] = (5_000, 15_000, 45_000, 120_000, 300_000, 600_000)
"""Between attempts; the last one until the message is no news any more."""

JITTER = 0.2
PAUSES_UNANSWERED: tuple[Millis, ...] = (30_000, 300_000, 600_000)
UNANSWERED_REPEATS = 2
UNANSWERED_REPEATS_IN_DANGER = 4
"""A message without an answer may have arrived: repeated so often and no more. From severity DANGER on, twice
is better than never."""

ENDS = frozenset({Reason.FALLING, Reason.CLEARED, Reason.CANCELLED})
UNANSWERED = re.compile(r"no answer \((\d+)\)")


class Answer(Struct, frozen=True):
    """What became of one attempt.

    SENT; TIMEOUT: no answer, it may have arrived; PENDING: not sent, to be tried again; FAILED: this address
    cannot be used. `reason` carries no address and no secret.
    """

    status: Status
    reason: str = ""


def settle(notification: Notification, answer: Answer, now: Millis) -> Notification:
    """The notification after one attempt: finished, or with the time of the next one.

    Status TIMEOUT without `finished_at` is one that may have arrived and is repeated at `next_at`.
    """
    tried = replace(notification, attempts=notification.attempts + 1)
    if answer.status in (Status.SENT, Status.FAILED):
        return replace(tried, status=answer.status, finished_at=now, error=answer.reason)
    missing = unanswered(notification) + (answer.status is Status.TIMEOUT)
    tried = replace(
        tried,
        status=Status.TIMEOUT if missing else Status.PENDING,
        error=f"no answer ({missing}): {answer.reason}" if missing else answer.reason,
    )
    tried = replace(tried, next_at=now + pause_after(tried))
    dangerous = tried.severity >= Severity.DANGER
    repeats = UNANSWERED_REPEATS_IN_DANGER if dangerous else UNANSWERED_REPEATS
    if answer.status is Status.TIMEOUT and missing > repeats:
        return replace(tried, finished_at=now)
    return give_up(tried, now) if tried.next_at >= tried.expires_at else tried


def give_up(notification: Notification, now: Millis, why: str = "") -> Notification:
    """No news any more. EXPIRED, or TIMEOUT where an earlier attempt may have arrived."""
    status = Status.TIMEOUT if unanswered(notification) else Status.EXPIRED
    error = "; ".join(text for text in (notification.error, why) if text)
    return replace(notification, status=status, finished_at=now, error=error)


def unanswered(notification: Notification) -> int:
    """How many of its attempts may have arrived unseen."""
    found = UNANSWERED.match(notification.error)
    return int(found[1]) if found else 0


def pause_after(tried: Notification) -> Millis:
    """Longer each time, and not the same for two: a server that comes back is not run over by all at once."""
    missing = unanswered(tried)
    pauses, count = (PAUSES_UNANSWERED, missing) if missing else (PAUSES, tried.attempts)
    pause = pauses[min(count, len(pauses)) - 1]
    chance = zlib.crc32(f"{tried.id} {tried.attempts}".encode()) / 0xFFFF_FFFF
    return round(pause * (1 + JITTER * (2 * chance - 1)))


def next_of(waiting: Iterable[Notification]) -> Notification:
    """Of one address: the most urgent alert first, and the messages of one alert as they were decided.

    Of those decided in one moment the higher level is the later, and the end comes last.
    """
    ordered = sorted(
        waiting, key=lambda n: (n.created_at, n.event_received_at, n.reason in ENDS, n.severity, n.id)
    )
    urgent = max(ordered, key=lambda n: n.severity)
    return next(n for n in ordered if n.alert_id == urgent.alert_id)


def overtaken(notification: Notification, others: Iterable[Notification]) -> bool:
    """True where a later message of the same alert to the same address says what is so now: an alarm that
    could not be delivered must not arrive after its all clear or its next level."""
    return any(
        other.alert_id == notification.alert_id
        and other.recipient == notification.recipient
        and other.channel == notification.channel
        and other.created_at > notification.created_at
        and (other.severity >= notification.severity or other.reason in ENDS)
        for other in others
    )
