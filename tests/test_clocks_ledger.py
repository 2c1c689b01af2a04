"""What waits in the ledger when the clock is set, and what goes of it for its age."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from hub import steps
from hub.clock import SetClock, Step
from hub.command import deliver
from hub.config.settings import LedgerSettings
from hub.config.shapes import Person
from hub.ledger import Ledger
from hub.ledger.patience import Patience
from hub.model import Notification, Outcome, Status
from hub.notify import Answer
from hub.notify.desk import Desk
from tests import towns
from tests.ledgers import command, notification, reading, receipt
from tests.towns import DAY, HOUR, MINUTE, at
from tests.waiting import until

NOON = at("2026-11-21 12:00")
YEAR = 365 * DAY


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger.open(tmp_path / "naruko.db", LedgerSettings(path=tmp_path / "naruko.db"))) as opened:
        yield opened


class Followed(SetClock):
    """A clock whose step the hub has just followed."""

    def steps(self, by: int) -> None:
        self.followed.append(Step(NOON - HOUR, self.at, by))
        self.at += by


class Rows:
    """An outbox whose rows are moved with the clock, as the ledger's are."""

    def __init__(self, *rows: Notification) -> None:
        self.rows = {row.id: row for row in rows}

    def notifications_after(self, last: int = 0) -> tuple[int, list[Notification]]:
        return 1, [row for row in self.rows.values() if row.finished_at is None and not last]

    def notifications_of(self, alert_id: str) -> list[Notification]:
        return [row for row in self.rows.values() if row.alert_id == alert_id]

    async def update_notification(self, notification: Notification) -> None:
        self.rows[notification.id] = notification


@pytest.mark.parametrize("by", [3 * YEAR, -3 * YEAR, 2 * DAY], ids=["ahead", "back", "two days"])
async def test_what_is_under_way_and_what_waits_behind_it_go_with_the_clock(by: int) -> None:
    """A phone hangs while the clock is set: what it did not take is tried again, and nothing has expired."""
    hangs, tried = threading.Event(), list[str]()

    def send(_: Person, told: Notification) -> Answer:
        tried.append(told.id)
        if len(tried) == 1:
            hangs.wait(30)
            return Answer(Status.PENDING, "refused")
        return Answer(Status.SENT)

    rows = Rows(*(notification(id, created_at=NOON, next_at=NOON, expires_at=NOON + HOUR) for id in "ab"))
    clock, wake = Followed(NOON), asyncio.Event()
    village = towns.town(people=[towns.person("tanaka", "farmer")])
    desk = Desk(rows, village, clock, wake, send)
    tasks = [asyncio.create_task(desk.send_due()), asyncio.create_task(desk.write_down())]
    try:
        await until(lambda: tried, "the first is under way")
        clock.steps(by)
        rows.rows = {id: steps.moved_notification(row, clock.followed[-1]) for id, row in rows.rows.items()}
        hangs.set()
        await until(lambda: all(row.status is Status.SENT for row in rows.rows.values()), "both are sent")
        assert {row.expires_at - row.created_at for row in rows.rows.values()} == {HOUR}
        assert {row.created_at for row in rows.rows.values()} == {NOON + by}
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await desk.close()


async def test_a_row_that_was_held_while_it_was_moved_is_written_as_it_was_moved(ledger: Ledger) -> None:
    held = notification(created_at=NOON, next_at=NOON, expires_at=NOON + HOUR)
    await ledger.store(Outcome(notifications=[held]))
    step = Step(NOON - HOUR, NOON + MINUTE, -DAY)
    async with ledger.lock:
        await ledger.store_moved(Outcome(), step, steps.moved_notification, steps.moved_command)
    await ledger.update_notification(replace(held, attempts=1, next_at=NOON + 2 * MINUTE))
    (row,) = ledger.notifications_of(held.alert_id)
    assert (row.created_at, row.next_at, row.attempts) == (NOON - DAY, NOON - DAY + 2 * MINUTE, 1)


async def test_an_order_that_waits_behind_another_does_not_expire_because_the_clock_is_set(
    ledger: Ledger,
) -> None:
    clock, wake, given = Followed(NOON), asyncio.Event(), list[str]()
    orders = [command(id, created_at=NOON, until=NOON + 20_000) for id in "ab"]
    await ledger.store(Outcome(commands=orders))

    async def publish(topic: str, payload: bytes) -> None:
        given.append(msgspec.json.decode(payload)["id"])
        if len(given) == 1:
            clock.steps(DAY)
            async with ledger.lock:
                await ledger.store_moved(
                    Outcome(), clock.followed[-1], steps.moved_notification, steps.moved_command
                )
            wake.set()

    task = asyncio.create_task(deliver(ledger, publish, "test", clock, wake))
    try:
        await until(lambda: len(given) == 2, "both orders are given")
    finally:
        task.cancel()
        await asyncio.wait({task})
    assert given == ["a", "b"]


# --- what goes for its age ----------------------------------------------------------------------------------


async def test_a_clock_that_jumps_ahead_takes_nothing_for_its_age_before_three_days(ledger: Ledger) -> None:
    await ledger.store(Outcome(receipts=[receipt(1, at=NOON), receipt(2, at=NOON)], readings=[reading(NOON)]))
    patience = Patience(ledger)
    assert await patience.is_over(NOON + HOUR, 0.0)
    jumped = NOON + 10 * YEAR
    assert not await patience.is_over(jumped, 2.0)
    await ledger.shed(jumped, by_age=False)
    assert len(list(ledger.messages_since(0))) == 2
    await ledger.store(Outcome(receipts=[receipt(3, at=jumped + DAY)]))
    assert not await patience.is_over(jumped + DAY, 86_400.0)
    again = Patience(ledger)  # a restart makes it neither shorter nor longer
    assert not await again.is_over(jumped + DAY + 1, 2 * 86_400.0 - 100.0)
    assert await again.is_over(jumped + DAY + 2, 200.0)


async def test_a_hub_that_was_off_for_a_night_lets_go_of_what_is_old_as_ever(ledger: Ledger) -> None:
    await ledger.store(Outcome(receipts=[receipt(1, at=NOON)]))
    assert await Patience(ledger).is_over(NOON + 9 * HOUR, 0.0)


async def test_what_was_noted_without_a_clock_is_as_old_as_what_came_after_it(ledger: Ledger) -> None:
    boot = 90_000
    week = LedgerSettings().keep_messages
    times = [NOON, boot, boot + 1, NOON + MINUTE, NOON + HOUR]
    await ledger.store(Outcome(receipts=[receipt(n, at=at) for n, at in enumerate(times, 1)]))

    async def kept(now: int) -> list[int]:
        await ledger.shed(now)
        return sorted(message.received_at for message in ledger.messages_since(0))

    assert await kept(NOON + 2 * HOUR) == sorted(times)
    assert await kept(NOON + week + 1) == sorted(times[1:])
    assert await kept(NOON + MINUTE + week + 1) == [NOON + HOUR]
