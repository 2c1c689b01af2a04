"""A hub as a process of its own: what its messages lead to."""

import http.client
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from firmware_sim.phones import Phones, Received
from hub.demo import free_port
from tests import servers
from tests.hubs import up
from tests.processes import HubProcess, bodies
from tests.stations import Station
from tests.town_folders import mail, ntfy, person, trap, write_town
from tests.waiting import wait_until

SITE = "channels"


def write(folder: Path, broker: servers.Server, phones: Phones) -> Path:
    """One hunter with a mail address, a topic and a browser; a hub with pages and a key for browsers."""
    key = ec.generate_private_key(ec.SECP256R1())
    folder.mkdir()
    (folder / "vapid.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    browser = {"kind": "push", "address": phones.subscribe("yamane")}
    channels = [mail(phones, "yamane"), ntfy(phones, "yamane"), browser]
    return write_town(
        folder,
        broker.port,
        site=SITE,
        devices=[trap("trap-1", 1)],
        people=[person("yamane", "hunter", "operator", "official", channels=channels)],
        pages=free_port(),
        web_push={"key_file": "vapid.pem", "subject": "mailto:bosai@town.test"},
    )


def ask(method: str, url: str, body: str = "", headers: dict[str, str] | None = None) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    connection.request(method, parts.path, body.encode(), headers or {})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def test_the_links_of_every_channel_lead_somewhere_and_the_button_takes_the_task(
    tmp_path: Path, broker: servers.Server, phones: Phones
) -> None:
    folder = write(tmp_path / "town", broker, phones)
    with HubProcess(folder, phones) as hub, Station(broker.port) as station:
        station.publish(f"naruko/{SITE}/trap-1/up", up(1, e=[{"type": "trap", "state": "sprung"}]))
        wait_until(lambda: len(phones.inbox) == 3, "all three are told")
        told: dict[str, Received] = {received.channel: received for received in phones.inbox}
        assert ask("GET", told["mail"].headers["list-unsubscribe"].strip("<>")) == 200
        assert ask("GET", told["push"].call["link"]) == 200
        (take,) = told["ntfy"].call["actions"]
        assert ask("GET", take["url"]) == 200, "looking changes nothing"
        assert tasks(hub) == [("waiting", "")]
        assert ask(take["method"], take["url"], take["body"], take["headers"]) == 303
        assert tasks(hub) == [("taken", "yamane")]


def tasks(hub: HubProcess) -> list[tuple[str, str]]:
    """(stage, who) of every alert."""
    found = [alert["task"] for alert in bodies(hub.ledger, "alert")]
    return [(task.get("stage", "waiting"), task.get("who", "")) for task in found]
