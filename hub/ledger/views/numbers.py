"""Where a stretch of time begins in a table whose numbers grow with time."""

import sqlite3
from typing import Literal

from devices.frame import Millis
from hub.clock import EARLIEST_SANE

Table = Literal["notification", "command"]


def first_from(connection: sqlite3.Connection, table: Table, at: Millis) -> int:
    """The number of the first row written at `at` or later, by halving; past the last where none is.

    What was written before the clock was set is left out.
    """
    low, high = (
        connection.execute(f"SELECT {end} FROM {table}").fetchone()[0]  # noqa: S608
        for end in ("coalesce(min(seq), 0)", "coalesce(max(seq), 0) + 1")
    )
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(
            f"SELECT seq, created_at FROM {table} "  # noqa: S608
            "WHERE seq >= ? AND created_at >= ? ORDER BY seq LIMIT 1",
            (middle, EARLIEST_SANE),
        ).fetchone()
        if row is None or row[1] >= at:
            high = middle
        else:
            low = row[0] + 1
    return int(low)
