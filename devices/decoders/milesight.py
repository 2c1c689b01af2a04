"""Milesight EM and WS series: records of channel, type and data of fixed length. Little-endian."""

import struct
from collections.abc import Callable

from msgspec.structs import replace

from devices.decoders.layout import by_model, check_port, contact, on_off
from devices.frame import BadFrameError, Frame, Measure, Millis, Signal

PORT = 85

Found = tuple[Measure | Signal, ...]
Records = dict[bytes, tuple[int, Callable[[bytes], Found]]]
"""Channel and type -> (length of the data, how to read it)."""


def _nothing(_: bytes) -> Found:
    return ()


COMMON: Records = {
    b"\x01\x75": (1, lambda body: (Measure("battery_pct", float(body[0])),)),
    # Sent after joining or on restart: who the device is, nothing that it measured.
    b"\xff\x01": (1, _nothing),
    b"\xff\x08": (6, _nothing),
    b"\xff\x09": (2, _nothing),
    b"\xff\x0a": (2, _nothing),
    b"\xff\x0b": (1, _nothing),
    b"\xff\x0f": (1, _nothing),
    b"\xff\x16": (8, _nothing),
    b"\xff\x1b": (5, _nothing),
    b"\xff\xfe": (1, _nothing),
    b"\xff\xff": (2, _nothing),
}


def _door(is_open: int, at: Millis | None = None) -> Found:
    if is_open > 1:
        raise BadFrameError(f"magnet {is_open}, expected 0 (closed) or 1 (open)")
    return (Signal("contact", contact(is_open), at=at),)


def _air(tenths_c: int, at: Millis | None = None) -> Measure:
    return Measure("air_c", tenths_c / 10, at)


def _humidity(half_pct: int, at: Millis | None = None) -> Measure:
    return Measure("humidity_pct", half_pct / 2, at)


def _mcs_stored(body: bytes) -> Found:
    seconds, tenths_c, half_pct, is_open = struct.unpack("<IhBB", body)
    at = seconds * 1000
    return (_air(tenths_c, at), _humidity(half_pct, at), *_door(is_open, at))


def _depth(cm: int, at: Millis | None = None) -> Measure:
    if cm == 0xFFFF:
        return Measure("depth_m", None, at, "collection failed")
    if cm == 0xFFFD:
        return Measure("depth_m", None, at, "out of range")
    return Measure("depth_m", cm / 100, at)


def _swl_stored(body: bytes) -> Found:
    seconds, cm = struct.unpack("<IH", body)
    return (_depth(cm, seconds * 1000),)


def _angles(body: bytes) -> Found:
    """Three int16: bit 0 says that the axis is over its threshold, the rest is the angle in 0.01 degree."""
    axes = struct.unpack("<3h", body)
    measures = (Measure(f"angle_{axis}_deg", (raw >> 1) / 100) for axis, raw in zip("xyz", axes, strict=True))
    return (*measures, Signal("tilt", on_off(any(raw & 1 for raw in axes))))


def _uint16(body: bytes) -> int:
    return int.from_bytes(body, "little")


MODELS: dict[str, Records] = {
    "em300-mcs": {
        b"\x03\x67": (2, lambda body: (_air(int.from_bytes(body, "little", signed=True)),)),
        b"\x04\x68": (1, lambda body: (_humidity(body[0]),)),
        b"\x06\x00": (1, lambda body: _door(body[0])),
        b"\x20\xce": (8, _mcs_stored),
    },
    "em310-udl": {
        b"\x03\x82": (2, lambda body: (Measure("distance_m", _uint16(body) / 1000),)),
        b"\x04\x00": (1, lambda body: (Signal("position", on_off(body[0])),)),
    },
    "em320-tilt": {
        b"\x03\xd4": (6, _angles),
    },
    "em500-swl": {
        b"\x03\x77": (2, lambda body: (_depth(_uint16(body)),)),
        b"\x20\xce": (6, _swl_stored),
    },
    "ws202": {
        b"\x03\x00": (1, lambda body: (Signal("motion", on_off(body[0])),)),
        b"\x04\x00": (1, _nothing),  # daylight: neither motion nor its end
    },
}


def decode(model: str, fport: int | None, data: bytes) -> Frame:
    """Records in any order, any of them missing. One that the model does not send is a BadFrameError."""
    records = by_model(MODELS, model)
    check_port(fport, PORT)
    if not data:
        raise BadFrameError("empty, expected records")
    found: list[Measure | Signal] = []
    at = 0
    while at < len(data):
        key = data[at : at + 2]
        known = records.get(key) or COMMON.get(key)
        if known is None:
            raise BadFrameError(f"record {key.hex(' ')} at byte {at} is not one that {model} sends")
        length, read = known
        body = data[at + 2 : at + 2 + length]
        if len(body) < length:
            raise BadFrameError(
                f"record {key.hex(' ')} at byte {at} is cut: {len(body)} bytes, expected {length}"
            )
        found.extend(read(body))
        at += 2 + length
    return _frame(found)


def _frame(found: list[Measure | Signal]) -> Frame:
    """A distance measured while the sensor hangs tilted is not the distance to the water."""
    measures = tuple(item for item in found if isinstance(item, Measure))
    signals = tuple(item for item in found if isinstance(item, Signal))
    if any(signal.type == "position" and signal.state == "on" for signal in signals):
        measures = tuple(
            replace(m, value=None, why="tilted") if m.quantity == "distance_m" else m for m in measures
        )
    return Frame(measures, tuple(signal for signal in signals if signal.type != "position"))
