"""A town's devices and the hub that listens to them: what each says, and what is told of it."""

from typing import Any

import msgspec

from devices.frame import Measure, Signal
from hub.config.policy import HealthPolicy
from hub.config.shapes import Device
from hub.config.town import Town
from hub.detect import health, silent_devices
from hub.detect.health import DeviceHealth
from hub.model import Event, EventKind, Freshness, Uplink
from tests.towns import at, town

START = at("2026-09-01 00:00:00")
SILENT, BACK = EventKind.DEVICE_SILENT, EventKind.DEVICE_BACK
GW_SILENT, GW_BACK = EventKind.GATEWAY_SILENT, EventKind.GATEWAY_BACK
OFFLINE, ONLINE = Signal("status", state="offline"), Signal("status", state="online")


class Field:
    """A town's devices over some days, with the hub that listens to them."""

    def __init__(self, *devices: Device, **policy: Any) -> None:
        self.town: Town = town(list(devices), health=HealthPolicy(**policy))
        self.states: dict[str, DeviceHealth] = {}
        self.flood: set[str] = set()
        self.kept = True

    def says(
        self,
        id: str,
        after: int,
        *signals: Signal,
        freshness: Freshness = Freshness.LIVE,
        late: int = 0,
        seq: int | None = None,
        volts: float | None = None,
    ) -> list[Event]:
        """The device's word of `after` ms from the start, heard `late` ms later."""
        device = self.town.devices[id]
        measures = (Measure("battery_v", volts),) if volts is not None else ()
        state, events, self.kept = health.heard(
            self.town.policy.health,
            device,
            self.town.profile(device),
            self.states.get(id, DeviceHealth()),
            Uplink(id, at=START + after, signals=signals, seq=seq, measures=measures),
            at=START + after,
            freshness=freshness,
            received_at=START + after + late,
        )
        self.keep({id: state})
        return events

    def tick(self, after: int, **more: Any) -> list[Event]:
        def river_above(id: str) -> str:
            return "danger" if id in self.flood else ""

        changed, events = silent_devices.tick(self.town, self.states, river_above, START + after, **more)
        self.keep(changed)
        return events

    def keep(self, changed: dict[str, DeviceHealth]) -> None:
        self.states |= changed
        for state in changed.values():
            assert msgspec.json.decode(msgspec.json.encode(state), type=DeviceHealth) == state


def told(events: list[Event]) -> list[tuple[EventKind, str]]:
    return [(event.kind, event.device) for event in events]
