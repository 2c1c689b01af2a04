"""What pages tell of alerts beside the alerts themselves: newest facts, who was told, what is over."""

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from devices.frame import Millis
from hub.model import Alert, Event, Notification, Status

NEWEST_FACTS = 8
MOST_TOLD = 20_000
"""Notifications that are counted for one page, as many of each alert."""
END: Millis = 253_402_300_799_999
REACHED = frozenset({Status.SENT, Status.MERGED})

_alert = msgspec.json.Decoder(Alert).decode
_event = msgspec.json.Decoder(Event).decode
_notification = msgspec.json.Decoder(Notification).decode


class Reach(Struct, frozen=True):
    """People, not messages: who got one message is reached. `waiting`: none yet, and one is on its way.

    `cut`: there were more messages than are counted; these are people of the newest.
    """

    told: int = 0
    reached: int = 0
    waiting: int = 0
    cut: bool = False


class Beside(Struct, frozen=True):
    """What a page tells of one alert: its newest events, the newest first, and whom it has reached."""

    events: tuple[Event, ...]
    reach: Reach


class _Row(Struct, frozen=True):
    recipient: str
    status: Status


_row = msgspec.json.Decoder(_Row).decode


def beside(connection: sqlite3.Connection, alerts: Sequence[Alert]) -> dict[str, Beside]:
    """By the alert's id."""
    found, most = {}, MOST_TOLD // max(len(alerts), 1)
    for alert in alerts:
        rows = connection.execute(
            "SELECT body FROM notification INDEXED BY notification_alert WHERE alert = ? "
            "ORDER BY seq DESC LIMIT ?",
            (alert.id, most + 1),
        ).fetchall()
        events = events_of(connection, alert, NEWEST_FACTS)
        reach = _reach((_row(body) for (body,) in rows[:most]), cut=len(rows) > most)
        found[alert.id] = Beside(tuple(events), reach)
    return found


def _reach(rows: Iterable[_Row], *, cut: bool) -> Reach:
    by_person: dict[str, set[Status]] = {}
    for row in rows:
        by_person.setdefault(row.recipient, set()).add(row.status)
    reached = sum(bool(statuses & REACHED) for statuses in by_person.values())
    waiting = sum(Status.PENDING in one and not one & REACHED for one in by_person.values())
    return Reach(len(by_person), reached, waiting, cut)


def events_of(connection: sqlite3.Connection, alert: Alert, limit: int) -> list[Event]:
    """The newest of one alert, the newest first."""
    until = END if alert.closed_at is None else alert.closed_at
    rows = connection.execute(
        "SELECT body FROM event WHERE incident = ? AND at >= ? AND at <= ? "
        "ORDER BY at DESC, seq DESC LIMIT ?",
        (alert.incident, alert.opened_at, until, limit),
    )
    return [_event(body) for (body,) in rows]


def told(connection: sqlite3.Connection, alert_id: str, limit: int) -> list[Notification]:
    """The newest that were told of one alert, the newest first."""
    rows = connection.execute(
        "SELECT body FROM notification INDEXED BY notification_alert WHERE alert = ? "
        "ORDER BY seq DESC LIMIT ?",
        (alert_id, limit),
    )
    return [_notification(body) for (body,) in rows]


def over_since(connection: sqlite3.Connection, since: Millis, limit: int) -> list[Alert]:
    """What was resolved or cancelled since then, the last first."""
    rows = connection.execute(
        "SELECT body FROM alert INDEXED BY alert_updated WHERE updated_at >= ? AND open = 0 "
        "ORDER BY updated_at DESC LIMIT ?",
        (since, limit),
    )
    return [alert for (body,) in rows if ((alert := _alert(body)).closed_at or 0) >= since]


def last_over(connection: sqlite3.Connection) -> Alert | None:
    """The newest alert, in the order in which they were opened, that is over; None: there was none."""
    found = connection.execute("SELECT body FROM alert WHERE open = 0 ORDER BY seq DESC LIMIT 1").fetchone()
    return _alert(found[0]) if found else None
