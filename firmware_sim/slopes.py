"""Debris-flow sensors: wire, vibration, tilt."""

from collections.abc import Sequence

from devices.frame import Millis
from firmware_sim.chance import scatter
from firmware_sim.device import NEVER, Firmware
from firmware_sim.report import Happening, Transmission
from firmware_sim.world import MINUTE

BACKGROUND_MM_S = 0.05
SHORT_S, LONG_S = 2.0, 30.0
"""Windows of the short and the long average of ground vibration."""
TRIGGER, RELEASE = 2.5, 1.5
"""Their ratio at which it speaks of a flow, and at which it says that it is over (STA/LTA; DOMAIN-JP 2)."""
TILT_ALARM_DEG = 2.0
LOOK: Millis = 1_000
TILT_CHECK: Millis = MINUTE


class SlopeSensor(Firmware):
    @property
    def stream(self) -> str:
        return self.device.slope.stream if self.device.slope else ""


class Wire(SlopeSensor):
    """A closed loop across the stream: open is cut, and stays so until people have strung it again."""

    def boot(self) -> None:
        super().boot()
        self.cut_at = self.world.wire_cut_at(self.stream, self.place) or NEVER
        self.next_look = self.cut_at

    def look(self, now: Millis) -> list[Transmission]:
        self.next_look = NEVER
        return self.routine(now)

    def happenings(self, now: Millis) -> Sequence[Happening]:
        return (Happening("wire", "cut" if now >= self.cut_at else "ok"),)


class Vibration(SlopeSensor):
    """A geophone which compares the last seconds with the last half minute."""

    def boot(self) -> None:
        super().boot()
        self.short = self.long = 1.0
        self.shaking = False
        self.next_look = self.world.next_shaking(self.boots_at) or NEVER

    def look(self, now: Millis) -> list[Transmission]:
        felt = self.world.shaking(self.place, now) * (
            1.0 + 0.1 * scatter(self.world.seed, self.device.id, now)
        )
        self.short += (felt - self.short) / SHORT_S
        if not self.shaking:
            self.long += (felt - self.long) / LONG_S
        changed = self.shaking is not (self.short / self.long >= (RELEASE if self.shaking else TRIGGER))
        self.shaking = self.shaking is not changed
        self.next_look = now + LOOK if self.shaking else self.world.next_shaking(now + LOOK) or NEVER
        return self.routine(now) if changed else []

    def measures(self, now: Millis) -> dict[str, float]:
        return {"vibration_mm_s": BACKGROUND_MM_S * self.world.shaking(self.place, self.sensed_at(now))}

    def happenings(self, now: Millis) -> Sequence[Happening]:  # noqa: ARG002
        return (Happening("vibration", "on" if self.shaking else "off"),)


class Tilt(SlopeSensor):
    """Leans with the slope; speaks at once when it has leaned more than 2°."""

    def boot(self) -> None:
        super().boot()
        self.next_look = self.boots_at
        self.leaning = False

    def lean_deg(self, now: Millis) -> float:
        return self.world.tilt_deg(self.stream, self.place, self.sensed_at(now))

    def look(self, now: Millis) -> list[Transmission]:
        self.next_look = now + TILT_CHECK
        leaning = abs(self.lean_deg(now)) >= TILT_ALARM_DEG
        if leaning == self.leaning:
            return []
        self.leaning = leaning
        return self.routine(now)

    def measures(self, now: Millis) -> dict[str, float]:
        lean = self.lean_deg(now)
        return {"angle_x_deg": lean, "angle_y_deg": 0.2 * lean, "angle_z_deg": 90.0 - abs(lean)}

    def happenings(self, now: Millis) -> Sequence[Happening]:  # noqa: ARG002
        return (Happening("tilt", "on" if self.leaning else "off"),)
