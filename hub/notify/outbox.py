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
LONGEST_PAUSE: Millis = 2 * PAUSES_UNANSWERED[-1]
UNANSWERED_REPEATS = 2
UNANSWERED_REPEATS_IN_DANGER = 4
"""A message without an answer may have arrived: repeated so often and no more. From severity DANGER on, twice
is better than never."""

ENDS = {Reason.FALLING: 1, Reason.TAKEN: 1, Reason.CLEARED: 2, Reason.CANCELLED: 2, Reason.DONE: 2}
"""What says that it is less, in somebody's hands, or over; of one moment the greater is the later."""

UNANSWERED = re.compile(r"no answer \((\d+)\)")


class Answer(Struct, frozen=True):
    """What became of one attempt.

    SENT; TIMEOUT: no answer, it may have arrived; PENDING: not sent, to be tried again; FAILED: this address
    cannot be used. `reason` carries no address and no secret.
    """

    status: Status
    reason: str = ""
    of_service: bool = False
    """The service itself failed: it was not reached, or gave no answer that is about this address."""


def settle(
    notification: Notification, answer: Answer, now: Millis, *, service_out: bool = False
) -> Notification:
    """The notification after one attempt: finished, or with the time of the next one.

    Status TIMEOUT without `finished_at` is one that may have arrived and is repeated at `next_at`. Where the
    whole service is out, that this attempt was not answered either does not use up the repeats.
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
    if answer.status is Status.TIMEOUT and missing > repeats and not service_out:
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


def order_of(notification: Notification) -> tuple[Millis, Millis, int, Severity, str]:
    """As they were decided. Of one moment the higher level is the later, and the end comes last."""
    n = notification
    return n.created_at, n.event_received_at, ENDS.get(n.reason, 0), n.severity, n.id


def next_of(waiting: Iterable[Notification]) -> Notification:
    """Of one address: the most urgent alert first, and the messages of one alert as they were decided."""
    ordered = sorted(waiting, key=order_of)
    urgent = max(ordered, key=lambda n: n.severity)
    return next(n for n in ordered if n.alert_id == urgent.alert_id)


def overtakes(later: Notification, earlier: Notification) -> bool:
    """True where `later`, of the same alert and to the same address, says what is so now: an alarm that could
    not be delivered must not arrive after its all clear or its next level.

    Of one moment only the higher level overtakes, and the end: two texts of one level are both meant.
    """
    if later.created_at > earlier.created_at:
        return later.reason in ENDS or later.severity >= earlier.severity
    if later.created_at < earlier.created_at:
        return False
    end, end_before = ENDS.get(later.reason, 0), ENDS.get(earlier.reason, 0)
    return (end, later.severity) > (end_before, earlier.severity)


def due_after(notification: Notification, now: Millis) -> float:
    """Seconds until it may go. A clock that was put back stops nothing.

    What surely did not arrive has no pause of its own: its address and its service have.
    """
    if unanswered(notification):
        return min(max(0, notification.next_at - now), LONGEST_PAUSE) / 1000
    if notification.attempts:
        return 0.0
    return max(0, notification.next_at - max(now, notification.created_at)) / 1000
