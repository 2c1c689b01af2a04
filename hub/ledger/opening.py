"""How a ledger is opened: connections, migrations, and what is refused with words that say what to do."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from hub.ledger.migrations import MIGRATIONS

PROBE_ALL_BELOW = 32 * 1024 * 1024
"""A file of this size is checked page by page in some 0.1 s; of a larger one only both ends of each table."""


class LedgerError(Exception):
    """The ledger cannot be opened or written. The text says what to do; the command line exits with 5."""


@contextmanager
def explained(path: Path | None) -> Iterator[None]:
    """Turns what SQLite says into a `LedgerError` that an operator can act on."""
    try:
        yield
    except sqlite3.Error as error:
        raise LedgerError(f"ledger {path or 'in memory'}: {error}; {_advice(str(error))}") from error


def _advice(text: str) -> str:
    if "full" in text or "disk I/O" in text:
        return "make room on the disk or lower ledger.limit_mb, and check the card"
    if "readonly" in text or "unable to open" in text:
        return "the folder and the file must be writable for the user who runs the hub"
    if "locked" in text:
        return "another program holds it open for writing; end that program"
    if "malformed" in text or "not a database" in text or "corrupt" in text:
        return (
            "the file is damaged. Stop the hub, move the file aside (`sqlite3 OLD .recover | sqlite3 NEW` "
            "rescues what is readable) and start again; without it the hub begins with an empty ledger"
        )
    return "see the log"


def connect(path: Path | None) -> sqlite3.Connection:
    """One connection, in autocommit mode: transactions are begun and committed by name."""
    connection = sqlite3.connect(
        path or ":memory:", isolation_level=None, check_same_thread=False, cached_statements=256, timeout=5.0
    )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    return connection


def prepare(path: Path | None) -> sqlite3.Connection:
    """The writer's connection to a ledger that is whole and of this version; makes or migrates it."""
    with explained(path):
        connection = connect(path)
        try:
            if not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
            _probe(connection, path)
            migrate(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def attach(path: Path) -> sqlite3.Connection:
    """A connection to the ledger of a hub which may be running: makes nothing, migrates nothing."""
    if not path.is_file():
        raise LedgerError(f"ledger {path}: there is none; start the hub once, or name the right file")
    _refuse_unwritable(path)
    with explained(path):
        connection = connect(path)
        try:
            version = _version(connection)
            if version != len(MIGRATIONS):
                raise LedgerError(
                    f"ledger {path} has version {version}, this release reads {len(MIGRATIONS)}; "
                    "use the release that the hub runs, or restart the hub with this one"
                )
        except BaseException:
            connection.close()
            raise
    return connection


def migrate(connection: sqlite3.Connection, path: Path | None) -> None:
    """Brings an older ledger to this version, each step in one transaction."""
    version = _version(connection)
    if version > len(MIGRATIONS):
        raise LedgerError(
            f"ledger {path} has version {version}, this release knows {len(MIGRATIONS)}: it was written by a "
            "newer naruko; install that release again, or begin with another ledger.path"
        )
    if version == 0 and connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        raise LedgerError(f"ledger {path} is the database of another program; choose another ledger.path")
    for number, step in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {step}; PRAGMA user_version = {number}; COMMIT;")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _refuse_unwritable(path: Path) -> None:
    folder = path.parent
    if not folder.is_dir():
        raise LedgerError(f"ledger {path}: there is no folder {folder}; make it, or change ledger.path")
    for place in (path, folder):
        if place.exists() and not os.access(place, os.W_OK):
            raise LedgerError(
                f"ledger {path}: {place} is read-only for this user; the folder and the file must be "
                "writable for the user who runs the hub"
            )


def _probe(connection: sqlite3.Connection, path: Path | None) -> None:
    if path is None:
        return
    if path.stat().st_size <= PROBE_ALL_BELOW:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(f"database disk image is malformed ({found})")
        return
    tables = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    )
    for (table,) in tables.fetchall():
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[5]]
        for order in ("ASC", "DESC"):
            key = ", ".join(f"{column} {order}" for column in columns)
            connection.execute(f"SELECT * FROM {table} ORDER BY {key} LIMIT 1").fetchone()  # noqa: S608 (our own names)


def lock_out_others(path: Path) -> TextIO:
    """Holds `<path>.lock` as long as the returned file is open: two hubs on one ledger would both decide."""
    _refuse_unwritable(path)
    try:
        holder = Path(f"{path}.lock").open("a+", encoding="ascii")  # noqa: SIM115 (held until the hub ends)
    except OSError as error:
        raise LedgerError(f"ledger {path}: {error}; choose a folder that the hub may write to") from error
    try:
        fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder.seek(0)
        pid = holder.read().strip() or "?"
        holder.close()
        raise LedgerError(f"ledger {path}: another hub (process {pid}) works on it; stop that one") from error
    holder.truncate(0)
    holder.write(f"{os.getpid()}\n")
    holder.flush()
    return holder
