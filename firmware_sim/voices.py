"""How a report travels: native JSON, ChirpStack v4, The Things Stack v3, Zigbee2MQTT, Meshtastic.

Only our own firmware states a time of its own; in the others the time is that of the gateway which heard it.
"""

import base64
import uuid
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Any

import msgspec

from devices.frame import Millis
from firmware_sim.chance import dice, scatter
from firmware_sim.frames import Encode, state_of
from firmware_sim.report import Report, Transmission
from hub.config.shapes import Device
from hub.config.town import Town

Voice = Callable[[Report], Transmission]

APPLICATION = "17c82e96-be03-4f38-aef3-f83d48582d97"
TENANT = "52f14cd4-c6f1-4fbd-8f87-4025e1d49242"


def iso(at: Millis, zone: tzinfo, timespec: str = "seconds") -> str:
    return datetime.fromtimestamp(at / 1_000, zone).isoformat(timespec=timespec)


def rssi_dbm(device: Device, report: Report) -> int:
    """Radio strength: each device has its own, and it wavers."""
    return round(-88 + 18 * scatter(0, device.id, 0) + 4 * scatter(0, device.id, report.seq + 1))


def native(town: Town, device: Device) -> Voice:
    """Our own firmware: `naruko/<site>/<device>/up`, version 1; of what it knows, what its profile lists."""
    topic = f"naruko/{town.site.id}/{device.id}/up"
    known = town.profile(device).quantities
    solar = "battery_v" in known and known["battery_v"].min > 5
    empty_v, full_v = (11.5, 13.4) if solar else (3.0, 3.65)

    def say(report: Report) -> Transmission:
        said: dict[str, Any] = {"v": 1, "seq": report.seq, "at": iso(report.at, town.zone_info)}
        measured = report.measures | {
            "battery_v": round(empty_v + (full_v - empty_v) * report.charge, 2),
            "rssi_dbm": rssi_dbm(device, report),
        }
        said["m"] = {name: round(value, 3) for name, value in measured.items() if name in known}
        if report.happenings:
            said["e"] = report.happenings
        return Transmission(topic, msgspec.json.encode(said), at=report.sent_at, device=device.id)

    return say


def lorawan(town: Town, device: Device, encode: Encode) -> Voice:
    """By the network server whose topics the town listens to: The Things Stack, else ChirpStack."""
    stack = any(topic.startswith("v3/") for topic in town.hub.mqtt.topics)
    return the_things_stack(town, device, encode) if stack else chirpstack(town, device, encode)


def _serial(device: Device) -> int:
    return zlib.crc32(device.id.encode()) & 0x7FFF


def _gateway_eui(device: Device) -> str:
    return f"0016c001{zlib.crc32((device.gateway or 'none').encode()):08x}"


def chirpstack(town: Town, device: Device, encode: Encode) -> Voice:
    """ChirpStack v4 `up`. Protobuf JSON leaves zeros out: the first frame has no fCnt."""
    eui = (device.address or f"{zlib.crc32(device.id.encode()):016x}").lower()
    topic = f"application/{APPLICATION}/device/{eui}/event/up"
    info = {
        "tenantId": TENANT,
        "tenantName": "ChirpStack",
        "applicationId": APPLICATION,
        "applicationName": town.site.name_en,
        "deviceProfileName": device.profile,
        "deviceName": device.id,
        "devEui": eui,
    }

    def say(report: Report) -> Transmission:
        fport, frame = encode(report, _serial(device))
        chance = dice(report.sent_at, device.id, report.seq)
        envelope: dict[str, Any] = {
            "deduplicationId": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            "time": iso(report.sent_at, UTC, "microseconds"),
            "deviceInfo": info,
            "devAddr": eui[-8:],
            "dr": 2,
            "fPort": fport,
            "data": base64.b64encode(frame).decode(),
            "rxInfo": [
                {
                    "gatewayId": _gateway_eui(device),
                    "uplinkId": chance.getrandbits(32),
                    "rssi": rssi_dbm(device, report),
                    "snr": round(chance.uniform(-8, 9), 1),
                    "metadata": {"region_name": "as923", "region_common_name": "AS923"},
                }
            ],
            "txInfo": {
                "frequency": 923_200_000 + 200_000 * chance.randrange(8),
                "modulation": {"lora": {"bandwidth": 125_000, "spreadingFactor": 10, "codeRate": "CR_4_5"}},
            },
        }
        if report.seq:
            envelope["fCnt"] = report.seq
        return Transmission(topic, msgspec.json.encode(envelope), at=report.sent_at, device=device.id)

    return say


def the_things_stack(town: Town, device: Device, encode: Encode) -> Voice:
    """The Things Stack v3 `up`. It too leaves out a frame counter of 0."""
    eui = (device.address or f"{zlib.crc32(device.id.encode()):016x}").upper()
    application = town.site.id
    topic = f"v3/{application}@ttn/devices/{device.id}/up"
    ids = {
        "device_id": device.id,
        "application_ids": {"application_id": application},
        "dev_eui": eui,
        "dev_addr": eui[-8:],
    }

    def say(report: Report) -> Transmission:
        fport, frame = encode(report, _serial(device))
        at = iso(report.sent_at, UTC, "microseconds").replace("+00:00", "Z")
        uplink: dict[str, Any] = {
            "f_port": fport,
            "frm_payload": base64.b64encode(frame).decode(),
            "rx_metadata": [
                {
                    "gateway_ids": {
                        "gateway_id": device.gateway or "none",
                        "eui": _gateway_eui(device).upper(),
                    },
                    "time": at,
                    "rssi": rssi_dbm(device, report),
                }
            ],
            "settings": {"data_rate": {"lora": {"bandwidth": 125_000, "spreading_factor": 10}}},
            "received_at": at,
        }
        if report.seq:
            uplink["f_cnt"] = report.seq
        said = {"end_device_ids": ids, "received_at": at, "uplink_message": uplink}
        return Transmission(topic, msgspec.json.encode(said), at=report.sent_at, device=device.id)

    return say


def zigbee2mqtt_pir(town: Town, device: Device) -> Voice:
    """A Zigbee PIR. `linkquality` 0 is common and means nothing; voltage is in mV."""
    topic = f"zigbee2mqtt/{device.address or device.id}"

    def say(report: Report) -> Transmission:
        said: dict[str, Any] = {
            "battery": round(report.charge * 100),
            "voltage": round(2_800 + 300 * report.charge),
            "illuminance_lux": round(report.measures["light_lux"]),
            "linkquality": max(0, round(80 + 80 * scatter(0, device.id, report.seq))),
            "occupancy": state_of(report, "motion") == "on",
            "last_seen": iso(report.sent_at, town.zone_info),
        }
        return Transmission(topic, msgspec.json.encode(said), at=report.sent_at, device=device.id)

    return say


def meshtastic(_town: Town, device: Device) -> Voice:
    """A Meshtastic node heard by a gateway node. Position and telemetry take turns."""
    node = int(device.address.removeprefix("!") or f"{zlib.crc32(device.id.encode()):08x}", 16)
    gateway = f"!{zlib.crc32((device.gateway or device.id).encode()):08x}"
    topic = f"msh/JP/2/json/LongFast/{gateway}"

    def say(report: Report) -> Transmission:
        said: dict[str, Any] = {
            "channel": 0,
            "from": node,
            "to": 0xFFFF_FFFF,
            "id": zlib.crc32(f"{device.id}/{report.sent_at}/{report.seq}".encode()),
            "sender": gateway,
            "timestamp": report.sent_at // 1_000,
            "rssi": rssi_dbm(device, report),
            "snr": 5.25,
            "hops_away": 0,
        }
        if "lat_deg" in report.measures:
            said["type"] = "position"
            said["payload"] = {
                "latitude_i": round(report.measures["lat_deg"] * 1e7),
                "longitude_i": round(report.measures["lon_deg"] * 1e7),
                "altitude": 850,
                "time": report.sent_at // 1_000,
                "sats_in_view": 8,
                "precision_bits": 32,
            }
        else:
            said["type"] = "telemetry"
            said["payload"] = {
                "battery_level": round(report.charge * 100),
                "voltage": round(3.3 + 0.85 * report.charge, 3),
                "channel_utilization": 3.2,
                "air_util_tx": 0.4,
            }
        return Transmission(topic, msgspec.json.encode(said), at=report.sent_at, device=device.id)

    return say
