"""Browan TABS (TBDW100 door, TBMS100 motion) and MerryIoT DW10. Little-endian."""

from devices.decoders.layout import by_model, check_length, check_port, contact, counter, on_off
from devices.frame import Frame, Measure, Signal


def _tabs(data: bytes, count: str) -> tuple[Measure, ...]:
    """8 bytes: status, battery, board temperature, uint16 minutes since the last event, uint24 events."""
    return (
        Measure("battery_v", (25 + (data[1] & 0x0F)) / 10),
        Measure("board_c", float((data[2] & 0x7F) - 32)),
        counter(count, int.from_bytes(data[5:8], "little"), 24),
    )


def _tbdw100(fport: int | None, data: bytes) -> Frame:
    check_port(fport, 100)
    check_length(data, 8)
    return Frame(_tabs(data, "open_total_count"), (Signal("contact", contact(data[0] & 1)),))


def _tbms100(fport: int | None, data: bytes) -> Frame:
    """Byte 0 has reserved bits that may be set: only bit 0 says occupied."""
    check_port(fport, 102)
    check_length(data, 8)
    return Frame(_tabs(data, "motion_total_count"), (Signal("motion", on_off(data[0] & 1)),))


def _dw10(fport: int | None, data: bytes) -> Frame:
    """9 bytes with int8 degC, or 10 bytes with int16 0.1 degC and all that follows one byte later.

    The status bits button, tamper and tilt tell about the sensor's own case, not about what it watches.
    """
    check_port(fport, 120)
    check_length(data, 9, 10)
    if len(data) == 9:
        air_c = float(data[2] - 256 if data[2] > 125 else data[2])
    else:
        air_c = int.from_bytes(data[2:4], "little", signed=True) / 10
    tail = data[-6:]
    return Frame(
        (
            Measure("battery_v", (21 + data[1]) / 10),
            Measure("air_c", air_c),
            Measure("humidity_pct", float(tail[0])),
            counter("open_total_count", int.from_bytes(tail[3:6], "little"), 24),
        ),
        (Signal("contact", contact(data[0] & 1)),),
    )


MODELS = {"tbdw100": _tbdw100, "tbms100": _tbms100, "dw10": _dw10}


def decode(model: str, fport: int | None, data: bytes) -> Frame:
    """Raises BadFrameError for another port or length than the model's."""
    return by_model(MODELS, model)(fport, data)
