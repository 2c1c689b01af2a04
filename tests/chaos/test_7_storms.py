"""Storms on real processes: 300 traps, a device that babbles as fast as it can, a gateway with 50 children.

In simulated time, and in detail: tests/test_storm.py and tests/test_flapping.py.
"""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from firmware_sim.phones import Phones, Received
from hub.clock import SystemClock
from tests import servers
from tests.processes import HubProcess, bodies, rows
from tests.stations import Station
from tests.town_folders import mail, person, trap, unit, write_town
from tests.waiting import wait_until

SITE = "storms"
SITES = count(1)
TOLD_WITHIN_S = 5.0
"""Generous, as the machine may have other work."""
BABBLES_FOR_S = 10
GROWS_AT_MOST_MB = 60
ROOMY = "max_queued_messages 100000\nmax_queued_bytes 0\nmax_inflight_messages 1000"
"""As config/mosquitto has it."""


class Ground(NamedTuple):
    hub: HubProcess
    station: Station
    phones: Phones
    port: int
    site: str

    def says(self, device: str, number: int, *events: dict[str, str]) -> None:
        payload: dict[str, Any] = {"v": 1, "seq": number, "at": SystemClock().now()}
        payload |= {"e": list(events)} if events else {"m": {"air_c": 20.0}}
        self.station.publish(f"naruko/{self.site}/{device}/up", json.dumps(payload).encode())

    def inbox(self, person: str) -> list[Received]:
        return [mail for mail in list(self.phones.inbox) if mail.to == f"{person}@phone.test"]

    def shed(self) -> int:
        return int(
            rows(self.hub.ledger, "SELECT coalesce(sum(count), 0) FROM counter WHERE name = 'shed'")[0][0]
        )


SPRUNG = {"type": "trap", "state": "sprung"}


@contextmanager
def ground(folder: Path, devices: list[dict[str, Any]], **policy: Any) -> Iterator[Ground]:
    site = f"{SITE}-{next(SITES)}"
    with servers.mosquitto(ROOMY) as broker, Phones() as phones:
        town = write_town(
            folder / "town",
            broker.port,
            site=site,
            devices=devices,
            people=[
                person("yamane", "hunter", channels=[mail(phones, "yamane")], zones=("hunting-1",)),
                person("denki", "operator", channels=[mail(phones, "denki")]),
            ],
            policy={"hub": {"digest": False, "test_day": 0}, "health": {"max_per_minute": 120}} | policy,
        )
        with HubProcess(town, phones) as hub, Station(broker.port) as station:
            yield Ground(hub, station, phones, broker.port, site)


def test_300_traps_within_a_minute_are_five_messages_and_one_count_of_the_rest(tmp_path: Path) -> None:
    traps = [trap(f"t{n}", n, north=2.0 * n) for n in range(300)]
    with ground(tmp_path, traps, storm={"summaries_after": ["5s", "10m"]}) as field:
        for n in range(300):
            field.says(f"t{n}", n, SPRUNG)
        field.station.wait_acknowledged()
        wait_until(lambda: any("まとめ" in m.title for m in field.inbox("yamane")), "the summary has come")
        told = field.inbox("yamane")
        assert [m.title for m in told if "まとめ" in m.title] == ["【まとめ】ほかに295件"]
        assert sum("わな作動" in m.title for m in told) == 5
        assert len(told) == 6
        field.hub.stop()
        decided = bodies(field.hub.ledger, "notification")
        assert sum(n["status"] == "held" for n in decided) == 295
        assert len(bodies(field.hub.ledger, "alert")) == 300
        assert rows(field.hub.ledger, "SELECT count(*) FROM message")[0][0] == 300


@pytest.mark.parametrize("qos", [0, 1])
def test_a_device_that_babbles_as_fast_as_it_can_delays_nobody(tmp_path: Path, qos: int) -> None:
    devices = [trap(f"t{n}", n, north=400.0 * n) for n in range(5)] + [unit("mad", "naruko-animal")]
    with ground(tmp_path, devices) as field:
        field.says("mad", 0)
        wait_until(lambda: rows(field.hub.ledger, "SELECT count(*) FROM message")[0][0] == 1)
        before = resident_mb(field.hub)
        with babbling(field.port, f"naruko/{field.site}/mad/up", qos):
            wait_until(lambda: field.inbox("denki"), "the operator is told")
            delays = [springs(field, n) for n in range(5)]
        assert max(delays) < TOLD_WITHIN_S
        assert resident_mb(field.hub) - before < GROWS_AT_MOST_MB
        (babbles,) = field.inbox("denki")
        assert babbles.title == "【機器 送りすぎ】mad"
        kept = rows(field.hub.ledger, "SELECT count(*) FROM message")[0][0]
        assert kept <= 3 * 120 + 10
        wait_until(lambda: field.shed() > 10_000, "what was shed is counted", 75)


def springs(field: Ground, n: int) -> float:
    """Seconds from the publication to the hunter's phone. The next comes 2 s after it began."""
    began = time.monotonic()
    field.says(f"t{n}", n, SPRUNG)
    wait_until(lambda: len(field.inbox("yamane")) == n + 1, f"trap {n} is told")
    delay = time.monotonic() - began
    time.sleep(max(0.0, BABBLES_FOR_S / 5 - delay))
    return delay


def resident_mb(hub: HubProcess) -> float:
    """What the hub holds in memory."""
    status = Path(f"/proc/{hub.pid}/status").read_text()
    (kb,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
    return int(kb) / 1024


@contextmanager
def babbling(port: int, topic: str, qos: int) -> Iterator[None]:
    """A process of its own that publishes without a pause."""
    pub = servers.installed("mosquitto_pub")
    with (
        subprocess.Popen(["yes", '{"v":1,"m":{"air_c":21.5}}'], stdout=subprocess.PIPE) as says,
        subprocess.Popen(
            [pub, "-p", str(port), "-t", topic, "-q", str(qos), "-l"], stdin=says.stdout
        ) as sends,
    ):
        try:
            yield
        finally:
            sends.kill()
            says.kill()


@pytest.mark.chaos
def test_a_gateway_with_50_children_dies_with_one_message_and_comes_back_with_one(tmp_path: Path) -> None:
    children = [unit(f"c{n}", "naruko-animal", north=3.0 * n, gateway="gw") for n in range(50)]
    with ground(tmp_path, [unit("gw", "naruko-gateway"), *children]) as field:
        status = f"naruko/{field.site}/gw/status"
        field.station.publish(status, b"online")
        for n in range(50):
            field.says(f"c{n}", 1)
        field.station.wait_acknowledged()
        field.station.publish(status, b"offline")
        wait_until(lambda: field.inbox("denki"), "the gateway is told", 60)
        assert "つながる50台は今、見張れていません" in field.inbox("denki")[0].body
        field.station.publish(status, b"online")
        wait_until(lambda: len(field.inbox("denki")) == 2, "its return is told", 60)
        assert [m.title.split("】")[0] for m in field.inbox("denki")] == ["【中継機 停止", "【中継機 復旧"]
