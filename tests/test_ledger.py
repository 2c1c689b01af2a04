"""What the ledger promises: nothing committed is lost, a repeat changes nothing, the file stays bounded."""

import asyncio
import multiprocessing
import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from hub.config.shapes import LedgerSettings
from hub.ledger import Ledger, LedgerError, migrations, tend
from hub.ledger.window import FRESH, Window
from hub.model import (
    Alert,
    AlertState,
    Command,
    Event,
    EventKind,
    Flag,
    Freshness,
    Message,
    Notification,
    Outcome,
    Reading,
    Reason,
    Receipt,
    Severity,
    Status,
    Verdict,
)

NOW = int(datetime.fromisoformat("2026-11-21T21:07:03+09:00").timestamp() * 1000)
DAY = 86_400_000
SETTINGS = LedgerSettings()
SMALL = LedgerSettings(limit_mb=16)


class Level(Struct, frozen=True):
    """A state such as a detector keeps."""

    level: str
    since: int


def receipt(number: int, verdict: Verdict = Verdict.STORED, at: int = NOW, payload: bytes = b"{}") -> Receipt:
    message = Message(f"naruko/kita/dev-{number % 7}/up", payload, at)
    reason = "not JSON" if verdict is Verdict.QUARANTINED else ""
    device = "" if verdict is Verdict.QUARANTINED else f"dev-{number % 7}"
    return Receipt(message, verdict, device, fingerprint=number, reason=reason)


def reading(at: int = NOW, value: float | None = 1.5, **more: Any) -> Reading:
    fields = {"device": "river-1", "quantity": "level_m", "flag": Flag.PASS, "received_at": at} | more
    return Reading(at=at, value=value, **fields)


def event(id: str = "river-1/level_up/1", at: int = NOW) -> Event:
    return Event(id, EventKind.LEVEL_UP, "river/river-1", "river-1", at, at, level="caution", value=5.02)


def alert(id: str = "river/river-1/1", **more: Any) -> Alert:
    fields: dict[str, Any] = {
        "incident": "river/river-1",
        "kind": "river",
        "severity": Severity.CAUTION,
        "device": "river-1",
        "opened_at": NOW,
        "updated_at": NOW,
        "lat": 36.06,
        "lon": 137.97,
        "place": "北小野 小野川",
        "place_en": "Kita-Ono, Ono River",
        "level": "caution",
        "told": {"tanaka": 1},
    } | more
    return Alert(id=id, **fields)


def notification(id: str = "n1", **more: Any) -> Notification:
    fields: dict[str, Any] = {
        "alert_id": "river/river-1/1",
        "recipient": "tanaka",
        "channel": 0,
        "channel_kind": "mail",
        "reason": Reason.OPENED,
        "template": "river.up",
        "severity": Severity.CAUTION,
        "title": "【注意】小野川",
        "body": "氾濫注意水位に達しました。",
        "created_at": NOW,
        "event_received_at": NOW,
        "expires_at": NOW + DAY,
    } | more
    return Notification(id=id, **fields)


def command(id: str = "c1", **more: Any) -> Command:
    fields: dict[str, Any] = {"device": "siren-1", "alert_id": "a", "action": "deter", "until": NOW + 20_000}
    return Command(id=id, **(fields | {"created_at": NOW} | more))


def everything() -> Outcome:
    return Outcome(
        receipts=[receipt(1), receipt(2), receipt(3, Verdict.QUARANTINED, payload=b"\xff\x00")],
        readings=[
            reading(),
            reading(quantity="air_c", value=None, flag=Flag.MISSING, freshness=Freshness.STORED),
            reading(NOW + 1, -0.25, flag=Flag.SUSPECT, tests=("spike", "rate")),
        ],
        events=[event()],
        alerts=[alert()],
        notifications=[notification()],
        commands=[command()],
        states={("river", "river-1"): Level("caution", NOW)},
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "naruko.db"


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with closing(Ledger.in_memory()) as opened:
        yield opened


def rows_of(path: Path) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        names = [name for (name,) in tables if not name.startswith("sqlite_")]
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}  # noqa: S608


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
        assert after.pending_notifications(NOW, 10) == outcome.notifications
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


async def test_the_most_urgent_due_notification_comes_first(ledger: Ledger) -> None:
    mild = notification("mild", next_at=NOW)
    grave = notification("grave", severity=Severity.LIFE, next_at=NOW)
    later = notification("later", severity=Severity.LIFE, next_at=NOW + 1)
    await ledger.store(Outcome(notifications=[mild, later, grave]))
    assert ledger.pending_notifications(NOW, 10) == [grave, mild]
    assert ledger.pending_notifications(NOW, 1) == [grave]
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
    assert ledger.pending_notifications(NOW, 10) == []
    assert ledger.next_notification_at() == NOW + 5_000
    assert ledger.pending_notifications(NOW + 5_000, 10) == [again]


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
        Ledger.open(path, SETTINGS)


async def test_a_ledger_with_a_broken_page_is_refused(path: Path) -> None:
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        await ledger.store(Outcome(readings=[reading(NOW + n) for n in range(5_000)]))
    with path.open("r+b") as file:
        for page in range(60, 70):
            file.seek(page * 4096)
            file.write(b"\xa5" * 4096)
    with pytest.raises(LedgerError, match="damaged"):
        Ledger.open(path, SETTINGS)


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


async def test_a_log_that_has_grown_too_long_is_emptied(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.ledger.book.RESTART_ABOVE_BYTES", 50_000)
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        await ledger.store(Outcome(readings=[reading(NOW + n) for n in range(2_000)]))
        assert ledger.wal_bytes() > 50_000
        await ledger.checkpoint_off_loop()
        assert ledger.wal_bytes() == 0


async def test_what_is_older_than_its_time_goes_and_what_is_open_stays(path: Path) -> None:
    old = NOW - 500 * DAY
    over = {"state": AlertState.RESOLVED, "updated_at": old}
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        await ledger.store(
            Outcome(
                receipts=[receipt(1, at=NOW - 8 * DAY), receipt(2, at=NOW - 6 * DAY), receipt(3)],
                readings=[reading(old), reading(NOW - 399 * DAY), reading()],
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
        assert [r.at for r in ledger.readings_after(0, 10)[1]] == [NOW - 399 * DAY, NOW]
        assert [e.id for e in ledger.events(0)] == ["new"]
        assert {a.id for a in ledger.alerts(0)} == {"unsent", "open"}
        assert [n.id for n in ledger.pending_notifications(NOW, 10)] == ["waits"]
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
        assert ledger.pending_notifications(NOW, 10) == [notification()]
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
        assert len(ledger.pending_notifications(NOW, 100)) == 40


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

        async def noted(now: int) -> Any:
            sheds.append(now)
            if len(sheds) == 2:
                twice.set()
            return await shed(now)

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
    window = Window.of(range(10 * FRESH), size=10 * FRESH)
    for start in range(10 * FRESH, 100 * FRESH, 1_000):
        window.add(range(start, start + 1_000))
    newest = start + 1_000
    last_half = range(newest - 5 * FRESH, newest)
    assert window.known(last_half) == set(last_half)
    assert len(window.known(range(newest))) <= 12 * FRESH
