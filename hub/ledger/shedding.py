"""A bounded ledger: what goes when it is old, and what goes first when the disk is small.

By age: raw messages after `keep_messages`, everything else after `keep_readings`. By size: the oldest raw
messages, then the oldest readings. Never an open alert, what waits to be sent, an act that is not yet
applied, or the state.
"""

import sqlite3

from msgspec import Struct

from devices.frame import Millis
from hub.clock import EARLIEST_SANE
from hub.config.settings import LedgerSettings
from hub.ledger.rows import count

SLICE = 2_000
"""Rows in one transaction: the writer is held for some 10 ms."""
SPARE = 0.95
"""Over its limit the ledger is brought down to this share of it, so that it is not at it again at once."""
VACUUM_PAGES = 1_000
"""Empty pages that go back to the disk in one transaction, where the file is larger than its limit. Below it
they stay in the file for what comes next."""

INFLUX_CURSOR = "influx"
FOREVER: Millis = 1 << 62


_HISTORY = (
    (
        "event",
        "SELECT seq FROM "
        "(SELECT seq, incident, received_at FROM event WHERE received_at >= :sane ORDER BY seq LIMIT :slice) "
        "WHERE received_at < :before AND incident NOT IN (SELECT incident FROM alert WHERE open = 1) "
        "AND seq < (SELECT max(seq) FROM event)",
    ),
    (
        "notification",
        "SELECT seq FROM "
        "(SELECT seq, alert, waiting, created_at FROM notification "
        "WHERE created_at >= :sane ORDER BY seq LIMIT :slice) "
        "WHERE waiting = 0 AND created_at < :before AND alert NOT IN (SELECT id FROM alert WHERE open = 1) "
        "AND seq < (SELECT max(seq) FROM notification)",
    ),
    (
        "command",
        "SELECT seq FROM "
        "(SELECT seq, waiting, created_at FROM command WHERE created_at >= :sane ORDER BY seq LIMIT :slice) "
        "WHERE waiting = 0 AND created_at < :before",
    ),
    (
        "alert_change",
        "SELECT seq FROM "
        "(SELECT seq, alert, at FROM alert_change WHERE at >= :sane ORDER BY seq LIMIT :slice) "
        "WHERE at < :before AND alert NOT IN (SELECT id FROM alert WHERE open = 1) "
        "AND seq < (SELECT max(seq) FROM alert_change)",
    ),
    (
        "alert",
        "SELECT seq FROM "
        "(SELECT seq, id, open, updated_at FROM alert WHERE updated_at >= :sane ORDER BY seq LIMIT :slice) "
        "WHERE open = 0 AND updated_at < :before "
        "AND id NOT IN (SELECT alert FROM notification WHERE waiting = 1)",
    ),
)


class Shed(Struct, frozen=True):
    """How much has gone. `unforwarded` of the readings had not reached InfluxDB."""

    messages: int = 0
    readings: int = 0
    unforwarded: int = 0
    history: int = 0
    relieving: bool = False
    """Over the limit, and on the way down to `SPARE` of it."""
    over_limit: bool = False
    """Still too large, with nothing left that may go."""
    more: bool = False
    """There may be another slice."""

    def __add__(self, other: "Shed") -> "Shed":
        return Shed(
            self.messages + other.messages,
            self.readings + other.readings,
            self.unforwarded + other.unforwarded,
            self.history + other.history,
            other.relieving,
            other.over_limit,
            self.more or other.more,
        )


def shed_slice(
    connection: sqlite3.Connection, settings: LedgerSettings, now: Millis, last: Shed, *, by_age: bool = True
) -> Shed:
    """One slice within the open transaction: by age, then by size. `last` is what the slice before gave."""
    aged = Shed()
    if by_age:
        aged = (
            _messages(connection, now - settings.keep_messages, now)
            + _readings(connection, now - settings.keep_readings, now)
            + _history(connection, now - settings.keep_readings)
        )
    if aged.more:
        return aged
    limit = settings.limit_mb * 1024 * 1024
    _, used = file_bytes(connection)
    if used > (limit * SPARE if last.relieving else limit):
        return aged + _relieve(connection, now)
    return aged


def give_back(connection: sqlite3.Connection, settings: LedgerSettings) -> bool:
    """Gives empty pages of a file above its limit back to the disk; True where there may be more."""
    before, used = file_bytes(connection)
    if before <= settings.limit_mb * 1024 * 1024 or before == used:
        return False
    # `execute` would step once, which is one page.
    connection.executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")
    return file_bytes(connection)[0] < before


def file_bytes(connection: sqlite3.Connection) -> tuple[int, int]:
    """(size of the file, bytes of it in use)."""
    size, pages, free = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_size", "page_count", "freelist_count")
    )
    return pages * size, (pages - free) * size


def _relieve(connection: sqlite3.Connection, now: Millis) -> Shed:
    gone = _messages(connection, FOREVER, now)
    if not gone.messages:
        gone = _readings(connection, FOREVER, now)
    if gone.messages or gone.readings:
        return gone + Shed(relieving=True, more=True)
    return Shed(over_limit=True)


def _messages(connection: sqlite3.Connection, before: Millis, now: Millis) -> Shed:
    """The newest row stays, so that ids are never given twice."""
    chosen = (
        "SELECT id FROM (SELECT id, received_at FROM message ORDER BY id LIMIT ?) "
        "WHERE received_at < ? AND id < (SELECT max(id) FROM message) "
        "AND (received_at >= ? OR id < (SELECT CASE WHEN received_at < ? THEN id ELSE 0 END "
        "FROM message WHERE received_at >= ? ORDER BY id LIMIT 1))"
    )
    values = (SLICE, before, *_set_clock(before))
    bad = connection.execute(
        f"SELECT count(*) FROM message WHERE quarantined = 1 AND id IN ({chosen})",  # noqa: S608
        values,
    ).fetchone()[0]
    deleted = connection.execute(f"DELETE FROM message WHERE id IN ({chosen})", values).rowcount  # noqa: S608
    if bad:
        count(connection, "quarantined_gone", now, bad)
    return Shed(messages=deleted, more=deleted == SLICE)


def _readings(connection: sqlite3.Connection, before: Millis, now: Millis) -> Shed:
    """In order of arrival, which is also the order in which they are forwarded."""
    chosen = (
        "SELECT id FROM (SELECT id, received_at FROM reading ORDER BY id LIMIT ?) "
        "WHERE received_at < ? AND id < (SELECT max(id) FROM reading) "
        "AND (received_at >= ? OR id < (SELECT CASE WHEN received_at < ? THEN id ELSE 0 END "
        "FROM reading WHERE received_at >= ? ORDER BY id LIMIT 1))"
    )
    values = (SLICE, before, *_set_clock(before))
    cursor = connection.execute("SELECT value FROM cursor WHERE name = ?", (INFLUX_CURSOR,)).fetchone()
    lost = 0
    if cursor:
        lost = connection.execute(
            f"SELECT count(*) FROM ({chosen}) WHERE id > ?",  # noqa: S608
            (*values, int(cursor[0])),
        ).fetchone()[0]
    deleted = connection.execute(f"DELETE FROM reading WHERE id IN ({chosen})", values).rowcount  # noqa: S608
    if lost:
        count(connection, "unforwarded", now, lost)
    return Shed(readings=deleted, unforwarded=lost, more=deleted == SLICE)


def _set_clock(before: Millis) -> tuple[Millis, Millis, Millis]:
    """What was noted while the clock was not set is as old as the next row that has a time."""
    sane = 0 if before >= FOREVER else EARLIEST_SANE
    return sane, before, sane


def _history(connection: sqlite3.Connection, before: Millis) -> Shed:
    gone = 0
    more = False
    for table, chosen in _HISTORY:
        statement = f"DELETE FROM {table} WHERE seq IN ({chosen})"  # noqa: S608 (our own names)
        values = {"slice": SLICE, "before": before, "sane": EARLIEST_SANE}
        deleted = connection.execute(statement, values).rowcount
        gone += deleted
        more = more or deleted == SLICE
    return Shed(history=gone, more=more)
