"""Readiness and signs of life to systemd, over a real datagram socket."""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_sim.phones import Phones
from hub.app import Hub
from hub.watch import systemd
from hub.watch.vitals import Pulse
from tests import servers
from tests.data import ROOT
from tests.hubs import at_broker, hub_of
from tests.processes import HubProcess
from tests.town_folders import mail, person, unit, write_town
from tests.towns import pir, town
from tests.waiting import until, wait_until

UNIT = ROOT / "config" / "systemd" / "naruko.service"


class Supervisor:
    """Hears what a service says, as systemd does."""

    def __init__(self, address: str) -> None:
        self.heard: list[str] = []
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0") if address.startswith("@") else address)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while said := self._socket.recv(4096):
            self.heard.append(said.decode())

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)
        self._thread.join(10)
        self._socket.close()

    def env(self, watchdog_s: float | None = None) -> dict[str, str]:
        more = {} if watchdog_s is None else {"WATCHDOG_USEC": str(round(watchdog_s * 1_000_000))}
        return {"NOTIFY_SOCKET": self.address} | more

    def count(self, said: str) -> int:
        return sum(said in heard.splitlines() for heard in self.heard)


@pytest.fixture(params=["path", "abstract"])
def supervisor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Supervisor]:
    address = str(tmp_path / "notify") if request.param == "path" else f"@naruko-test-{os.getpid()}"
    running = Supervisor(address)
    yield running
    running.close()


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Supervisor]:
    running = Supervisor(str(tmp_path / "notify"))
    yield running
    running.close()


# --- one word ---------------------------------------------------------------------------------------


def test_what_is_said_arrives_at_a_socket_with_a_path_and_at_an_abstract_one(supervisor: Supervisor) -> None:
    assert systemd.notify("READY=1\nSTATUS=鳴子", supervisor.env())
    wait_until(lambda: supervisor.heard == ["READY=1\nSTATUS=鳴子"])


@pytest.mark.parametrize("address", ["", "relative", "/nowhere/at/all", "@naruko-nobody-listens"])
def test_where_nobody_listens_nothing_is_said_and_nothing_raised(address: str) -> None:
    assert systemd.notify("READY=1", {"NOTIFY_SOCKET": address}) is False
    assert systemd.notify("READY=1", {}) is False


def test_a_supervisor_that_does_not_read_is_not_waited_for(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "deaf"))
        env = {"NOTIFY_SOCKET": str(tmp_path / "deaf")}
        results = [systemd.notify("x" * 4_000, env) for _ in range(500)]
    assert results[0] is True
    assert results[-1] is False


@pytest.mark.parametrize(
    ("env", "wanted"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "our own"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
    ids=str,
)
def test_the_watchdogs_time_is_that_of_this_process(env: dict[str, str], wanted: float | None) -> None:
    own = {name: value.replace("our own", str(os.getpid())) for name, value in env.items()}
    assert systemd.watchdog_s(own) == wanted


# --- the beat ---------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def beating(pulse: Pulse, env: dict[str, str]):
    task = asyncio.create_task(systemd.beat(pulse, env))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_hub_is_ready_after_its_first_round_and_says_when_it_stops(listener: Supervisor) -> None:
    pulse = Pulse()
    async with beating(pulse, listener.env()):
        await asyncio.sleep(0)
        assert listener.heard == []
        pulse.tick()
        await until(lambda: listener.count("READY=1") == 1)
        assert listener.count(f"MAINPID={os.getpid()}") == 1
    await until(lambda: listener.heard[-1:] == ["STOPPING=1"])
    assert listener.count("WATCHDOG=1") == 0


async def test_the_watchdog_is_fed_while_rounds_end_and_not_when_they_do_not(
    listener: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    pulse = Pulse()

    def complaints() -> int:
        return caplog.text.count("no round has ended")

    async with beating(pulse, listener.env(watchdog_s=2.0)):
        for _ in range(3):
            fed = listener.count("WATCHDOG=1")
            await until(lambda n=fed: pulse.tick() or listener.count("WATCHDOG=1") > n)
        before = complaints()
        await until(lambda: complaints() > before)
        starved = listener.count("WATCHDOG=1")
        await asyncio.sleep(1.2)
        assert listener.count("WATCHDOG=1") == starved
        assert complaints() == before + 1
        await until(lambda: pulse.tick() or listener.count("WATCHDOG=1") > starved)


async def test_a_commit_that_hangs_starves_the_watchdog(
    tmp_path: Path, listener: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in listener.env(watchdog_s=1.0).items():
        monkeypatch.setenv(name, value)

    def watched(hub: Hub) -> None:
        hub.watched = True

    ground = at_broker(town(devices=[pir("pir-1")]), servers.free_port())
    async with hub_of(ground, tmp_path / "naruko.db", before=watched, connected=False) as hub:
        await until(lambda: listener.count("READY=1") == 1, "ready without a broker")
        await until(lambda: listener.count("WATCHDOG=1") > 1)
        await until(lambda: any(h.startswith("STATUS=waiting for the broker") for h in listener.heard))
        async with hub.ledger.lock:
            await until(lambda: not hub.pulse.beats(0.9))
            starved = listener.count("WATCHDOG=1")
            await asyncio.sleep(1.0)
            assert listener.count("WATCHDOG=1") == starved
        await until(lambda: listener.count("WATCHDOG=1") > starved)
    await until(lambda: listener.count("STOPPING=1") == 1)


# --- the service ------------------------------------------------------------------------------------


def test_the_hub_as_a_process_is_ready_without_a_broker_and_says_goodbye(
    tmp_path: Path, listener: Supervisor
) -> None:
    with Phones() as phones:
        people = [person("ops", "operator", channels=[mail(phones, "ops")])]
        folder = write_town(
            tmp_path / "town",
            servers.free_port(),
            site="systemd",
            devices=[unit("cam-1", "naruko-animal")],
            people=people,
        )
        hub = HubProcess(folder, phones)
        hub.start(connected=False, **listener.env(watchdog_s=2.0))
        try:
            wait_until(lambda: listener.count("READY=1") == 1, "ready", 60)
            wait_until(lambda: listener.count("WATCHDOG=1") > 2)
            assert hub.stop()[0] == 0
        finally:
            hub.kill()
    wait_until(lambda: listener.heard[-1] == "STOPPING=1")


def test_the_unit_file_is_one_that_systemd_understands(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    there = shutil.which("true") or "/bin/true"
    text = UNIT.read_text().replace("/opt/naruko/.venv/bin/naruko", there)
    (tmp_path / "naruko.service").write_text(text)
    found = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / "naruko.service")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    about_it = [line for line in found.stderr.splitlines() if "naruko" in line]
    assert about_it == []


def test_the_unit_waits_for_ready_and_ends_a_hub_that_hangs() -> None:
    settings = dict(
        line.split("=", 1) for line in UNIT.read_text().splitlines() if "=" in line and line[0] != "#"
    )
    assert settings["Type"] == "notify"
    assert settings["NotifyAccess"] == "main"
    assert float(settings["WatchdogSec"]) >= 2 * systemd.TICKED_WITHIN_S
    assert settings["Restart"] == "always"
    assert "AF_UNIX" in settings["RestrictAddressFamilies"]
