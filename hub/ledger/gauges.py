"""What `/metrics` reads from the ledger: a few numbers, in milliseconds, on any size of it."""

import sqlite3

from msgspec import Struct

from devices.frame import Millis
from hub.clock import EARLIEST_SANE
from hub.ledger.shedding import INFLUX_CURSOR

MOST_WAITING = 2_000


class Waiting(Struct, frozen=True):
    """Notifications that wait for one kind of channel: how many, and when the oldest was decided."""

    number: int
    oldest: Millis


class Gauges(Struct, frozen=True):
    waiting: dict[str, Waiting]
    """Kind of channel -> what waits, of the oldest MOST_WAITING."""
    readings_behind: int
    """Numbers of readings behind InfluxDB's cursor: no more than so many readings wait."""
    oldest_behind: Millis | None
    """When the first of them came."""
    newest_message: Millis | None
    """When the last message came that was noted by a clock that had been set."""


def read_gauges(connection: sqlite3.Connection) -> Gauges:
    """The rows are read by SQLite, which lets other threads run meanwhile."""
    rows = connection.execute(
        "SELECT json_extract(CAST(body AS TEXT), '$.channel_kind'), count(*), min(created_at) FROM "
        "(SELECT body, created_at FROM notification INDEXED BY notification_waiting "
        "WHERE waiting = 1 ORDER BY next_at LIMIT ?) GROUP BY 1",
        (MOST_WAITING,),
    ).fetchall()
    cursor = connection.execute("SELECT value FROM cursor WHERE name = ?", (INFLUX_CURSOR,)).fetchone()
    done = int(cursor[0]) if cursor else 0
    newest = connection.execute("SELECT coalesce(max(id), 0) FROM reading").fetchone()[0]
    first = connection.execute(
        "SELECT received_at FROM reading WHERE id > ? ORDER BY id LIMIT 1", (done,)
    ).fetchone()
    message = connection.execute(
        "SELECT received_at FROM message WHERE received_at >= ? ORDER BY id DESC LIMIT 1", (EARLIEST_SANE,)
    ).fetchone()
    return Gauges(
        waiting={str(kind): Waiting(number, oldest) for kind, number, oldest in rows},
        readings_behind=max(0, newest - done),
        oldest_behind=first[0] if first else None,
        newest_message=message[0] if message else None,
    )
