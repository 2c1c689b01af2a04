"""The ledger: how its file is opened, held against others, kept small, and let go."""

import asyncio
import functools
import logging
import os
import sqlite3
import struct
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, Concatenate, ParamSpec, TextIO, TypeVar

from msgspec.structs import replace

from devices.frame import Millis
from hub.config.settings import LedgerSettings
from hub.ledger import ballast, erasing, opening, rescue, shedding
from hub.ledger.opening import explained
from hub.ledger.writes import Writer

log = logging.getLogger("naruko.ledger")

P = ParamSpec("P")
T = TypeVar("T")

WAL_INDEX = struct.Struct("=14xHI76xI")
WAL_INDEX_BYTES = WAL_INDEX.size
"""SQLite's WAL-index, walformat.html 2.1: page size, frames in the log, and at byte 96 the frames copied."""

LOOK_EVERY = 200_000
"""Instructions of SQLite, some ms, after which a long read looks whether the ledger is being closed."""

RESTART_ABOVE_BYTES = 64 * 1024 * 1024
"""A write-ahead log of this size is emptied with the writer held; below, it is copied beside the writer."""


class Ledger(Writer):
    """SQLite in WAL mode with `synchronous=FULL`. What `commit` has returned from survives a power cut.

    What cannot be opened or written is a `LedgerError`.
    """

    def __init__(
        self,
        path: Path | None,
        settings: LedgerSettings,
        writer: sqlite3.Connection,
        held: TextIO | None = None,
    ) -> None:
        super().__init__(path, settings, writer)
        self._viewed = opening.connect_to_read(path) if path else writer
        self._viewing = ThreadPoolExecutor(1, "ledger-view")
        self._closing = threading.Event()
        for connection in {self._bulk, self._viewed} - {writer}:  # ends also what begins after `interrupt`
            connection.set_progress_handler(self._closing.is_set, LOOK_EVERY)
        self.restored: rescue.Restored | None = None
        """It was damaged, and what was done."""
        self._held = held
        self._index: BinaryIO | None = None
        """The file `-shm`, held until the connections are closed: to close any handle of a file drops every
        lock that this process has on it (POSIX), and the next program to open the ledger would cut the file
        off under SQLite, which ends this one with SIGBUS."""

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
        self._closing.set()
        self._viewed.interrupt()
        self._viewing.shutdown(cancel_futures=True)
        self._threads.shutdown()
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")
        self._bulk.interrupt()
        with self._bulk_lock:  # a thread that nobody waits for any more may be in the middle of a read
            for connection in {self._read, self._bulk, self._viewed} - {self._writer}:
                connection.close()
            self._writer.close()
        if self._index:
            self._index.close()
        if self._held:
            self._held.close()

    async def view(
        self, read: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What one of `hub/ledger/views` reads, however long it takes: in a thread, on a connection that
        nothing but pages waits for, one at a time."""
        asked = functools.partial(read, self._viewed, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._viewing, asked)

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

    async def scrub(self) -> bool:
        """After somebody has left: lets go of empty pages and of the log, where erased bytes may still be.

        False: somebody reads just now, and it is to be tried again. Nothing to do where nobody has left.
        """
        if self.path is None or not self.cursor(erasing.SCRUB):
            return True
        async with self.lock:
            await self._tried(lambda: self._in_thread(lambda: erasing.give_back_all(self._writer)))
            await self._in_thread(lambda: self._checkpoint("TRUNCATE"))
        if self.wal_bytes():
            return False
        await self._write("DELETE FROM cursor WHERE name = ?", erasing.SCRUB)
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
