"""A ledger that is damaged, full or locked: kept aside and begun again, relieved, waited for, told of."""

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from hub.clock import SetClock
from hub.config.settings import LedgerSettings
from hub.config.shapes import Channel, Person
from hub.config.town import Town
from hub.ledger import Ledger, LedgerError, backup, ballast, book, opening, rescue, tend, upkeep
from hub.ledger.opening import DamagedError, DiskError, FullError, LockedError
from hub.model import Notification, Outcome, Status
from hub.notify.outbox import Answer, unanswered
from hub.watch import last_word
from tests.hubs import Told
from tests.ledgers import NOW, SETTINGS, alert, event, everything, notification, reading
from tests.test_backup import spoil
from tests.towns import person
from tests.towns import town as make_town
from tests.waiting import until

REFUSE = LedgerSettings(on_corrupt="refuse")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "naruko.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with closing(Ledger.open(path, SETTINGS)) as opened:
        yield opened


def put(ledger: Ledger, outcome: Outcome) -> None:
    ledger.insert(outcome)
    ledger.commit()


def some(path: Path, *, backed_up: bool = True) -> None:
    """A ledger with an open alert, and a backup of it; what came after the backup is `late`."""
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        put(ledger, everything())
        put(ledger, Outcome(readings=[reading(NOW + n) for n in range(5_000)]))
        if backed_up:
            backup.make(path)
        put(ledger, Outcome(events=[event("late", NOW + 1)]))


def break_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\0" * 100)


def break_middle(path: Path) -> None:
    spoil(path)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def tear(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


# --- damaged ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", [break_header, break_middle, empty, tear, Path.unlink])
def test_a_damaged_ledger_is_kept_aside_and_the_hub_begins_from_the_last_good_backup(
    path: Path, damage
) -> None:
    some(path)
    damage(path)
    left = path.read_bytes() if path.exists() else None
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        assert ledger.open_alerts() == [alert()]
        assert [e.id for e in ledger.events(0)] == [event().id]
        assert ledger.restored
        assert ledger.restored.backup_at == backup.made_at(backup.generation(path, 1))
        assert rescue.last(ledger) == ledger.restored
        kept = rescue.kept_aside(path)
        assert [aside.read_bytes() for aside in kept] == ([] if left is None else [left])
        put(ledger, Outcome(events=[event("again", NOW + 2)]))
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        assert not ledger.restored
        assert len(ledger.events(0)) == 2


def test_the_log_of_a_damaged_ledger_is_never_played_into_the_backup(path: Path) -> None:
    some(path)
    hub = Ledger.open(path, SETTINGS)
    put(hub, Outcome(events=[event("in the log", NOW + 3)]))
    parts = {part: Path(f"{path}{part}").read_bytes() for part in ("", "-wal")}
    hub.close()
    for part, data in parts.items():
        Path(f"{path}{part}").write_bytes(data)
    break_header(path)
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        assert [e.id for e in ledger.events(0)] == [event().id]
        (aside,) = rescue.kept_aside(path)
        assert Path(f"{aside}-wal").read_bytes() == parts["-wal"]


def test_where_the_newer_backup_is_damaged_too_the_older_one_serves(path: Path) -> None:
    some(path)
    backup.make(path)
    spoil(backup.generation(path, 1), first=0, pages=2)
    break_header(path)
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        assert ledger.open_alerts() == [alert()]
        assert [e.id for e in ledger.events(0)] == [event().id]


def test_without_a_good_backup_the_hub_begins_empty_rather_than_not_at_all(path: Path) -> None:
    some(path, backed_up=False)
    break_middle(path)
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        assert ledger.restored
        assert ledger.restored.backup_at == 0
        assert ledger.open_alerts() == []
        put(ledger, everything())
    assert len(rescue.kept_aside(path)) == 1


def test_a_file_of_another_kind_where_no_hub_has_worked_is_left_as_it_is(path: Path) -> None:
    path.write_text("家計簿\n" * 2_000)
    with pytest.raises(LedgerError, match="another kind"):
        Ledger.open(path, SETTINGS)
    assert path.read_text() == "家計簿\n" * 2_000
    assert rescue.kept_aside(path) == []


@pytest.mark.parametrize("damage", [break_header, break_middle])
def test_a_town_that_decides_itself_is_refused_and_nothing_is_moved(path: Path, damage) -> None:
    some(path)
    damage(path)
    before = path.read_bytes()
    with pytest.raises(DamagedError):
        Ledger.open(path, REFUSE)
    assert path.read_bytes() == before
    assert rescue.kept_aside(path) == []


def test_damage_that_only_the_running_hub_met_is_not_opened_again(path: Path) -> None:
    some(path)
    rescue.note_damage(path, "malformed page met by a read")
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        assert ledger.restored
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        assert not ledger.restored


def test_what_waited_in_the_backup_is_told_as_a_repeat_under_its_number(path: Path) -> None:
    some(path)
    break_header(path)
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        (waiting,) = ledger.pending_notifications(NOW, 10)
        assert waiting.id == notification().id
        assert unanswered(waiting) == 1


class PowerCut(BaseException):
    """Nothing runs after it."""


def test_a_start_that_is_interrupted_at_any_step_of_the_restoring_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for steps in range(20):
        path = tmp_path / f"cut-after-{steps}" / "naruko.db"
        path.parent.mkdir()
        some(path)
        break_header(path)
        if not cut_after(steps, path, monkeypatch):
            break
        with closing(Ledger.open(path, SETTINGS)) as ledger:
            assert ledger.open_alerts() == [alert()], f"cut after {steps} steps"
            assert [e.id for e in ledger.events(0)] == [event().id]
    assert 4 <= steps < 19


def cut_after(steps: int, path: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Opens it with the power cut after so many renames, deletions and copies; False: there were no more."""
    left = steps

    def cut(work: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **more: Any) -> Any:
            nonlocal left
            if left == 0:
                raise PowerCut
            left -= 1
            return work(*arguments, **more)

        return step

    with monkeypatch.context() as patch:
        for place, name in ((Path, "replace"), (Path, "unlink"), (rescue, "_may_have_been_sent")):
            patch.setattr(place, name, cut(getattr(place, name)))
        try:
            Ledger.open(path, SETTINGS).close()
        except PowerCut:
            return True
    return False


def test_of_damaged_ledgers_the_two_newest_are_kept(path: Path) -> None:
    for _ in range(4):
        some(path)
        break_header(path)
        Ledger.open(path, SETTINGS).close()
    assert len(rescue.kept_aside(path)) == rescue.KEPT_ASIDE


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
    monkeypatch.setattr(book, "LOCKED_AT_MOST_S", 0.2)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LockedError, match="end that program"):
            await ledger.store(everything())
        with pytest.raises(LockedError):
            await ledger.shed(NOW)
        other.execute("ROLLBACK")
    await ledger.store(everything())


# --- what the operators are told --------------------------------------------------------------------


@pytest.fixture
def town() -> Town:
    two = (
        Channel(kind="mail", url="mailto://a.test?to=x@a.test"),
        Channel(kind="ntfy", url="ntfys://a.test/x"),
    )
    return make_town(people=[person("bosai", "operator", channels=two), person("ta", "farmer")])


@pytest.fixture(autouse=True)
def _runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))


FULL = FullError("ledger naruko.db: database or disk is full; make room on the disk")


async def test_the_last_word_reaches_the_operators_past_the_ledger_and_once_an_hour(
    town: Town, tmp_path: Path
) -> None:
    told = Told()
    await last_word.say(town, FULL, told)
    await last_word.say(town, FULL, told)
    assert told.notifications
    assert {n.template for n in told.notifications} == {"hub_stopped"}
    roles = {role for n in told.notifications for role in town.people[n.recipient].roles}
    assert "operator" in roles
    (marker,) = (tmp_path / "run").iterdir()
    os.utime(marker, (marker.stat().st_mtime - 3_601,) * 2)
    before = len(told.notifications)
    await last_word.say(town, FULL, told)
    assert len(told.notifications) == 2 * before


async def test_a_channel_that_hangs_does_not_keep_the_hub_from_ending(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(last_word, "WITHIN_S", 0.2)
    hang = threading.Event()

    def send(person: Person, notification: Notification) -> Answer:
        hang.wait(20)
        return Answer(Status.SENT)

    began = time.monotonic()
    await last_word.say(town, FULL, send)
    assert time.monotonic() - began < 5
    hang.set()


async def test_a_channel_that_fails_keeps_the_others_from_nothing(town: Town) -> None:
    told = Told()

    def send(person: Person, notification: Notification) -> Answer:
        told(person, notification)
        raise OSError("no route to host")

    await last_word.say(town, FULL, send)
    assert len(told.notifications) == sum(
        len(p.channels) for p in town.people.values() if "operator" in p.roles
    )


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FULL, "full"),
        (DamagedError("x"), "damaged"),
        (LockedError("x"), "locked"),
        (DiskError("ledger x: x is read-only for this user"), "readonly"),
        (DiskError("ledger x: attempt to write a readonly database"), "readonly"),
        (DiskError("ledger x: disk I/O error"), "broken"),
    ],
)
def test_the_last_word_says_what_is_wrong(error: DiskError, code: str) -> None:
    assert last_word.fault(error) == code


def test_after_a_restoring_the_operators_are_told_how_old_the_backup_is(town: Town) -> None:
    (first, *_) = last_word.restored(town, rescue.Restored(NOW, "naruko.db.corrupt-1", NOW - 3_600_000), NOW)
    assert "20:07のバックアップから" in first.body
    (first, *_) = last_word.restored(town, rescue.Restored(NOW, "naruko.db.corrupt-1", 0), NOW)
    assert "空から始まりました" in first.body


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
