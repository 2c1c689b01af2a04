"""A gauge, its quality checks and its detector in one hand: levels go in, readings and events come out."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from devices.frame import Measure
from hub import quality
from hub.config.policy import RiverPolicy
from hub.config.shapes import Device, Kind, Profile
from hub.detect import river
from hub.model import Event, EventKind, Flag, Message, Reading, Uplink
from hub.recordings import millis
from tests.towns import MINUTE, at, gauge

LIVE_WITHIN = 120_000
EVERY_10_MIN = Profile(model="gauge", name="gauge", kind=Kind.RIVER, heartbeat="10m")
EVERY_HOUR = Profile(model="gauge", name="gauge", kind=Kind.RIVER, heartbeat="1h")
EVERY_5_MIN = Profile(model="gauge", name="gauge", kind=Kind.RIVER, heartbeat="5m")

NOW = at("2026-07-01 00:00")
STEP = 10 * MINUTE
AYAGAWA = {"standby": 2.75, "caution": 3.95, "evac_judge": 4.00, "danger": 4.45}
"""綾川 鴨川新橋: two of its levels are 5 cm apart."""

UP, DOWN, CLEAR = EventKind.LEVEL_UP, EventKind.LEVEL_DOWN, EventKind.LEVEL_CLEAR
UNVERIFIED, VERIFIED = EventKind.LEVEL_UNVERIFIED, EventKind.LEVEL_VERIFIED


class Bank:
    """One gauge that is watched. `readings` and `events` collect what came of the levels it was given."""

    def __init__(self, device: Device, profile: Profile = EVERY_10_MIN, policy: RiverPolicy | None = None):
        self.device = device
        self.profile = profile
        self.policy = policy or RiverPolicy()
        self.quality = quality.DeviceQuality()
        self.river = river.RiverState()
        self.readings: list[Reading] = []
        self.events: list[Event] = []

    def level(self, at: int, level_m: float | None, received_at: int | None = None) -> Reading:
        """One level, as the gauge states it; received at once unless said otherwise."""
        measures = (Measure("level_m", level_m),)
        return self.hear(Uplink(self.device.id, at, measures=measures), received_at or at)[-1]

    def levels(self, start: int, step: int, levels_m: Iterable[float | None]) -> list[Reading]:
        return [self.level(start + step * i, level_m) for i, level_m in enumerate(levels_m)]

    def hear(self, uplink: Uplink, received_at: int, *, retain: bool = False) -> list[Reading]:
        own = self.device.gauge
        assert own is not None
        when, freshness, _ = quality.when(uplink.at, received_at, own.late_after, LIVE_WITHIN, retain=retain)
        self.quality, readings = quality.check(
            self.device, self.profile, self.quality, uplink, when, freshness, received_at
        )
        for reading in readings:
            self.judge(reading)
        self.readings += readings
        return readings

    def judge(self, reading: Reading) -> list[Event]:
        self.river, events = river.step(self.device, self.policy, self.river, reading, reading.received_at)
        self.events += events
        return events

    def told(self, *kinds: EventKind) -> list[tuple[str, str]]:
        """(kind, level) of the events so far, `?` before the level that is unconfirmed."""
        return [
            (event.kind, ("" if event.confirmed else "?") + event.level)
            for event in self.events
            if not kinds or event.kind in kinds
        ]


def bank(levels_m: dict[str, float] | None = None, **of_gauge: Any) -> Bank:
    """The gauge `g` of the 綾川, or one with levels of its own."""
    return Bank(gauge("g", AYAGAWA if levels_m is None else levels_m, **of_gauge))


def reading(level_m: float | None, now: int, flag: Flag = Flag.PASS, *tests: str, **more: Any) -> Reading:
    return Reading("g", "level_m", now, level_m, flag, more.pop("received_at", now), tests, **more)


def said(message: Message) -> dict[str, Any]:
    """The payload of a message of ours."""
    fields: dict[str, Any] = json.loads(message.payload)
    return fields


def replay(messages: Iterable[Message], banks: dict[str, Bank]) -> None:
    """Hands each message of a recording in our own payload to the gauge of its topic."""
    for message in messages:
        device = message.topic.split("/")[2]
        fields = said(message)
        measures = tuple(Measure(name, value) for name, value in fields["m"].items())
        at = millis(fields["at"]) if "at" in fields else None
        banks[device].hear(Uplink(device, at, measures=measures), message.received_at)


def clock(at: int, zone: str = "+09:00") -> str:
    """`07-01 01:10` in `zone`."""
    offset = datetime.fromisoformat(f"2000-01-01T00:00:00{zone}").tzinfo
    return datetime.fromtimestamp(at / 1000, offset).strftime("%m-%d %H:%M")


HIGHEST = {
    "Norwood": "minor flood",
    "Kithulgala": "major flood",
    "Deraniyagala": "major flood",
    "Holombuwa": "major flood",
    "Glencourse": "major flood",
    "Hanwella": "major flood",
    "Nagalagam Street": "major flood",
    "Badalgama": "major flood",
    "Giriulla": "major flood",
    "Dunamale": "major flood",
    "Moragaswewa": "major flood",
    "Horowpothana": "minor flood",
    "Yaka Wewa": "minor flood",
    "Galgamuwa": "minor flood",
    "Thanamalwila": "major flood",
    "Kuda Oya": "none",
    "Wellawaya": "none",
    "Nakkala": "major flood",
    "Siyambalanduwa": "alert",
    "Katharagama": "major flood",
    "Moraketiya": "alert",
    "Baddegama": "minor flood",
    "Thawalama": "alert",
}
"""Ditwah: the highest level that each gauge reached, by the README beside the series."""
