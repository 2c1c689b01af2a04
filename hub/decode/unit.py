"""A device as decoding needs it, and what every envelope comes down to."""

from datetime import tzinfo
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from devices.decoders import FAMILIES
from devices.frame import Frame, Millis, Signal
from hub.config.shapes import Device, Kind, Profile
from hub.decode.mapping import Mapping

Word = tuple[str, str]
"""Type and state of a signal."""


class Unit:
    """One device with everything of its profile that a message asks for, looked up once."""

    __slots__ = ("decode", "device", "fport", "id", "mapping", "meaning", "profile", "zone")

    def __init__(self, device: Device, profile: Profile, mapping: Mapping, zone: tzinfo) -> None:
        self.id = device.id
        self.device = device
        self.profile = profile
        self.decode = FAMILIES.get(profile.decoder)
        self.fport = profile.fport
        self.mapping = mapping
        self.zone = zone
        self.meaning = _meaning(device, profile)

    def signals(self, signals: tuple[Signal, ...]) -> tuple[Signal, ...]:
        """The same, with a contact or an input told as what it means on this device."""
        if any((signal.type, signal.state) in self.meaning for signal in signals):
            return tuple(self._told(signal) for signal in signals)
        return signals

    def _told(self, signal: Signal) -> Signal:
        kind, state = self.meaning.get((signal.type, signal.state), (signal.type, signal.state))
        return replace(signal, type=kind, state=state)


def _meaning(device: Device, profile: Profile) -> dict[Word, Word]:
    """What a door contact and a bare input (`detection`, on or off) say, by what the device watches.

    A trap has sprung as its magnet is mounted; the loop of a wire is open when it is cut. An input that
    nobody explains is a motion sensor's.
    """
    if device.slope:
        happened, rest, sprung_when = ("wire", "cut"), ("wire", "ok"), "open"
    elif device.trap or profile.kind is Kind.TRAP:
        happened, rest = ("trap", "sprung"), ("trap", "armed")
        sprung_when = device.trap.sprung_when if device.trap else "open"
    else:
        return {("detection", "on"): ("motion", "on"), ("detection", "off"): ("motion", "off")}
    return {
        ("detection", "on"): happened,
        ("detection", "off"): rest,
        ("contact", sprung_when): happened,
        ("contact", "closed" if sprung_when == "open" else "open"): rest,
    }


class Envelope(Struct, frozen=True):
    """What a message says around and in its payload, whoever carried it.

    Either `frame` (already in our words), or `data` (raw bytes for the family's decoder), or `document` (JSON
    to be mapped by the profile), or none of them: a sign of life. `addresses` name the device where the topic
    does not.
    """

    at: Millis | None = None
    identity: str = ""
    seq: int | None = None
    gateway: str = ""
    rssi_dbm: float | None = None
    frame: Frame | None = None
    fport: int | None = None
    data: bytes = b""
    document: Any = None
    addresses: tuple[str, ...] = ()
