"""The ledger: one writer, and what it takes to write safely beside an event loop."""

import asyncio
import functools
import logging
import os
import sqlite3
import struct
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, TextIO, TypeVar

from msgspec.structs import replace

from devices.frame import Millis
from hub.clock import Step, monotonic
from hub.config.settings import LedgerSettings
from hub.ledger import ballast, moving, opening, rescue, rows, shedding
from hub.ledger.opening import FullError, LockedError, explained
from hub.ledger.reads import Reader
from hub.ledger.window import FRESH, WINDOW, Window
from hub.model import Act, Command, Notification, Outcome, Verdict

log = logging.getLogger("naruko.ledger")

T = TypeVar("T")

WAL_INDEX = struct.Struct("=14xHI76xI")
WAL_INDEX_BYTES = WAL_INDEX.size
"""SQLite's WAL-index, walformat.html 2.1: page size, frames in the log, and at byte 96 the frames copied."""

RESTART_ABOVE_BYTES = 64 * 1024 * 1024
"""A write-ahead log of this size is emptied with the writer held; below, it is copied beside the writer."""


QUICK_COMMIT_S = 0.002

LOCKED_AT_MOST_S = 10.0
"""Another program that writes for longer than this has stopped the hub."""
LOCKED_AGAIN_S = 0.02


class Ledger(Reader):
    """SQLite in WAL mode with `synchronous=FULL`. What `commit` has returned from survives a power cut.

    One batch is `known`, `insert` and `commit_off_loop` under `lock`; everything else that writes here takes
    the lock itself. What cannot be opened or written is a `LedgerError`.
    """

    def __init__(
        self,
        path: Path | None,
        settings: LedgerSettings,
        writer: sqlite3.Connection,
        held: TextIO | None = None,
    ) -> None:
        self.path = path
        self.settings = settings
        self.lock = asyncio.Lock()
        self.restored: rescue.Restored | None = None
        """It was damaged, and what was done."""
        self.short_of_room = False
        """The disk was full, and the ballast has been given up. Until there is room for it again."""
        self._writer = writer
        self._held = held
        self._index: BinaryIO | None = None
        """The file `-shm`, held until the connections are closed: to close any handle of a file drops every
        lock that this process has on it (POSIX), and the next program to open the ledger would cut the file
        off under SQLite, which ends this one with SIGBUS."""
        with explained(path):
            read, bulk = (opening.connect(path), opening.connect(path)) if path else (writer, writer)
            super().__init__(read, bulk)
        self._threads = ThreadPoolExecutor(3, "ledger")
        self._writer_names = rows.Names(writer)
        self._window: Window | None = None
        self._inserted: list[int] = []
        self._committed: list[int] = []
        self._queued: list[tuple[str, tuple[Any, ...]]] = []
        self._taken = 0
        """How many of `_queued` are in the transaction that is open."""
        self._tickets = 0
        self._written = 0
        self._data_version = 0
        self._moved: dict[str, Millis] = {}
        """When the notifications that `store_moved` has moved are now said to have been decided."""
        self._commit_s = 1.0
        """How long commits have taken lately, the newest counting for a quarter. Slow until shown quick."""

    @classmethod
    def open(cls, path: Path, settings: LedgerSettings) -> "Ledger":
        """The hub's ledger: made or migrated where needed, probed, and held against a second hub.

        A damaged one is kept aside, and the last good backup opened: `restored` says so.
        """
        held = opening.lock_out_others(path)
        try:
            writer, restored = rescue.open_or_restore(path, settings)
            writer.execute("PRAGMA busy_timeout = 0")  # the event loop does not wait for other programs
            ledger = cls(path, settings, writer, held)
        except BaseException:
            held.close()
            raise
        ledger.restored = restored
        ledger.known([])
        return ledger

    @classmethod
    def attach(cls, path: Path, settings: LedgerSettings | None = None) -> "Ledger":
        """The ledger of a hub that may be running, for another process: reads, and `add_act`."""
        return cls(path, settings or LedgerSettings(path=path), opening.attach(path))

    @classmethod
    def in_memory(cls) -> "Ledger":
        """For replay and tests: the same tables, gone at the end."""
        return cls(None, LedgerSettings(), opening.prepare(None))

    def close(self) -> None:
        """Gives up what is not committed; copies the write-ahead log into the file and lets it go."""
        self._threads.shutdown()
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")
        for connection in {self._read, self._bulk} - {self._writer}:
            connection.close()
        self._writer.close()
        if self._index:
            self._index.close()
        if self._held:
            self._held.close()

    # --- a batch ------------------------------------------------------------------------------

    def known(self, fingerprints: Sequence[int]) -> set[int]:
        """Those of the fingerprints that the ledger holds, of its last half million messages."""
        if self._window is None:
            self._window = Window.of(self.seen_blocks())
            self._committed = self.seen_since()
        self._remember()
        return self._window.known(fingerprints)

    def _remember(self) -> None:
        """Takes what was committed into the window; a block that is full goes with the next transaction."""
        fingerprints, self._committed = self._committed, []
        if self._window is not None and (block := self._window.add(fingerprints)):
            last = self._writer.execute("SELECT max(id) FROM message").fetchone()[0]
            self._queue("INSERT OR REPLACE INTO seen (last, fingerprints) VALUES (?, ?)", last, block)
            self._queue(
                "DELETE FROM seen WHERE last < (SELECT last FROM seen ORDER BY last DESC LIMIT 1 OFFSET ?)",
                WINDOW // FRESH,
            )

    def insert(self, outcome: Outcome) -> None:
        """Begins a transaction and writes every row of `outcome`. Follow it with a commit or a rollback."""
        self._remember()
        with explained(self.path):
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                self._taken = len(self._queued)
                for statement, values in self._queued[: self._taken]:
                    self._writer.execute(statement, values)
                rows.write(self._writer, self._writer_names, outcome)
            except BaseException:
                self.rollback()
                raise
        self._inserted = [
            receipt.fingerprint
            for receipt in outcome.receipts
            if receipt.fingerprint and receipt.verdict in (Verdict.STORED, Verdict.QUARANTINED)
        ]

    def commit(self) -> None:
        """Returns when the transaction is on the disk. Waits for the disk: call it in a thread."""
        with explained(self.path):
            try:
                self._writer.execute("COMMIT")
            except BaseException:
                self.rollback()
                raise
        del self._queued[: self._taken]
        self._written += self._taken
        self._taken = 0
        self._committed += self._inserted
        self._inserted = []

    def rollback(self) -> None:
        """As if `insert` had not been."""
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")
        self._inserted = []
        self._taken = 0
        self._writer_names.load()

    async def commit_off_loop(self) -> None:
        """`commit`, in a thread unless the disk has been quick. Finishes even if the task is cancelled.

        A quick disk is waited for sooner than a thread is woken: at a few messages a second the thread costs
        a fifth of all work. An SD card is never quick.
        """
        began = monotonic()
        if self.path is None or self._commit_s < QUICK_COMMIT_S:
            self.commit()
        else:
            await self._in_thread(self.commit)
        self._commit_s += (monotonic() - began - self._commit_s) / 4

    async def store(self, outcome: Outcome) -> None:
        """One transaction with all of `outcome`; returns when it is on the disk."""
        async with self.lock:
            await self.write(outcome)

    async def write(self, outcome: Outcome) -> None:
        """`insert` and `commit_off_loop` under `lock`, tried again where that helps.

        While another program writes it is waited for beside the event loop; where the disk is full the
        ballast is given up. LedgerError: that did not help, and nothing of `outcome` is written.
        """

        async def once() -> None:
            self.insert(outcome)
            await self.commit_off_loop()

        await self._tried(once)

    async def _tried(self, work: Callable[[], Awaitable[T]]) -> T:
        until = monotonic() + LOCKED_AT_MOST_S
        while True:
            try:
                return await work()
            except LockedError:
                if monotonic() > until:
                    raise
                await asyncio.sleep(LOCKED_AGAIN_S)
            except FullError:
                if not self.make_room():
                    raise

    async def store_moved(
        self,
        outcome: Outcome,
        step: Step,
        notification: Callable[[Notification, Step], Notification],
        command: Callable[[Command, Step], Command],
    ) -> None:
        """Under `lock`: one transaction with `outcome`, and with what waits to be sent moved by `step`.

        The disk is waited for in place, so that nobody sees the rows before the caller has gone on.
        """

        async def once() -> None:
            self.insert(outcome)
            with explained(self.path):
                try:
                    moved = moving.move_outboxes(self._writer, step, notification, command)
                except BaseException:
                    self.rollback()
                    raise
            self.commit()
            self._moved |= moved

        await self._tried(once)

    # --- small writes, many in one transaction --------------------------------------------------

    async def update_notification(self, notification: Notification) -> None:
        """Writes down what became of it. Returns when that is on the disk."""
        if decided_at := self._moved.get(notification.id):
            notification = moving.caught_up(notification, decided_at)
        await self._write(
            "UPDATE notification SET waiting = ?, next_at = ?, body = ? WHERE id = ?",
            rows.waits(notification),
            notification.next_at,
            rows.encode(notification),
            notification.id,
        )

    async def update_command(self, command: Command) -> None:
        """Writes down what became of it, unless its device has already answered."""
        await self._write(
            "UPDATE command SET waiting = ?, body = ? WHERE id = ? AND waiting = 1",
            rows.waits(command),
            rows.encode(command),
            command.id,
        )

    async def move_cursor(self, name: str, value: str) -> None:
        await self._write(
            "INSERT INTO cursor (name, value) VALUES (?, ?) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name,
            value,
        )

    async def _write(self, statement: str, *values: Any) -> None:
        """Whoever gets the lock first writes for all who wait: one disk write for many small changes."""
        ticket = self._queue(statement, *values)
        async with self.lock:
            if self._written < ticket:
                await self.write(Outcome())

    def _queue(self, statement: str, *values: Any) -> int:
        """For the next transaction, whatever that is. Returns the ticket that is called by `_written`."""
        self._queued.append((statement, values))
        self._tickets += 1
        return self._tickets

    # --- acts of people -------------------------------------------------------------------------

    def add_act(self, at: Millis, *, who: str, source: str, kind: str, target: str, detail: str = "") -> Act:
        """Writes down what a person did; the hub applies it at its next look. In the hub: under `lock`."""
        with explained(self.path):
            cursor = self._writer.execute(
                "INSERT INTO act (at, who, source, kind, target, detail) VALUES (?, ?, ?, ?, ?, ?)",
                (at, who, source, kind, target, detail),
            )
        return Act(int(cursor.lastrowid or 0), at, who, source, kind, target, detail)

    def data_version(self) -> int:
        """A number that changes when another process has written. While a commit runs, the last known."""
        if not self.lock.locked():
            self._data_version = int(self._writer.execute("PRAGMA data_version").fetchone()[0])
        return self._data_version

    # --- the file -------------------------------------------------------------------------------

    def wal_bytes(self) -> int:
        """Size of the write-ahead log beside the file."""
        try:
            return Path(f"{self.path}-wal").stat().st_size if self.path else 0
        except FileNotFoundError:
            return 0

    def uncopied_bytes(self) -> int:
        """What of the log is not yet in the file. The log itself keeps its size: it begins anew in place."""
        try:
            if self._index is None:
                self._index = Path(f"{self.path}-shm").open("rb")  # noqa: SIM115 (held: see `_index`)
            header = os.pread(self._index.fileno(), WAL_INDEX_BYTES, 0)
        except FileNotFoundError:
            return 0
        if len(header) < WAL_INDEX_BYTES:
            return 0
        page, frames, copied = WAL_INDEX.unpack(header)
        return int((frames - copied) * page)

    def checkpoint(self) -> tuple[int, int]:
        """Copies the write-ahead log into the file, beside the writer: (pages in the log, pages copied)."""
        return self._checkpoint("PASSIVE")

    async def checkpoint_off_loop(self) -> None:
        """`checkpoint` in a thread; a log which has grown too long is begun anew with the writer held."""
        if self.path is None:
            return
        await self._tried(lambda: self._in_thread(self.checkpoint))
        if self.wal_bytes() > RESTART_ABOVE_BYTES:
            async with self.lock:
                await self._in_thread(lambda: self._checkpoint("TRUNCATE"))

    def _checkpoint(self, how: str) -> tuple[int, int]:
        with explained(self.path):
            connection = opening.connect(self.path)
            try:
                connection.execute("PRAGMA busy_timeout = 0")
                _, log, copied = connection.execute(f"PRAGMA wal_checkpoint({how})").fetchone()
            finally:
                connection.close()
        return log, copied

    def make_room(self) -> bool:
        """Gives up the ballast. False: there was none."""
        if self.path is None or not ballast.let_go(self.path):
            return False
        if not self.short_of_room:
            log.error("the disk is full: the ballast was given up, old rows go to make room; free the disk")
        self.short_of_room = True
        return True

    def hold_ballast(self) -> None:
        """Makes the ballast where there is room for it."""
        if not self.path or not self.settings.ballast_mb:
            return
        if ballast.hold(self.path, self.settings.ballast_mb):
            if self.short_of_room:
                log.info("the disk has room again")
            self.short_of_room = False
        elif opening.free_bytes(self.path) < self.settings.ballast_mb * ballast.MEGABYTE:
            self.short_of_room = True

    def pages(self) -> tuple[int, int]:
        """(bytes in use, bytes of empty pages) of the file."""
        with explained(self.path):
            size, used = shedding.file_bytes(self._read)
        return used, size - used

    async def shed(self, now: Millis, limit_mb: int | None = None, *, by_age: bool = True) -> shedding.Shed:
        """Lets go of what is older than its time, or too much for the disk: see `hub.ledger.shedding`.

        `limit_mb` stands in for the one of the settings.
        """
        settings = self.settings
        if limit_mb is not None:
            settings = settings.model_copy(update={"limit_mb": limit_mb})
        total = gone = shedding.Shed()
        while True:
            slice_ = functools.partial(self._shed_slice, settings, now, gone, by_age=by_age)
            async with self.lock:
                gone = await self._tried(functools.partial(self._in_thread, slice_))
            total = replace(total + gone, more=gone.more)
            if not gone.more:
                break
        while True:
            async with self.lock:
                if not await self._tried(lambda: self._in_thread(self._give_back)):
                    return total

    def _shed_slice(
        self, settings: LedgerSettings, now: Millis, last: shedding.Shed, *, by_age: bool
    ) -> shedding.Shed:
        with explained(self.path):
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                gone = shedding.shed_slice(self._writer, settings, now, last, by_age=by_age)
                self._writer.execute("COMMIT")
            except BaseException:
                self.rollback()
                raise
            return gone

    def _give_back(self) -> bool:
        with explained(self.path):
            return shedding.give_back(self._writer, self.settings)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait({future})
            raise
