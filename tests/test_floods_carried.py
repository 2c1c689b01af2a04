"""Real floods through a real broker to real mail: what the replay decides arrives, with the right map.

The series are moved to a time when the hub's clock is sane; the hub lives in their time.
"""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import aiomqtt
import pytest
from msgspec.structs import replace as changed
from pydantic import SecretStr

from firmware_sim.phones import Phones
from hub import maps, recordings
from hub.app import Hub
from hub.clock import SetClock
from hub.config.settings import LedgerSettings
from hub.config.shapes import Channel
from hub.config.town import Town
from hub.ledger import Ledger
from hub.model import Message
from hub.replay import TICK, Replay, walk
from tests.data import needs_data
from tests.hubs import at_broker
from tests.servers import Server
from tests.test_floods_told import RIVERS, SERIES, each, jiseiji, riverside, stations
from tests.towns import DAY, gauge
from tests.waiting import until

pytestmark = [needs_data, pytest.mark.timeout(240)]

LATER = 10 * 365 * DAY
Mails = Counter[tuple[str, str, str]]


def american(device: str, levels_m: dict[str, float], beat: str) -> Callable[[], Town]:
    return lambda: riverside(each(beat, gauge(device, levels_m)))


def moved(files: list[str]) -> list[Message]:
    """The recording ten years later: the hub takes no clock before its own release for set."""
    return [later(message) for message in walk([RIVERS / file for file in files], "test")]


def later(message: Message) -> Message:
    said = json.loads(message.payload)
    if "at" in said:
        said["at"] = recordings.iso(recordings.millis(said["at"]) + LATER)
    return changed(message, payload=json.dumps(said).encode(), received_at=message.received_at + LATER)


def by_mail(town: Town, phones: Phones) -> Town:
    """Everybody has one mailbox, at our own server."""
    for id, person in town.people.items():
        url = f"mailto://127.0.0.1:{phones.mail_port}?from=hub@localhost&to={id}@localhost"
        channel = Channel(kind="mail", url=SecretStr(url))
        town.people[id] = person.model_copy(update={"channels": (channel,)})
    return town


def decided(town: Town, messages: list[Message]) -> Mails:
    """Recipient, title and first line of everything that a replay would send."""
    return Counter(
        (n.recipient, n.title, n.body.splitlines()[0])
        for _, outcome in Replay(town).play(messages)
        for n in outcome.notifications
    )


async def live(town: Town, port: int, path: Path, messages: list[Message]) -> None:
    """The same messages by a broker to a hub at work, minute by minute of their time."""
    clock = SetClock(messages[0].received_at)
    ledger = Ledger.open(path, LedgerSettings(path=path))
    with contextlib.closing(ledger):
        hub = Hub(town, ledger, clock, tick_s=3_600, gather_s=0.0)
        running = asyncio.create_task(hub.run())
        await until(hub.broker.connected.is_set, "the hub is connected")
        async with aiomqtt.Client("127.0.0.1", port) as broker:
            published = 0
            for received_at, group in groupby(messages, key=lambda message: message.received_at):
                while clock.at < received_at:
                    clock.at = min(received_at, clock.at + TICK)
                    await hub.tick()
                for message in group:
                    await broker.publish(message.topic, message.payload, qos=1)
                    published += 1
                await until(lambda: hub.handled >= published, "the hub has taken them")  # noqa: B023 (waited for)
                await until(lambda: not waiting(ledger, clock), "the mails are sent")
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def waiting(ledger: Ledger, clock: SetClock) -> bool:
    due = ledger.next_notification_at()
    return due is not None and due <= clock.now()


FLOODS: dict[str, tuple[list[str], Callable[[], Town]]] = {
    "koto-2023": (["jp_koto_jiseiji_2023-06-20_2023-07-06.csv"], jiseiji),
    "koto-2025-06": (["jp_koto_jiseiji_2025_arrivals_0622_0623.csv"], lambda: jiseiji("1h")),
    "koto-2025-07": (["jp_koto_jiseiji_2025_arrivals_0628_0712.csv"], lambda: jiseiji("1h")),
    "ditwah": (SERIES, lambda: riverside(*stations())),
    "dead-run": (["us_dead_run_2018-06.csv"], american("us-dead-run", {"caution": 1.0, "danger": 1.5}, "5m")),
    "plumtree": (["us_plumtree_run_2016-01_gaps.csv"], american("us-plumtree-run", {"caution": 0.8}, "5m")),
    "pearl": (
        ["us_pearl_bogalusa_2019-02.csv"],
        american("usgs-02489500", {"caution": 4.572, "danger": 5.486}, "1h"),
    ),
    "ice": (
        ["us_karthaus_2019-01_ice_discharge.csv"],
        american("usgs-01542500", {"caution": 3.0}, "15m"),
    ),
    "dst-spring": (["us_bower_dst_spring_2018-03_discharge.csv"], american("usgs-01541000", {}, "15m")),
    "dst-autumn": (["us_bower_dst_autumn_2018-11_discharge.csv"], american("usgs-01541000", {}, "15m")),
}
UNTOLD = frozenset({"dst-spring", "dst-autumn"})
"""Discharge without a level and without a silence: nothing is told of them."""


@pytest.mark.parametrize("name", FLOODS)
async def test_every_mail_that_the_replay_of_a_flood_decides_arrives_once_with_its_map(
    name: str, broker: Server, tmp_path: Path
) -> None:
    files, ground = FLOODS[name]
    messages = moved(files)
    with Phones() as phones:
        town = at_broker(by_mail(ground(), phones), broker.port, client_id=f"floods-{name}")
        await live(town, broker.port, tmp_path / "naruko.db", messages)
        arrived = Counter((m.to.partition("@")[0], m.title, m.body.splitlines()[0]) for m in phones.inbox)
        assert arrived == decided(town, messages)
        links = {maps.google_link(d.lat, d.lon) for d in town.devices.values()}
        mapped = [m for m in phones.inbox if "地図 " in m.body]
        assert bool(mapped) is (name not in UNTOLD)
        assert all(m.body.partition("地図 ")[2].splitlines()[0] in links for m in mapped)
