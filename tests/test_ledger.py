"""The ledger: what is written is read, what was committed survives, what repeats changes nothing."""

import asyncio
import fcntl
import multiprocessing
import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from hub.ledger import Ledger, LedgerError
from hub.model import (
    AlertState,
    Flag,
    Freshness,
    Outcome,
    Severity,
    Status,
    Verdict,
)
from tests.ledgers import (
    DAY,
    NOW,
    SETTINGS,
    Level,
    alert,
    command,
    everything,
    notification,
    reading,
    receipt,
    rows_of,
    waiting,
)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with closing(Ledger.in_memory()) as opened:
        yield opened


# --- what is written is read ------------------------------------------------------------------------


async def test_all_of_an_outcome_is_read_back_after_a_restart(path: Path) -> None:
    outcome = everything()
    with closing(Ledger.open(path, SETTINGS)) as before:
        await before.store(outcome)
    with closing(Ledger.open(path, SETTINGS)) as after:
        cursor, readings = after.readings_after(0, 100)
        assert readings == outcome.readings
        assert after.readings_after(cursor, 100) == (cursor, [])
        assert after.events(0) == outcome.events
        assert after.open_alerts() == outcome.alerts == after.alerts(NOW)
        assert after.alerts(NOW + 1) == []
        assert after.notifications_of("river/river-1/1") == outcome.notifications
        assert waiting(after, NOW) == outcome.notifications
        assert after.pending_commands(NOW) == outcome.commands
        assert list(after.load_states()) == [("river", "river-1", b'{"level":"caution","since":%d}' % NOW)]
        bad = after.quarantined()[0]
        assert (bad.reason, bad.message.payload, bad.fingerprint) == ("not JSON", b"\xff\x00", 3)
        assert after.known([1, 2, 3, 4]) == {1, 2, 3}


async def test_an_outcome_written_twice_changes_nothing(path: Path) -> None:
    again = everything()
    again.receipts = []
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        await ledger.store(everything())
        once = rows_of(path)
        await ledger.store(again)
        assert rows_of(path) == once


async def test_the_first_value_of_a_reading_stays(ledger: Ledger) -> None:
    await ledger.store(Outcome(readings=[reading(value=1.5), reading(value=9.9)]))
    await ledger.store(Outcome(readings=[reading(value=7.7, flag=Flag.FAIL)]))
    assert ledger.readings_after(0, 10)[1] == [reading(value=1.5)]


@pytest.mark.parametrize("number", [1, 31, 32, 33, 64, 200, 5_003])
async def test_every_row_of_a_batch_of_any_size_is_written(ledger: Ledger, number: int) -> None:
    readings = [reading(NOW + n, float(n)) for n in range(number)]
    receipts = [receipt(n + 1) for n in range(number)]
    await ledger.store(Outcome(receipts=receipts, readings=readings))
    assert ledger.readings_after(0, 10_000)[1] == readings
    assert ledger.counts()["messages"] == number


async def test_duplicates_and_shed_messages_are_counted_and_not_kept(path: Path) -> None:
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        outcome = everything()
        outcome.receipts += [receipt(1, Verdict.DUPLICATE)] * 99 + [receipt(8, Verdict.SHED)] * 5
        await ledger.store(outcome)
        assert ledger.counts() == {
            "messages": 107,
            "readings": 3,
            "events": 1,
            "quarantined": 1,
            "duplicates": 99,
            "shed": 5,
            "unforwarded": 0,
        }
        assert len(rows_of(path)["message"]) == 3
        assert ledger.known([8]) == set()


async def test_a_state_that_ended_is_gone(ledger: Ledger) -> None:
    await ledger.store(Outcome(states={("trap", "t1"): Level("a", 1), ("trap", "t2"): Level("b", 2)}))
    await ledger.store(Outcome(states={("trap", "t1"): None, ("trap", "t2"): Level("c", 3)}))
    assert list(ledger.load_states()) == [("trap", "t2", b'{"level":"c","since":3}')]


async def test_readings_of_one_quantity_come_by_their_own_time(ledger: Ledger) -> None:
    late = reading(NOW - 4 * 3_600_000, 3.9, received_at=NOW, freshness=Freshness.LATE)
    await ledger.store(
        Outcome(readings=[reading(), late, reading(quantity="air_c"), reading(device="other")])
    )
    assert ledger.readings("river-1", "level_m", 0, NOW + 1) == [late, reading()]
    assert ledger.readings("river-1", "level_m", NOW - DAY, NOW) == [late]
    assert ledger.latest_reading("river-1", "level_m") == reading()
    assert ledger.latest_reading("nobody", "level_m") is None


async def test_the_life_of_an_alert_is_kept_step_by_step_without_who_was_told(ledger: Ledger) -> None:
    await ledger.store(Outcome(alerts=[alert()]))
    await ledger.store(Outcome(alerts=[alert(updated_at=NOW + 1, told={"sato": 2}, held=3)]))
    await ledger.store(Outcome(alerts=[alert(updated_at=NOW + 2, severity=Severity.DANGER, level="danger")]))
    closed = alert(updated_at=NOW + 3, closed_at=NOW + 3, state=AlertState.RESOLVED)
    await ledger.store(Outcome(alerts=[closed]))
    cursor, changes = ledger.alert_changes_after(0, 10)
    assert [(c.at - NOW, c.severity, c.state) for c in changes] == [
        (0, 1, "open"),
        (2, 3, "open"),
        (3, 1, "resolved"),
    ]
    assert ledger.alert_changes_after(cursor, 10) == (cursor, [])
    assert ledger.open_alerts() == []
    assert ledger.alerts(0) == [closed]


# --- outboxes ---------------------------------------------------------------------------------------


async def test_what_waits_is_read_in_the_order_in_which_it_was_decided_due_or_not(ledger: Ledger) -> None:
    mild = notification("mild", next_at=NOW)
    grave = notification("grave", severity=Severity.LIFE, next_at=NOW)
    later = notification("later", severity=Severity.LIFE, next_at=NOW + 1)
    await ledger.store(Outcome(notifications=[mild, later, grave]))
    assert waiting(ledger) == [mild, later, grave]
    assert waiting(ledger, NOW) == [mild, grave]
    assert ledger.next_notification_at() == NOW


async def test_a_notification_without_answer_comes_again_and_a_finished_one_does_not(ledger: Ledger) -> None:
    unanswered, sent, given_up, replayed = (notification(f"n{n}") for n in range(4))
    await ledger.store(Outcome(notifications=[unanswered, sent, given_up]))
    await ledger.store(Outcome(notifications=[replace(replayed, status=Status.NOT_SENT)]))
    again = replace(unanswered, status=Status.TIMEOUT, attempts=1, next_at=NOW + 5_000, error="no answer")
    await asyncio.gather(
        ledger.update_notification(again),
        ledger.update_notification(replace(sent, status=Status.SENT, finished_at=NOW)),
        ledger.update_notification(replace(given_up, status=Status.TIMEOUT, finished_at=NOW)),
    )
    assert waiting(ledger, NOW) == []
    assert ledger.next_notification_at() == NOW + 5_000
    assert waiting(ledger, NOW + 5_000) == [again]


async def test_what_the_device_answered_is_not_overwritten_by_the_sending(ledger: Ledger) -> None:
    await ledger.store(Outcome(commands=[command("c1"), command("c2")]))
    await ledger.store(Outcome(commands_done=[("c1", "done", NOW + 900), ("unknown", "done", NOW)]))
    sent = {"status": Status.SENT, "finished_at": NOW + 950}
    await ledger.update_command(replace(command("c1"), **sent))
    await ledger.update_command(replace(command("c2"), **sent))
    assert ledger.pending_commands(NOW) == []
    await ledger.store(Outcome(commands_done=[("c2", "refused", NOW + 990)]))
    stored = ledger._read.execute("SELECT body FROM command ORDER BY id").fetchall()
    assert [b'"status":"done"' in stored[0][0], b'"status":"refused"' in stored[1][0]] == [True, True]


async def test_many_small_writes_share_one_transaction(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        items = [notification(f"n{number}") for number in range(50)]
        await ledger.store(Outcome(notifications=items))
        commits: list[int] = []
        commit = ledger.commit

        def counted() -> None:
            commits.append(1)
            commit()

        monkeypatch.setattr(ledger, "commit", counted)
        done = [replace(item, status=Status.SENT, finished_at=NOW) for item in items]
        await asyncio.gather(*(ledger.update_notification(item) for item in done))
        assert ledger.notifications_of("river/river-1/1") == done
        assert len(commits) <= 2


async def test_small_writes_that_come_during_a_commit_are_not_forgotten(path: Path) -> None:
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        async with ledger.lock:
            ledger.insert(everything())
            waiting = asyncio.create_task(ledger.move_cursor("influx", "7"))
            await asyncio.sleep(0)
            await ledger.commit_off_loop()
        await waiting
        assert ledger.cursor("influx") == "7"
        assert ledger.cursor("never moved") == ""


# --- crashes ----------------------------------------------------------------------------------------


async def test_what_was_not_committed_is_gone_after_a_crash_and_the_rest_is_whole(path: Path) -> None:
    ledger = Ledger.open(path, SETTINGS)
    await ledger.store(Outcome(receipts=[receipt(1)], readings=[reading()]))
    committed = rows_of(path)
    ledger.insert(Outcome(receipts=[receipt(2)], readings=[reading(NOW + 1, device="new")], alerts=[alert()]))
    assert rows_of(path) == committed
    ledger.close()
    with closing(Ledger.open(path, SETTINGS)) as after:
        assert rows_of(path) == committed
        assert after.known([1, 2]) == {1}


def _insert_until_killed(path: Path, told: Any) -> None:
    ledger = Ledger.open(path, SETTINGS)
    number = 0
    while True:
        number += 1
        ledger.insert(
            Outcome(
                receipts=[receipt(number)],
                readings=[reading(NOW + number)],
                states={("count", "n"): Level(str(number), number)},
            )
        )
        ledger.commit()
        told.send(number)


def test_a_killed_writer_loses_nothing_that_it_had_committed(path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe(duplex=False)
    child = spawn.Process(target=_insert_until_killed, args=(path, theirs))
    child.start()
    theirs.close()
    last = 0
    while last < 100:
        last = ours.recv()
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    while ours.poll():
        try:
            last = ours.recv()
        except EOFError:
            break
    ours.close()
    with closing(Ledger.open(path, SETTINGS)) as after:
        readings = after.readings_after(0, 100_000)[1]
        assert len(readings) in (last, last + 1)
        assert after.counts()["messages"] == len(readings)
        assert next(after.load_states())[2] == b'{"level":"%d","since":%d}' % (
            len(readings),
            len(readings),
        )
        assert after.known(range(1, last + 1)) == set(range(1, last + 1))


async def test_a_failed_insert_leaves_nothing_behind_and_the_next_one_works(path: Path) -> None:
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        poisoned = Outcome(
            readings=[reading(device="new-device")],
            states={("river", "x"): object()},
        )
        with pytest.raises(TypeError):
            ledger.insert(poisoned)
        await ledger.store(Outcome(readings=[reading(device="new-device")]))
        assert ledger.readings_after(0, 10)[1] == [reading(device="new-device")]


async def test_a_full_disk_is_said_with_what_to_do_and_what_was_committed_stays(path: Path) -> None:
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        await ledger.store(everything())
        ledger._writer.execute("PRAGMA max_page_count = 60")
        with pytest.raises(LedgerError, match="full; make room on the disk"):
            await ledger.store(Outcome(receipts=[receipt(9, payload=b"x" * 500_000)]))
        ledger._writer.execute("PRAGMA max_page_count = 1000000")
        await ledger.store(Outcome(receipts=[receipt(10)]))
        assert ledger.known([1, 9, 10]) == {1, 10}


async def test_a_cancelled_task_still_finishes_its_commit(path: Path) -> None:
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        began, go_on = threading.Event(), threading.Event()
        commit = ledger.commit

        def slow() -> None:
            began.set()
            go_on.wait(10)
            commit()

        ledger.commit = slow  # type: ignore[method-assign]
        task = asyncio.create_task(ledger.store(everything()))
        await asyncio.to_thread(began.wait, 10)
        task.cancel()
        await asyncio.sleep(0)
        assert ledger.lock.locked()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ledger.counts()["messages"] == 3


async def test_a_thread_that_still_reads_when_the_ledger_is_closed_harms_nobody(path: Path) -> None:
    ledger = Ledger.open(path, SETTINGS)
    await ledger.store(Outcome(readings=[reading(at=NOW + n) for n in range(20_000)]))
    slow, is_reading = "SELECT sum(a.at * b.at) FROM reading a, reading b", threading.Event()
    outcomes: list[str] = []

    def read() -> None:
        with ledger._bulk_lock:
            ledger._bulk.set_progress_handler(is_reading.set, 1_000)
            try:
                ledger._bulk.execute(slow).fetchone()
            except sqlite3.OperationalError as error:
                outcomes.append(str(error))

    thread = threading.Thread(target=read)
    thread.start()
    await asyncio.to_thread(is_reading.wait)
    ledger.close()
    thread.join(30)
    assert outcomes == ["interrupted"]


async def test_a_view_that_begins_to_read_when_the_ledger_was_told_to_close_is_ended_too(path: Path) -> None:
    ledger = Ledger.open(path, SETTINGS)
    await ledger.store(Outcome(readings=[reading(at=NOW + n) for n in range(20_000)]))
    is_there, go_on = threading.Event(), threading.Event()

    def read(connection: sqlite3.Connection) -> None:
        is_there.set()
        go_on.wait(30)
        connection.execute("SELECT sum(a.at * b.at) FROM reading a, reading b").fetchone()

    looking = asyncio.ensure_future(ledger.view(read))
    await asyncio.to_thread(is_there.wait, 30)
    closing_ = threading.Thread(target=ledger.close)
    closing_.start()
    await asyncio.to_thread(closing_.join, 0.2)  # it has interrupted what there was, and waits for the thread
    go_on.set()
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        await looking
    await asyncio.to_thread(closing_.join, 30)
    assert not closing_.is_alive()


def test_who_only_looks_whether_a_hub_is_at_work_keeps_none_from_starting(path: Path) -> None:
    Ledger.open(path, SETTINGS).close()
    with Path(f"{path}.lock").open(encoding="ascii") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        threading.Timer(0.07, fcntl.flock, (looking, fcntl.LOCK_UN)).start()
        Ledger.open(path, SETTINGS).close()
