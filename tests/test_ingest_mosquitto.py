"""The edge to the broker, against the real Mosquitto."""

import asyncio
import gc
import logging
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.config.policy import HealthPolicy
from hub.config.town import Town
from tests import servers
from tests.data import ROOT
from tests.hubs import at_broker, hub_of, stored, up
from tests.stations import Station
from tests.towns import pir, siren, town
from tests.waiting import until, wait_until


def village(server: servers.Server, site: str, **mqtt: object) -> Town:
    plenty = HealthPolicy(max_per_minute=1_000_000)
    devices = [pir("pir-1"), siren("siren-1", north=300)]
    return at_broker(town(devices, health=plenty), **({"port": server.port, "site": site} | mqtt))


def said(caplog: pytest.LogCaptureFixture, *levels: int) -> list[str]:
    wanted = levels or (logging.WARNING, logging.ERROR)
    return [r.getMessage() for r in caplog.records if r.name == "naruko.ingest" and r.levelno in wanted]


# --- a persistent session -----------------------------------------------------------------------------


async def test_messages_published_while_the_hub_is_away_are_there_when_it_is_back(
    broker: servers.Server, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    small = village(broker, "away")
    async with hub_of(small, path):
        pass
    with Station(broker.port) as station:
        for number in range(500):
            station.publish("naruko/away/pir-1/up", up(number))
        await asyncio.to_thread(station.wait_acknowledged)
    assert stored(path) == []
    async with hub_of(small, path):
        await until(lambda: len(stored(path)) == 500)
    assert stored(path) == [up(number) for number in range(500)]
    assert said(caplog) == []


async def test_the_hub_takes_over_the_session_of_its_client_id_on_another_ledger_too(
    broker: servers.Server, tmp_path: Path
) -> None:
    """The id is fixed, so a hub that was set up anew hears what waited for the old one."""
    small = village(broker, "takeover")
    async with hub_of(small, tmp_path / "old.db"):
        pass
    with Station(broker.port) as station:
        station.publish("naruko/takeover/pir-1/up", up(1))
        await asyncio.to_thread(station.wait_acknowledged)
    async with hub_of(small, tmp_path / "new.db"):
        await until(lambda: stored(tmp_path / "new.db") == [up(1)])


async def test_a_topic_that_has_left_the_config_is_heard_no_more(broker: servers.Server, path: Path) -> None:
    async with hub_of(village(broker, "topics", topics=("old/+", "new/+")), path):
        pass
    async with hub_of(village(broker, "topics", topics=("new/+",)), path):
        with Station(broker.port) as station:
            station.publish("old/1", b"{}")
            station.publish("new/1", b"{}")
            await asyncio.to_thread(station.wait_acknowledged)
        await until(lambda: stored(path))
    async with hub_of(village(broker, "topics", topics=("new/+",)), path) as hub:
        assert [receipt.message.topic for receipt in hub.ledger.quarantined()] == ["new/1"]


async def test_the_status_of_the_hub_is_retained_for_whoever_asks(broker: servers.Server, path: Path) -> None:
    async with hub_of(village(broker, "status"), path):
        assert await retained(broker, "naruko-hub/status/status") == b"online"
    assert await retained(broker, "naruko-hub/status/status") == b"offline"


async def retained(server: servers.Server, topic: str, **login: str) -> bytes:
    with Station(server.port, topic, **login) as station:
        (heard, *_) = await asyncio.to_thread(station.wait_heard, 1)
    assert heard.retain
    return heard.payload


# --- the broker away --------------------------------------------------------------------------------


async def test_a_broker_that_is_missing_at_boot_is_waited_for_and_a_restarted_one_rejoined(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "naruko.ingest")
    with servers.mosquitto() as server:
        server.stop()
        async with hub_of(village(server, "boot"), path, connected=False) as hub:
            await until(lambda: said(caplog))
            await asyncio.to_thread(server.start)
            await until(hub.broker.connected.is_set)
            await asyncio.to_thread(server.stop)
            await until(lambda: not hub.broker.connected.is_set())
            await asyncio.to_thread(server.start)
            await until(hub.broker.connected.is_set)
            with Station(server.port) as station:
                station.publish("naruko/boot/pir-1/up", up(1))
            await until(lambda: stored(path) == [up(1)])
        lost = said(caplog, logging.WARNING)
        back = said(caplog, logging.INFO)
    assert len(lost) == len(back) == 2
    assert all("trying again" in line for line in lost)
    assert all("is back" in line for line in back)


async def test_a_broker_that_lost_power_has_forgotten_the_session_and_that_is_said(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with servers.mosquitto("autosave_interval 0") as server:
        async with hub_of(village(server, "power"), path) as hub:
            await asyncio.to_thread(server.stop, kill=True)
            await until(lambda: not hub.broker.connected.is_set())
            for database in server.folder.glob("*.db*"):
                database.unlink()
            await asyncio.to_thread(server.start)
            await until(hub.broker.connected.is_set)
    assert any("forgotten our session" in line for line in said(caplog))


# --- who is let in ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def safe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    """Mosquitto with the ACL that we ship, passwords, and TLS on `tls_port`."""
    folder = tmp_path_factory.mktemp("safe")
    make_certificates(folder)
    passwords = folder / "passwords"
    passwords.touch()
    for user in ("naruko-hub", "pir-1", "siren-1"):
        subprocess.run(
            [servers.installed("mosquitto_passwd"), "-b", passwords, user, f"{user}-secret"],
            check=True,
            capture_output=True,
        )
    acl = folder / "acl"
    shutil.copy(ROOT / "config" / "mosquitto" / "acl", acl)
    for file in folder.iterdir():
        file.chmod(0o600)
    port = servers.free_port()
    conf = (
        f"allow_anonymous false\npassword_file {passwords}\nacl_file {acl}\n"
        f"listener {port} 127.0.0.1\ncertfile {folder}/server.crt\nkeyfile {folder}/server.key"
    )
    with servers.mosquitto(conf) as server:
        server.tls_port, server.ca = port, folder / "ca.crt"  # type: ignore[attr-defined]
        yield server


def make_certificates(folder: Path) -> None:
    """A certificate authority, and a server's certificate for 127.0.0.1 signed by it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed: it makes the certificates of the TLS tests")

    def run(*arguments: object) -> None:
        subprocess.run([openssl, *map(str, arguments)], check=True, capture_output=True, cwd=folder)

    new = ("req", "-newkey", "rsa:2048", "-nodes", "-sha256")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    run(*new, "-x509", "-days", 2, "-subj", "/CN=Test CA", "-keyout", "ca.key", "-out", "ca.crt")
    run(*new, "-subj", "/CN=127.0.0.1", "-keyout", "server.key", "-out", "server.csr")
    signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", 2, "-extfile", "names")
    run("x509", "-req", "-in", "server.csr", *signed, "-out", "server.crt")


HUB = {"username": "naruko-hub", "password": "naruko-hub-secret"}


async def test_user_and_password_let_the_hub_in_with_the_acl_that_we_ship(
    safe: servers.Server, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It hears its devices, its will and its commands are allowed, and a device speaks only as itself."""
    async with hub_of(village(safe, "acl", topics=("zigbee2mqtt/+",), **HUB), path) as hub:
        with (
            Station(safe.port, username="pir-1", password="pir-1-secret") as device,
            Station(
                safe.port, "naruko/acl/siren-1/cmd", username="siren-1", password="siren-1-secret"
            ) as horn,
        ):
            device.publish("naruko/acl/siren-1/up", up(1))
            device.publish("naruko/acl/pir-1/cmd", b"{}")
            device.publish("naruko/acl/pir-1/up", up(2))
            await until(lambda: stored(path))
            await hub.broker.publish("naruko/acl/siren-1/cmd", b"{}")
            (heard,) = await asyncio.to_thread(horn.wait_heard, 1)
            assert not heard.retain
    assert stored(path) == [up(2)]
    assert said(caplog) == []
    assert await retained(safe, "naruko-hub/acl/status", **HUB) == b"offline"


async def test_tls_with_the_towns_own_certificate_authority(safe: servers.Server, path: Path) -> None:
    secured = {"port": safe.tls_port, "tls": True, "ca_file": safe.ca}  # type: ignore[attr-defined]
    async with hub_of(village(safe, "tls", **secured, **HUB), path):
        with Station(safe.port, username="pir-1", password="pir-1-secret") as device:
            for number in range(300):
                device.publish("naruko/tls/pir-1/up", up(number) + b" " * 2_000)
            await until(lambda: len(stored(path)) == 300)


@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket")
async def test_a_server_that_is_not_signed_by_the_authority_is_not_trusted(
    safe: servers.Server, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with hub_of(
        village(safe, "trust", port=safe.tls_port, tls=True, **HUB),  # type: ignore[attr-defined]
        path,
        connected=False,
    ) as hub:
        await until(lambda: said(caplog))
        assert not hub.broker.connected.is_set()
    assert "certificate verify failed" in said(caplog)[0]
    caplog.clear()
    gc.collect()  # paho 2.1 leaves the socket of a failed handshake to the collector, which warns of it


async def test_a_wrong_password_is_said_once_and_never_shown(
    safe: servers.Server, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = {"username": "naruko-hub", "password": "verkehrt-und-geheim"}
    async with hub_of(village(safe, "wrong", **wrong), path, connected=False) as hub:
        log = safe.folder / "log.txt"
        before = log.read_text().count("not authorised")
        await asyncio.to_thread(wait_until, lambda: log.read_text().count("not authorised") >= before + 3)
        assert not hub.broker.connected.is_set()
    (line,) = said(caplog)
    assert "ot authori" in line
    assert "verkehrt" not in caplog.text
