"""What a message says of its own way to us: how it was heard, and by which firmware it was made. Pure.

Of ChirpStack, The Things Stack, Meshtastic, Tasmota, Zigbee2MQTT and our own payload. It decides nothing.
"""

from collections.abc import Iterable
from math import isfinite
from typing import Any

import msgspec
from msgspec import Struct

LONGEST = 65_536
LONGEST_FIRMWARE = 40
RSSI = (-200.0, 50.0)
SNR = (-50.0, 50.0)
FIRMWARE = ("fw", "firmware", "firmware_version", "sw_version")


class Carried(Struct, frozen=True):
    """`rssi_dbm` and `snr_db` at the gateway that heard it best; `snr_db` is None where it was no LoRa."""

    rssi_dbm: float | None = None
    snr_db: float | None = None
    firmware: str = ""


NOTHING = Carried()


def carried(payload: bytes) -> Carried:
    """`NOTHING` where it says nothing of that, or cannot be read."""
    if len(payload) > LONGEST:
        return NOTHING
    try:
        said = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return NOTHING
    if not isinstance(said, dict):
        return NOTHING
    rssi, snr = _heard(said)
    return Carried(rssi, snr, _firmware(said))


def _heard(said: dict[str, Any]) -> tuple[float | None, float | None]:
    if by := _dicts(said.get("rxInfo")):  # ChirpStack leaves out what is zero
        return _best((_within(one.get("rssi"), RSSI), _within(one.get("snr", 0), SNR)) for one in by)
    if by := _dicts(_dict(said.get("uplink_message")).get("rx_metadata")):
        return _best((_within(one.get("rssi"), RSSI), _within(one.get("snr"), SNR)) for one in by)
    if "from" in said:
        return _within(said.get("rssi"), RSSI), _within(said.get("snr"), SNR)
    if wifi := _dict(said.get("Wifi")):
        return _within(wifi.get("Signal"), RSSI), None
    measures = _dict(said.get("m"))
    return _within(measures.get("rssi_dbm"), RSSI), _within(measures.get("snr_db"), SNR)


def _best(heard: Iterable[tuple[float | None, float | None]]) -> tuple[float | None, float | None]:
    return max(heard, key=lambda one: one[0] if one[0] is not None else RSSI[0] - 1)


def _firmware(said: dict[str, Any]) -> str:
    decoded = _dict(said.get("object")) or _dict(_dict(said.get("uplink_message")).get("decoded_payload"))
    places = [said.get(name) for name in FIRMWARE] + [decoded.get(name) for name in FIRMWARE]
    places.append(_dict(said.get("update")).get("installed_version"))
    for found in places:
        text = str(found) if isinstance(found, str | int | float) and not isinstance(found, bool) else ""
        if text and text.isprintable() and len(text) <= LONGEST_FIRMWARE:
            return text
    return ""


def _within(value: object, bounds: tuple[float, float]) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value):
        return None
    return float(value) if bounds[0] <= value <= bounds[1] else None


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
