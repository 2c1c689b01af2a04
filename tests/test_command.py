"""What a device is told: by which end it stops, whether its own clock or the hub's is set or not."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.siren import Order
from hub import command
from hub.clock import EARLIEST_SANE, SetClock, Step
from hub.model import Command, Status
from hub.steps import moved_command
from tests.data import ROOT
from tests.ledgers import NOW
from tests.ledgers import command as order_of
from tests.towns import HOUR, MINUTE, SECOND
from tests.waiting import until

BOOTED = 90 * SECOND
"""The clock of a Raspberry Pi that has not met a time server."""


def said(order: Command, now: int) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(command.payload(order, now))
    return fields


@given(now=st.integers(EARLIEST_SANE, EARLIEST_SANE + 10**12), lasts=st.integers(1, HOUR))
def test_an_order_says_its_end_as_time_that_is_left_and_as_wall_time(now: int, lasts: int) -> None:
    order = said(order_of("c1", created_at=now, until=now + lasts), now)
    assert order["for_ms"] == lasts
    assert round(datetime.fromisoformat(order["until"]).timestamp() * 1_000) == now + lasts


def test_a_hub_whose_clock_is_not_set_states_no_wall_time() -> None:
    order = said(order_of("c1", created_at=BOOTED, until=BOOTED + 20 * SECOND), BOOTED)
    assert order["for_ms"] == 20 * SECOND
    assert "until" not in order


def test_the_page_of_the_wire_names_every_field_and_the_firmware_knows_each() -> None:
    page = (ROOT / "docs" / "wire.md").read_text(encoding="utf-8")
    example = re.search(r"```json\n(.*?)```", page, re.DOTALL)
    assert example
    fields = set(said(order_of("c1"), NOW))
    assert set(json.loads(example[1])) == fields == set(Order.__struct_fields__)
    table = re.findall(r"(?m)^\| (`.*?) \|", page)
    assert {name for row in table for name in re.findall(r"`(\w+)`", row)} == fields


class Orders:
    """As much of a ledger as the edge to the devices needs."""

    def __init__(self, *commands: Command) -> None:
        self.rows = {row.id: row for row in commands}

    def pending_commands(self, now: int) -> list[Command]:
        return [row for row in self.rows.values() if row.status is Status.PENDING]

    async def update_command(self, command: Command) -> None:
        self.rows[command.id] = command


class Line:
    """The connection to the broker, which may be away."""

    def __init__(self) -> None:
        self.away = False
        self.tried = 0
        self.orders: list[dict[str, Any]] = []

    async def publish(self, topic: str, payload: bytes) -> None:
        assert topic == "naruko/test/siren-1/cmd"
        self.tried += 1
        if self.away:
            raise OSError("no broker")
        self.orders.append(json.loads(payload))


@asynccontextmanager
async def delivering(orders: Orders, line: Line, clock: SetClock) -> AsyncIterator[None]:
    task = asyncio.create_task(command.deliver(orders, line.publish, "test", clock, asyncio.Event()))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "RETRY_AFTER_S", 0.01)


async def test_an_order_that_had_to_wait_for_the_broker_is_sent_with_the_time_that_is_left() -> None:
    clock, line = SetClock(NOW), Line()
    orders = Orders(order_of("c1", created_at=NOW, until=NOW + MINUTE))
    line.away = True
    async with delivering(orders, line, clock):
        await until(lambda: line.tried > 0)
        clock.at = NOW + 45 * SECOND
        line.away = False
        await until(lambda: orders.rows["c1"].status is Status.SENT)
    assert [order["for_ms"] for order in line.orders] == [15 * SECOND]


async def test_an_order_whose_end_has_passed_is_not_sent() -> None:
    orders, line = Orders(order_of("c1", created_at=NOW, until=NOW + MINUTE)), Line()
    async with delivering(orders, line, SetClock(NOW + MINUTE)):
        await until(lambda: orders.rows["c1"].status is Status.EXPIRED)
    assert line.orders == []


async def test_after_the_hubs_clock_was_set_the_time_that_is_left_is_the_same() -> None:
    before = order_of("c1", created_at=BOOTED, until=BOOTED + 20 * SECOND)
    after = moved_command(before, Step(since=0, until=BOOTED, by=NOW - BOOTED))
    assert said(before, BOOTED)["for_ms"] == said(after, NOW)["for_ms"] == 20 * SECOND
