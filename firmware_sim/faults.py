"""What goes wrong in the field. Faults of a device change what it says, faults of the way what arrives.

Any of them may be combined. Chance comes from the fleet's seed, so a run can be repeated exactly.
"""

from dataclasses import dataclass
from random import Random
from typing import Protocol, runtime_checkable

from msgspec.structs import replace

from devices.frame import Millis
from firmware_sim.device import ClockFault, Firmware
from firmware_sim.gateway import Online
from firmware_sim.report import Transmission

KEEPALIVE_LOST: Millis = 90_000
"""The broker publishes a last will 1.5 keepalives (of 60 s) after the last word."""

SPOOL_FASTER = 60
"""A spool is emptied so many times as fast as it was filled."""


@runtime_checkable
class DeviceFault(Protocol):
    """Changes devices before they are switched on."""

    def afflict(self, firmware: Firmware) -> None: ...


@runtime_checkable
class WayFault(Protocol):
    """Stands between a device and the broker: what it makes of one transmission."""

    def carry(self, sent: Transmission, sender: Firmware, rng: Random) -> list[Transmission]: ...


@runtime_checkable
class Outage(WayFault, Protocol):
    """A fault of the way that also loses commands, and that the broker itself has something to say of."""

    def deaf(self, firmware: Firmware, now: Millis) -> bool: ...

    def by_itself(self, firmwares: dict[str, Firmware]) -> list[Transmission]: ...


Fault = DeviceFault | WayFault


# --- faults of a device -----------------------------------------------------------------------------


@dataclass(frozen=True)
class StuckValue:
    """The sensor repeats, to the last digit, what it measured at `since`."""

    device: str
    since: Millis
    until: Millis

    def afflict(self, firmware: Firmware) -> None:
        if firmware.device.id == self.device:
            firmware.conditions.stuck.append((self.since, self.until))


@dataclass(frozen=True)
class WrongClock:
    """Its own clock is off by `offset` (+1 h, say); None: it shows 1970, as after a boot without time."""

    device: str
    since: Millis
    until: Millis
    offset: Millis | None = None

    def afflict(self, firmware: Firmware) -> None:
        if firmware.device.id == self.device:
            firmware.conditions.clocks.append(ClockFault(self.since, self.until, self.offset))


@dataclass(frozen=True)
class Restart:
    """Power fails for a moment: the sequence numbers begin again."""

    device: str
    at: Millis

    def afflict(self, firmware: Firmware) -> None:
        if firmware.device.id == self.device:
            firmware.conditions.restarts.append(self.at)


@dataclass(frozen=True)
class DeadBattery:
    """The battery falls during `sags_for` and the device is silent from `at` on."""

    device: str
    at: Millis
    sags_for: Millis = 0

    def afflict(self, firmware: Firmware) -> None:
        if firmware.device.id == self.device:
            firmware.conditions.dies_at = self.at
            firmware.conditions.sags_for = self.sags_for


# --- faults of the way --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Loss:
    """A share of all transmissions never arrives. `devices` empty: of every device."""

    share: float
    devices: tuple[str, ...] = ()

    def carry(self, sent: Transmission, sender: Firmware, rng: Random) -> list[Transmission]:
        hit = (not self.devices or sender.device.id in self.devices) and rng.random() < self.share
        return [] if hit else [sent]


@dataclass(frozen=True)
class Duplicates:
    """A share of all transmissions arrives a second time, to the byte the same, up to `within` later."""

    share: float
    within: Millis = 5_000
    devices: tuple[str, ...] = ()

    def carry(self, sent: Transmission, sender: Firmware, rng: Random) -> list[Transmission]:
        if (self.devices and sender.device.id not in self.devices) or rng.random() >= self.share:
            return [sent]
        return [sent, replace(sent, at=sent.at + rng.randrange(self.within))]


@dataclass(frozen=True)
class Reordering:
    """A share of all transmissions is held up for up to `within`, so that later ones overtake it."""

    share: float
    within: Millis = 30_000
    devices: tuple[str, ...] = ()

    def carry(self, sent: Transmission, sender: Firmware, rng: Random) -> list[Transmission]:
        if (self.devices and sender.device.id not in self.devices) or rng.random() >= self.share:
            return [sent]
        return [replace(sent, at=sent.at + rng.randrange(self.within))]


@dataclass(frozen=True)
class GatewayOutage:
    """The link of a gateway is cut. What its devices say is spooled there and sent when it is back.

    The gateway itself makes no heartbeat meanwhile. The broker tells its last will; no command gets through.
    """

    gateway: str
    since: Millis
    until: Millis
    spool: bool = True
    """False: a gateway without a spool loses them."""

    def afflict(self, firmware: Firmware) -> None:
        if firmware.device.id == self.gateway:
            firmware.conditions.cut.append((self.since, self.until))

    def carry(self, sent: Transmission, sender: Firmware, rng: Random) -> list[Transmission]:  # noqa: ARG002
        """What is spooled comes oldest first, however long that takes."""
        if not self.since <= sent.at < self.until or not self._behind(sender):
            return [sent]
        if not self.spool or sender.device.id == self.gateway:
            return []
        return [replace(sent, at=self.until + 2_000 + (sent.at - self.since) // SPOOL_FASTER)]

    def deaf(self, firmware: Firmware, now: Millis) -> bool:
        """True where a command to this device is lost."""
        return self.since <= now < self.until and self._behind(firmware)

    def by_itself(self, firmwares: dict[str, Firmware]) -> list[Transmission]:
        """The last will, and `online` when the gateway is back. The broker does not notice a short outage."""
        gateway = firmwares.get(self.gateway)
        if not isinstance(gateway, Online) or self.until - self.since <= KEEPALIVE_LOST:
            return []
        return [
            gateway.status("offline", self.since + KEEPALIVE_LOST),
            gateway.status("online", self.until),
        ]

    def _behind(self, firmware: Firmware) -> bool:
        return self.gateway in (firmware.device.id, firmware.device.gateway)
