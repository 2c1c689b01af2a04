"""Netvox R311A, R718F, R730F (door and reed contacts) and R718MBA (vibration): 11 bytes."""

from devices.decoders.layout import by_model, check_length, check_port, contact, on_off
from devices.frame import BadFrameError, Frame, Measure, Signal

VERSION = 1
REPORTS = 6
ANSWERS = 7
"""fPort of the answers to settings commands: no event in them."""

MODELS = {
    "r311a": (0x02, "contact"),
    "r718f": (0x1D, "contact"),
    "r730f": (0x7D, "contact"),
    "r718mba": (0x27, "vibration"),
}
"""Model -> (device type byte, what its state byte tells)."""


def decode(model: str, fport: int | None, data: bytes) -> Frame:
    """Raises BadFrameError for another port, length, version, device or report than the model's."""
    device_type, signal = by_model(MODELS, model)
    check_port(fport, REPORTS, ANSWERS)
    check_length(data, 11)
    if data[1] != device_type:
        raise BadFrameError(f"device type {data[1]:#04x}, expected {device_type:#04x} ({model})")
    if fport == ANSWERS:
        if data[0] not in (0x81, 0x82):
            raise BadFrameError(f"answer {data[0]:#04x}, expected 0x81 (set) or 0x82 (read back)")
        return Frame()
    if data[0] != VERSION:
        raise BadFrameError(f"version {data[0]}, expected {VERSION}")
    if data[2] == 0:  # start-up: versions and date
        return Frame()
    if data[2] != 1:
        raise BadFrameError(f"report type {data[2]}, expected 0 (start-up) or 1 (status)")
    if data[4] > 1:
        raise BadFrameError(f"state {data[4]}, expected 0 or 1")
    state = contact(data[4]) if signal == "contact" else on_off(data[4])
    # Bit 7 of the battery byte is the device's own opinion that it is low.
    return Frame((Measure("battery_v", (data[3] & 0x7F) / 10),), (Signal(signal, state),))
