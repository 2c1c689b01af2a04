"""Readings by their own time, for charts and tables.

The key of a reading begins with its time (see `hub.ledger.migrations`), so a read of one device passes over
those of all others: 50 ms for a day of 1,000 devices which report three quantities every 10 min. Ask for a
day at a time.
"""

import sqlite3
from collections.abc import Collection

from devices.frame import Millis

Row = tuple[Millis, float | None, int]
"""(at, value, flag)."""

MOST_ROWS = 20_000
STRETCH: Millis = 6 * 3_600_000
"""Looked through at once; then only for those of whom there are not enough yet."""

_NUMBER = "SELECT id FROM name WHERE text = ?"
_BETWEEN = (
    "SELECT at, value, flag FROM reading WHERE at >= ? AND at < ? AND device = ? AND quantity = ? "
    "ORDER BY at LIMIT ?"
)


def between(
    connection: sqlite3.Connection,
    device: str,
    quantity: str,
    since: Millis,
    until: Millis,
    *,
    limit: int = MOST_ROWS,
) -> list[Row]:
    """One quantity of one device, `since` <= at < `until`, the oldest `limit` in the order of time."""
    numbers = _number(connection, device), _number(connection, quantity)
    if None in numbers:
        return []
    return connection.execute(_BETWEEN, (since, until, *numbers, limit)).fetchall()


def newest(
    connection: sqlite3.Connection,
    devices: Collection[str],
    quantity: str,
    since: Millis,
    until: Millis,
    *,
    count: int,
) -> dict[str, list[Row]]:
    """The newest `count` of each of these devices, `since` <= at < `until`, newest first."""
    asked = _number(connection, quantity)
    found: dict[str, list[Row]] = {id: [] for id in devices}
    waiting = {number: found[id] for id in devices if (number := _number(connection, id)) is not None}
    while asked is not None and waiting and since < until:
        begin = max(since, until - STRETCH)
        marks = ", ".join("?" * len(waiting))
        rows = connection.execute(
            "SELECT device, at, value, flag FROM reading "  # noqa: S608 (question marks)
            f"WHERE at >= ? AND at < ? AND device IN ({marks}) AND quantity = ? ORDER BY at DESC",
            (begin, until, *waiting, asked),
        )
        for number, at, value, flag in rows:
            waiting[number].append((at, value, flag))
        waiting = {number: rows for number, rows in waiting.items() if len(rows) < count}
        until = begin
    return {id: rows[:count] for id, rows in found.items()}


def _number(connection: sqlite3.Connection, text: str) -> int | None:
    found = connection.execute(_NUMBER, (text,)).fetchone()
    return int(found[0]) if found else None
