"""`naruko doctor` at the broker, on real Mosquittos: what the hub may hear and write, and who else may."""

import asyncio
import socket
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from hub.demo import embedded_broker
from hub.doctor import broker
from hub.doctor.finding import Level
from tests import servers
from tests.doctors import HUB, SECRETS, codes, guarded, sockets_left_behind, town_at, written
from tests.processes import HubProcess, rows
from tests.waiting import wait_until

OK, WARN, BAD = Level
READS = "user naruko-hub\ntopic read naruko/#\n"
ORDERS = "user naruko-hub\ntopic write naruko/+/+/cmd\n"


@pytest.fixture(autouse=True)
def _an_address_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under which this machine is known, and where the broker of a test does not listen."""
    monkeypatch.setattr("hub.doctor.broker.own_addresses", lambda: ["127.0.0.2"])


def looked(folder: Path, port: int, **mqtt_: Any) -> dict[str, Level]:
    return codes(broker.broker(town_at(written(folder, port, mqtt=HUB | mqtt_))))


@contextmanager
def station(port: int, user: str, topics: tuple[str, ...] = (), client_id: str = "") -> Any:
    """A client; what it hears is in `heard`."""
    client: Any = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id)
    client.heard = []
    client.on_message = lambda _c, _d, message: client.heard.append(message.topic)
    client.username_pw_set(user, SECRETS[user])
    client.connect("127.0.0.1", port)
    client.loop_start()
    wait_until(client.is_connected)
    for topic in topics:
        client.subscribe(topic, 1)
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def test_with_the_acl_that_we_ship_all_is_well(tmp_path: Path) -> None:
    with guarded(tmp_path) as server:
        found = looked(tmp_path / "town", server.port)
    assert found == dict.fromkeys(("broker.well", "acl.orders", "acl.heard", "acl.narrow", "acl.closed"), OK)


def test_a_subscription_that_is_granted_and_filtered_is_found_out(tmp_path: Path) -> None:
    with guarded(tmp_path, ORDERS) as server:
        found = looked(tmp_path / "town", server.port)
    assert found["broker.well"] is OK  # Mosquitto grants it
    assert found["acl.unheard"] is BAD


def test_orders_that_are_refused_are_found_out(tmp_path: Path) -> None:
    with guarded(tmp_path, READS) as server:
        found = looked(tmp_path / "town", server.port)
    assert found["acl.no_orders"] is BAD
    assert found["acl.unknown"] is WARN  # nothing can be written that would come back


def test_a_device_that_has_spoken_shows_that_the_hub_hears_though_it_may_not_write(tmp_path: Path) -> None:
    devices = "pattern write naruko/+/%u/status\n"
    with guarded(tmp_path, f"{READS}\n{devices}") as server:
        with station(server.port, "cam-1") as cam:
            cam.publish("naruko/doctor/cam-1/status", b"online", qos=1, retain=True).wait_for_publish(10)
        found = looked(tmp_path / "town", server.port)
    assert found["acl.heard"] is OK


def test_a_login_that_may_write_everything_is_told(tmp_path: Path) -> None:
    with guarded(tmp_path, "user naruko-hub\ntopic readwrite #\n") as server:
        found = looked(tmp_path / "town", server.port)
    assert found["acl.wide"] is WARN
    assert found["acl.heard"] is OK


def test_a_password_that_is_wrong_is_told_and_nothing_else_is_tried(tmp_path: Path) -> None:
    with guarded(tmp_path) as server:
        assert looked(tmp_path / "town", server.port, password="another") == {"broker.refuses": BAD}


def test_a_port_that_speaks_no_mqtt_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.doctor.visit.WITHIN_S", 0.3)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        assert looked(tmp_path / "town", silent.getsockname()[1]) == {"broker.mute": BAD}


def test_whoever_comes_from_elsewhere_without_a_password_may_not_sound_a_siren(
    tmp_path: Path, broker: servers.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.doctor.broker.own_addresses", lambda: ["127.0.0.1"])
    open_ = looked(tmp_path / "open", broker.port, username=None, password=None)
    assert open_["acl.anonymous_orders"] is BAD
    with guarded(tmp_path, anonymous=True) as server:
        assert looked(tmp_path / "half", server.port)["acl.anonymous"] is WARN


def test_a_running_hub_hears_nothing_of_it_and_nothing_stays_at_the_broker(tmp_path: Path) -> None:
    with guarded(tmp_path, f"{READS}topic write naruko/+/+/cmd\ntopic readwrite naruko-hub/+/status\n"
                 "pattern write naruko/+/%u/up\n") as server:  # fmt: skip
        folder = written(tmp_path / "town", server.port, mqtt=HUB)
        with HubProcess(folder) as hub:
            assert BAD not in codes(broker_findings := list(broker.broker(town_at(folder)))).values()
            assert broker_findings
            with station(server.port, "cam-1") as cam:
                cam.publish("naruko/doctor/cam-1/up", b'{"v":1,"m":{}}', qos=1).wait_for_publish(10)
            wait_until(lambda: rows(hub.ledger, "SELECT 1 FROM message"), "the camera is heard")
            assert len(rows(hub.ledger, "SELECT 1 FROM message")) == 1
            assert "forgotten our session" not in hub.log()
            assert "trying again" not in hub.log()  # nobody has taken its place
        with station(server.port, "naruko-hub", ("naruko/#",)) as late:
            late.publish("naruko/doctor/x/cmd", b"{}", qos=1)
            wait_until(lambda: late.heard)
            assert late.heard == ["naruko/doctor/x/cmd"]


def test_a_hub_that_listens_to_everything_is_not_troubled_by_a_probe(tmp_path: Path) -> None:
    with guarded(tmp_path) as server, station(server.port, "naruko-hub", ("naruko/#",)) as other:
        found = looked(tmp_path / "town", server.port, topics=["#"])
        other.publish("naruko/doctor/x/cmd", b"{}", qos=1)
        wait_until(lambda: other.heard)
        assert [topic for topic in other.heard if "doctor-" in topic and "/cmd" in topic] == []
    assert found["acl.all"] is WARN


async def test_an_older_broker_is_looked_at_too_as_far_as_it_tells(tmp_path: Path) -> None:
    port = servers.free_port()
    with sockets_left_behind():
        async with embedded_broker(port):
            found = await asyncio.to_thread(looked, tmp_path / "town", port, username=None, password=None)
    assert found["broker.well"] is OK
    assert found["acl.heard"] is OK
    assert "acl.orders" not in found  # MQTT 3.1.1 does not say who may write
    assert "acl.wide" not in found
