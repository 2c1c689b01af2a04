"""What was told to whom, as pages list it: the newest first, without text, link or address of a message."""

import sqlite3
from collections.abc import Iterator
from typing import Literal

import msgspec
from msgspec import Struct

from devices.frame import Millis
from hub.ledger.reads import CLOCK_STEPS, NOT_DELIVERED, OVERTAKEN
from hub.ledger.views.history import Delivery
from hub.ledger.views.numbers import first_from
from hub.model import Notification, Reason, Severity, Status

SCANNED = 20_000
"""Messages that one page looks through at most; what is left is for the next page."""
LATEST = 5_000
"""Messages in which the last one of a person is looked for."""
COUNTED = 20_000
"""Messages of a day that are counted."""
FOREVER: Millis = 1 << 62
LATE_AFTER: Millis = 60_000
"""A message that was delivered so long after the news had come was late."""
Result = Literal["sent", "waiting", "unsure", "failed", "overtaken", "held", "merged", "replayed"]
"""What came of a message. unsure: handed over without an answer; overtaken: a later one of its alert said
what was so; merged: told within another message; replayed: decided in a replay."""

ENDS: dict[Status, Result] = {
    Status.SENT: "sent",
    Status.TIMEOUT: "unsure",
    Status.HELD: "held",
    Status.MERGED: "merged",
    Status.NOT_SENT: "replayed",
}
ROW = "SELECT seq, created_at, body FROM notification"


class Told(Struct, frozen=True):
    """One notification without its text and its link. Fields as in `hub.model.Notification`."""

    id: str
    alert_id: str
    recipient: str
    channel: int
    channel_kind: str
    reason: Reason
    template: str
    severity: Severity
    title: str
    created_at: Millis
    event_received_at: Millis
    expires_at: Millis
    status: Status
    attempts: int
    next_at: Millis
    finished_at: Millis | None
    error: str
    rule: str = ""


class Sought(Struct, frozen=True):
    """Which messages: empty is any. `since` <= decided < `until`, epoch ms; `before`: numbers below this."""

    people: frozenset[str] = frozenset()
    kind: str = ""
    result: Result | Literal[""] = ""
    alert: str = ""
    since: Millis = 0
    until: Millis = FOREVER
    before: int = FOREVER


class Found(Struct, frozen=True):
    """`rest`: what to ask with as `before` for what is older; None: that is all."""

    rows: tuple[Told, ...]
    rest: int | None


class Tally(Struct):
    """Of one person. Delivered since the day and since the night began; when last, and when last not."""

    today: int = 0
    tonight: int = 0
    sent_at: Millis | None = None
    failed_at: Millis | None = None


class _Result(Struct, frozen=True):
    recipient: str
    status: Status
    finished_at: Millis | None
    error: str


_told = msgspec.json.Decoder(Told).decode
_result = msgspec.json.Decoder(_Result).decode


def find(connection: sqlite3.Connection, sought: Sought, limit: int) -> Found:
    """At most `limit` of them, of at most SCANNED that were looked at."""
    rows: list[Told] = []
    for looked, (number, at, body) in enumerate(_rows(connection, sought), 1):
        if sought.since <= at < sought.until and _fits(row := _told(body), sought):
            rows.append(row)
        if len(rows) == limit or looked == SCANNED:
            return Found(tuple(rows), number)
    return Found(tuple(rows), None)


def tallies(connection: sqlite3.Connection, day: Millis, night: Millis) -> dict[str, Tally]:
    """Person -> what was told lately: all since `day` and `night` (of COUNTED), and of the newest LATEST."""
    found: dict[str, Tally] = {}
    since = min(day, night)
    rows = connection.execute(f"{ROW} ORDER BY seq DESC LIMIT ?", (COUNTED,))
    for looked, (_, at, body) in enumerate(rows):
        if looked >= LATEST and at < since - CLOCK_STEPS:
            break
        row = _result(body)
        _count(found.setdefault(row.recipient, Tally()), row, day, night)
    return found


def result_of(row: Told | Notification | Delivery) -> Result:
    """Everything that is not delivered and has no other name has failed."""
    if row.finished_at is None:
        return "waiting"
    if row.status in NOT_DELIVERED and OVERTAKEN in row.error:
        return "overtaken"
    return ENDS.get(row.status, "failed")


def _count(tally: Tally, row: _Result, day: Millis, night: Millis) -> None:
    at = row.finished_at
    if at is None:
        return
    if row.status is Status.SENT:
        tally.today += at >= day
        tally.tonight += at >= night
        tally.sent_at = max(at, tally.sent_at or 0)
    elif row.status in NOT_DELIVERED and OVERTAKEN not in row.error:
        tally.failed_at = max(at, tally.failed_at or 0)


def _rows(connection: sqlite3.Connection, sought: Sought) -> Iterator[tuple[int, Millis, bytes]]:
    if sought.alert:
        return connection.execute(
            f"{ROW} WHERE alert = ? AND seq < ? ORDER BY seq DESC", (sought.alert, sought.before)
        )
    last = sought.before
    if sought.until < FOREVER:
        last = min(last, first_from(connection, "notification", sought.until + CLOCK_STEPS))
    first = first_from(connection, "notification", sought.since - CLOCK_STEPS) if sought.since else 0
    return connection.execute(f"{ROW} WHERE seq >= ? AND seq < ? ORDER BY seq DESC", (first, last))


def _fits(row: Told, sought: Sought) -> bool:
    return (
        (not sought.people or row.recipient in sought.people)
        and sought.kind in ("", row.channel_kind)
        and sought.result in ("", result_of(row))
    )
