"""A damaged ledger is kept aside, and the hub goes on from its last good backup."""

import logging
import os
import shutil
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis
from hub.clock import SystemClock
from hub.config.settings import LedgerSettings
from hub.ledger import backup, ballast
from hub.ledger.opening import DamagedError, DiskError, FullError, LedgerError, explained, prepare
from hub.ledger.reads import Reader
from hub.ledger.rows import encode
from hub.model import Notification, Status

log = logging.getLogger("naruko.ledger")

CURSOR = "restored"
MAGIC = b"SQLite format 3\0"
UNANSWERED = "no answer"
"""How the error of a notification begins that may have arrived (`hub.notify.outbox`)."""
KEPT_ASIDE = 2
"""Damaged files that are kept: each is as large as a ledger."""
PARTS = ("-wal", "-shm", "")
"""In the order in which they are moved: a log without its file is harmless, another file's log is not."""


class Restored(Struct, frozen=True):
    """What was done about a damaged ledger. Kept in it under the cursor `restored`."""

    at: Millis
    aside: str
    """Name of the damaged file; empty where there was none."""
    backup_at: Millis
    """Age of what the hub goes on from; 0 where it had to begin empty."""

    def __str__(self) -> str:
        kept = f"the damaged file is kept as {self.aside}; " if self.aside else ""
        if not self.backup_at:
            return f"{kept}there is no good backup: the hub begins with an empty ledger"
        made = datetime.fromtimestamp(self.backup_at / 1000, UTC)
        return f"{kept}the hub goes on from its backup of {made:%Y-%m-%d %H:%M} UTC"


def open_or_restore(path: Path, settings: LedgerSettings) -> tuple[sqlite3.Connection, Restored | None]:
    """The writer's connection, and what had to be done for it.

    LedgerError: it cannot be helped, or `on_corrupt` is refuse and the file is damaged.
    """
    try:
        if why := _broken_before(path):
            raise DamagedError(f"ledger {path}: {why}; see `naruko doctor`")
        return _prepare(path), None
    except DamagedError as error:
        if settings.on_corrupt == "refuse":
            raise
        if _is_of_another_kind(path):
            raise LedgerError(
                f"ledger {path} is a file of another kind, and no hub has made a backup beside it; "
                "choose another ledger.path, or move it away"
            ) from error
        log.critical("ledger %s is damaged: %s", path, error.__cause__ or error)
        done = restore(path, SystemClock().now())
        log.critical("ledger %s: %s", path, done)
        writer = _prepare(path)
        with explained(path):
            writer.execute(
                "INSERT INTO cursor (name, value) VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (CURSOR, msgspec.json.encode(done).decode()),
            )
        return writer, done


def last(ledger: Reader) -> Restored | None:
    """What was done last, as this ledger remembers it."""
    kept = ledger.cursor(CURSOR)
    return msgspec.json.decode(kept, type=Restored) if kept else None


def restore(path: Path, now: Millis) -> Restored:
    """Moves what is there aside and puts the newest good backup in its place.

    For whoever holds the ledger's lock. Interrupted at any point, the next start finishes it.
    """
    note_damage(path, "being restored")
    backup_at = 0
    try:
        aside = _set_aside(path, now)
        for copy in backup.generations(path):
            if (found := _check(copy)) == "ok":
                backup_at = backup.made_at(copy)
                _put_in_place(copy, path)
                break
            log.error("backup %s is not good: %s", copy, found)
        _marker(path).unlink(missing_ok=True)
        backup.sync_folder(path)
    except OSError as error:
        raise DiskError(f"ledger {path}: {error}; check the disk, then start again") from error
    return Restored(now, aside.name if aside else "", backup_at)


def note_damage(path: Path, why: str) -> None:
    """The next start does not open this file again, also where its own look finds nothing."""
    with suppress(OSError):
        _marker(path).write_text(f"{why}\n", encoding="utf-8")


def kept_aside(path: Path) -> list[Path]:
    """The damaged files, the oldest first."""
    found = path.parent.glob(f"{path.name}.corrupt-*")
    return sorted(file for file in found if not file.name.endswith(("-wal", "-shm")))


def _marker(path: Path) -> Path:
    return Path(f"{path}.damaged")


def _broken_before(path: Path) -> str:
    """What is known of the file without opening it."""
    with suppress(FileNotFoundError):
        return _marker(path).read_text(encoding="utf-8").strip() or "found damaged when it was last open"
    if backup.generations(path) and (not path.exists() or not path.stat().st_size):
        return "gone or empty, though there are backups (to begin anew, take those away too)"
    return ""


def _is_of_another_kind(path: Path) -> bool:
    """No ledger, by its first bytes, and no hub has made a backup here: somebody's file, left as it is."""
    if not path.is_file() or backup.generations(path) or _marker(path).exists():
        return False
    with path.open("rb") as file:
        begins = file.read(len(MAGIC))
    return bool(begins) and begins != MAGIC


def _prepare(path: Path) -> sqlite3.Connection:
    try:
        return prepare(path)
    except FullError:
        if not ballast.let_go(path):
            raise
        log.error("the disk is full: the ballast was given up")
        return prepare(path)


def _check(copy: Path) -> str:
    try:
        return backup.check(copy)
    except sqlite3.Error as error:
        return str(error)


def _set_aside(path: Path, now: Millis) -> Path | None:
    """Renames the file and its log. Where the ledger lies on a damaged disk, that is all it can bear."""
    if not any(Path(f"{path}{part}").exists() for part in PARTS):
        return None
    while (aside := Path(f"{path}.corrupt-{_stamp(now)}")).exists():
        now += 1_000
    for part in PARTS:
        if (old := Path(f"{path}{part}")).exists():
            old.replace(f"{aside}{part}")
    for old in kept_aside(path)[:-KEPT_ASIDE]:
        for part in PARTS:
            Path(f"{old}{part}").unlink(missing_ok=True)
        log.warning("%s was deleted: %d damaged ledgers are kept", old, KEPT_ASIDE)
    return aside


def _stamp(now: Millis) -> str:
    return datetime.fromtimestamp(now / 1000, UTC).strftime("%Y%m%d-%H%M%S")


def _put_in_place(copy: Path, path: Path) -> None:
    """The backup stays where it is."""
    new = Path(f"{path}.restoring")
    try:
        _copy_to_disk(copy, new)
    except OSError:
        if not ballast.let_go(path):
            raise
        _copy_to_disk(copy, new)
    new.replace(path)


def _copy_to_disk(copy: Path, new: Path) -> None:
    shutil.copyfile(copy, new)
    with closing(sqlite3.connect(new)) as connection:
        _may_have_been_sent(connection)
    with new.open("rb") as file:
        os.fsync(file.fileno())


def _may_have_been_sent(connection: sqlite3.Connection) -> None:
    """What waited when the backup was made has most likely been told since: it says that it is a repeat."""
    connection.execute("PRAGMA journal_mode = OFF")
    waiting = connection.execute("SELECT seq, body FROM notification WHERE waiting = 1").fetchall()
    for seq, body in waiting:
        item = msgspec.json.decode(body, type=Notification)
        error = item.error if item.error.startswith(UNANSWERED) else f"{UNANSWERED} (1): from a backup"
        repeat = replace(item, status=Status.TIMEOUT, error=error)
        connection.execute("UPDATE notification SET body = ? WHERE seq = ?", (encode(repeat), seq))
    connection.commit()
