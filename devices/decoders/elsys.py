"""Elsys ERS, ELT and EMS: a list of records, each a type byte and data of fixed length. Big-endian."""

from collections.abc import Callable

from devices.decoders.layout import check_port, contact, counter, on_off
from devices.frame import BadFrameError, Frame, Measure, Signal

PORT = 5

Read = Callable[[bytes], tuple[Measure | Signal, ...]]


def _unsigned(quantity: str, divisor: float = 1) -> Read:
    return lambda body: (Measure(quantity, int.from_bytes(body, "big") / divisor),)


def _signed(quantity: str, divisor: float = 1) -> Read:
    return lambda body: (Measure(quantity, int.from_bytes(body, "big", signed=True) / divisor),)


def _count(quantity: str) -> Read:
    return lambda body: (counter(quantity, int.from_bytes(body, "big"), 8 * len(body)),)


def _counted_signal(quantity: str, signal: str) -> Read:
    """A count of happenings since the last uplink: some happened, or none did."""
    return lambda body: (counter(quantity, body[0], 8), Signal(signal, on_off(body[0])))


def _acceleration(body: bytes) -> tuple[Measure, ...]:
    """Three int8 of 1/63 g."""
    return tuple(
        Measure(f"accel_{axis}_g", (raw - 256 if raw > 127 else raw) / 63)
        for axis, raw in zip("xyz", body, strict=True)
    )


def _position(body: bytes) -> tuple[Measure, ...]:
    """Two int24 of 1e-4 degree; both zero without a fix."""
    why = "" if any(body) else "no fix"
    lat = int.from_bytes(body[:3], "big", signed=True) / 1e4
    lon = int.from_bytes(body[3:], "big", signed=True) / 1e4
    return (
        Measure("lat_deg", None if why else lat, why=why),
        Measure("lon_deg", None if why else lon, why=why),
    )


def _infrared(body: bytes) -> tuple[Measure | Signal, ...]:
    return (*_signed("ir_inside_c", 10)(body[:2]), *_signed("ir_outside_c", 10)(body[2:]))


def _sound(body: bytes) -> tuple[Measure, ...]:
    return Measure("sound_peak_db", float(body[0])), Measure("sound_db", float(body[1]))


def _nothing(_: bytes) -> tuple[Measure, ...]:
    return ()


RECORDS: dict[int, tuple[int, Read]] = {
    0x01: (2, _signed("air_c", 10)),
    0x02: (1, _unsigned("humidity_pct")),
    0x03: (3, _acceleration),
    0x04: (2, _unsigned("light_lux")),
    0x05: (1, _counted_signal("motion_count", "motion")),
    0x07: (2, _unsigned("battery_v", 1000)),
    0x08: (2, _unsigned("analog_1_v", 1000)),
    0x09: (6, _position),
    0x0A: (2, _count("pulse_count")),
    0x0B: (4, _count("pulse_total_count")),
    0x0C: (2, _signed("probe_c", 10)),
    0x0D: (1, lambda body: (Signal("contact", contact(body[0])),)),
    0x0E: (2, _unsigned("distance_m", 1000)),
    0x0F: (1, _counted_signal("vibration_count", "vibration")),
    0x10: (4, _infrared),
    0x11: (1, lambda body: (Signal("motion", on_off(body[0])),)),
    0x12: (1, _nothing),  # water leak
    0x13: (65, _nothing),  # thermal grid
    0x14: (4, _signed("pressure_hpa", 1000)),
    0x15: (2, _sound),
    0x16: (2, _count("pulse_2_count")),
    0x17: (4, _count("pulse_2_total_count")),
    0x18: (2, _unsigned("analog_2_v", 1000)),
    0x19: (2, _signed("probe_2_c", 10)),
    0x1A: (1, _nothing),  # the trap contact hangs on the first digital input
}
"""Type -> (length of the data, how to read it)."""


def decode(model: str, fport: int | None, data: bytes) -> Frame:
    """All models send the same records. An unknown type is a BadFrameError: its length is unknown too."""
    check_port(fport, PORT)
    if not data:
        raise BadFrameError("empty, expected records")
    found: list[Measure | Signal] = []
    at = 0
    while at < len(data):
        if data[at] not in RECORDS:
            raise BadFrameError(f"record type {data[at]:#04x} at byte {at} is not one that {model} sends")
        length, read = RECORDS[data[at]]
        body = data[at + 1 : at + 1 + length]
        if len(body) < length:
            raise BadFrameError(
                f"record {data[at]:#04x} at byte {at} is cut: {len(body)} bytes, expected {length}"
            )
        found.extend(read(body))
        at += 1 + length
    return Frame(
        tuple(item for item in found if isinstance(item, Measure)),
        tuple(item for item in found if isinstance(item, Signal)),
    )
