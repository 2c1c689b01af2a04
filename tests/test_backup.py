"""The nightly backup: what it keeps, that it is checked itself, holds nobody up, and when it is made."""

import asyncio
import fcntl
import sqlite3
import threading
import time as wall
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.clock import SetClock
from hub.config.settings import LedgerSettings
from hub.ledger import Ledger, LedgerError, backup, keep_backups, nightly
from hub.ledger.nightly import BACKUP, CHECK, Done, Night, is_due, last
from hub.ledger.opening import DamagedError, FullError
from hub.model import Outcome
from tests.ledgers import (
    DAY,
    NOW,
    SETTINGS,
    alert,
    command,
    event,
    everything,
    notification,
    reading,
    receipt,
    waiting,
)
from tests.waiting import until

TOKYO = ZoneInfo("Asia/Tokyo")


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with closing(Ledger.open(path, SETTINGS)) as opened:
        yield opened


def spoil(path: Path, *, first: int = 4, pages: int = 30) -> None:
    """Overwrites pages in the middle of a file, as a dying card does."""
    with path.open("r+b") as file:
        size = int.from_bytes(file.read(18)[16:], "big") or 4096
        for page in range(first, first + pages):
            file.seek(page * size)
            file.write(b"\xa5" * size)


def index_of_an_alert(path: Path) -> int:
    """A page which neither the start nor a backup needs."""
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'alert_updated'"
        ).fetchone()
    return int(root) - 1


# --- what it keeps ----------------------------------------------------------------------------------


async def test_a_ledger_begun_from_its_backup_knows_all_that_decides(ledger: Ledger, path: Path) -> None:
    await ledger.store(everything())
    await ledger.move_cursor("influx", "2")
    ledger.add_act(NOW, who="suzuki", source="cli", kind="trap_reset", target="trap-3")
    made = backup.make(path)
    assert backup.check(Path(made.path)) == "ok"
    with closing(Ledger.open(Path(made.path), SETTINGS)) as copy:
        assert list(copy.load_states()) == list(ledger.load_states())
        assert copy.open_alerts() == [alert()]
        assert waiting(copy, NOW) == [notification()]
        assert copy.pending_commands(NOW) == [command()]
        assert copy.events(0) == [event()]
        assert [act.target for act in copy.acts_after()] == ["trap-3"]
        assert copy.cursor("influx") == "2"
        assert copy.counts() == ledger.counts()
        assert copy.readings_after(0, 100) == ledger.readings_after(0, 100)
        assert copy.known([1, 2, 9]) == {1, 2}


async def test_of_months_of_readings_the_newest_are_kept_and_counting_goes_on_from_the_last(
    ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(backup.NEWEST, "reading", 500)
    await ledger.store(Outcome(readings=[reading(NOW + n) for n in range(3_000)]))
    made = backup.make(path)
    with closing(Ledger.open(Path(made.path), SETTINGS)) as copy:
        end, kept = copy.readings_after(0, 10_000)
        assert (end, [r.at for r in kept]) == (3_000, [NOW + n for n in range(2_500, 3_000)])
        await copy.store(Outcome(readings=[reading(NOW + 5_000)]))
        assert copy.readings_after(3_000, 10)[0] == 3_001


async def test_what_still_waits_is_kept_however_old_it_is(
    ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(backup.NEWEST, "notification", 10)
    monkeypatch.setitem(backup.NEWEST, "command", 10)
    await ledger.store(Outcome(notifications=[notification("waits")], commands=[command("waits")]))
    told = [notification(f"n{n}", finished_at=NOW) for n in range(100)]
    done = [command(f"c{n}", finished_at=NOW) for n in range(100)]
    await ledger.store(Outcome(notifications=told, commands=done))
    with closing(Ledger.open(Path(backup.make(path).path), SETTINGS)) as copy:
        assert [n.id for n in waiting(copy, NOW)] == ["waits"]
        assert [c.id for c in copy.pending_commands(NOW)] == ["waits"]
        assert len(copy.notifications_of("river/river-1/1")) == 11


# --- that it can be trusted -------------------------------------------------------------------------


async def test_two_generations_stand_and_the_newer_is_first(ledger: Ledger, path: Path) -> None:
    for number in range(3):
        await ledger.store(Outcome(events=[event(f"e{number}")]))
        backup.make(path)
    newer, older = backup.generations(path)
    with closing(sqlite3.connect(newer)) as a, closing(sqlite3.connect(older)) as b:
        count = "SELECT count(*) FROM event"
        assert (a.execute(count).fetchone()[0], b.execute(count).fetchone()[0]) == (3, 2)
    assert sorted(p.name for p in path.parent.iterdir() if "backup" in p.name) == [newer.name, older.name]


async def test_a_copy_that_is_not_whole_does_not_take_the_place_of_a_good_one(
    ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ledger.store(everything())
    backup.make(path)
    before = backup.generation(path, 1).read_bytes()
    copy = backup._copy

    def torn(ledger: Path, to: Path, busy: backup.Busy) -> int:
        rows = copy(ledger, to, busy)
        spoil(to, pages=5)
        return rows

    monkeypatch.setattr(backup, "_copy", torn)
    with pytest.raises(LedgerError, match="the copy is not whole"):
        backup.make(path)
    assert backup.generation(path, 1).read_bytes() == before
    assert backup.generations(path) == [backup.generation(path, 1)]


async def test_a_ledger_that_cannot_be_read_leaves_the_last_good_backup_alone(path: Path) -> None:
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        await ledger.store(Outcome(events=[event(f"e{n}") for n in range(2_000)]))
    backup.make(path)
    before = backup.generation(path, 1).read_bytes()
    spoil(path)
    with pytest.raises(DamagedError):
        backup.make(path)
    assert backup.generation(path, 1).read_bytes() == before


def test_two_programs_do_not_make_a_backup_at_once(ledger: Ledger, path: Path) -> None:
    new = Path(f"{path}.backup-new")
    with new.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(LedgerError, match="another one is being made"):
            backup.make(path)
    assert backup.generations(path) == []
    backup.make(path)


async def test_where_the_room_would_be_missed_no_backup_is_begun(
    ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "free_bytes", lambda _: backup.ROOM_BESIDE)
    with pytest.raises(FullError, match="no room"):
        backup.make(path)


# --- that it holds nobody up ------------------------------------------------------------------------


async def test_the_hub_commits_while_a_backup_is_made(ledger: Ledger, path: Path) -> None:
    for start in range(0, 60_000, 5_000):
        await ledger.store(Outcome(readings=[reading(NOW + start + n) for n in range(5_000)]))
    begun, go_on = threading.Event(), threading.Event()

    def hold(connection: sqlite3.Connection) -> None:
        """Stops the copy between its tables: longer than any real one would take."""
        connection.set_progress_handler(lambda: begun.set() or not go_on.wait(20) or None, 2_000)

    working = asyncio.create_task(asyncio.to_thread(backup.make, path, hold))
    await asyncio.to_thread(begun.wait, 20)
    began = wall.monotonic()
    for number in range(20):
        await ledger.store(Outcome(events=[event(f"meanwhile-{number}")]))
    took = wall.monotonic() - began
    assert not working.done()
    go_on.set()
    made = await working
    assert took < 5
    with closing(Ledger.open(Path(made.path), SETTINGS)) as copy:
        assert copy.events(0) == []
        assert len(copy.readings_after(0, 100_000)[1]) == 60_000


# --- when -------------------------------------------------------------------------------------------


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("made", "now", "due"),
    [
        ("2026-11-21T03:30:05+09:00", "2026-11-21T23:00:00+09:00", False),
        ("2026-11-21T03:30:05+09:00", "2026-11-22T03:29:59+09:00", False),
        ("2026-11-21T03:30:05+09:00", "2026-11-22T03:30:00+09:00", True),
        ("2026-11-20T03:30:05+09:00", "2026-11-21T09:00:00+09:00", True),
        ("2026-11-22T03:30:05+09:00", "2026-11-21T09:00:00+09:00", True),
    ],
    ids=["same day", "just before", "just then", "slept through", "from the future"],
)
def test_a_backup_is_due_once_a_night_and_after_a_night_that_was_slept_through(
    made: str, now: str, due: bool
) -> None:
    done = Done(at(made), ok=True, good_at=at(made))
    assert is_due(done, time(3, 30), TOKYO, at(now)) is due


def test_the_first_backup_is_due_at_once_and_a_failed_one_after_an_hour() -> None:
    assert is_due(Done(), time(3, 30), TOKYO, NOW)
    failed = Done(NOW, ok=False)
    assert not is_due(failed, time(3, 30), TOKYO, NOW + 3_599_999)
    assert is_due(failed, time(3, 30), TOKYO, NOW + 3_600_000)


@given(
    st.integers(at("2026-01-01T00:00:00+00:00"), at("2030-01-01T00:00:00+00:00")),
    st.times(),
    st.sampled_from(["Asia/Tokyo", "Europe/Berlin", "America/New_York"]),
)
def test_a_backup_is_made_once_a_day_whatever_the_zone_does_with_its_hours(
    now: int, of_day: time, zone: str
) -> None:
    here, made = ZoneInfo(zone), []
    done = Done(now, ok=True)
    for moment in range(now, now + 3 * DAY, 300_000):
        if is_due(done, of_day, here, moment):
            done = Done(moment, ok=True)
            made.append(moment)
    assert 2 <= len(made) <= 4  # a day has 23 to 25 hours
    gaps = [b - a for a, b in pairwise(made)]
    assert all(abs(gap - DAY) <= timedelta(hours=1, minutes=5) / timedelta(milliseconds=1) for gap in gaps)


class CountedClock(SetClock):
    asked = 0

    def now(self) -> int:
        self.asked += 1
        return super().now()


async def test_every_night_a_backup_is_made_and_the_file_checked_and_both_written_down(
    ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nightly, "FIRST_AFTER_S", 0.0)
    monkeypatch.setattr(nightly, "LOOK_EVERY_S", 0.01)
    await ledger.store(everything())
    clock = CountedClock(1_000_000)
    task = asyncio.create_task(keep_backups(ledger, clock, TOKYO))
    try:
        await until(lambda: clock.asked > 3, "the hub has looked at its clock")
        assert backup.generations(path) == []  # the clock has not been set
        clock.at = NOW
        await until(lambda: last(ledger, CHECK).ok, "the first night is over")
        clock.at = NOW + DAY
        await until(lambda: last(ledger, CHECK).good_at == NOW + DAY, "the second night is over")
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    done = last(ledger, BACKUP)
    assert (done.at, done.ok, done.bytes) == (NOW + DAY, True, backup.generation(path, 1).stat().st_size)
    assert len(backup.generations(path)) == 2


async def test_a_night_that_finds_a_broken_page_ends_the_hub_with_a_backup_of_that_night(path: Path) -> None:
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        readings = [reading(NOW + n) for n in range(20_000)]
        await ledger.store(Outcome(states=everything().states, receipts=[receipt(1)], readings=readings))
    with closing(Ledger.open(path, LedgerSettings())) as ledger:
        spoil(path, first=index_of_an_alert(path), pages=1)
        night = Night(ledger, SetClock(NOW))
        try:
            assert (await night.back_up()).ok
            with pytest.raises(DamagedError, match="nightly check"):
                await night.check()
        finally:
            night.close()
        assert not last(ledger, CHECK).ok
    assert backup.check(backup.generation(path, 1)) == "ok"


async def test_a_town_that_decides_itself_goes_on_with_a_broken_page(path: Path) -> None:
    with closing(Ledger.open(path, LedgerSettings(on_corrupt="refuse"))) as ledger:
        await ledger.store(everything())
        ledger.checkpoint()
        spoil(path, first=index_of_an_alert(path), pages=1)
        night = Night(ledger, SetClock(NOW))
        try:
            assert not (await night.check()).ok
        finally:
            night.close()
