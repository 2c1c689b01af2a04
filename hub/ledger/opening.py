"""How a ledger is opened: connections, migrations, and what is refused with words that say what to do."""

import errno
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISREG
from time import sleep
from typing import TextIO

from hub.ledger.migrations import MIGRATIONS

PROBE_ALL_BELOW = 32 * 1024 * 1024
"""A file of this size is checked page by page in some 0.1 s; of a larger one only both ends of each table."""


class LedgerError(Exception):
    """The ledger cannot be opened or written. The text says what to do; the command line exits with 5."""


class DiskError(LedgerError):
    """The place of the ledger is at fault, not who uses it: read-only, broken, or one of these three."""


class FullError(DiskError):
    """No room. Nothing of the transaction was written; with room it may be tried again."""


class DamagedError(DiskError):
    """The file is no longer what SQLite wrote."""


class LockedError(DiskError):
    """Another program writes. Nothing of the transaction was written; it may be tried again."""


DISK_ERRORS = (errno.EROFS, errno.ENOSPC, errno.EIO)
NO_ROOM_TOO = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
NO_ROOM_BELOW = 64 * 1024
"""A failed write on a disk with so little room failed for want of it, whatever name SQLite gives it."""


@contextmanager
def explained(path: Path | None) -> Iterator[None]:
    """Turns what SQLite says into a `LedgerError` that an operator can act on."""
    try:
        yield
    except sqlite3.Error as error:
        raise as_ledger_error(path, error) from error


def as_ledger_error(path: Path | None, error: sqlite3.Error) -> DiskError:
    """What SQLite says, by what can be done about it."""
    text = str(error)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    kind = DiskError
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or "malformed" in text:
        kind = DamagedError
    elif code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        kind = LockedError
    elif code == sqlite3.SQLITE_FULL or (code in NO_ROOM_TOO and path and free_bytes(path) < NO_ROOM_BELOW):
        kind, text = FullError, text if "full" in text else f"{text}: the disk is full"
    return kind(f"ledger {path or 'in memory'}: {text}; {_advice(text)}")


def trouble_of(error: BaseException, path: Path | None) -> LedgerError | None:
    """The trouble with the ledger that is behind an error or a group of them, None where there is none."""
    if isinstance(error, LedgerError):
        return error
    if isinstance(error, sqlite3.Error):
        return as_ledger_error(path, error)
    if isinstance(error, BaseExceptionGroup):
        return next((found for one in error.exceptions if (found := trouble_of(one, path))), None)
    return None


def free_bytes(path: Path) -> int:
    """What this user may still write beside `path`."""
    found = os.statvfs(path.parent)
    return found.f_bavail * found.f_frsize


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
            "rescues what is readable) and start again: the hub goes on from its last good backup, and where "
            "there is none with an empty ledger. With ledger.on_corrupt: restore it does so itself"
        )
    return "see the log"


def connect(path: Path | None) -> sqlite3.Connection:
    """One connection, in autocommit mode: transactions are begun and committed by name."""
    connection = sqlite3.connect(
        path or ":memory:", isolation_level=None, check_same_thread=False, cached_statements=256, timeout=5.0
    )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("PRAGMA secure_delete = FAST")  # what is deleted is overwritten; costs no write
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """A connection that can write nothing."""
    with explained(path):
        connection = connect(path)
        connection.execute("PRAGMA query_only = ON")
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


def is_there(path: Path) -> bool:
    """LedgerError: this user may not look."""
    try:
        return S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except PermissionError as error:
        raise LedgerError(
            f"ledger {path.absolute()}: this user may not enter {path.absolute().parent}; "
            "ask as the user that the hub runs as (docs/doctor.md)"
        ) from error


def attach(path: Path) -> sqlite3.Connection:
    """A connection to the ledger of a hub which may be running: makes nothing, migrates nothing."""
    if not is_there(path):
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
            raise DiskError(
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


LOCK_TRIES, LOCK_PAUSE_S = 4, 0.05
"""Who only looks whether a hub is at work (`hub.doctor.ledger`) holds the lock for an instant."""


def _lock(holder: TextIO) -> None:
    """OSError: another one has it, and keeps it."""
    for _ in range(LOCK_TRIES - 1):
        with suppress(BlockingIOError):
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        sleep(LOCK_PAUSE_S)
    fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)


def lock_out_others(path: Path) -> TextIO:
    """Holds `<path>.lock` as long as the returned file is open: two hubs on one ledger would both decide."""
    _refuse_unwritable(path)
    try:
        holder = Path(f"{path}.lock").open("a+", encoding="ascii")  # noqa: SIM115 (held until the hub ends)
    except OSError as error:
        kind = DiskError if error.errno in DISK_ERRORS else LedgerError
        raise kind(f"ledger {path}: {error}; choose a folder that the hub may write to") from error
    try:
        _lock(holder)
    except OSError as error:
        holder.seek(0)
        pid = holder.read().strip() or "?"
        holder.close()
        raise LedgerError(f"ledger {path}: another hub (process {pid}) works on it; stop that one") from error
    holder.truncate(0)
    with suppress(OSError):  # a full disk: the lock holds without the number
        os.write(holder.fileno(), f"{os.getpid()}\n".encode())
    return holder
