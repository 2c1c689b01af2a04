"""The hub as a process, on a real broker and real phones: killed, stopped, refused, and told what to do."""

import json
import signal
import socket
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml

from firmware_sim.phones import Behaviour, Phones, Received
from hub.clock import SystemClock
from hub.ledger import Ledger
from hub.notify import ID_HEADER
from tests import servers
from tests.hubs import up
from tests.processes import HubProcess, bodies, naruko, rows
from tests.stations import Station
from tests.town_folders import mail, person, trap, unit, write_town, yamane
from tests.waiting import wait_until

SITES = count(1)
TRAPS = 40
CAMERAS = 20


@pytest.fixture
def phones() -> Iterator[Phones]:
    with Phones() as running:
        yield running


class Village:
    """A town folder with traps, cameras, a siren, and two people with three kinds of phone."""

    def __init__(self, folder: Path, port: int, phones: Phones, **more: Any) -> None:
        self.site = f"app-{next(SITES)}"
        self.port = port
        self.folder = write_town(
            folder,
            port,
            site=self.site,
            devices=[
                *(unit(f"cam-{n}", "naruko-animal", north=20 * n) for n in range(CAMERAS)),
                *(trap(f"trap-{n}", n) for n in range(TRAPS)),
                unit("siren-1", "naruko-siren", north=30, siren={"use": ["deter"]}),
            ],
            people=[
                yamane(phones),
                person("bosai", "official", "operator", channels=[mail(phones, "bosai")]),
            ],
            **more,
        )
        self.hub = HubProcess(self.folder, phones)
        self.ledger = self.folder / "naruko.db"

    def topic(self, device: str, leaf: str = "up") -> str:
        return f"naruko/{self.site}/{device}/{leaf}"

    def station(self, *topics: str) -> Station:
        return Station(self.port, *topics)


@pytest.fixture
def village(tmp_path: Path, broker: servers.Server, phones: Phones) -> Village:
    return Village(tmp_path / "town", broker.port, phones)


SPRUNG = {"e": [{"type": "trap", "state": "sprung"}]}
BOAR = {"e": [{"type": "animal", "species": "boar", "confidence": 0.93, "count": 1}]}


# --- kill -9 --------------------------------------------------------------------------------------


def stored_count(village: Village) -> int:
    return int(rows(village.ledger, "SELECT count(*) FROM message")[0][0])


def all_sent(village: Village) -> bool:
    return all(n["status"] == "sent" for n in bodies(village.ledger, "notification"))


def test_a_message_that_was_sent_when_the_hub_was_killed_is_sent_again_under_its_number(
    village: Village, phones: Phones
) -> None:
    """LINE knows it by its key, and shows it once."""
    mail, ntfy, line = addresses = ("yamane@phone.test", "yamane", "Uyamane")
    phones.behaviours = dict.fromkeys(addresses, Behaviour.MUTE)
    with village.hub as hub, village.station() as station:
        station.publish(village.topic("trap-7"), up(1, **SPRUNG))
        wait_until(lambda: len(phones.inbox) == 3, "all three are on the phones and not yet answered")
        hub.kill()
        phones.behaviours = {}
        hub.start()
        wait_until(lambda: all_sent(village))
        assert hub.stop()[0] == 0
    assert [phones.asked(address) for address in addresses] == [2, 2, 2]
    by_address: dict[str, list[Received]] = defaultdict(list)
    for received in phones.inbox:
        by_address[received.to].append(received)
    assert {to: len(same) for to, same in by_address.items()} == {mail: 2, ntfy: 2, line: 1}
    for first, second in (by_address[mail], by_address[ntfy]):
        assert (first.title, first.body) == (second.title, second.body)
        assert first.headers.get(ID_HEADER.lower()) == second.headers.get(ID_HEADER.lower())


def test_the_broker_tells_of_a_hub_that_was_killed(village: Village) -> None:
    status = f"naruko-hub/{village.site}/status"
    with village.hub as hub, village.station(status) as station:
        station.wait_heard(1)
        hub.kill()
        station.wait_heard(2)
    assert [heard.payload for heard in station.heard] == [b"online", b"offline"]


# --- stopped --------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=str)
def test_a_signal_ends_it_at_once_with_everything_closed(village: Village, number: signal.Signals) -> None:
    with village.hub as hub, village.station() as station:
        station.publish(village.topic("cam-1"), up(1, m={"battery_v": 3.6}))
        wait_until(lambda: stored_count(village) == 1)
        code, seconds = hub.stop(number)
    assert code == 0, hub.log()
    assert seconds < 3
    assert "Traceback" not in hub.log()
    left = sorted(file.name for file in village.folder.glob("naruko.db*") if "backup" not in file.name)
    assert left == ["naruko.db", "naruko.db.ballast", "naruko.db.lock"]
    again = Ledger.open(village.ledger, ledger_settings(village))
    again.close()
    with village.station(f"naruko-hub/{village.site}/status") as station:
        assert station.wait_heard(1)[0].payload == b"offline"


def ledger_settings(village: Village) -> Any:
    from hub.config.load import load  # noqa: PLC0415

    return load(village.folder, {}).hub.ledger


def test_neither_a_hanging_phone_nor_a_hanging_influxdb_keeps_it_from_ending(
    tmp_path: Path, broker: servers.Server, phones: Phones
) -> None:
    with hanging_server() as port:
        influx = {"url": f"http://127.0.0.1:{port}", "version": 1}
        village = Village(tmp_path / "town", broker.port, phones, influx=influx)
        phones.behaviours = {"yamane@phone.test": Behaviour.HANG, "Uyamane": Behaviour.MUTE}
        with village.hub as hub, village.station() as station:
            station.publish(village.topic("trap-1"), up(1, m={"battery_v": 3.6}, **SPRUNG))
            wait_until(lambda: phones.asked("yamane@phone.test") and phones.asked("Uyamane"))
            wait_until(lambda: hanging_server.asked, "InfluxDB was asked")
            code, seconds = hub.stop()
        assert code == 0, hub.log()
        assert seconds < 6
        sent = {n["channel_kind"]: n["status"] for n in bodies(village.ledger, "notification")}
        assert sent == {"mail": "pending", "ntfy": "sent", "line": "pending"}


class hanging_server:  # noqa: N801 (a context manager)
    """Takes connections and never answers."""

    asked = 0

    def __enter__(self) -> int:
        hanging_server.asked = 0
        self._kept: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()
        return int(self._listener.getsockname()[1])

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._kept.append(connection)
            hanging_server.asked += 1

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._kept:
            connection.close()


# --- refused --------------------------------------------------------------------------------------


def test_a_second_hub_on_the_same_ledger_is_refused(village: Village) -> None:
    with village.hub as hub:
        second = naruko("run", "-c", village.folder)
        assert second.returncode == 5
        assert "another hub" in second.stderr
        assert "Traceback" not in second.stderr
        assert hub.runs()
        assert hub.stop()[0] == 0


def test_a_town_that_decides_itself_has_a_ledger_that_is_none_refused_and_left_as_it_is(
    village: Village,
) -> None:
    village.ledger.write_text("家計簿\n" * 2_000)
    config = village.folder / "hub.yaml"
    settings = yaml.safe_load(config.read_text("utf-8"))
    settings["ledger"]["on_corrupt"] = "refuse"
    config.write_text(yaml.safe_dump(settings, allow_unicode=True), "utf-8")
    refused = naruko("run", "-c", village.folder)
    assert refused.returncode == 5
    assert "Traceback" not in refused.stderr
    assert village.ledger.read_text() == "家計簿\n" * 2_000


def test_a_ledger_that_fails_while_running_ends_the_hub_and_loses_nothing(village: Village) -> None:
    with village.hub as hub, village.station() as station:
        other = sqlite3.connect(village.ledger, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        station.publish(village.topic("cam-1"), up(1))
        assert hub.wait(60) == 5
        assert "locked" in hub.log()
        assert "Traceback" not in hub.log()
        other.execute("ROLLBACK")
        other.close()
        hub.start()
        wait_until(lambda: stored_count(village) == 1)


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [("people.yaml", "people: [", "people.yaml"), ("hub.yaml", "site: {id: x}\nmqqt: {}\n", "mqqt")],
    ids=["broken", "unknown key"],
)
def test_a_wrong_config_is_refused_with_exit_code_3(
    village: Village, file: str, text: str, said: str
) -> None:
    (village.folder / file).write_text(text)
    refused = naruko("run", "-c", village.folder)
    assert refused.returncode == 3
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not village.ledger.exists()


# --- commands and acts ------------------------------------------------------------------------------


def test_a_boar_commands_the_siren_and_what_the_siren_did_is_written_down(village: Village) -> None:
    commands = village.topic("+", "cmd")
    with village.hub as hub:
        with village.station(commands) as siren:
            siren.publish(village.topic("cam-1"), up(1, SystemClock().now(), **BOAR))
            heard = siren.wait_heard(1)[0]
            order = json.loads(heard.payload)
            assert (heard.topic, heard.retain) == (village.topic("siren-1", "cmd"), False)
            assert (order["v"], order["do"], order["sound"]) == (1, "deter", True)
            wait_until(lambda: bodies(village.ledger, "command")[0]["status"] == "sent")
            done = {"v": 1, "id": order["id"], "result": "done", "at": SystemClock().now() / 1000}
            siren.publish(village.topic("siren-1", "done"), json.dumps(done).encode())
            wait_until(lambda: bodies(village.ledger, "command")[0]["status"] == "done")
        with village.station(commands, "sentinel") as late:
            late.publish("sentinel", b"")
            assert [heard.topic for heard in late.wait_heard(1)] == ["sentinel"]
        assert hub.stop()[0] == 0
    (command,) = bodies(village.ledger, "command")
    assert (command["device"], command["result"]) == ("siren-1", "done")


def test_a_stop_from_another_process_reaches_the_sirens_within_a_second(village: Village) -> None:
    with village.hub, village.station(village.topic("+", "cmd")) as siren:
        stopped = naruko("siren", "stop", "-c", village.folder, "--who", "防災係")
        written_at = time.monotonic()
        assert stopped.returncode == 0, stopped.stderr
        heard = siren.wait_heard(1)[0]
        assert heard.at - written_at < 1.0
        assert json.loads(heard.payload)["do"] == "stop"
        assert not heard.retain


def test_a_reset_from_another_process_closes_the_alert_and_tells_those_who_were_told(
    village: Village, phones: Phones
) -> None:
    with village.hub as hub, village.station() as station:
        station.publish(village.topic("trap-3"), up(1, **SPRUNG))
        assert phones.wait_until(lambda: len(phones.inbox) == 3)
        told = {(r.channel, r.to) for r in phones.inbox}
        assert "trap-3の所" in naruko("alerts", "-c", village.folder).stdout
        reset = naruko("trap", "reset", "3", "-c", village.folder, "--who", "山根")
        assert reset.returncode == 0, reset.stderr
        assert phones.wait_until(lambda: len(phones.inbox) == 6)
        assert {(r.channel, r.to) for r in phones.inbox[3:]} == told
        assert naruko("alerts", "-c", village.folder).stdout == ""
        assert hub.stop()[0] == 0
    (alert,) = bodies(village.ledger, "alert")
    assert alert["state"] == "resolved"


def test_an_act_that_was_written_while_the_hub_was_stopped_is_applied_at_its_start(
    village: Village, phones: Phones
) -> None:
    with village.hub as hub, village.station() as station:
        station.publish(village.topic("trap-3"), up(1, **SPRUNG))
        assert phones.wait_until(lambda: len(phones.inbox) == 3)
        wait_until(lambda: all_sent(village))
        hub.stop()
        assert naruko("trap", "reset", "trap-3", "-c", village.folder, "--who", "山根").returncode == 0
        hub.start()
        assert phones.wait_until(lambda: len(phones.inbox) == 6)


# --- InfluxDB away ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("how", "version"), [("nobody listens", 2), ("it hangs", 1), ("it hangs", 2)])
def test_without_influxdb_an_alert_is_as_quick_as_ever(
    tmp_path: Path, broker: servers.Server, phones: Phones, how: str, version: int
) -> None:
    with hanging_server() as hanging:
        port = hanging if how == "it hangs" else servers.free_port()
        influx = {"url": f"http://127.0.0.1:{port}", "version": version}
        village = Village(tmp_path / "town", broker.port, phones, influx=influx)
        with village.hub as hub, village.station() as station:
            station.publish(village.topic("cam-1"), up(1, m={"battery_v": 3.6}))
            if how == "it hangs":
                wait_until(lambda: hanging_server.asked, "InfluxDB was asked")
            else:
                wait_until(lambda: "InfluxDB" in hub.log(), "InfluxDB was missed")
            began = time.monotonic()
            station.publish(village.topic("trap-1"), up(1, **SPRUNG))
            assert phones.wait_until(lambda: len(phones.inbox) == 3)
            assert time.monotonic() - began < 3
