"""Real servers hold every point once, though they were away."""

import asyncio
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hub.config.settings import LedgerSettings
from hub.ledger import Ledger
from hub.model import Flag, Outcome, Reading
from tests import data, servers
from tests.points import (
    NOW,
    NS,
    alert,
    ask_influx,
    ask_victoria,
    forwarded,
    forwarding,
    reading,
    town,
    until,
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger.open(tmp_path / "naruko.db", LedgerSettings())) as opened:
        yield opened


def samples(first: int, last: int) -> list[Reading]:
    return [reading(NOW - 10_000_000 + n * 1_000, n / 8) for n in range(first, last)]


def expected(first: int, last: int) -> list[tuple[int, float]]:
    return [(r.at, r.value or 0.0) for r in samples(first, last)]


async def test_influxdb_1_takes_our_example_of_its_settings(tmp_path: Path) -> None:
    program = servers.installed("influxd")
    port, rpc = servers.free_port(), servers.free_port()
    text = (data.ROOT / "config/influxdb/influxdb.conf").read_text(encoding="utf-8")
    for theirs, ours in (("/var/lib/influxdb", str(tmp_path)), (":8086", f":{port}"), (":8088", f":{rpc}")):
        assert theirs in text
        text = text.replace(theirs, ours)
    (tmp_path / "influxdb.conf").write_text(text)
    command = [program, "-config", "influxdb.conf"]
    server = servers.Server("influxd", command, port, tmp_path, servers.answers("/ping"))
    await asyncio.to_thread(server.start)
    await asyncio.to_thread(server.stop)


async def test_influxdb_1_holds_everything_once_though_it_was_away(ledger: Ledger, tmp_path: Path) -> None:
    with servers.influxd() as server:
        await asyncio.to_thread(server.stop)
        there = town(server.url, 1, bucket="a town's 町")
        await ledger.store(Outcome(readings=samples(0, 700)))
        async with forwarding(ledger, there):
            await asyncio.to_thread(server.start)
            await until(forwarded(ledger))
            await asyncio.to_thread(server.stop, kill=True)
            await ledger.store(Outcome(readings=samples(700, 1_900)))
            await ledger.store(Outcome(readings=[reading(NOW, None, flag=Flag.MISSING)], alerts=[alert()]))
            await asyncio.to_thread(server.start)
            await until(forwarded(ledger))
        await ledger.move_cursor("influx", "0")
        async with forwarding(ledger, there):
            await until(forwarded(ledger))

        def ask(query: str) -> list[list[Any]]:
            return ask_influx(server.url, "a town's 町", query)

        levels = await asyncio.to_thread(ask, "SELECT water_level_m FROM river WHERE zone = 'field'")
        assert [(at, value) for at, value in levels] == expected(0, 1_900)
        flags = await asyncio.to_thread(ask, "SELECT water_level_m_qc FROM river WHERE water_level_m_qc = 9")
        assert flags == [[NOW, 9]]
        (row,) = await asyncio.to_thread(ask, "SELECT severity, state, level, confirmed FROM alert")
        assert row == [NOW, 1, "open", "caution", True]


async def test_influxdb_1_refuses_one_line_and_gets_the_others(
    ledger: Ledger, influx_server: servers.Server, caplog: pytest.LogCaptureFixture
) -> None:
    there = town(influx_server.url, 1, bucket="conflict")
    await ledger.store(Outcome(readings=[reading(quantity="first")]))
    async with forwarding(ledger, there):
        await until(forwarded(ledger))
    body = f'river,device=river-1,site=test,zone=field taken="text" {NOW * NS}'.encode()
    write = f"{influx_server.url}/write?db=conflict&precision=ns"
    await asyncio.to_thread(lambda: urllib.request.urlopen(write, body).close())  # noqa: S310
    mixed = [reading(NOW + n, quantity="taken" if n == 300 else "free") for n in range(1, 600)]
    await ledger.store(Outcome(readings=mixed))
    async with forwarding(ledger, there):
        await until(forwarded(ledger))
    stored = await asyncio.to_thread(ask_influx, influx_server.url, "conflict", "SELECT free FROM river")
    assert len(stored) == 598
    assert "field type conflict" in caplog.text


async def test_victoriametrics_holds_everything_once_though_it_was_away(ledger: Ledger) -> None:
    with servers.victoria_metrics() as server:
        await asyncio.to_thread(server.stop)
        there = town(server.url, 2)
        await ledger.store(Outcome(readings=samples(0, 700)))
        async with forwarding(ledger, there):
            await asyncio.to_thread(server.start)
            await until(forwarded(ledger))
            await asyncio.to_thread(server.stop)
            await ledger.store(Outcome(readings=samples(700, 1_900), alerts=[alert()]))
            await asyncio.to_thread(server.start)
            await until(forwarded(ledger))

        def arrived(metric: str, samples: list[tuple[int, float]]) -> bool:
            return ask_victoria(server.url, metric) == samples

        metric = 'river_water_level_m{device="river-1",zone="field",site="test"}'
        await until(lambda: arrived(metric, expected(0, 1_900)))
        await until(lambda: arrived("alert_severity", [(NOW, 1.0)]))
        await ledger.move_cursor("influx", "0")
        async with forwarding(ledger, there):
            await until(forwarded(ledger))
        await until(lambda: arrived(metric, expected(0, 1_900)))
