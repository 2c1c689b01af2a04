"""Every night: a backup, then a look at every page of the file. Beside the writer, in a thread of its own."""

import asyncio
import logging
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, time, timedelta, tzinfo
from functools import partial
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from devices.frame import Millis
from hub.clock import Clock, is_sane, monotonic
from hub.days import wall
from hub.lanes import Lane
from hub.ledger import backup
from hub.ledger.book import Ledger
from hub.ledger.opening import DamagedError, LedgerError, explained
from hub.ledger.reads import Reader

log = logging.getLogger("naruko.ledger")

T = TypeVar("T")

FIRST_AFTER_S = 60.0
"""A hub that starts has other things to do; a night that it slept through is made up for then."""
LOOK_EVERY_S = 20.0
AGAIN_AFTER: Millis = 3_600_000
"""After one that failed."""
NICENESS = 10
"""The thread gives way to the hub, for the processor and, with BFQ, for the disk."""

BACKUP, CHECK = "backup", "check"


class Done(Struct, frozen=True):
    """How the last one went, kept in the ledger. `good_at`: when it last went well, 0 never."""

    at: Millis = 0
    ok: bool = False
    said: str = ""
    good_at: Millis = 0
    bytes: int = 0
    took_s: float = 0.0


def last(ledger: Reader, name: str) -> Done:
    """How the last `BACKUP` or `CHECK` of this ledger went."""
    kept = ledger.cursor(name)
    return msgspec.json.decode(kept, type=Done) if kept else Done()


def is_due(done: Done, at: time, zone: tzinfo, now: Millis) -> bool:
    """Whether `at` has come since the last time; always where there was none, or only in the future."""
    if not 0 < done.at <= now:
        return True
    if not done.ok and now - done.at >= AGAIN_AFTER:
        return True
    here = wall(now, zone)
    tonight = datetime.combine(here.date(), at, zone)
    if tonight > here:
        tonight = datetime.combine(here.date() - timedelta(days=1), at, zone)
    return done.at < tonight.timestamp() * 1000


async def keep_backups(ledger: Ledger, clock: Clock, zone: tzinfo) -> None:
    """Makes a backup and checks the file once a night, for ever; never by a clock that has not been set.

    DamagedError: a page is broken. The backup of the same night then holds what there was.
    """
    if ledger.path is None:
        return
    night = Night(ledger, clock)
    await asyncio.sleep(FIRST_AFTER_S)
    try:
        while True:
            now = clock.now()
            if is_sane(now) and is_due(last(ledger, BACKUP), ledger.settings.backup_at, zone, now):
                await night.back_up()
                await night.check()
            await asyncio.sleep(LOOK_EVERY_S)
    finally:
        night.close()


async def once(ledger: Ledger, clock: Clock) -> Done:
    """A backup now, by whoever asks for it beside the hub."""
    night = Night(ledger, clock)
    try:
        return await night.back_up()
    finally:
        night.close()


class Night:
    """The two works of a night on one ledger, written down in it with how they went."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        if ledger.path is None:
            raise ValueError("a ledger in memory has no night")
        self.ledger = ledger
        self.path = ledger.path
        self.clock = clock
        self._lane: Lane[Any] = Lane("naruko.night", 1)
        self._busy: sqlite3.Connection | None = None

    async def back_up(self) -> Done:
        """DamagedError: it cannot be read to its end. The backups that there are stay."""
        began = monotonic()
        try:
            made = await self._in_thread(partial(backup.make, self.path))
        except DamagedError:
            raise
        except (LedgerError, OSError) as error:
            log.error("no backup was made: %s", error)
            return await self._write_down(BACKUP, began, ok=False, said=str(error))
        done = await self._write_down(BACKUP, began, ok=True, said=f"{made.rows} rows", bytes=made.bytes)
        log.info("backup made and checked: %.1f MB in %.1f s", made.bytes / 1e6, done.took_s)
        return done

    async def check(self) -> Done:
        """DamagedError where a page is broken, unless the town wants to decide itself what to do then."""
        began = monotonic()
        with explained(self.path):
            found = await self._in_thread(partial(backup.check, self.path, quick=True))
        done = await self._write_down(CHECK, began, ok=found == "ok", said=found)
        if done.ok:
            log.info("every page of the ledger is whole (%.1f s)", done.took_s)
        elif self.ledger.settings.on_corrupt == "refuse":
            log.critical("the ledger is damaged: %s; see `naruko doctor`", found)
        else:
            raise DamagedError(f"ledger {self.path}: the nightly check found it damaged: {found}")
        return done

    def close(self) -> None:
        """What is under way is given up."""
        if self._busy is not None:
            with suppress(sqlite3.Error):
                self._busy.interrupt()
        self._lane.close()

    async def _write_down(self, name: str, began: float, *, ok: bool, said: str, bytes: int = 0) -> Done:
        now = self.clock.now()
        good_at = now if ok else last(self.ledger, name).good_at
        done = Done(now, ok, said, good_at, bytes, round(monotonic() - began, 1))
        await self.ledger.move_cursor(name, msgspec.json.encode(done).decode())
        return done

    async def _in_thread(self, work: Callable[[backup.Busy], T]) -> T:
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def show(connection: sqlite3.Connection) -> None:
            self._busy = connection

        def call() -> T:
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
            try:
                return work(show)
            finally:
                self._busy = None

        def done(result: T | BaseException) -> None:
            if not answer.done():
                if isinstance(result, BaseException):
                    answer.set_exception(result)
                else:
                    answer.set_result(result)

        self._lane.submit(call, done)
        return await answer
