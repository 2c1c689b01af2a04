"""The bytes of bought sensors, written from their makers' frame descriptions. See ../shared/data/lorawan.

Big-endian unless it says otherwise. Each function takes a report and the serial number and returns
`(fPort, frame)`. What the model cannot say is left out; what it needs and was not measured is a KeyError.
"""

import struct
from collections.abc import Callable

from firmware_sim.report import Report

Frame = tuple[int, bytes]
Encode = Callable[[Report, int], Frame]

MILESIGHT_PORT = 85
DECENTLAB_PORT = 1


def state_of(report: Report, type: str) -> str:
    """The state that a report gives for one type of happening, empty where it says nothing of it."""
    return next((h.state for h in report.happenings if h.type == type), "")


# --- Decentlab: version 2, device id, group flags, 16-bit words ------------------------------------


def _decentlab(serial: int, *groups: tuple[int, ...] | None) -> Frame:
    flags = sum(1 << bit for bit, words in enumerate(groups) if words is not None)
    words = [word for group in groups if group is not None for word in group]
    return DECENTLAB_PORT, struct.pack(f">BHH{len(words)}H", 2, serial & 0xFFFF, flags, *words)


def _lithium_mv(charge: float) -> int:
    """Two C cells: 3.0 V empty, 3.6 V fresh."""
    return round(3_000 + 600 * charge)


def decentlab_mbx(report: Report, serial: int) -> Frame:
    """DL-MBX. Group 0: distance mm, valid samples; left out where there was no echo. Group 1: battery mV."""
    distance = report.measures.get("distance_m")
    echo = None if distance is None else (round(distance * 1_000), 9)
    return _decentlab(serial, echo, (_lithium_mv(report.charge),))


def decentlab_tbrg(report: Report, serial: int) -> Frame:
    """DL-TBRG. Group 0: tips, interval s, all tips (low word first), 0.1 mm a tip. Group 1: battery mV."""
    tips = round(report.measures["rain_mm"] * 10)
    total = round(report.measures["rain_total_mm"] * 10)
    interval = round(report.measures["interval_s"])
    rain = (tips, interval, total & 0xFFFF, total >> 16)
    return _decentlab(serial, rain, (_lithium_mv(report.charge),))


# --- Milesight: records of channel, type and little-endian data -------------------------------------


ANNOUNCEMENT = bytes.fromhex("ff0bff ff0101 ff090310 ff0a0101 ff0f00")
"""Switched on; protocol, hardware and firmware version; LoRaWAN class A."""


def milesight(records: Callable[[Report], bytes]) -> Encode:
    """Battery and the records of a model. An announcement has attributes only."""

    def encode(report: Report, _serial: int) -> Frame:
        if report.announcing:
            return MILESIGHT_PORT, ANNOUNCEMENT
        return MILESIGHT_PORT, b"\x01\x75" + bytes([round(report.charge * 100)]) + records(report)

    return encode


def udl(report: Report) -> bytes:
    """EM310-UDL: distance mm, position upright."""
    return b"\x03\x82" + struct.pack("<H", round(report.measures["distance_m"] * 1_000)) + b"\x04\x00\x00"


def ws202(report: Report) -> bytes:
    """WS202: motion and daylight."""
    motion = state_of(report, "motion") == "on"
    return b"\x03\x00" + bytes([motion]) + b"\x04\x00" + bytes([report.measures["light_lux"] > 0])


def mcs(report: Report) -> bytes:
    """EM300-MCS: air, humidity, and whether the magnet is away."""
    air = b"\x03\x67" + struct.pack("<h", round(report.measures["air_c"] * 10))
    humidity = b"\x04\x68" + bytes([round(report.measures["humidity_pct"] * 2)])
    return air + humidity + b"\x06\x00" + bytes([state_of(report, "contact") == "open"])


def tilt(report: Report) -> bytes:
    """EM320-TILT: three angles in 0.01 degree, each with its alarm in the lowest bit."""
    alarm = state_of(report, "tilt") == "on"
    angles = [
        (round(report.measures[f"angle_{axis}_deg"] * 100) << 1) | (alarm and axis == "x")
        for axis in ("x", "y", "z")
    ]
    return b"\x03\xd4" + struct.pack("<3h", *angles)


# --- others -----------------------------------------------------------------------------------------


def browan_tbms100(report: Report, _serial: int) -> Frame:
    """TBMS100: occupied, battery, board temperature, minutes since the last event, count. Little-endian."""
    occupied = state_of(report, "motion") == "on"
    volts = 25 + round(report.charge * 11)
    board = round(report.measures["air_c"]) + 32
    minutes = min(round(report.measures["quiet_min"]), 0xFFFF)
    head = struct.pack("<BBBH", occupied, 0xB0 | min(volts - 25, 15), board & 0x7F, minutes)
    return 102, head + round(report.measures["motion_count"]).to_bytes(3, "little")


def dragino_lds02(report: Report, _serial: int) -> Frame:
    """LDS02: battery mV with the door in bit 15, MOD 1, openings, last open time in minutes, alarm."""
    door = 0x8000 if state_of(report, "contact") == "open" else 0
    openings = round(report.measures["openings"]).to_bytes(3, "big")
    minutes = round(report.measures["open_min"]).to_bytes(3, "big")
    battery = round(2_500 + 600 * report.charge)
    return 10, struct.pack(">HB", battery | door, 1) + openings + minutes + b"\x00"
