"""Sirens and flashes: obey `/cmd`, switch themselves off, and say in `/done` what became of each command."""

from datetime import datetime

import msgspec
from msgspec import Struct

from devices.frame import Millis
from firmware_sim.device import NEVER
from firmware_sim.gateway import Online
from firmware_sim.report import Transmission
from firmware_sim.voices import iso

LONGEST_ON: Millis = 60_000
"""What the device allows itself, whatever it is told."""
CLOCK_SET: Millis = 1_767_225_600_000
"""2026-01-01T00:00:00Z: a clock which shows less has not been set since the device was switched on."""
SOUND_CARRIES_M = 150.0
LIGHT_CARRIES_M = 60.0
"""How near an animal must be to take notice: of the horn, of the flash alone."""
REMEMBERED = 32


class Order(Struct, frozen=True):
    """The `/cmd` payload, version 1."""

    v: int
    id: str
    do: str
    for_ms: Millis | None = None
    """How long to be at work at most, from receipt."""
    until: str = ""
    """The wall time at which it ends; nothing from a hub whose clock is not set."""
    sound: bool = False
    light: bool = False
    pattern: str = ""
    delay_ms: int = 0
    """How long to wait before the first burst."""


class Siren(Online):
    """At most one order at work. `warn` is for people: it takes over from `deter`, never the reverse."""

    def boot(self) -> None:
        super().boot()
        self.order: Order | None = None
        self.off_at: Millis = NEVER
        self.answers: dict[str, str] = {}

    def due(self) -> Millis:
        return min(super().due(), self.off_at if self.off_at < self.conditions.dies_at else NEVER)

    def act(self, now: Millis) -> list[Transmission]:
        said = [self.finish(now)] if now >= self.off_at and self.order else []
        return said + super().act(now) if now >= super().due() else said

    def restart(self, now: Millis) -> None:
        """Power failed: horn and lamp are off, and nobody hears what became of the order."""
        super().restart(now)
        self.fall_silent(now)

    def command(self, topic: str, payload: bytes, now: Millis) -> list[Transmission]:
        """Obeys one order. A repeated one changes nothing: its answer is sent again."""
        if not topic.endswith("/cmd"):
            return []
        try:
            order = msgspec.json.decode(payload, type=Order)
            until = round(datetime.fromisoformat(order.until).timestamp() * 1_000) if order.until else None
        except (ValueError, RecursionError, OverflowError):
            return []
        known = self.answers.get(order.id)
        if order.v != 1 or now >= self.conditions.dies_at or (self.order and order.id == self.order.id):
            return []
        return [self.answer(order.id, known, now)] if known else self.obey(order, until, now)

    def obey(self, order: Order, until: Millis | None, now: Millis) -> list[Transmission]:
        if order.do == "stop":
            stopped = [self.finish(now)] if self.order is not None else []
            return [*stopped, self.answer(order.id, "done", now)]
        lasts = self.lasts(order, until, now)
        if lasts is not None and lasts <= 0:
            return [self.answer(order.id, "expired", now)]
        sound, light = order.sound and self.profile.sound, order.light and self.profile.light
        busy = self.order is not None and not (order.do == "warn" and self.order.do == "deter")
        if lasts is None or order.do not in {"deter", "warn"} or busy or not (sound or light):
            return [self.answer(order.id, "refused", now)]
        stopped = [self.finish(now)] if self.order is not None else []
        self.order = order
        self.off_at = now + min(lasts, LONGEST_ON)
        carries = SOUND_CARRIES_M if sound else LIGHT_CARRIES_M
        self.world.deter(self.place, min(now + order.delay_ms, self.off_at), self.off_at, carries)
        return stopped

    def lasts(self, order: Order, until: Millis | None, now: Millis) -> Millis | None:
        """How long it may be at work: to the end that comes first. None where no end is known to it.

        A clock that has not been set says nothing about `until`.
        """
        ends = [] if order.for_ms is None else [order.for_ms]
        if until is not None and self.clock(now) >= CLOCK_SET:
            ends.append(until - self.clock(now))
        return min(ends, default=None)

    def finish(self, now: Millis) -> Transmission:
        """Horn and lamp off: the order has been carried out."""
        order = self.order
        assert order is not None  # noqa: S101  (callers have looked)
        self.fall_silent(now)
        return self.answer(order.id, "done", now)

    def fall_silent(self, now: Millis) -> None:
        if self.order is not None and now < self.off_at:
            self.world.hush(self.place, now)
        self.order, self.off_at = None, NEVER

    def answer(self, id: str, result: str, now: Millis) -> Transmission:
        self.answers[id] = result
        if len(self.answers) > REMEMBERED:
            del self.answers[next(iter(self.answers))]
        said = {"v": 1, "id": id, "result": result, "at": iso(self.clock(now), self.zone)}
        topic = f"naruko/{self.site}/{self.device.id}/done"
        return Transmission(topic, msgspec.json.encode(said), at=now, device=self.device.id)
