"""`/metrics` and `/readyz` of a running hub: what moves, when it is ready, what it costs."""

import asyncio
import contextlib
import itertools
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hub.clock import SetClock
from hub.config.settings import Influx
from hub.config.town import Town
from hub.ledger.gauges import MOST_WAITING
from hub.metrics import readiness
from hub.metrics.readiness import Readiness
from hub.model import Message, Outcome, Status
from hub.notify.outbox import Answer
from tests.hubs import Told, at_broker, hub_of, up
from tests.ledgers import NOW, notification, reading, receipt
from tests.page_town import page_town
from tests.paged import START, Paged, paged, village
from tests.servers import Server
from tests.stations import Station
from tests.timeline import SPRUNG
from tests.waiting import until, wait_until

Exposed = dict[str, float]
"""`name{label="value",...}` as in the text -> value."""


def read(text: str) -> Exposed:
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{key}="{value}"' for key, value in sorted(sample.labels.items()))
            found[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
    return found


async def scraped(p: Paged) -> Exposed:
    answer = await p.get("/metrics")
    assert answer.status == 200
    return read(answer.html)


def open_trap(p: Paged) -> str:
    severity = p.alert("trap").severity.name.lower()
    return f'naruko_open_alerts{{kind="trap",mode="actual",severity="{severity}"}}'


# --- what moves -----------------------------------------------------------------------------------


async def test_each_message_event_alert_and_notification_moves_its_number(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        before = await scraped(p)
        await p.says("trap-1", SPRUNG)
        await p.says("gauge", water_level_m=1.2)
        await p.hub.handle([Message("naruko/test/nobody/up", up(1), START)])
        await until(
            lambda: len(p.told.notifications) == p.hub.counts.told["mail", "sent"] > 0, "all are sent"
        )
        after = await scraped(p)
        moved = {name: n - before.get(name, 0) for name, n in after.items() if n != before.get(name, 0)}
        assert moved['naruko_messages_total{verdict="stored"}'] == 2
        assert moved['naruko_messages_total{verdict="quarantined"}'] == 1
        assert moved['naruko_quarantined_messages_total{reason="unknown_device"}'] == 1
        assert (
            moved['naruko_readings_total{flag="pass"}']
            + moved.get('naruko_readings_total{flag="not_evaluated"}', 0)
            >= 1
        )
        assert moved['naruko_events_total{kind="trap_sprung"}'] == 1
        assert moved[open_trap(p)] == 1
        told = len(p.told.notifications)
        assert moved['naruko_notifications_total{channel="mail",result="sent"}'] == told
        assert moved['naruko_notification_latency_seconds_count{channel="mail"}'] == told
        assert after["naruko_last_message_timestamp_seconds"] == START / 1000
        assert after['naruko_devices{kind="trap"}'] == 1
        assert after["naruko_ledger_bytes"] > 10_000
        assert after["naruko_disk_free_bytes"] > 0
        assert after["naruko_clock_sane"] == 1
        assert after["naruko_broker_connected"] == 0
        assert after["process_resident_memory_bytes"] > 1e6
        assert after['naruko_build_info{version="0.1.0"}'] == 1
        await p.says("trap-1", SPRUNG)
        await p.does("yamane", "take")
        assert (await scraped(p))['naruko_events_total{kind="task_taken"}'] == 1


class Unreachable(Told):
    """A service that refuses for now."""

    def __call__(self, person: object, notification: object) -> Answer:
        return Answer(Status.PENDING, "refused", of_service=True)


async def test_what_cannot_be_sent_waits_in_the_numbers_with_its_age(tmp_path: Path) -> None:
    clock = SetClock(START)
    async with hub_of(
        village(tmp_path), tmp_path / "naruko.db", clock=clock, told=Unreachable(), connected=False
    ) as hub:
        await until(lambda: hub.web_port is not None, "the pages are there")
        p = Paged(hub, clock, Told())
        await p.says("trap-1", SPRUNG)
        await until(lambda: hub.counts.retries["mail"] > 0, "an attempt has failed")
        clock.at += 90_000
        seen = await scraped(p)
        waiting = len(hub.ledger.notifications_of(p.alert("trap").id))
        assert seen['naruko_outbox_waiting{channel="mail"}'] == waiting > 0
        assert seen['naruko_outbox_oldest_seconds{channel="mail"}'] == 90
        assert seen['naruko_notification_retries_total{channel="mail"}'] >= 1
        assert seen['naruko_outbox_oldest_seconds{channel="sms"}'] == 0


async def test_what_influxdb_does_not_have_yet_is_counted_from_its_cursor(tmp_path: Path) -> None:
    made = village(tmp_path)
    influx = Influx(url="http://127.0.0.1:9", version=1)
    async with paged(tmp_path, replace(made, hub=made.hub.model_copy(update={"influx": influx}))) as p:
        await p.says("gauge", water_level_m=1.2)
        await p.says("gauge", water_level_m=1.3, battery_v=3.6)
        p.clock.at += 60_000
        seen = await scraped(p)
        assert seen["naruko_influx_lag_readings"] == p.hub.ledger.counts()["readings"] >= 2
        assert seen["naruko_influx_lag_seconds"] == 60
    (tmp_path / "other").mkdir()
    async with paged(tmp_path / "other") as p:
        assert "naruko_influx_lag_seconds" not in await scraped(p), "nothing is to be forwarded"


# --- ready -----------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def on_the_air(folder: Path, town: Town, port: int, site: str) -> AsyncIterator[Paged]:
    """A hub by the true clock at a broker."""
    async with hub_of(at_broker(town, port, site), folder / "naruko.db") as hub:
        await until(lambda: hub.web_port is not None, "the pages are there")
        yield Paged(hub, SetClock(0), Told())


async def test_a_hub_that_hears_its_broker_and_writes_is_ready(tmp_path: Path, broker: Server) -> None:
    async with on_the_air(tmp_path, village(tmp_path), broker.port, "ready") as p:
        await until(lambda: p.hub.pulse.ticked is not None, "a round has ended")
        answer = await p.get("/readyz")
        assert (answer.status, answer.html) == (200, "ready\n")
        assert (await scraped(p))["naruko_ready"] == 1
        p.hub.pulse.committed = None
        assert (await p.get("/readyz")).status == 200, "asked, the ledger takes a row"
        assert p.hub.pulse.committed is not None


async def test_without_a_broker_and_without_a_clock_it_says_both(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        p.clock.at = 5_000
        answer = await p.get("/readyz")
        assert answer.status == 503
        assert answer.html.splitlines() == [
            "the broker is not connected: no sensor is heard",
            "the clock is not set: silence and quiet hours are not judged",
        ]
        assert (await p.get("/healthz")).status == 200
        seen = await scraped(p)
        assert seen["naruko_ready"] == seen["naruko_clock_sane"] == 0


async def test_a_ledger_that_takes_nothing_is_said_however_often_it_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "PROOF_S", 0.05)
    async with paged(tmp_path) as p:
        await until(lambda: p.hub.pulse.ticked is not None, "a round has ended")
        async with p.hub.ledger.lock:
            p.hub.pulse.committed = None
            answers = await asyncio.gather(*(p.get("/readyz") for _ in range(10)))
            assert all("the ledger took none" in answer.html for answer in answers)
            assert len(p.hub.ledger._queued) == 1, "one row waits, not ten"
            assert p.hub.pulse.ticked
            p.hub.pulse.ticked -= 60
            assert "the hub stands still" in (await p.get("/readyz")).html
        await until(lambda: p.hub.pulse.committed is not None, "the row is written")


async def test_a_hub_that_has_just_begun_is_not_ready(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        hub = p.hub
        begun = Readiness(hub.ledger, hub.broker, type(hub.pulse)(), hub.clock)
        assert [reason.split(":")[0] for reason in await begun.reasons()] == [
            "the broker is not connected",
            "no round has ended for 10 s",
        ]


# --- what it costs ---------------------------------------------------------------------------------------


async def test_a_scrape_reads_little_of_a_town_s_ledger_however_large(path: Path, tmp_path: Path) -> None:
    """300,000 readings, 5,000 notifications that wait and 20,000 that are done."""
    async with hub_of(village(tmp_path), path, clock=SetClock(NOW), connected=False) as hub:
        async with hub.ledger.lock:
            await hub.ledger.write(
                Outcome(
                    receipts=[receipt(n) for n in range(1, 50_000)],
                    readings=[reading(NOW - n) for n in range(300_000)],
                    notifications=[
                        notification(f"n{n}", channel_kind=("line", "sms")[n % 2], next_at=NOW + 9_999_999,
                                     recipient="nobody", finished_at=NOW if n >= 5_000 else None,
                                     status=Status.SENT if n >= 5_000 else Status.PENDING)
                        for n in range(25_000)
                    ],
                )
            )  # fmt: skip
        thousands = itertools.count()
        hub.ledger._bulk.set_progress_handler(lambda: 0 * next(thousands), 1_000)
        gauges = hub.ledger.gauges()
        assert next(thousands) < 100, "thousand steps of SQLite's machine"
        assert gauges.readings_behind == 300_000
        assert sum(waiting.number for waiting in gauges.waiting.values()) == MOST_WAITING
        assert {waiting.oldest for waiting in gauges.waiting.values()} == {NOW}


async def test_under_load_scrapes_lose_no_message_and_every_count_is_whole(
    tmp_path: Path, broker: Server
) -> None:
    """600 messages while it is scraped without pause; in the end the numbers are those of the ledger."""
    made = village(tmp_path)
    health = made.policy.health.model_copy(update={"max_per_minute": 10_000})
    made = replace(made, policy=made.policy.model_copy(update={"health": health}))
    async with on_the_air(tmp_path, made, broker.port, "load") as p:
        stop = asyncio.Event()
        last: list[float] = []

        async def scrape() -> None:
            while not stop.is_set():
                last.append((await scraped(p))['naruko_messages_total{verdict="stored"}'])

        scraping = asyncio.create_task(scrape())
        with Station(broker.port) as station:
            for n in range(600):
                station.publish("naruko/load/gauge/up", up(n, m={"water_level_m": 1.0 + n % 7 / 100}))
            await asyncio.to_thread(station.wait_acknowledged)
        await until(lambda: p.hub.handled >= 600, "all are handled")
        stop.set()
        await scraping
        assert last == sorted(last)
        seen, ledger = await scraped(p), p.hub.ledger.counts()
        verdicts = {
            v: seen[f'naruko_messages_total{{verdict="{v}"}}'] for v in ("stored", "duplicate", "shed")
        }
        assert sum(verdicts.values()) == ledger["messages"] >= 600
        assert verdicts["shed"] == ledger["shed"]
        assert sum(n for name, n in seen.items() if name.startswith("naruko_readings")) >= ledger["readings"]


async def test_while_a_scrape_hangs_on_its_read_messages_are_taken_and_commands_go(tmp_path: Path) -> None:
    """The connection for long reads is held by somebody: the scrape waits in its thread, the hub does not."""
    async with paged(tmp_path) as p:
        lock = p.hub.ledger._bulk_lock
        with lock:
            asking = asyncio.create_task(p.get("/metrics"))
            more = [asyncio.create_task(p.get("/metrics")) for _ in range(2)]
            await p.says("trap-1", SPRUNG)
            await until(lambda: p.hub.counts.told["mail", "sent"] > 0, "people are told meanwhile")
            assert not asking.done()
        assert (await asking).status == 200
        assert {(await one).status for one in more} == {200}


async def test_a_hub_begins_again_at_0_and_remembers_when_it_last_heard(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
    async with paged(tmp_path) as p:
        seen = await scraped(p)
        assert seen['naruko_messages_total{verdict="stored"}'] == 0
        assert seen["naruko_last_message_timestamp_seconds"] == START / 1000
        assert seen[open_trap(p)] == 1


# --- as it is installed -----------------------------------------------------------------------------------


def test_a_hub_in_its_own_process_is_ready_and_counts_what_its_stations_say(
    tmp_path: Path, broker: Server
) -> None:
    with page_town(tmp_path, broker.port, "scraped") as town:

        def get(page: str) -> str:
            with urllib.request.urlopen(f"{town.place}{page}", timeout=5) as answer:  # noqa: S310
                return str(answer.read().decode())

        assert get("/readyz") == "ready\n"
        town.springs("trap-1")
        town.told("yamane", "わな")
        wait_until(
            lambda: read(get("/metrics"))['naruko_notifications_total{channel="mail",result="sent"}'],
            "it is counted",
        )
        seen = read(get("/metrics"))
        assert seen['naruko_events_total{kind="trap_sprung"}'] == 1
        assert seen["naruko_broker_connected"] == seen["naruko_ready"] == 1
