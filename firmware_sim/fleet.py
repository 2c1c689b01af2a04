"""All devices of a town, driven by events in simulated time."""

import heapq
from collections.abc import Iterable

from devices.frame import Millis
from firmware_sim.chance import dice
from firmware_sim.device import NEVER, Firmware
from firmware_sim.faults import DeviceFault, Fault, Outage, WayFault
from firmware_sim.models import simulated
from firmware_sim.report import Transmission
from firmware_sim.world import World
from hub.config.town import Town


class Fleet:
    """What the devices of `town` publish, and how they obey, from `starts_at` on.

    Whoever drives it moves the time: `step(fleet.next_due())` as fast as it goes, or `step(now)` by a clock.
    The same town, world, seed and faults give the same bytes, if commands come at the same instants.
    """

    def __init__(
        self, town: Town, world: World, seed: int, faults: Iterable[Fault] = (), *, starts_at: Millis
    ) -> None:
        self.world = world
        self.firmwares: dict[str, Firmware] = {
            device.id: simulated(device, town, world, starts_at) for device in town.devices.values()
        }
        faults = tuple(faults)
        for fault in faults:
            if isinstance(fault, DeviceFault):
                for firmware in self.firmwares.values():
                    fault.afflict(firmware)
        self._way = [fault for fault in faults if isinstance(fault, WayFault)]
        self._outages = [fault for fault in faults if isinstance(fault, Outage)]
        self._rng = dice(seed, "way")
        self._site = town.site.id
        self._count = 0
        self._arriving: list[tuple[Millis, int, Transmission]] = []
        self._waking: list[tuple[Millis, str]] = []
        for firmware in self.firmwares.values():
            self._wake(firmware)
        for outage in self._outages:
            for sent in outage.by_itself(self.firmwares):
                self._arrive(sent)

    def next_due(self) -> Millis:
        """The next instant at which a device acts or a transmission arrives; `NEVER` when there is none."""
        waking = self._waking[0][0] if self._waking else NEVER
        arriving = self._arriving[0][0] if self._arriving else NEVER
        return min(waking, arriving)

    def step(self, now: Millis) -> list[Transmission]:
        """Lets every device act that is due by `now`; returns what has reached the broker, in order."""
        while self._waking and self._waking[0][0] <= now:
            due, id = heapq.heappop(self._waking)
            firmware = self.firmwares[id]
            if due != firmware.due():
                continue  # it was woken for something that has changed since; it stands again in the heap
            self._send(firmware, firmware.act(due))
            self._wake(firmware)
        return self._arrived(now)

    def command(self, topic: str, payload: bytes, now: Millis) -> list[Transmission]:
        """Hands `naruko/<site>/<device>/cmd` to its device; returns as `step` does."""
        parts = topic.split("/")
        if len(parts) != 4 or parts[0] != "naruko" or parts[1] != self._site:
            return []
        firmware = self.firmwares.get(parts[2])
        if firmware is None or any(outage.deaf(firmware, now) for outage in self._outages):
            return []
        self._send(firmware, firmware.command(topic, payload, now))
        self._wake(firmware)
        return self._arrived(now)

    def _arrived(self, now: Millis) -> list[Transmission]:
        arrived = []
        while self._arriving and self._arriving[0][0] <= now:
            arrived.append(heapq.heappop(self._arriving)[2])
        return arrived

    def _wake(self, firmware: Firmware) -> None:
        if (due := firmware.due()) < NEVER:
            heapq.heappush(self._waking, (due, firmware.device.id))

    def _send(self, sender: Firmware, said: list[Transmission]) -> None:
        for fault in self._way:
            said = [carried for sent in said for carried in fault.carry(sent, sender, self._rng)]
        for sent in said:
            self._arrive(sent)

    def _arrive(self, sent: Transmission) -> None:
        self._count += 1
        heapq.heappush(self._arriving, (sent.at, self._count, sent))
