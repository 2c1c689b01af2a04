"""The broker restarted, killed, full, slow, refusing, forgetful; away for an hour, and what comes then."""

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.app import Hub
from hub.clock import SetClock, SystemClock
from hub.config.town import Town
from tests import servers
from tests.chaos.audit import audit, counted_as_missing
from tests.chaos.fleet import BOAR, CUT, SPRUNG, Cast, Sent
from tests.chaos.slow_line import SlowLine
from tests.chaos.stage import ROOMY, Stage
from tests.hubs import Told, at_broker, hub_of, up
from tests.processes import bodies
from tests.stations import Station
from tests.towns import HOUR, MINUTE, at, camera, person, pir, siren, slope, square, town, trap
from tests.waiting import until, wait_until

SMALL = Cast(cameras=10, traps=12, paddies=4, streams=1, gauges=1)
COUNTED_SOON = {"health": {"max_per_minute": 1_000_000, "missed_after": "3s"}}
FORGETFUL = f"{ROOMY}\nautosave_interval 0"
"""Writes its database at a proper end, and at no other time."""


def lost_by_the_broker(stage: Stage) -> list[Sent]:
    """What it has acknowledged and never handed over."""
    stored = {payload for (payload,) in stage.rows("SELECT payload FROM message")}
    return [sent for sent in stage.fleet.acknowledged() if sent.payload not in stored]


def by_device(sent: list[Sent]) -> dict[str, int]:
    return dict(Counter(message.device for message in sent))


def all_report(stage: Stage) -> None:
    for n in range(stage.cast.cameras):
        stage.fleet.reports(f"cam-{n}")


def all_stored(stage: Stage) -> None:
    stage.fleet.station.wait_acknowledged()
    wait_until(lambda: stage.stored() >= len(stage.fleet.sent), "all is stored")


# --- restarted ----------------------------------------------------------------------------------------


def test_a_broker_that_is_restarted_in_order_costs_nothing(tmp_path: Path) -> None:
    with Stage(tmp_path / "town", cast=SMALL) as stage:
        stage.hub.start()
        with stage.fleet.load():
            for _ in range(2):
                before = stage.stored()
                wait_until(lambda n=before: stage.stored() > n + 20, "the hub stores")
                stage.broker.stop()
                stage.broker.start()
        audit(stage)
        assert "forgotten" not in stage.hub.log()
        assert counted_as_missing(stage) == {}


@pytest.mark.chaos
def test_a_hub_and_a_broker_that_are_away_together_lose_nothing_that_the_broker_has_written_down(
    tmp_path: Path,
) -> None:
    with Stage(tmp_path / "town", cast=SMALL) as stage:
        stage.hub.start()
        with stage.fleet.load():
            wait_until(lambda: stage.stored() > 50, "the hub stores")
            stage.hub.kill()
            wait_until(lambda: len(stage.fleet.sent) > 400, "much is waiting")
            stage.broker.stop()
            stage.broker.start()
            stage.hub.start()
        audit(stage)
        assert counted_as_missing(stage) == {}


# --- forgotten ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mosquitto", "kill"),
    [
        pytest.param(FORGETFUL, True, id="killed before it has saved"),
        pytest.param(f"{ROOMY}\npersistence false", False, id="without persistence"),
    ],
)
def test_what_a_forgetful_broker_has_lost_is_counted_by_device_and_told(
    tmp_path: Path, mosquitto: str, kill: bool
) -> None:
    with Stage(tmp_path / "town", cast=SMALL, mosquitto=mosquitto, policy=COUNTED_SOON) as stage:
        fleet = stage.fleet
        stage.hub.start()
        all_report(stage)
        all_stored(stage)
        stage.hub.kill()
        for n in (3, 3, 3, 3, 7, 7, 0):
            fleet.reports(f"cam-{n}")
        fleet.station.wait_acknowledged()
        stage.broker.stop(kill=kill)
        stage.broker.start()
        stage.hub.start()
        all_report(stage)
        fleet.springs()
        fleet.story.demand("", "messages_missed", "bosai")
        wait_until(lambda: "are missing" in stage.hub.log(), "it is said")
        missing = lost_by_the_broker(stage)
        audit(stage, missing=missing)
        assert by_device(missing) == {"cam-3": 4, "cam-7": 2, "cam-0": 1}
        assert counted_as_missing(stage) == by_device(missing)
    log = stage.hub.log()
    assert log.count("the broker has forgotten our session") == 1
    assert log.count("7 messages of 3 devices are missing: cam-3 4, cam-7 2, cam-0 1") == 1
    (mail,) = [r for r in stage.phones.inbox if r.to == "bosai@phone.test"]
    assert "7件（3台）：cam-3 4件、cam-7 2件、cam-0 1件" in mail.body


def test_a_broker_that_dies_under_load_loses_no_more_than_the_hub_says(tmp_path: Path) -> None:
    with Stage(tmp_path / "town", cast=SMALL, mosquitto=FORGETFUL, policy=COUNTED_SOON) as stage:
        stage.fleet.story.tolerated.add("messages_missed")
        stage.hub.start()
        with stage.fleet.load(400.0, event_every=0):
            for _ in range(3):
                before = stage.stored()
                wait_until(lambda n=before: stage.stored() > n + 100, "the hub stores")
                stage.broker.stop(kill=True)
                stage.broker.start()
            before = stage.stored()
            wait_until(lambda: stage.stored() > before + 100, "the hub stores")
        stage.fleet.station.wait_acknowledged()
        wait_until(lambda: said_to_be_missing(stage) is not None, "it is said")
        missing = lost_by_the_broker(stage)
        audit(stage, missing=missing)
        assert counted_as_missing(stage) == by_device(missing)
        assert said_to_be_missing(stage) == len(missing)


def said_to_be_missing(stage: Stage) -> int | None:
    """By the log, in all."""
    said = re.findall(r"we did not hear, (?:(\d+) messages|no message)", stage.hub.log())
    return sum(int(count or 0) for count in said) if said else None


# --- full ---------------------------------------------------------------------------------------------


def test_a_broker_whose_queue_is_full_drops_what_the_hub_then_counts_and_tells(tmp_path: Path) -> None:
    full = "max_queued_messages 50\nmax_inflight_messages 20"
    with Stage(tmp_path / "town", cast=SMALL, mosquitto=full, policy=COUNTED_SOON) as stage:
        fleet = stage.fleet
        stage.hub.start()
        all_report(stage)
        all_stored(stage)
        stage.hub.kill()
        for number in range(20 * SMALL.cameras):
            fleet.reports(f"cam-{number % SMALL.cameras}")
        fleet.station.wait_acknowledged()
        kept = stage.stored()
        stage.hub.start()
        wait_until(lambda: stage.stored() >= kept + 40, "the queue is empty")
        all_report(stage)
        fleet.story.demand("", "messages_missed", "bosai")
        wait_until(lambda: "are missing" in stage.hub.log(), "it is said")
        missing = lost_by_the_broker(stage)
        assert len(missing) >= 100
        audit(stage, missing=missing)
        assert counted_as_missing(stage) == by_device(missing)
        assert said_to_be_missing(stage) == len(missing)
        assert "forgotten" not in stage.hub.log()


# --- refusing, slow -----------------------------------------------------------------------------------


@pytest.mark.chaos
def test_a_broker_that_refuses_the_login_for_a_while_is_asked_again_until_it_does_not(tmp_path: Path) -> None:
    with Stage(tmp_path / "town", cast=SMALL) as stage:
        stage.hub.start()
        stage.fleet.springs()
        all_stored(stage)
        let_in(stage, anyone=False)
        wait_until(lambda: "ot authori" in stage.hub.log(), "the hub is refused")
        stage.fleet.springs()
        stage.fleet.boar()
        let_in(stage, anyone=True)
        audit(stage)
        assert stage.hub.log().count("connection lost; trying again") == 1
        assert stage.hub.log().count("trying again") == 2


def let_in(stage: Stage, *, anyone: bool) -> None:
    stage.broker.stop()
    config = stage.broker.folder / "mosquitto.conf"
    text = re.sub(r"allow_anonymous \w+", f"allow_anonymous {str(anyone).lower()}", config.read_text())
    config.write_text(text)
    stage.broker.start()


@pytest.fixture
def slow_line() -> Iterator[SlowLine]:
    with SlowLine() as line:
        yield line


def test_a_slow_broker_delays_and_loses_nothing(tmp_path: Path, slow_line: SlowLine) -> None:
    with Stage(tmp_path / "town", cast=SMALL, mqtt={"port": slow_line.port}) as stage:
        slow_line.target = stage.broker.port
        slow_line.pause_s = 0.15
        stage.hub.start()
        with stage.fleet.load(100.0):
            wait_until(lambda: len(stage.fleet.sent) > 200, "much is under way")
        assert stage.stored() < len(stage.fleet.sent)
        slow_line.pause_s = 0.0
        audit(stage)
        assert stage.hub.log().count(" connected") == 1


# --- retained, late -----------------------------------------------------------------------------------


def test_what_the_broker_has_retained_tells_nobody_and_sounds_nothing_however_often_it_comes(
    tmp_path: Path,
) -> None:
    with Stage(tmp_path / "town", cast=SMALL._replace(cameras=200)) as stage:
        fleet = stage.fleet
        for n in range(200):
            fleet.says(f"cam-{n}", BOAR, battery_v=3.6, retain=True)
        for n in range(SMALL.paddies):
            fleet.says(f"paddy-{n}", BOAR, retain=True)
        fleet.says("trap-0", SPRUNG, retain=True)
        fleet.says("wire-0", CUT, retain=True)
        fleet.station.wait_acknowledged()
        stage.hub.start()
        all_stored(stage)
        for _ in range(3):
            stage.broker.stop()
            stage.broker.start()
            stage.hub.kill()
            stage.hub.start()
        fleet.springs(1)
        evidence = audit(stage)
    assert len(evidence.inbox) == 3


def test_a_storm_of_late_reports_at_the_return_sounds_no_siren_and_tells_of_the_traps_alone(
    tmp_path: Path,
) -> None:
    """A boar of two hours ago is history, an animal in a trap is still there."""
    with Stage(tmp_path / "town", cast=SMALL) as stage:
        fleet = stage.fleet
        stage.hub.start()
        stage.hub.kill()
        past = SystemClock().now() - 2 * HOUR
        for number in range(1_500):
            fleet.says(f"cam-{number % 10}", BOAR, at=past + number, battery_v=3.6)
            fleet.says(f"paddy-{number % 4}", BOAR, at=past + number)
        for n in range(6):
            fleet.springs(n, at=past + n)
        fleet.station.wait_acknowledged()
        stage.hub.start()
        fleet.boar(0)
        evidence = audit(stage)
    assert len(evidence.acknowledged) == 3_007
    assert evidence.story.orders.total() == 1


# --- away for an hour (simulated time, a real broker) -----------------------------------------------------


class Hour:
    """A town whose hub runs in this process by a clock that stands until it is moved."""

    def __init__(self, hub: Hub, clock: SetClock, told: Told, station: Station) -> None:
        self.hub = hub
        self.clock = clock
        self.told = told
        self.station = station
        self.seq: Counter[str] = Counter()

    async def passes(self, minutes: int, step: int = 1) -> None:
        for _ in range(0, minutes, step):
            self.clock.at += step * MINUTE
            await until(
                lambda: self.hub.pipeline.health_looked >= self.clock.at, "all devices are looked over"
            )

    async def hears(self, *devices: str) -> None:
        await self._handles(lambda: [self._publish(device) for device in devices])

    async def says(self, device: str, event: dict[str, Any], ago: int = 0) -> None:
        """One message of `ago` minutes ago, handled."""
        await self._handles(lambda: [self._publish(device, ago, e=[event])])

    async def _handles(self, publish: Callable[[], list[None]]) -> None:
        due = self.hub.handled + len(publish())
        await until(lambda: self.hub.handled >= due, "it is handled")

    def _publish(self, device: str, ago: int = 0, **more: object) -> None:
        self.seq[device] += 1
        said = up(self.seq[device], self.clock.at - ago * MINUTE, **more)
        self.station.publish(f"naruko/hour/{device}/up", said)

    def templates(self) -> Counter[tuple[str, str]]:
        """(template, person) since the last look."""
        told, self.told.notifications = self.told.notifications, []
        return Counter((n.template, n.recipient) for n in told)

    async def is_told(self, *wanted: tuple[str, str]) -> None:
        await until(lambda: len(self.told.notifications) >= len(wanted), f"{wanted} are told")
        assert self.templates() == Counter(wanted)

    def ordered(self) -> list[tuple[str, str]]:
        assert self.hub.ledger.path
        return [(command["device"], command["action"]) for command in bodies(self.hub.ledger.path, "command")]


def hour_town(port: int) -> Town:
    return at_broker(
        town(
            devices=[
                *(pir(f"pir-{n}", heartbeat="10m") for n in range(4)),
                *(camera(f"cam-{n}", north=1_000 * n, heartbeat="6h") for n in range(3)),
                *(siren(f"siren-{n}", north=1_000 * n + 20, heartbeat="0s") for n in range(3)),
                trap("trap", north=-500, heartbeat="6h"),
                slope("wire", north=-2_000, heartbeat="6h"),
                siren("horn", north=-2_000, use=("warn",), heartbeat="0s"),
            ],
            zones=[
                square("paddy", "paddy", size=6_000.0),
                square("below", "stream", -2_000, rivers=("大沢",)),
            ],
            people=[
                person("sato", "farmer", zones=("paddy",)),
                person("hunter", "hunter", zones=("far",)),
                person("chief", "operator"),
                person("kawai", "resident", zones=("below",)),
            ],
        ),
        port,
        "hour",
    )


@contextlib.asynccontextmanager
async def an_hour_without_broker(folder: Path) -> AsyncIterator[Hour]:
    """All have been heard at 21:00; the broker was away until 22:00, and is back."""
    with servers.mosquitto(ROOMY) as server:
        clock, told = SetClock(at("2026-11-21 21:00")), Told()
        async with hub_of(hour_town(server.port), folder / "naruko.db", clock=clock, told=told) as hub:
            with Station(server.port) as station:
                hour = Hour(hub, clock, told, station)
                await hour.hears(
                    *(f"pir-{n}" for n in range(4)), *(f"cam-{n}" for n in range(3)), "trap", "wire"
                )
                await asyncio.to_thread(server.stop)
                await until(lambda: not hub.broker.connected.is_set())
                await hour.passes(60, step=6)
                assert hour.templates() == Counter()
                await asyncio.to_thread(server.start)
                await until(lambda: hub.broker.connected.is_set() and station.connected())
                yield hour


async def test_an_hour_without_broker_makes_nobody_silent_but_who_stays_silent_after_it(
    tmp_path: Path,
) -> None:
    async with an_hour_without_broker(tmp_path) as hour:
        await hour.passes(8)
        await hour.hears("pir-0")
        await hour.passes(2)
        await hour.hears("pir-1")
        await hour.passes(1)
        await hour.hears("pir-2")  # a minute late: so are watches of field devices
        await hour.passes(3)
        assert hour.templates() == Counter()
        await hour.passes(1)
        await hour.is_told(("sensor_offline", "chief"))
        assert [alert.device for alert in hour.hub.ledger.open_alerts()] == ["pir-3"]


async def test_what_comes_late_after_an_hour_without_broker_sounds_no_siren_and_is_told_while_it_is_news(
    tmp_path: Path,
) -> None:
    async with an_hour_without_broker(tmp_path) as hour:
        await hour.says("cam-0", BOAR, ago=40)
        await hour.says("trap", SPRUNG, ago=39)
        await hour.is_told(("trap_sprung", "hunter"))
        await hour.says("cam-1", BOAR, ago=10)
        await hour.is_told(("animal_detected", "sato"))
        await hour.says("wire", CUT, ago=5)
        await hour.is_told(("debris_flow", "kawai"))
        assert hour.ordered() == []
        await hour.says("cam-2", BOAR)
        await hour.is_told(("animal_detected", "sato"))
        assert hour.ordered() == [("siren-2", "deter")]
