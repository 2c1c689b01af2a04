"""What a simulated device has to say, before it is put into the bytes of its model."""

from msgspec import Struct

from devices.frame import Millis


class Transmission(Struct, frozen=True):
    """One MQTT publication. `at` is when it reaches the broker, `device` who sent it (for faults)."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    at: Millis = 0
    device: str = ""


class Happening(Struct, frozen=True, omit_defaults=True):
    """One entry of `e` in the native payload: as ARCHITECTURE.md's contract has it."""

    type: str
    state: str = ""
    species: str = ""
    confidence: float | None = None
    count: int = 1


class Report(Struct, frozen=True):
    """One uplink. `at` is by the device's own clock, `sent_at` by the true one; `charge` is 0 to 1."""

    at: Millis
    sent_at: Millis
    seq: int
    charge: float
    measures: dict[str, float] = {}
    happenings: tuple[Happening, ...] = ()
    announcing: bool = False
    """Only says that it has been switched on, which some models do in a frame of its own."""
