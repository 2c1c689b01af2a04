"""The copy of the ledger that a hub begins from when its file is damaged.

Kept is what decides and what cannot be had again: state, open and past alerts, notifications, commands, acts,
names, cursors and counts whole or nearly so, and of the long tables the newest rows: enough to forward to
InfluxDB what it has not had for a day, to know a repeat, and to count on from the last id. Months of readings
are left out: 2 GB every night are 700 GB a year on an SD card, and as much room again; InfluxDB has them, and
the damaged file is kept. Of a ledger of 212 MB with two million readings the copy is 11 MB, made in 0.7 s.

Two generations stand beside the ledger, `naruko.db.backup-1` (the newer) and `-2`. A copy takes its place
only after it was checked itself and is on the disk, so that a ledger which can no longer be read leaves the
last good copy alone. The hub goes on writing meanwhile: a reader of SQLite's write-ahead log holds nobody up.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from devices.frame import Millis
from hub.ledger.migrations import MIGRATIONS
from hub.ledger.opening import DamagedError, FullError, LedgerError, as_ledger_error, explained, free_bytes

GENERATIONS = 2
WHOLE = frozenset(["name", "state", "alert", "act", "cursor", "counter"])
NEWEST = {
    "event": 50_000,
    "alert_change": 50_000,
    "notification": 50_000,
    "command": 20_000,
    "reading": 100_000,
}
"""Rows of these, and all that still wait. 100,000 readings: a day of 70 a minute, some 10 MB."""
NEWEST_OF_OTHERS = 20_000
"""Of raw messages, and of what a later release adds."""
FIRST_BYTES = 100_000_000
"""As much room is asked for where there is no backup yet to tell its size."""
ROOM_BESIDE = 16 * 1024 * 1024
"""A backup leaves the hub at least this much of the disk."""

Busy = Callable[[sqlite3.Connection], None]
"""Is shown the connection that works; its `interrupt` ends the work from another thread."""


class Backup(Struct, frozen=True):
    """A copy that was checked. `rows` over all tables."""

    path: str
    bytes: int
    rows: int


def generation(ledger: Path, number: int) -> Path:
    return Path(f"{ledger}.backup-{number}")


def generations(ledger: Path) -> list[Path]:
    """The backups there are, the newest first."""
    found = (generation(ledger, number) for number in range(1, GENERATIONS + 1))
    return [path for path in found if path.is_file()]


def make(ledger: Path, busy: Busy = lambda _: None) -> Backup:
    """Copies, checks, and puts the copy in the first place. Blocks: call it in a thread.

    DamagedError: the ledger cannot be read. FullError: no room. LedgerError: another backup is being made.
    """
    needed = 2 * max((path.stat().st_size for path in generations(ledger)), default=FIRST_BYTES // 2)
    needed = min(needed, ledger.stat().st_size)
    if free_bytes(ledger) < needed + ROOM_BESIDE:
        raise FullError(f"backup of {ledger}: no room for {needed // 1_000_000} MB; make room on the disk")
    with _new(ledger) as (path, file):
        with explained(ledger):
            rows = _copy(ledger, path, busy)
            if (found := check(path, busy)) != "ok":
                raise LedgerError(f"backup of {ledger}: the copy is not whole ({found}); check the disk")
        os.fsync(file.fileno())
        done = Backup(str(generation(ledger, 1)), path.stat().st_size, rows)
        for number in range(GENERATIONS, 1, -1):
            if generation(ledger, number - 1).is_file():
                generation(ledger, number - 1).replace(generation(ledger, number))
        path.replace(done.path)
    sync_folder(ledger)
    return done


def check(path: Path, busy: Busy = lambda _: None, *, quick: bool = False) -> str:
    """`ok`, or the first thing that is wrong with the file. Blocks for as long as it takes to read it.

    `quick` leaves out whether each index agrees with its table, which is most of the time on a large file.
    """
    with closing(_open(path)) as connection:
        busy(connection)
        try:
            found = connection.execute(f"PRAGMA {'quick' if quick else 'integrity'}_check(1)").fetchone()[0]
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        except sqlite3.DatabaseError as error:
            if not isinstance(as_ledger_error(path, error), DamagedError):
                raise
            return str(error)
    if found == "ok" and not 0 < version <= len(MIGRATIONS):
        return f"version {version} is not one that this release reads"
    return str(found)


def made_at(path: Path) -> Millis:
    """When a backup was made, by the clock of the hub that made it."""
    return path.stat().st_mtime_ns // 1_000_000


def sync_folder(ledger: Path) -> None:
    """Returns when renamed files bear their new names after a power cut, too."""
    folder = os.open(ledger.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _new(ledger: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """An empty file that nobody else makes a backup in; gone where it is still there at the end."""
    path = Path(f"{ledger}.backup-new")
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LedgerError(f"backup of {ledger}: another one is being made") from None
        file.truncate(0)
        try:
            yield path, file
        finally:
            path.unlink(missing_ok=True)


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)


def _copy(ledger: Path, to: Path, busy: Busy) -> int:
    """One moment of the ledger, written without a journal: what is half done is thrown away. Rows copied."""
    with closing(_open(to)) as copy:
        copy.execute("ATTACH ? AS live", (str(ledger),))
        busy(copy)
        page, version = (
            int(copy.execute(f"PRAGMA live.{name}").fetchone()[0]) for name in ("page_size", "user_version")
        )
        for setting in (
            f"page_size = {page}",
            "auto_vacuum = INCREMENTAL",
            "journal_mode = OFF",
            "synchronous = OFF",
        ):
            copy.execute(f"PRAGMA main.{setting}")
        copy.execute("BEGIN")
        schema = copy.execute(
            "SELECT type, name, sql FROM live.sqlite_schema "
            "WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type <> 'table', rowid"
        ).fetchall()
        rows = 0
        for kind, name, sql in schema:
            copy.execute(sql)
            if kind == "table":
                rows += copy.execute(_rows_of(copy, name, sql)).rowcount
        copy.execute(f"PRAGMA main.user_version = {version}")
        copy.execute("COMMIT")
    return rows


def _rows_of(copy: sqlite3.Connection, table: str, sql: str) -> str:
    """The statement which copies the rows of one table that are kept."""
    every = f"INSERT INTO main.{table} SELECT * FROM live.{table}"  # noqa: S608 (names of our own schema)
    if table in WHOLE or "WITHOUT ROWID" in sql.upper():
        return every
    number = NEWEST.get(table, NEWEST_OF_OTHERS)
    columns = {row[1] for row in copy.execute(f"PRAGMA live.table_info({table})")}
    newest = f"rowid > (SELECT coalesce(max(rowid), 0) FROM live.{table}) - {number}"  # noqa: S608
    return f"{every} WHERE {newest}{' OR waiting = 1' if 'waiting' in columns else ''}"
