"""What a broker user may say and hear with the ACL that we ship, on a real Mosquitto: its own alone."""

import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests import servers
from tests.data import ROOT
from tests.stations import Station
from tests.waiting import wait_until

USERS = (
    "naruko-hub", "pir-1", "siren-1", "river-cam", "chirpstack", "zigbee2mqtt", "meshtastic", "frigate",
    "observer", "+", "s/#",
)  # fmt: skip
SEES_ALL = "\nuser observer\ntopic readwrite #\ntopic read $SYS/#\n"

MAY_SAY = {
    "pir-1": ("naruko/s/pir-1/up", "naruko/s/pir-1/status", "naruko/s/pir-1/done"),
    "river-cam": ("tele/river-cam/SENSOR", "tele/river-cam/LWT"),
    "chirpstack": ("application/1/device/0101010101010101/event/up",),
    "zigbee2mqtt": ("zigbee2mqtt/Kitchen_PIR", "zigbee2mqtt/Kitchen_PIR/availability"),
    "meshtastic": ("msh/JP/2/json/LongFast/!7efeb2c8",),
    "frigate": ("frigate/events", "frigate/front_door/person"),
    "naruko-hub": (
        "naruko/s/siren-1/cmd",
        "naruko/s/pir-1/cmd",
        "naruko-hub/s/status",
        "application/1/device/0101010101010101/command/down",
    ),
    "+": (),
    "s/#": (),
}
EVERYTHING = (
    *dict.fromkeys(topic for topics in MAY_SAY.values() for topic in topics),
    "naruko/s/siren-1/up",
    "naruko/s/siren-1/status",
    "naruko/s/siren-1/done",
    "naruko/s/pir-1/up/more",
    "naruko/s/pir-10/up",
    "naruko/s/pir-1",
    "naruko/pir-1/up",
    "naruko/s/t/pir-1/up",
    "naruko",
    "pir-1/up",
    "tele/other-cam/SENSOR",
    "tele/river-cam/deep/SENSOR",
    "v3/app@tenant/devices/dev1/up",
    "$SYS/broker/uptime",
    "$share/g/naruko/s/pir-1/up",
    "anything",
)
MAY_HEAR = {
    "pir-1": {"naruko/s/pir-1/cmd"},
    "siren-1": {"naruko/s/siren-1/cmd"},
    "river-cam": set(),
    "meshtastic": set(),
    "+": set(),
    "s/#": set(),
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    """Mosquitto with our ACL, and somebody who sees all."""
    folder = tmp_path_factory.mktemp("acl")
    passwords, acl = folder / "passwords", folder / "acl"
    passwords.touch()
    for user in USERS:
        make = [servers.installed("mosquitto_passwd"), "-b", str(passwords), user, secret(user)]
        subprocess.run(make, check=True, capture_output=True)
    ours = (ROOT / "config" / "mosquitto" / "acl").read_text("utf-8")
    acl.write_text(SEES_ALL + ours, "utf-8")
    for file in folder.iterdir():
        file.chmod(0o600)
    conf = f"allow_anonymous false\npassword_file {passwords}\nacl_file {acl}"
    with servers.mosquitto(conf) as server:
        yield server


def secret(user: str) -> str:
    return f"{user}-secret"


def station(server: servers.Server, user: str, *topics: str) -> Station:
    return Station(server.port, *topics, username=user, password=secret(user))


@pytest.mark.parametrize("user", MAY_SAY)
@pytest.mark.parametrize("retain", [False, True], ids=["once", "retained"])
def test_a_user_is_heard_on_its_own_topics_alone(guarded: servers.Server, user: str, retain: bool) -> None:
    with station(guarded, "observer", "#") as observer, station(guarded, user) as speaker:
        mark = f"{user} {retain}".encode()
        for topic in EVERYTHING:
            speaker.publish(topic, mark, retain=retain)
        speaker.wait_acknowledged()
        observer.publish("the/end", mark)
        wait_until(lambda: any(h.topic == "the/end" and h.payload == mark for h in observer.heard))
        heard = {h.topic for h in observer.heard if h.payload == mark and h.topic != "the/end"}
        assert heard == set(MAY_SAY[user])
        for topic in heard:
            observer.publish(topic, b"", retain=True)
        observer.wait_acknowledged()


@pytest.mark.parametrize("user", MAY_HEAR)
def test_a_user_hears_its_own_orders_alone_whatever_it_subscribes_to(
    guarded: servers.Server, user: str
) -> None:
    wide = ("#", "+/+/+/+", "naruko/#", "naruko/+/siren-1/cmd", "naruko-hub/#", "$SYS/#", "application/#")
    kept = [topic for topic in EVERYTHING if not topic.startswith("$")]
    with station(guarded, "observer") as observer:
        for topic in kept:
            observer.publish(topic, b"retained", retain=True)
        observer.wait_acknowledged()
        with station(guarded, user, *wide) as listener:
            for topic in (*kept, *MAY_HEAR[user], "naruko/s/siren-1/cmd", "naruko/s/pir-1/cmd"):
                observer.publish(topic, b"said")
            observer.wait_acknowledged()
            own = f"naruko/s/{user}/cmd"
            if MAY_HEAR[user]:
                observer.publish(own, b"the end")
                wait_until(lambda: any(h.payload == b"the end" for h in listener.heard))
            assert {h.topic for h in listener.heard} == MAY_HEAR[user]
        for topic in kept:
            observer.publish(topic, b"", retain=True)
        observer.wait_acknowledged()


@pytest.mark.parametrize(
    ("will", "heard"), [("naruko/s/pir-1/status", True), ("naruko/s/siren-1/status", False)]
)
def test_a_last_will_is_told_of_oneself_alone(guarded: servers.Server, will: str, heard: bool) -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set("pir-1", secret("pir-1"))
    client.will_set(will, b"offline", qos=1, retain=True)
    answered = threading.Event()
    client.on_connect = lambda *_: answered.set()
    with station(guarded, "observer", "naruko/s/+/status") as observer:
        client.connect("127.0.0.1", guarded.port)
        client.loop_start()
        assert answered.wait(10)
        client.loop_stop()
        if (line := client.socket()) is not None:
            line.close()
        with station(guarded, "pir-1") as later:
            later.publish("naruko/s/pir-1/status", b"after")
            wait_until(lambda: any(h.payload == b"after" for h in observer.heard))
        if heard:
            wait_until(lambda: any(h.payload == b"offline" for h in observer.heard))
        assert [h.topic for h in observer.heard if h.payload == b"offline"] == ([will] if heard else [])
        observer.publish("naruko/s/pir-1/status", b"", retain=True)
        observer.wait_acknowledged()


@pytest.mark.parametrize(
    "login", [{}, {"username": "pir-1", "password": "wrong"}, {"username": "nobody", "password": "x"}]
)
def test_nobody_comes_in_without_a_name_and_its_password(
    guarded: servers.Server, login: dict[str, Any]
) -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    if login:
        client.username_pw_set(login["username"], login["password"])
    answers: list[Any] = []
    client.on_connect = lambda *said: answers.append(said[3])
    client.connect("127.0.0.1", guarded.port)
    client.loop_start()
    wait_until(lambda: answers)
    client.disconnect()
    client.loop_stop()
    assert answers[0].is_failure
