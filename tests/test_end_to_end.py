"""Real payloads from real devices through a real broker and the hub to real mail, with the right map link.

The bytes are those of the public vectors and envelopes, in the envelope of a network server that heard them
just now. What is published with its own old time is history and tells nobody.
"""

import base64
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from devices.frame import Millis
from firmware_sim.phones import Phones, Received
from hub import maps
from hub.clock import SystemClock
from hub.model import Message
from hub.recordings import camtrap, convert
from tests import servers
from tests.data import data_dir, needs_data
from tests.hubs import up
from tests.processes import HubProcess, bodies, rows
from tests.stations import Station
from tests.town_folders import mail, person, square, trap, unit, write_town
from tests.waiting import wait_until

pytestmark = needs_data

SITE = "carried"
OFFICE, HOME = "bosai@phone.test", "kawabata@phone.test"
APART: Millis = 3_000
"""Between two signs of one sensor, so that they are not one movement."""
KOTO = {"standby": 3.80, "caution": 5.00, "evac_judge": 5.10, "danger": 5.50}
KOTO_RISES = ("2023-06-30T17:00:00+09:00", "2023-07-01T01:40:00+09:00")

Publication = tuple[str, bytes]
"""Topic and payload."""


class Vector(NamedTuple):
    """One public example of a LoRaWAN model, on a device of ours."""

    device: str
    model: str
    example: int
    server: str
    times: int = 1
    """A sensor without species is believed at the second sign."""


GAUGES = (
    Vector("mbx", "decentlab-dl-mbx", 0, "chirpstack"),
    Vector("lid", "decentlab-dl-lid", 0, "chirpstack"),
    Vector("ldds", "dragino-ldds75", 0, "things"),
    Vector("ctd", "decentlab-dl-ctd10", 0, "things"),
)
TRAPS = (
    Vector("mcs", "milesight-em300-mcs", 0, "chirpstack"),
    Vector("tbdw", "browan-tbdw100", 0, "things"),
    Vector("lds", "dragino-lds02", 0, "chirpstack"),
    Vector("dw10", "merryiot-dw10", 0, "chirpstack"),
    Vector("r311", "netvox-r311a", 1, "things"),
)
CLOSED = {"tbdw", "lds", "dw10", "tasmota"}
"""Mounted so that a closed contact is a sprung trap."""
MOTIONS = (
    Vector("tbms", "browan-tbms100", 0, "chirpstack", times=2),
    Vector("ws202", "milesight-ws202", 0, "things", times=2),
)
SLOPES = (
    Vector("em320", "milesight-em320-tilt", 0, "chirpstack"),
    Vector("r718", "netvox-r718mba", 1, "things"),
)
VECTORS = (*GAUGES, *TRAPS, *MOTIONS, *SLOPES)

LEVELS_M = {
    "mbx": {"sensor_height_m": 3.0, "levels_m": {"caution": 1.5}},
    "lid": {"sensor_height_m": 6.0, "levels_m": {"caution": 1.2}},
    "ldds": {"sensor_height_m": 4.0, "levels_m": {"caution": 1.5}},
    "ctd": {"probe_height_m": 0.0, "levels_m": {"caution": 4.0}},
    "jiseiji": {"levels_m": {"caution": 2.5}},
    "koto": {"levels_m": KOTO, "late_after": "12h"},
}

OTHERS = {
    "snare": ("trap-record", "traps/70b3d57ed0000101/record"),
    "tasmota": ("tasmota-switch", "river-cam"),
    "kitchen": ("zigbee2mqtt-pir", "Kitchen_PIR"),
    "path": ("esphome-binary", "esp/home/move/1"),
    "front": ("esphome-binary", "aimotion/triggers/FrontDoor"),
    "mesh": ("meshtastic-node", "2130636288"),
    "frigate": ("frigate-camera", "front_door"),
    "jiseiji": ("kotogawa-river", "town/river/koto/jiseiji"),
    "koto": ("naruko-gauge", ""),
    "meadow": ("naruko-animal", ""),
}
"""Device -> profile and address."""

UNHEARD = {
    "doc": ("decentlab-dl-mbx", "0101010101010101"),
    "pir-78": ("zigbee2mqtt-pir", "0x00158d0001e50d78"),
    "node": ("meshtastic-node", "!7efeb2c8"),
}
"""Named by documented messages that tell of nothing."""

TOLD = {v.device: "river" for v in GAUGES} | {v.device: "trap" for v in TRAPS}
TOLD |= {v.device: "animal" for v in MOTIONS} | {v.device: "slope_check" for v in SLOPES}
TOLD |= {
    "snare": "trap",
    "tasmota": "trap",
    "kitchen": "animal",
    "path": "animal",
    "front": "animal",
    "mesh": "animal",
    "frigate": "bear",
    "jiseiji": "river",
    "koto": "river",
    "meadow": "animal",
}
"""Device -> the one alert that must come of it."""


# --- the town ---------------------------------------------------------------------------------------


def eui(device: str) -> str:
    """Sixteen hex digits, its own for each device."""
    return f"aa{device.encode().hex():0>14}"[-16:]


def entries() -> list[dict[str, Any]]:
    """Every device of this town, 1.5 km from the next: no visit of one is that of another."""
    named = {v.device: (v.model, eui(v.device)) for v in VECTORS} | OTHERS | UNHEARD
    made = []
    for number, (id, (profile, address)) in enumerate(named.items()):
        more: dict[str, Any] = {"address": address} if address else {}
        more |= {"north": 1_500 * (number // 6) - 3_000, "east": 1_500 * (number % 6) - 3_750}
        if id in LEVELS_M or id == "doc":
            words = {"river": id, "river_en": id, "station": id, "station_en": id}
            more["gauge"] = words | LEVELS_M.get(id, {"sensor_height_m": 9.0, "levels_m": {"caution": 8.9}})
        if id in {v.device for v in SLOPES}:
            more["slope"] = {"stream": id, "stream_en": id}
        if TOLD.get(id) == "trap":
            made.append(trap(id, number, owner="bosai", profile=profile, **more))
            made[-1]["trap"]["sprung_when"] = "closed" if id in CLOSED else "open"
        else:
            made.append(unit(id, profile, **more))
    return made


def links() -> dict[str, str]:
    """Map link -> device."""
    return {maps.google_link(entry["lat"], entry["lon"]): entry["id"] for entry in entries()}


def town_of(folder: Path, port: int, phones: Phones) -> Path:
    rivers = sorted(id for id in LEVELS_M)
    streams = [v.device for v in SLOPES]
    return write_town(
        folder,
        port,
        site=SITE,
        devices=entries(),
        zones=[
            square("ground", "hunting", 20_000),
            square("plain", "flood", 20_000, rivers=rivers),
            square("torrents", "stream", 20_000, rivers=streams),
        ],
        people=[
            person("bosai", "official", "hunter", channels=[mail(phones, "bosai")], zones=("ground",)),
            person("kawabata", "resident", channels=[mail(phones, "kawabata")], zones=("plain", "torrents")),
        ],
        mqtt={
            "topics": [
                "application/+/device/+/event/+",
                "v3/+/devices/+/+",
                "zigbee2mqtt/#",
                "msh/#",
                "tele/#",
                "frigate/#",
                "traps/#",
                "esp/#",
                "aimotion/#",
                "town/#",
                "birdnet/#",
            ]
        },
    )


# --- what is published ------------------------------------------------------------------------------


def documents(name: str) -> list[dict[str, Any]]:
    return list(json.loads((data_dir() / "envelopes" / f"{name}.json").read_text("utf-8")))


def encoded(payload: Any) -> bytes:
    return (payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)).encode()


def as_they_are() -> Iterator[Publication]:
    """All documented messages, unchanged, without those that carry no time: these would be news."""
    for file in sorted((data_dir() / "envelopes").glob("*.json")):
        for entry in documents(file.stem):
            timeless = entry["topic"].startswith(("esp/", "aimotion/"))
            if not timeless and entry["payload"] != documents("plain_json")[7]["payload"]:
                yield entry["topic"], encoded(entry["payload"])


def iso(at: Millis) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat()


def uplinks(vector: Vector, now: Millis) -> Iterator[Publication]:
    """The bytes of a public vector, heard now by ChirpStack v4 or The Things Stack v3."""
    name = vector.model.replace("-", "_")
    described = json.loads((data_dir() / "lorawan" / f"{name}.json").read_text("utf-8"))
    example = described["examples"][vector.example]
    data = base64.b64encode(bytes.fromhex(example["bytes_hex"])).decode()
    fport = example.get("fport", described["fport"])
    for count in range(vector.times):
        now += APART * count
        if vector.server == "chirpstack":
            body = documents("chirpstack_up")[0]["payload"]
            body |= {"deduplicationId": f"{vector.device}-{count}", "time": iso(now), "fPort": fport}
            body |= {"data": data, "fCnt": count + 1}
            body["deviceInfo"]["devEui"] = eui(vector.device)
            yield f"application/app/device/{eui(vector.device)}/event/up", encoded(body)
        else:
            body = documents("tts_up")[0]["payload"]
            body["end_device_ids"] |= {"device_id": vector.device, "dev_eui": eui(vector.device).upper()}
            body |= {"received_at": iso(now), "correlation_ids": [f"as:up:{vector.device}-{count}"]}
            message = body["uplink_message"]
            message |= {"frm_payload": data, "f_port": fport, "f_cnt": count + 1, "received_at": iso(now)}
            del message["decoded_payload"]
            yield f"v3/app@tenant/devices/{vector.device}/up", encoded(body)


def envelopes(now: Millis) -> Iterator[Publication]:
    """Documented messages of the others, as if they had been written now."""
    record = documents("trap_sensor_record")[1]
    yield record["topic"], encoded(record["payload"] | {"date": iso(now)})
    switch = documents("plain_json")[0]
    local = datetime.fromtimestamp((now + 9 * 3_600_000) / 1000, UTC)
    yield switch["topic"], encoded(switch["payload"] | {"Time": f"{local:%Y-%m-%dT%H:%M:%S}"})
    river = documents("plain_json")[5]
    yield river["topic"], encoded(river["payload"] | {"data_time": iso(now)})
    event = documents("frigate")[1]["payload"]
    event["after"] |= {"label": "bear", "frame_time": now / 1000, "id": "bear-1"}
    yield "frigate/events", encoded(event)


def movements(now: Millis) -> Iterator[Publication]:
    """Sensors without species, each once."""
    detection = documents("meshtastic")[2]
    packet = {"id": now % 1_000_000, "timestamp": now // 1000}
    yield detection["topic"], encoded(detection["payload"] | packet)
    pir = documents("zigbee2mqtt_pir")[0]
    yield pir["topic"], encoded(pir["payload"] | {"occupancy": True, "last_seen": iso(now)})
    for moved in documents("plain_json")[3:5]:
        yield moved["topic"], encoded(moved["payload"])


def moved_to(now: Millis, messages: Iterable[Message], device: str) -> Iterator[Publication]:
    """Messages of one device with their own times moved so that the last is from now."""
    kept = list(messages)
    by = now - kept[-1].received_at
    for message in kept:
        said = json.loads(message.payload)
        said["at"] = iso(message.received_at + by)
        yield f"naruko/{SITE}/{device}/up", encoded(said)


def koto_rises() -> list[Message]:
    """Eight hours of the Koto River in ten-minute samples, from calm over all four levels."""
    first, last = (round(datetime.fromisoformat(text).timestamp() * 1000) for text in KOTO_RISES)
    series = convert(data_dir() / "river" / "jp_koto_jiseiji_2023-06-20_2023-07-06.csv", SITE)
    return [message for message in series if first <= message.received_at <= last]


def camera_records(now: Millis) -> Iterator[Publication]:
    """A fox, a bird, a car and two animals that nobody could name, each seen shortly after the last."""
    wanted = Counter({"fox": 1, "bird": 1, "vehicle": 1, "unknown": 2})
    for message in camtrap(data_dir() / "wildlife", SITE, lambda _: "meadow"):
        said = json.loads(message.payload)
        species = said["e"][0]["species"]
        if len(said["e"]) == 1 and wanted[species] > 0:
            wanted[species] -= 1
            said["at"] = iso(now - APART * wanted.total())
            yield f"naruko/{SITE}/meadow/up", encoded(said)
    assert not wanted.total()


# --- carried ----------------------------------------------------------------------------------------


class Carried(NamedTuple):
    """What came of it: mails, and what the ledger holds."""

    mails: list[Received]
    alerts: list[dict[str, Any]]
    after_history: list[dict[str, Any]]
    """Alerts after the documented messages with their own old times."""
    notifications: list[dict[str, Any]]
    quarantined: list[tuple[str, str]]
    published: int
    stored: int

    def about(self, device: str, to: str = OFFICE) -> list[Received]:
        """Mails with the map link of this device."""
        return [m for m in self.mails if m.to == to and device in devices_of(m)]


def devices_of(received: Received) -> set[str]:
    found = re.findall(r"https://www\.google\.com/maps/\S+", received.body)
    known = links()
    return {known.get(link, f"elsewhere: {link}") for link in found}


@pytest.fixture(scope="module")
def carried(tmp_path_factory: pytest.TempPathFactory, broker: servers.Server) -> Carried:
    with Phones() as phones:
        folder = town_of(tmp_path_factory.mktemp("carried") / "town", broker.port, phones)
        ledger = folder / "naruko.db"
        with HubProcess(folder, phones) as hub, Station(broker.port) as station:

            def carry(publications: Iterable[Publication]) -> int:
                """Publishes, and waits until the hub has taken all of it; how many these were."""
                before = sentinels(ledger)
                number = 0
                for topic, payload in publications:
                    station.publish(topic, payload)
                    number += 1
                station.publish(f"naruko/{SITE}/sentinel/up", up(before))
                wait_until(lambda: sentinels(ledger) > before, "all before the sentinel has come")
                return number

            published = 0
            published += carry(as_they_are())
            after_history = bodies(ledger, "alert")
            now = SystemClock().now()
            published += carry(movements(now))
            published += carry(uplink for vector in VECTORS for uplink in uplinks(vector, now - 5_000))
            published += carry(envelopes(now))
            published += carry(moved_to(now, koto_rises(), "koto"))
            published += carry(camera_records(now))
            wait_until(lambda: SystemClock().now() >= now + APART, "a second movement is another")
            published += carry(movements(now + APART))
            wait_until(
                lambda: all(n["status"] == "sent" for n in bodies(ledger, "notification")),
                "all notifications are sent",
            )
            assert hub.stop()[0] == 0, hub.log()
        quarantined = rows(ledger, "SELECT topic, reason FROM message WHERE quarantined = 1")
        (kept,) = rows(ledger, "SELECT count(*) FROM message")
        (dropped,) = rows(ledger, "SELECT coalesce(sum(count), 0) FROM counter")
        return Carried(
            mails=phones.inbox,
            alerts=bodies(ledger, "alert"),
            after_history=after_history,
            notifications=bodies(ledger, "notification"),
            quarantined=[q for q in quarantined if "sentinel" not in q[0]],
            published=published,
            stored=kept[0] + dropped[0] - sentinels(ledger),
        )


def sentinels(ledger: Path) -> int:
    return int(rows(ledger, "SELECT count(*) FROM message WHERE topic LIKE '%/sentinel/up'")[0][0])


# --- what must have come of it ------------------------------------------------------------------------


def test_nothing_that_was_published_is_lost(carried: Carried) -> None:
    assert carried.stored == carried.published > 100


def test_documented_messages_with_their_own_old_times_tell_nobody(carried: Carried) -> None:
    assert carried.after_history == []


def test_what_was_quarantined_is_what_says_nothing_of_a_device_of_the_town(carried: Carried) -> None:
    reasons = Counter(topic.split("/")[0] for topic, _ in carried.quarantined)
    assert set(reasons) <= {"application", "v3", "birdnet", "tele", "frigate"}
    assert all(reason for _, reason in carried.quarantined)


@pytest.mark.parametrize(("device", "kind"), TOLD.items(), ids=TOLD)
def test_an_alert_comes_by_mail_with_the_map_link_of_its_device(
    carried: Carried, device: str, kind: str
) -> None:
    alerts = [alert for alert in carried.alerts if alert["device"] == device]
    assert [alert["kind"] for alert in alerts] == [kind]
    mails = carried.about(device)
    assert mails
    assert all(devices_of(m) == {device} for m in mails)
    entry = next(entry for entry in entries() if entry["id"] == device)
    assert all(maps.coordinates(entry["lat"], entry["lon"]) in m.body for m in mails)


def test_no_other_device_has_an_alert_and_every_mail_has_its_notification(carried: Carried) -> None:
    assert {alert["device"] for alert in carried.alerts} == set(TOLD)
    assert len(carried.mails) == len(carried.notifications)
    assert Counter(m.to.partition("@")[0] for m in carried.mails) == Counter(
        n["recipient"] for n in carried.notifications
    )


def test_every_level_of_the_koto_flood_is_told_once_in_order(carried: Carried) -> None:
    told = [n for n in carried.notifications if n["recipient"] == "bosai" and "koto" in n["title"]]
    assert [n["template"] for n in told] == ["river_standby", "river_lv2", "river_lv3", "river_lv4"]
    assert [m.title for m in carried.about("koto")] == [n["title"] for n in told]


def test_those_who_live_on_the_koto_hear_of_it_from_the_second_level_on(carried: Carried) -> None:
    told = [n for n in carried.notifications if n["recipient"] == "kawabata" and "koto" in n["title"]]
    assert [n["template"] for n in told] == ["river_lv2", "river_lv3", "river_lv4"]
    assert len(carried.about("koto", HOME)) == 3


def test_the_positions_of_traps_are_mailed_to_nobody_but_their_hunters(carried: Carried) -> None:
    traps = {device for device, kind in TOLD.items() if kind == "trap"}
    assert not [m for m in carried.mails if m.to == HOME and devices_of(m) & traps]


def test_a_fox_a_bird_and_a_car_are_told_to_nobody(carried: Carried) -> None:
    (mail_,) = carried.about("meadow")
    assert "動物" in mail_.title
