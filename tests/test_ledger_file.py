"""The file of the ledger: opening, another process, checkpoints, its bound, the window of fingerprints."""

import asyncio
import multiprocessing
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.config.settings import LedgerSettings
from hub.ledger import Ledger, LedgerError, migrations, tend
from hub.ledger.window import FRESH, Window
from hub.model import AlertState, Outcome, Status
from tests.ledgers import (
    DAY,
    NOW,
    SETTINGS,
    SMALL,
    Level,
    alert,
    command,
    event,
    everything,
    notification,
    reading,
    receipt,
    rows_of,
    waiting,
)

REFUSE = LedgerSettings(on_corrupt="refuse")


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with closing(Ledger.in_memory()) as opened:
        yield opened


# --- opening ----------------------------------------------------------------------------------------


def test_a_new_ledger_has_the_version_of_this_release_and_full_synchronous_commits(path: Path) -> None:
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        version, mode, synchronous, auto = (
            ledger._writer.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("user_version", "journal_mode", "synchronous", "wal_autocheckpoint")
        )
        assert (version, mode, synchronous, auto) == (len(migrations.MIGRATIONS), "wal", 2, 0)


async def test_an_older_ledger_is_migrated_and_keeps_what_it_holds(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Ledger.open(path, SETTINGS)) as old:
        await old.store(everything())
    step = "ALTER TABLE act ADD COLUMN seen INTEGER NOT NULL DEFAULT 0; UPDATE act SET seen = 1"
    monkeypatch.setattr("hub.ledger.opening.MIGRATIONS", (*migrations.MIGRATIONS, step))
    with closing(Ledger.open(path, SETTINGS)) as new:
        assert new.open_alerts() == [alert()]
        assert new._writer.execute("PRAGMA user_version").fetchone()[0] == len(migrations.MIGRATIONS) + 1


def test_a_migration_that_fails_leaves_the_ledger_at_its_version(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Ledger.open(path, SETTINGS).close()
    broken = "CREATE TABLE half (id INTEGER); CREATE TABLE reading (id INTEGER)"
    monkeypatch.setattr("hub.ledger.opening.MIGRATIONS", (*migrations.MIGRATIONS, broken))
    with pytest.raises(LedgerError, match="already exists"):
        Ledger.open(path, SETTINGS)
    monkeypatch.undo()
    Ledger.open(path, SETTINGS).close()
    assert "half" not in rows_of(path)


def test_a_ledger_of_a_newer_release_is_refused(path: Path) -> None:
    Ledger.open(path, SETTINGS).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerError, match="newer naruko; install that release"):
        Ledger.open(path, SETTINGS)
    with pytest.raises(LedgerError, match="version 99"):
        Ledger.attach(path)


def test_the_database_of_another_program_is_refused(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE places (id INTEGER)")
    with pytest.raises(LedgerError, match="another program"):
        Ledger.open(path, SETTINGS)


def test_a_file_that_is_no_database_is_refused_with_what_to_do(path: Path) -> None:
    path.write_bytes(b"not a database at all" * 500)
    with pytest.raises(LedgerError, match=r"damaged.*move the file aside"):
        Ledger.open(path, REFUSE)


async def test_a_ledger_with_a_broken_page_is_refused(path: Path) -> None:
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        await ledger.store(Outcome(readings=[reading(NOW + n) for n in range(5_000)]))
    with path.open("r+b") as file:
        for page in range(60, 70):
            file.seek(page * 4096)
            file.write(b"\xa5" * 4096)
    with pytest.raises(LedgerError, match="damaged"):
        Ledger.open(path, REFUSE)


def test_a_place_that_cannot_be_written_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LedgerError, match="no folder"):
        Ledger.open(path.parent / "missing" / "naruko.db", SETTINGS)
    with pytest.raises(LedgerError, match="choose a folder"):
        Ledger.open(Path("/proc/naruko.db"), SETTINGS)
    Ledger.open(path, SETTINGS).close()
    monkeypatch.setattr(os, "access", lambda place, mode: Path(place) != path)
    with pytest.raises(LedgerError, match="read-only"):
        Ledger.open(path, SETTINGS)


def test_a_second_hub_on_the_same_ledger_is_refused(path: Path) -> None:
    said = f"another hub .process {os.getpid()}."
    with closing(Ledger.open(path, SETTINGS)), pytest.raises(LedgerError, match=said):
        Ledger.open(path, SETTINGS)
    Ledger.open(path, SETTINGS).close()


def test_attaching_makes_no_ledger_where_there_is_none(path: Path) -> None:
    with pytest.raises(LedgerError, match="there is none"):
        Ledger.attach(path)
    assert not path.exists()


# --- another process --------------------------------------------------------------------------------


def _reset_a_trap(path: Path) -> None:
    with closing(Ledger.attach(path)) as ledger:
        assert ledger.open_alerts() == [alert()]
        ledger.add_act(NOW, who="suzuki", source="cli", kind="trap_reset", target="trap-3")


async def test_an_act_of_another_process_is_noticed_and_applied_once(path: Path) -> None:
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        await ledger.store(everything())
        before = ledger.data_version()
        await ledger.store(Outcome(readings=[reading(NOW + 5)]))
        assert ledger.data_version() == before
        assert ledger.acts_after() == []
        process = multiprocessing.get_context("spawn").Process(target=_reset_a_trap, args=(path,))
        process.start()
        await asyncio.to_thread(process.join)
        assert process.exitcode == 0
        assert ledger.data_version() != before
        (act,) = ledger.acts_after()
        assert (act.who, act.kind, act.target, act.at) == ("suzuki", "trap_reset", "trap-3", NOW)
        assert ledger.acts_after(act.id) == []
        await ledger.store(Outcome(acts_applied=[act.id]))
        assert ledger.acts_after() == []


async def test_a_reader_beside_the_hub_sees_what_is_committed_and_nothing_else(path: Path) -> None:
    with closing(Ledger.open(path, SETTINGS)) as hub, closing(Ledger.attach(path)) as page:
        await hub.store(Outcome(readings=[reading()]))
        async with hub.lock:
            hub.insert(Outcome(readings=[reading(NOW + 1, device="new")]))
            assert page.readings_after(0, 10)[1] == hub.readings_after(0, 10)[1] == [reading()]
            await hub.commit_off_loop()
        assert len(page.readings_after(0, 10)[1]) == 2


# --- the file ---------------------------------------------------------------------------------------


async def test_a_checkpoint_beside_the_writer_copies_the_log_into_the_file(path: Path) -> None:
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        await ledger.store(Outcome(readings=[reading(NOW + n) for n in range(2_000)]))
        ledger.insert(Outcome(readings=[reading(NOW - 1)]))
        log, copied = await asyncio.to_thread(ledger.checkpoint)
        assert log == copied > 0
        ledger.commit()
        assert len(ledger.readings_after(0, 10_000)[1]) == 2_001


async def test_what_is_copied_is_not_copied_again(path: Path) -> None:
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        ledger.checkpoint()
        assert ledger.uncopied_bytes() == 0
        await ledger.store(Outcome(readings=[reading(NOW + n) for n in range(2_000)]))
        assert 50_000 < ledger.uncopied_bytes() <= ledger.wal_bytes()
        ledger.checkpoint()
        assert ledger.uncopied_bytes() == 0 < ledger.wal_bytes()
        await ledger.store(Outcome(readings=[reading(NOW - 1)]))
        assert 0 < ledger.uncopied_bytes() < 50_000


def write_and_look(path: Path) -> None:
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        for n in range(1_500):
            ledger.insert(Outcome(readings=[reading(NOW + n)]))
            ledger.commit()
            ledger.uncopied_bytes()


def test_whoever_reads_the_ledger_beside_the_hub_takes_nothing_from_under_it(path: Path) -> None:
    """To close a file lets go of the locks on it: another program then cuts the log's index off (SIGBUS)."""
    hub = multiprocessing.get_context("spawn").Process(target=write_and_look, args=(path,))
    hub.start()
    while hub.is_alive():
        with closing(sqlite3.connect(path)) as other:
            if other.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'reading'").fetchone()[0]:
                other.execute("SELECT count(*) FROM reading").fetchone()
    assert hub.exitcode == 0
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        assert len(ledger.readings_after(0, 10_000)[1]) == 1_500


async def test_a_log_that_has_grown_too_long_is_emptied(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.ledger.book.RESTART_ABOVE_BYTES", 50_000)
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        await ledger.store(Outcome(readings=[reading(NOW + n) for n in range(2_000)]))
        assert ledger.wal_bytes() > 50_000
        await ledger.checkpoint_off_loop()
        assert ledger.wal_bytes() == 0


async def test_what_is_older_than_its_time_goes_and_what_is_open_stays(path: Path) -> None:
    old = NOW - 320 * DAY
    settings = SETTINGS.model_copy(update={"keep_readings": 300 * DAY})
    over = {"state": AlertState.RESOLVED, "updated_at": old}
    with closing(Ledger.open(path, settings)) as ledger:
        await ledger.store(
            Outcome(
                receipts=[receipt(1, at=NOW - 8 * DAY), receipt(2, at=NOW - 6 * DAY), receipt(3)],
                readings=[reading(old), reading(NOW - 299 * DAY), reading()],
                events=[event("old", old), event("new")],
                alerts=[
                    alert("over", incident="a", **over),
                    alert("unsent", incident="b", **over),
                    alert("open", incident="c", updated_at=old),
                ],
                notifications=[
                    notification(
                        "told", alert_id="over", created_at=old, status=Status.SENT, finished_at=old
                    ),
                    notification("waits", alert_id="unsent", created_at=old),
                    notification(
                        "kept", alert_id="open", created_at=old, status=Status.SENT, finished_at=old
                    ),
                ],
                commands=[
                    command("done", created_at=old, status=Status.DONE, finished_at=old),
                    command("open", created_at=old),
                ],
                states={("river", "river-1"): Level("danger", old)},
            )
        )
        gone = await ledger.shed(NOW)
        assert (gone.messages, gone.readings) == (1, 1)
        assert [r.at for r in ledger.readings_after(0, 10)[1]] == [NOW - 299 * DAY, NOW]
        assert [e.id for e in ledger.events(0)] == ["new"]
        assert {a.id for a in ledger.alerts(0)} == {"unsent", "open"}
        assert [n.id for n in waiting(ledger, NOW)] == ["waits"]
        assert [n.id for n in ledger.notifications_of("open")] == ["kept"]
        assert ledger.notifications_of("over") == []
        assert [c.id for c in ledger.pending_commands(NOW)] == ["open"]
        assert len(list(ledger.load_states())) == 1


def size_of(path: Path) -> int:
    return path.stat().st_size


async def fill(ledger: Ledger, batches: int, *, payload: bytes, readings: int, start: int = 0) -> None:
    for batch in range(start, start + batches):
        at = NOW + batch * 1_000
        await ledger.store(
            Outcome(
                receipts=[receipt(batch * 100 + n + 1, at=at, payload=payload) for n in range(100)],
                readings=[reading(at + n, device=f"dev-{batch}") for n in range(readings)],
            )
        )


async def test_the_file_stays_below_its_limit_and_raw_messages_go_first(path: Path) -> None:
    with closing(Ledger.open(path, SMALL)) as ledger:
        await ledger.store(everything())
        for round_ in range(4):
            await fill(ledger, 60, payload=b"x" * 1_500, readings=20, start=round_ * 60)
            gone = await ledger.shed(NOW)
            await ledger.checkpoint_off_loop()
            assert size_of(path) <= 16 * 1024 * 1024
        assert gone.messages > 0
        assert gone.readings == 0
        assert len(ledger.readings_after(0, 10_000)[1]) == 4 * 60 * 20 + 3
        assert ledger.counts()["messages"] == 4 * 60 * 100 + 3
        assert ledger.counts()["quarantined"] == 1
        assert ledger.open_alerts() == [alert()]


async def test_when_messages_are_gone_the_oldest_readings_go_and_unforwarded_ones_are_counted(
    path: Path,
) -> None:
    with closing(Ledger.open(path, SMALL)) as ledger:
        await ledger.store(everything())
        await fill(ledger, 130, payload=b"{}", readings=3_000)
        first, _ = ledger.readings_after(0, 5_000)
        await ledger.move_cursor("influx", str(first))
        gone = await ledger.shed(NOW)
        assert gone.readings > gone.unforwarded == gone.readings - 5_000 > 0
        assert ledger.counts()["unforwarded"] == gone.unforwarded
        assert ledger.counts()["readings"] == 130 * 3_000 + 3
        kept = ledger.readings_after(0, 1_000_000)[1]
        assert len(kept) == 130 * 3_000 + 3 - gone.readings
        assert kept[-1].device == "dev-129"
        assert ledger.open_alerts() == [alert()]
        assert waiting(ledger, NOW) == [notification()]
        assert ledger.pending_commands(NOW) == [command()]
        assert len(list(ledger.load_states())) == 1
        assert (await ledger.shed(NOW)).readings == 0


async def test_readings_that_were_all_shed_do_not_hide_new_ones_from_the_forwarder(path: Path) -> None:
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        await ledger.store(Outcome(readings=[reading(NOW - 500 * DAY + n) for n in range(10)]))
        cursor, _ = ledger.readings_after(0, 100)
        await ledger.shed(NOW)
        await ledger.store(Outcome(readings=[reading()]))
        assert ledger.readings_after(cursor, 100)[1] == [reading()]


async def test_a_ledger_full_of_open_alerts_says_that_nothing_may_go(path: Path) -> None:
    with closing(Ledger.open(path, SMALL)) as ledger:
        for number in range(40):
            big = notification(f"n{number}", body="水" * 200_000)
            await ledger.store(Outcome(notifications=[big]))
        gone = await ledger.shed(NOW)
        assert gone.over_limit
        assert len(waiting(ledger, NOW)) == 40


async def test_a_file_that_had_grown_over_its_limit_gives_its_pages_back(path: Path) -> None:
    with closing(Ledger.open(path, SMALL)) as ledger:
        await fill(ledger, 30, payload=b"x" * 15_000, readings=1)
        await ledger.checkpoint_off_loop()
        assert size_of(path) > 44_000_000
        await ledger.shed(NOW + 8 * DAY)
        await ledger.checkpoint_off_loop()
        assert size_of(path) <= 16 * 1024 * 1024


class Ticking:
    """A clock that has not been set, then has."""

    def __init__(self, *times: int) -> None:
        self.times = list(times)

    def now(self) -> int:
        return self.times.pop(0) if len(self.times) > 1 else self.times[0]


async def test_a_clock_that_has_not_been_set_sheds_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.ledger.upkeep.LOOK_EVERY_S", 0.001)
    sheds: list[int] = []
    twice = asyncio.Event()
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        shed = ledger.shed

        async def noted(now: int, **how: Any) -> Any:
            sheds.append(now)
            if len(sheds) == 2:
                twice.set()
            return await shed(now, **how)

        monkeypatch.setattr(ledger, "shed", noted)
        task = asyncio.create_task(tend(ledger, Ticking(0, 1_000, NOW, NOW + 1, NOW + 60_000)))
        await twice.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert sheds == [NOW, NOW + 60_000]


# --- the window of fingerprints ---------------------------------------------------------------------


@given(st.lists(st.lists(st.integers(1, 2**63 - 1), max_size=50), max_size=20))
def test_a_fingerprint_within_the_window_is_known_and_no_other(batches: list[list[int]]) -> None:
    window = Window()
    seen: set[int] = set()
    for batch in batches:
        assert window.known(batch) == seen.intersection(batch)
        window.add(batch)
        seen.update(batch)


def test_the_window_holds_its_last_half_and_is_bounded() -> None:
    window = Window(size=10 * FRESH)
    blocks = [window.add(range(start, start + FRESH)) for start in range(0, 10 * FRESH, FRESH)]
    window = Window.of([block for block in blocks if block], size=10 * FRESH)
    for start in range(10 * FRESH, 100 * FRESH, 1_000):
        window.add(range(start, start + 1_000))
    newest = start + 1_000
    last_half = range(newest - 5 * FRESH, newest)
    assert window.known(last_half) == set(last_half)
    assert len(window.known(range(newest))) <= 15 * FRESH


def test_a_repeat_is_known_after_a_restart_however_many_messages_came(path: Path) -> None:
    last = 3 * FRESH + 500
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        for start in range(1, last, 500):
            numbers = range(start, min(start + 500, last + 1))
            ledger.insert(Outcome(receipts=[receipt(number) for number in numbers]))
            ledger.commit()
    for _ in range(2):
        with closing(Ledger.open(path, SETTINGS)) as ledger:
            assert ledger.known([0, 1, FRESH, last - 1, last, last + 1]) == {1, FRESH, last - 1, last}
            assert len(list(ledger.seen_blocks())) == 2
            assert len(ledger.seen_since()) < 2 * FRESH
