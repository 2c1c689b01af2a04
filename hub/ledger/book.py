"""The ledger: one writer, and what it takes to write safely beside an event loop."""

import asyncio
import functools
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TextIO, TypeVar

from msgspec.structs import replace

from devices.frame import Millis
from hub.clock import monotonic
from hub.config.settings import LedgerSettings
from hub.ledger import opening, rows, shedding
from hub.ledger.opening import explained
from hub.ledger.reads import Reader
from hub.ledger.window import FRESH, WINDOW, Window
from hub.model import Act, Command, Notification, Outcome, Verdict

T = TypeVar("T")

RESTART_ABOVE_BYTES = 64 * 1024 * 1024
"""A write-ahead log of this size is emptied with the writer held; below, it is copied beside the writer."""


QUICK_COMMIT_S = 0.002


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
        self._writer = writer
        self._held = held
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
        self._commit_s = 1.0
        """How long commits have taken lately, the newest counting for a quarter. Slow until shown quick."""

    @classmethod
    def open(cls, path: Path, settings: LedgerSettings) -> "Ledger":
        """The hub's ledger: made or migrated where needed, probed, and held against a second hub."""
        held = opening.lock_out_others(path)
        try:
            ledger = cls(path, settings, opening.prepare(path), held)
        except BaseException:
            held.close()
            raise
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
            self.insert(outcome)
            await self.commit_off_loop()

    # --- small writes, many in one transaction --------------------------------------------------

    async def update_notification(self, notification: Notification) -> None:
        """Writes down what became of it. Returns when that is on the disk."""
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
                self.insert(Outcome())
                await self.commit_off_loop()

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

    def checkpoint(self) -> tuple[int, int]:
        """Copies the write-ahead log into the file, beside the writer: (pages in the log, pages copied)."""
        return self._checkpoint("PASSIVE")

    async def checkpoint_off_loop(self) -> None:
        """`checkpoint` in a thread; a log which has grown too long is begun anew with the writer held."""
        if self.path is None:
            return
        await self._in_thread(self.checkpoint)
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

    async def shed(self, now: Millis) -> shedding.Shed:
        """Lets go of what is older than its time, or too much for the disk: see `hub.ledger.shedding`."""
        total = gone = shedding.Shed()
        while True:
            async with self.lock:
                gone = await self._in_thread(functools.partial(self._shed_slice, now, gone))
            total = replace(total + gone, more=gone.more)
            if not gone.more:
                break
        while True:
            async with self.lock:
                if not await self._in_thread(self._give_back):
                    return total

    def _shed_slice(self, now: Millis, last: shedding.Shed) -> shedding.Shed:
        with explained(self.path):
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                gone = shedding.shed_slice(self._writer, self.settings, now, last)
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
