"""Dragino LDDS75 (level), LDS02/LWL02 and LDS03A (door), LGT-92 (tracker). Big-endian."""

import struct

from devices.decoders.layout import by_model, check_length, check_port, contact, counter
from devices.frame import BadFrameError, Frame, Measure, Signal

NO_SENSOR_MM = 0
NO_ECHO_MM = 20
"""Sent in place of a distance when the target is too near or the echo was lost."""


def _ldds75(fport: int | None, data: bytes) -> Frame:
    """Battery mV in 14 bits, distance mm, interrupt, DS18B20 0.1 degC, sensor flag."""
    check_port(fport, 2)
    check_length(data, 8)
    battery, mm, _, tenths_c, attached = struct.unpack(">HHBhB", data)
    if mm == NO_SENSOR_MM or not attached:
        distance = Measure("distance_m", None, why="no sensor attached")
    elif mm == NO_ECHO_MM:
        distance = Measure("distance_m", None, why="no valid echo")
    else:
        distance = Measure("distance_m", mm / 1000)
    if tenths_c:
        probe = Measure("probe_c", tenths_c / 10)
    else:
        probe = Measure("probe_c", None, why="0.0 is also sent where no probe is attached")
    return Frame((distance, probe, Measure("battery_v", (battery & 0x3FFF) / 1000)))


def _lds02(fport: int | None, data: bytes) -> Frame:
    """LDS02 and LWL02: byte 2 (MOD) decides: door frame (1), leak frame (2) or both states (3)."""
    check_port(fport, 10)
    check_length(data, 10)
    state, mod = struct.unpack_from(">HB", data)
    battery = Measure("battery_v", (state & 0x3FFF) / 1000)
    door = Signal("contact", contact(state & 0x8000))
    if mod == 1:
        return Frame((battery, counter("open_total_count", int.from_bytes(data[3:6], "big"), 24)), (door,))
    if mod == 2:
        return Frame((battery,))
    if mod == 3:
        return Frame((battery,), (door,))
    raise BadFrameError(f"MOD {mod}, expected 1 (door), 2 (leak) or 3 (both)")


LDS03A_EVENT = struct.Struct(">B3s3sI")
"""Door and alarm bits, openings, minutes of the last opening, unix seconds."""


def _lds03a(fport: int | None, data: bytes) -> Frame:
    """The port decides: 2 an event with its own clock, 3 stored events, 4 settings, 5 the device's state."""
    check_port(fport, 2, 3, 4, 5)
    if fport == 3:
        if not data or len(data) % LDS03A_EVENT.size:
            raise BadFrameError(f"{len(data)} bytes, expected a multiple of {LDS03A_EVENT.size}")
        stored = LDS03A_EVENT.iter_unpack(data)
        return Frame(
            (),
            tuple(Signal("contact", contact(bits & 1), at=seconds * 1000) for bits, _, _, seconds in stored),
        )
    if fport == 4:
        check_length(data, 7)
        return Frame()
    if fport == 5:
        check_length(data, 7)
        if data[0] != 0x0A:
            raise BadFrameError(f"model byte {data[0]:#04x}, expected 0x0a (LDS03A)")
        return Frame((Measure("battery_v", int.from_bytes(data[5:7], "big") / 1000),))
    check_length(data, LDS03A_EVENT.size)
    bits, openings, _, seconds = LDS03A_EVENT.unpack(data)
    return Frame(
        (counter("open_total_count", int.from_bytes(openings, "big"), 24),),
        (Signal("contact", contact(bits & 1)),),
        at=seconds * 1000 or None,
    )


def _lgt92(fport: int | None, data: bytes) -> Frame:
    """Position, battery, attitude. No altitude: int16 of 0.01 m ends at 327 m, below the towns."""
    check_port(fport, 2)
    check_length(data, 18)
    lat, lon, battery, _, roll, pitch = struct.unpack_from(">iiHBhh", data)
    return Frame(
        (
            *_position(lat / 1e6, lon / 1e6),
            Measure("battery_v", (battery & 0x3FFF) / 1000),
            Measure("roll_deg", roll / 100),
            Measure("pitch_deg", pitch / 100),
        )
    )


def _position(lat: float, lon: float) -> tuple[Measure, Measure]:
    why = ""
    if lat == 0 and lon == 0:
        why = "no fix"
    elif abs(lat) > 90 or abs(lon) > 180:
        why = "no place on earth"
    if why:
        return Measure("lat_deg", None, why=why), Measure("lon_deg", None, why=why)
    return Measure("lat_deg", lat), Measure("lon_deg", lon)


MODELS = {"ldds75": _ldds75, "lds02": _lds02, "lwl02": _lds02, "lds03a": _lds03a, "lgt92": _lgt92}


def decode(model: str, fport: int | None, data: bytes) -> Frame:
    """Raises BadFrameError for another port, length or mode than the model's."""
    return by_model(MODELS, model)(fport, data)
