"""The past, for the page that searches it and for the month report."""

import sqlite3
from collections.abc import Callable, Iterable

import msgspec
from msgspec import Struct

from devices.frame import Millis
from hub.clock import EARLIEST_SANE
from hub.ledger.reads import CLOCK_STEPS
from hub.ledger.views.numbers import Table, first_from
from hub.model import Act, Alert, Command, Event, Mode, Status

AT_ONCE = 5_000
"""Alerts that one call looks at: some 30 ms. Between two calls another page has its turn."""
LEVEL = "level_m"
GOOD = 2
"""The worst flag of a reading that may be a peak."""
LONGEST_FLOOD: Millis = 14 * 86_400_000

_alert = msgspec.json.Decoder(Alert).decode
_command = msgspec.json.Decoder(Command).decode
_event = msgspec.json.Decoder(Event).decode


class Opened(Struct, frozen=True, gc=False):
    """Of an alert what a map of a season is made of: a year of them is at hand at once, and no garbage."""

    id: str
    kind: str
    device: str
    opened_at: Millis
    state: str = "open"
    mode: Mode = Mode.ACTUAL
    closed_at: Millis | None = None
    label: str = ""
    place: str = ""
    place_en: str = ""


class Delivery(Struct, frozen=True, gc=False):
    """Of a notification what tells how it went: nobody's name, and nothing that was said."""

    alert_id: str
    channel_kind: str
    created_at: Millis
    event_received_at: Millis = 0
    status: Status = Status.PENDING
    finished_at: Millis | None = None
    error: str = ""
    template: str = ""


_opened = msgspec.json.Decoder(Opened).decode
_delivery = msgspec.json.Decoder(Delivery).decode


def alerts_before(
    connection: sqlite3.Connection,
    before: int | None,
    since: Millis,
    limit: int,
    wanted: Callable[[Alert], bool] | None = None,
) -> tuple[list[tuple[int, Alert]], int | None]:
    """Of the next `AT_ONCE` alerts, newest first, those `wanted`, at most `limit`, each with its number; and
    the number to ask with for more, None where there is nothing before it.

    `before` is such a number. `since`: none that was last changed before it.
    """
    first = connection.execute("SELECT min(seq) FROM alert WHERE updated_at >= ?", (since,)).fetchone()[0]
    if first is None:
        return [], None
    rows = connection.execute(
        "SELECT seq, body FROM alert WHERE seq < ? AND seq >= ? ORDER BY seq DESC LIMIT ?",
        ((1 << 62) if before is None else before, first, AT_ONCE),
    )
    found: list[tuple[int, Alert]] = []
    number = first
    for number, body in rows:
        alert = _alert(body)
        if wanted is None or wanted(alert):
            found.append((number, alert))
            if len(found) == limit:
                break
    return found, (number if number > first else None)


def openings(connection: sqlite3.Connection, after: int, since: Millis) -> tuple[list[Opened], int | None]:
    """The next alerts above number `after` that are open or changed since then, and where to go on."""
    rows = connection.execute(
        "SELECT seq, body FROM alert WHERE seq > ? AND (updated_at >= ? OR open = 1) ORDER BY seq LIMIT ?",
        (after, since, AT_ONCE),
    ).fetchall()
    return [_opened(body) for _, body in rows], (rows[-1][0] if len(rows) == AT_ONCE else None)


def alerts_by_id(connection: sqlite3.Connection, ids: Iterable[str]) -> dict[str, Alert]:
    """Those of them that the ledger has."""
    found = {}
    for id in ids:
        if row := connection.execute("SELECT body FROM alert WHERE id = ?", (id,)).fetchone():
            found[id] = _alert(row[0])
    return found


def events_between(connection: sqlite3.Connection, since: Millis, until: Millis) -> list[Event]:
    """By their own time, `since` <= at < `until`."""
    rows = connection.execute(
        "SELECT body FROM event WHERE at >= ? AND at < ? ORDER BY at, seq", (since, until)
    )
    return [_event(body) for (body,) in rows]


def events_during(connection: sqlite3.Connection, incident: str, since: Millis, until: Millis) -> list[Event]:
    """What happened in one incident, both ends included."""
    rows = connection.execute(
        "SELECT body FROM event WHERE incident = ? AND at >= ? AND at <= ? ORDER BY at, seq",
        (incident, since, until),
    )
    return [_event(body) for (body,) in rows]


def acts_between(connection: sqlite3.Connection, kind: str, since: Millis, until: Millis) -> list[Act]:
    """What people did of this kind, `since` <= at < `until`."""
    rows = connection.execute(
        "SELECT id, at, who, source, kind, target, detail, form FROM act "
        "WHERE kind = ? AND at >= ? AND at < ? ORDER BY at, id",
        (kind, since, until),
    )
    return [
        Act(id, at, who, source, kind, target, detail, msgspec.json.decode(form, type=dict[str, str]))
        for id, at, who, source, kind, target, detail, form in rows
    ]


def deliveries_between(connection: sqlite3.Connection, since: Millis, until: Millis) -> list[Delivery]:
    """Of the notifications that were decided from `since` to before `until`."""
    rows = connection.execute(
        "SELECT body FROM notification WHERE seq >= ? AND seq < ? AND created_at >= ? AND created_at < ?",
        (*_numbers(connection, "notification", since, until), since, until),
    )
    return [_delivery(body) for (body,) in rows]


def commands_between(connection: sqlite3.Connection, since: Millis, until: Millis) -> list[Command]:
    """What devices were told from `since` to before `until`."""
    rows = connection.execute(
        "SELECT body FROM command WHERE seq >= ? AND seq < ? AND created_at >= ? AND created_at < ?",
        (*_numbers(connection, "command", since, until), since, until),
    )
    return [_command(body) for (body,) in rows]


def _numbers(connection: sqlite3.Connection, table: Table, since: Millis, until: Millis) -> tuple[int, int]:
    """Between which numbers such rows lie: they are in the order of time, but for a clock that was set."""
    return (
        first_from(connection, table, since - CLOCK_STEPS),
        first_from(connection, table, until + CLOCK_STEPS),
    )


def peak(
    connection: sqlite3.Connection, device: str, since: Millis, until: Millis
) -> tuple[float, Millis] | None:
    """The highest level of one gauge among the readings that are not suspect, and when."""
    found = connection.execute(
        "SELECT value, at FROM reading WHERE at >= ? AND at <= ? "
        "AND device = (SELECT id FROM name WHERE text = ?) "
        "AND quantity = (SELECT id FROM name WHERE text = ?) "
        "AND flag <= ? AND value IS NOT NULL ORDER BY value DESC, at LIMIT 1",
        (since, min(until, since + LONGEST_FLOOD), device, LEVEL, GOOD),
    ).fetchone()
    return (float(found[0]), int(found[1])) if found else None


def has_readings(connection: sqlite3.Connection, since: Millis, until: Millis) -> bool:
    """Whether anything was measured in this time."""
    found = connection.execute("SELECT 1 FROM reading WHERE at >= ? AND at < ? LIMIT 1", (since, until))
    return found.fetchone() is not None


def oldest(connection: sqlite3.Connection) -> Millis | None:
    """When the first was noted of what this ledger still has of the past; None: it has nothing."""
    firsts = [
        connection.execute(
            f"SELECT {column} FROM {table} WHERE {column} >= ? ORDER BY {key} LIMIT 1",  # noqa: S608
            (EARLIEST_SANE,),
        ).fetchone()
        for table, key, column in (
            ("event", "seq", "received_at"),
            ("alert", "seq", "updated_at"),
            ("notification", "seq", "created_at"),
            ("reading", "id", "received_at"),
        )
    ]
    return min((int(row[0]) for row in firsts if row), default=None)
