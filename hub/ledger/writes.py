"""What is written to the ledger: a batch in one transaction, and small writes that share one."""

import asyncio
import functools
import logging
import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from devices.frame import Millis
from hub.clock import Step, monotonic
from hub.config.settings import LedgerSettings
from hub.ledger import ballast, moving, opening, rows
from hub.ledger.opening import FullError, LockedError, explained
from hub.ledger.reads import Reader
from hub.ledger.window import FRESH, WINDOW, Window
from hub.model import Act, Command, Notification, Outcome, Verdict

log = logging.getLogger("naruko.ledger")

T = TypeVar("T")

QUICK_COMMIT_S = 0.002

LOCKED_AT_MOST_S = 10.0
"""Another program that writes for longer than this has stopped the hub."""
LOCKED_AGAIN_S = 0.02


class Writer(Reader):
    """One transaction at a time, on one connection.

    One batch is `known`, `insert` and `commit_off_loop` under `lock`; everything else that writes here takes
    the lock itself. What cannot be written is a `LedgerError`.
    """

    def __init__(self, path: Path | None, settings: LedgerSettings, writer: sqlite3.Connection) -> None:
        self.path = path
        self.settings = settings
        self.lock = asyncio.Lock()
        self.short_of_room = False
        """The disk was full, and the ballast has been given up. Until there is room for it again."""
        self._writer = writer
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
            if outcome.erased:  # reads every row that was ever told
                await self._in_thread(functools.partial(self.insert, outcome))
            else:
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

    def make_room(self) -> bool:
        """Gives up the ballast. False: there was none."""
        if self.path is None or not ballast.let_go(self.path):
            return False
        if not self.short_of_room:
            log.error("the disk is full: the ballast was given up, old rows go to make room; free the disk")
        self.short_of_room = True
        return True

    async def _in_thread(self, work: Callable[[], T]) -> T:
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait({future})
            raise

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

    def add_act(
        self,
        at: Millis,
        *,
        who: str,
        source: str,
        kind: str,
        target: str,
        detail: str = "",
        form: Mapping[str, str] | None = None,
    ) -> Act:
        """Writes down what a person did; the hub applies it at its next look. In the hub: under `lock`."""
        form = dict(form or {})
        with explained(self.path):
            cursor = self._writer.execute(
                "INSERT INTO act (at, who, source, kind, target, detail, form) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (at, who, source, kind, target, detail, msgspec.json.encode(form).decode()),
            )
        return Act(int(cursor.lastrowid or 0), at, who, source, kind, target, detail, form)

    def secret(self, name: str) -> bytes:
        """32 random bytes of this ledger, made when they are first asked for."""
        if not (found := self.cursor(name)):
            found = secrets.token_hex(32)
            with explained(self.path):
                self._writer.execute("INSERT INTO cursor (name, value) VALUES (?, ?)", (name, found))
        return bytes.fromhex(found)

    def data_version(self) -> int:
        """A number that changes when another process has written. While a commit runs, the last known."""
        if not self.lock.locked():
            self._data_version = int(self._writer.execute("PRAGMA data_version").fetchone()[0])
        return self._data_version
