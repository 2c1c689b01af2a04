"""A town on a timeline whose hub's clock is set now and then, while the time that passes goes on."""

import asyncio
import dataclasses
from typing import Any

from hub import steps
from hub.clock import Step
from hub.config.town import Town
from hub.model import Notification, Outcome
from tests import towns
from tests.timeline import Timeline
from tests.towns import at


class Stepped(Timeline):
    """`now` is the hub's time. `true` is what clocks in the field show: devices state that one.

    `heard_of` is what was told and when, by the true time.
    """

    def __init__(self, town: Town, start: str = "2026-11-21 12:00", *, off: int = 0, **more: Any) -> None:
        self.off = 0
        self.heard_of: list[tuple[int, str, str, str]] = []
        super().__init__(town, start, **more)
        self.now += off
        self.off = off
        self.began = self.now

    @property
    def true(self) -> int:
        return self.now - self.off

    def set_clock(self, by: int) -> "Stepped":
        """Somebody sets the hub's wall clock, and the hub follows: as `Hub._follow`."""
        step = Step(self.began, self.now, by)
        outcome = steps.follow(self.pipeline, step)
        moving = self.ledger.store_moved(outcome, step, steps.moved_notification, steps.moved_command)
        asyncio.run(moving)
        self.now += by
        self.off += by
        self.began += by
        return self

    def says(self, device: str, *events: dict[str, Any], at: int | None = None, **m: Any) -> "Stepped":
        super().says(device, *events, at=self.true if at is None else at, **m)
        return self

    def store(self, outcome: Outcome) -> None:
        super().store(outcome)
        self.heard_of += [(self.true, n.template, n.recipient, n.reason.value) for n in outcome.notifications]

    def waiting(self) -> list[Notification]:
        """What is in the outbox and not yet sent."""
        return self.ledger.notifications_after(0)[1]


def valley(**policy: Any) -> Town:
    return towns.town(
        devices=[
            towns.trap("trap-1", heartbeat="1h"),
            towns.trap("trap-2", north=900, heartbeat="1h"),
            towns.camera("cam-1", north=20),
            towns.pir("pir-1", north=60),
            towns.gauge("river-1", {"caution": 3.0, "danger": 4.0}, north=300, max_rise_m_per_10min=50.0),
            towns.slope("wire-1", north=2_000),
            towns.slope("shake-1", "vibration", north=2_050),
            towns.device("rain-1", "rain", north=1_900),
        ],
        zones=[
            towns.square("paddy-1", "paddy"),
            towns.square("flood-1", "flood", rivers=("river-1",)),
            towns.square("stream-1", "stream", north=2_000, rivers=("大沢",)),
        ],
        people=[
            towns.person("hunter", "hunter"),
            towns.person("farmer", "farmer", zones=("paddy-1",)),
            towns.person("resident", "resident", zones=("flood-1", "stream-1")),
            towns.person("official", "official"),
            towns.person("operator", "operator"),
        ],
        **policy,
    )


def quiet_valley() -> Town:
    """As the valley, and nobody is told that a device is silent or a trap waits."""
    town = valley(trap=towns.UNCHASED)
    return dataclasses.replace(
        town, devices={id: d.model_copy(update={"heartbeat": 0}) for id, d in town.devices.items()}
    )


ALL = ("trap-1", "trap-2", "cam-1", "pir-1", "river-1", "wire-1", "shake-1", "rain-1")


def booted(town: Town | None = None) -> Stepped:
    """In 1970, seven minutes before the time server is found."""
    return Stepped(town or valley(), "2026-11-21 12:00", off=60_000 - at("2026-11-21 12:00"))
