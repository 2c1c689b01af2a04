"""A ledger whose disk is full, or that another program holds: relieved, waited for, or given up."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from hub.clock import SetClock
from hub.ledger import Ledger, LedgerError, ballast, opening, tend, upkeep, writes
from hub.ledger.opening import DamagedError, DiskError, FullError, LockedError
from hub.model import Outcome
from tests.ledgers import NOW, SETTINGS, everything, reading
from tests.waiting import until


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with closing(Ledger.open(path, SETTINGS)) as opened:
        yield opened


# --- full -------------------------------------------------------------------------------------------


class FullDisk:
    """A writer whose disk is full until the ballast is gone."""

    def __init__(self, ledger: Ledger, path: Path, statement: str) -> None:
        self.writer = ledger._writer
        self.path = path
        self.statement = statement
        self.refused = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.writer, name)

    def execute(self, sql: str, *values: object) -> object:
        if sql.startswith(self.statement) and ballast.path_of(self.path).exists():
            self.refused += 1
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return self.writer.execute(sql, *values)


@pytest.mark.parametrize("statement", ["BEGIN", "COMMIT"])
async def test_on_a_full_disk_the_ballast_goes_and_the_same_outcome_is_written_once(
    ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    assert ballast.hold(path, 1)
    disk = FullDisk(ledger, path, statement)
    monkeypatch.setattr(ledger, "_writer", disk)
    await ledger.store(everything())
    assert disk.refused == 1
    assert ledger.short_of_room
    assert not ballast.path_of(path).exists()
    assert ledger.counts()["messages"] == 3
    assert ledger.known([1, 2]) == {1, 2}
    await ledger.store(Outcome(readings=[reading(NOW + 9, device="new")]))
    assert ledger.readings_after(0, 10)[1][-1].device == "new"


async def test_without_ballast_a_full_disk_ends_the_hub_with_advice_and_nothing_half_written(
    ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ballast.path_of(path).write_bytes(b"")
    disk = FullDisk(ledger, path, "COMMIT")
    monkeypatch.setattr(ledger, "_writer", disk)
    with pytest.raises(FullError, match="make room on the disk"):
        await ledger.store(everything())
    assert ledger.counts()["messages"] == 0
    monkeypatch.undo()
    await ledger.store(everything())
    assert ledger.counts()["messages"] == 3


async def test_a_full_disk_sheds_once_and_the_ballast_returns_with_the_room(
    ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "LOOK_EVERY_S", 0.001)
    monkeypatch.setattr(upkeep, "EMPTY_ENOUGH", 256 * 1024)
    monkeypatch.setattr(upkeep, "PRESSED_FROM", 1024 * 1024)
    free = 10 * ballast.MEGABYTE
    monkeypatch.setattr(ballast, "free_bytes", lambda _: free)
    monkeypatch.setattr(opening, "free_bytes", lambda _: free)
    for start in range(0, 80_000, 10_000):
        await ledger.store(Outcome(readings=[reading(NOW + start + n) for n in range(10_000)]))
    ballast.path_of(path).write_bytes(b"x")
    assert ledger.make_room()
    before, _ = ledger.pages()
    clock = SetClock(NOW)
    task = asyncio.create_task(tend(ledger, clock))
    try:
        await until(lambda: ledger.pages()[1] > upkeep.EMPTY_ENOUGH / 2 or task.done(), "rows are shed")
        clock.at += upkeep.SHED_EVERY
        await until(lambda: ledger.pages()[0] <= before * 0.96 or task.done(), "a tenth is shed")
        assert ledger.readings_after(0, 1_000_000)[1][-1].at == NOW + 79_999
        assert ledger.short_of_room
        free = 1_000 * ballast.MEGABYTE
        clock.at += upkeep.SHED_EVERY
        await until(lambda: not ledger.short_of_room or task.done(), "there is room again")
        assert ballast.path_of(path).stat().st_size == SETTINGS.ballast_mb * ballast.MEGABYTE
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def test_no_ballast_is_held_where_it_would_fill_the_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ballast, "free_bytes", lambda _: 63 * ballast.MEGABYTE)
    assert not ballast.hold(path, 32)
    assert not ballast.path_of(path).exists()
    assert not ballast.let_go(path)


# --- locked -----------------------------------------------------------------------------------------


async def test_while_another_program_writes_the_event_loop_turns_and_the_commit_waits(
    ledger: Ledger, path: Path
) -> None:
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.005)

    turning = asyncio.create_task(turn())
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.5, other.execute, ["ROLLBACK"])
        release.start()
        began = time.monotonic()
        longest = await longest_gap(ledger.store(everything()))
        assert time.monotonic() - began >= 0.4
        release.join()
    turning.cancel()
    assert turns > 20
    assert longest < 0.25
    assert ledger.counts()["messages"] == 3


async def longest_gap(work) -> float:
    """How long the loop stood still at most while `work` ran."""
    task, last, longest = asyncio.ensure_future(work), time.monotonic(), 0.0
    while not task.done():
        await asyncio.sleep(0.005)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    await task
    return longest


async def test_a_program_that_never_lets_go_ends_the_hub(
    ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writes, "LOCKED_AT_MOST_S", 0.2)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LockedError, match="end that program"):
            await ledger.store(everything())
        with pytest.raises(LockedError):
            await ledger.shed(NOW)
        other.execute("ROLLBACK")
    await ledger.store(everything())


# --- words of the library ---------------------------------------------------------------------------


def sqlite_error(text: str, code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


def test_a_failed_write_on_a_disk_without_room_is_a_full_disk_whatever_its_name(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = sqlite_error("disk I/O error", sqlite3.SQLITE_IOERR_SHMSIZE)
    assert type(opening.as_ledger_error(path, broken)) is DiskError
    monkeypatch.setattr(opening, "free_bytes", lambda _: 0)
    assert isinstance(opening.as_ledger_error(path, broken), FullError)
    wrong = sqlite_error("no such table", sqlite3.SQLITE_ERROR)
    assert type(opening.as_ledger_error(path, wrong)) is DiskError


def test_the_trouble_is_found_in_whatever_group_of_errors_the_hub_ends_with(path: Path) -> None:
    locked = LockedError("x")
    group = BaseExceptionGroup("edges", [ExceptionGroup("inner", [ValueError(), locked])])
    assert opening.trouble_of(group, path) is locked
    malformed = sqlite_error("database disk image is malformed", sqlite3.SQLITE_CORRUPT)
    assert isinstance(opening.trouble_of(ExceptionGroup("edges", [malformed]), path), DamagedError)
    assert opening.trouble_of(ExceptionGroup("edges", [ValueError()]), path) is None
    assert isinstance(locked, LedgerError)
