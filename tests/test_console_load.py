"""While the console is overrun in every way, no alert and no siren is late for it."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

from bench import town as bench
from hub.app import Hub
from hub.clock import monotonic
from hub.config.load import load
from hub.config.shapes import Person
from hub.console.users import ConsoleRole
from hub.model import Notification
from hub.notify.outbox import Answer
from tests import servers
from tests.consoles import Visitor, made
from tests.data import ROOT
from tests.hubs import Told, hub_of, up
from tests.stations import Station
from tests.waiting import until, within

DEVICES, POSTS = 1_000, 12
PROMISED_S = 1.0
APART_S = 0.3
"""While the crowd asks on."""
LAG_S = 0.2
"""Of the loop, but for the worst twentieth of its turns, on a machine that the crowd shares with it."""
BOAR = {"type": "animal", "species": "boar", "confidence": 0.9, "count": 1}
PAGES = (
    *("", "/map", "/rivers", "/devices", "/devices?page=7", "/quarantine", "/messages", "/deterrents"),
    *("/history", "/me"),
)
API = (
    *("alerts", "town", "devices", "quarantine", "messages", "people", "deterrents", "history"),
    *("history.csv", "rivers", "openapi.json"),
)


class Clocked(Told):
    """Notes when the first word of each alert would leave."""

    def __init__(self) -> None:
        super().__init__()
        self.first: dict[str, float] = {}

    def __call__(self, person: Person, notification: Notification) -> Answer:
        self.first.setdefault(notification.alert_id, monotonic())
        return super().__call__(person, notification)


class Lag:
    """How long the loop kept somebody waiting, in seconds, each time he asked for his turn."""

    def __init__(self) -> None:
        self.lags: list[float] = []

    async def probe(self) -> None:
        while True:
            began = monotonic()
            await asyncio.sleep(0.002)
            self.lags.append(monotonic() - began - 0.002)


@contextlib.asynccontextmanager
async def crowd(visitor: Visitor, paths: list[str]) -> AsyncIterator[dict[str, Any]]:
    """What it got is in the dict once it has gone."""
    got: dict[str, Any] = {}
    cookie = visitor.cookies["naruko"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.crowd", str(visitor.hub.web_port), cookie,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    try:
        process.stdin.write((" ".join(paths) + "\n").encode())
        assert (await within(process.stdout.readline(), 20)).strip() == b"there"
        yield got
        process.stdin.close()
        got |= json.loads(await within(process.stdout.readline(), 20))
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def fill(hub: Hub, station: Station) -> None:
    """Every device is heard once."""
    now = hub.clock.now()
    said = {
        "gauge": {"distance_m": 4.4, "battery_v": 3.7}, "animal": {"battery_v": 3.7},
        "weather": {"air_c": 12.0, "battery_v": 3.7}, "trap": {"battery_v": 3.7},
    }  # fmt: skip
    for number in range(DEVICES):
        device = bench.device_id(number)
        payload = up(1, now, m=said[device.partition("-")[0]])
        station.publish(f"naruko/bench/{device}/up", payload)
    await until(lambda: len(hub.pipeline.state.rooms["health"]) >= DEVICES, "all have been heard")


async def test_while_a_crowd_asks_everything_each_boar_meets_its_siren_and_its_hunter_within_a_second(
    broker: servers.Server, tmp_path: Path
) -> None:
    shape = bench.Shape(devices=DEVICES, posts=POSTS, pages_port=servers.free_port())
    town = load(bench.write(tmp_path / "console", shape, mqtt_port=broker.port), {})
    told, lag = Clocked(), Lag()
    took: dict[str, tuple[float, float]] = {}
    """By camera: seconds to the command of its siren, and to the first word."""
    async with hub_of(town, tmp_path / "naruko.db", told=told) as hub:
        await until(lambda: hub.web_port is not None, "the pages are there")
        await hub.do(made("yamada", ConsoleRole.OPERATOR))
        visitor = Visitor(hub)
        await visitor.logs_in("yamada")
        with Station(broker.port, "naruko/bench/+/cmd") as station:
            await fill(hub, station)
            day = datetime.fromtimestamp(hub.clock.now() / 1000, town.zone_info)
            paths = [f"/console{page}" for page in PAGES] + [f"/api/v1/{path}" for path in API]
            paths += [f"/console/report/{day:%Y-%m}", f"/api/v1/reports/{day:%Y-%m}"]
            paths += ["/api/v1/readings?device=gauge-00000&quantity=level_m", "/console/devices/gauge-00000"]
            probing = asyncio.create_task(lag.probe())
            async with crowd(visitor, paths) as got:
                for number in range(POSTS):
                    camera, sent = bench.camera_id(number), monotonic()
                    station.publish(f"naruko/bench/{camera}/up", up(1, hub.clock.now(), e=[BOAR]))
                    await until(lambda: min(len(station.heard), len(told.first)) > len(took), camera)
                    (alert,) = (one for one in hub.pipeline.state.alerts.values() if one.device == camera)
                    siren, word = station.heard[-1], told.first[alert.id]
                    assert siren.topic == f"naruko/bench/{bench.siren_id(number)}/cmd"
                    took[camera] = (siren.at - sent, word - sent)
                    await asyncio.sleep(APART_S)
            probing.cancel()
        lags = sorted(lag.lags)
        assert lags[len(lags) * 95 // 100] < LAG_S
        assert len(took) == POSTS
        assert max(max(both) for both in took.values()) < PROMISED_S, took
        assert set(got["statuses"]) == {"200"}, got["bad"]
        assert got["changed"] > POSTS
