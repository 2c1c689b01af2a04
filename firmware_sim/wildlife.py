"""What sees animals: cameras which name the species, motion sensors which do not; and traps."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from devices.frame import Millis
from firmware_sim.chance import scatter
from firmware_sim.device import NEVER, Firmware
from firmware_sim.report import Happening, Transmission
from firmware_sim.world import HOUR, MINUTE

LOOK: Millis = 1_000
CAMERA_RANGE_M = 15.0
PIR_RANGE_M = 12.0
CAMERA_PAUSE: Millis = 10_000
"""Between two pictures of one animal."""
STRAY_EVERY: Millis = 16 * HOUR
"""Mean time between false triggers of one motion sensor: a leaf in the sun, an insect, rain."""


class AnimalSensor(Firmware, ABC):
    """Looks every second while any animal is in the valley, and sleeps otherwise."""

    range_m = PIR_RANGE_M
    pause: Millis = 30_000

    def boot(self) -> None:
        super().boot()
        self.blind_until: Millis = 0
        self.next_look = self.boots_at

    def look(self, now: Millis) -> list[Transmission]:
        said = self.watch(now)
        self.next_look = self.next_watch(now)
        return said

    def next_watch(self, now: Millis) -> Millis:
        coming = self.world.next_animal(now + LOOK)
        return NEVER if coming is None else max(coming, self.blind_until)

    @abstractmethod
    def watch(self, now: Millis) -> list[Transmission]:
        """What it says of the animals that are near it now."""


class Camera(AnimalSensor):
    """Names what it sees. The farther away, the less it is sure."""

    range_m = CAMERA_RANGE_M

    def measures(self, now: Millis) -> dict[str, float]:
        return {"air_c": self.world.air_c(self.place, now), "light_lux": self.world.light_lux(now)}

    def watch(self, now: Millis) -> list[Transmission]:
        if now < self.blind_until or not (seen := self.world.seen_from(self.place, self.range_m, now)):
            return []
        self.blind_until = now + CAMERA_PAUSE
        nearest = seen[0]
        doubt = 0.018 * nearest.distance_m + 0.05 * scatter(self.world.seed, self.device.id, now)
        animal = Happening("animal", "", nearest.species, round(0.93 - doubt, 2), nearest.count)
        return [self.say(now, {}, [animal])]


class MotionSensor(AnimalSensor):
    """A PIR: motion or none; blind for a while after each trigger; now and then one without cause."""

    quiet_after: Millis = 90_000
    """It says that motion has ended so long after the last trigger."""

    def boot(self) -> None:
        super().boot()
        self.moving = False
        self.moved_at: Millis = self.boots_at
        self.count = self.rng.randrange(200, 4_000)
        self.stray_at = self.boots_at + round(self.rng.expovariate(1 / STRAY_EVERY))

    def next_watch(self, now: Millis) -> Millis:
        quiet_at = self.moved_at + self.quiet_after if self.moving else NEVER
        return max(now + 1, min(super().next_watch(now), self.stray_at, quiet_at))

    def watch(self, now: Millis) -> list[Transmission]:
        stray = now >= self.stray_at
        if stray:
            self.stray_at = now + round(self.rng.expovariate(1 / STRAY_EVERY))
        if now >= self.blind_until and (stray or self.world.seen_from(self.place, self.range_m, now)):
            self.moving, self.moved_at, self.blind_until = True, now, now + self.pause
            self.count += 1
            return self.routine(now)
        if self.moving and now >= self.moved_at + self.quiet_after:
            self.moving = False
            return self.routine(now)
        return []

    def measures(self, now: Millis) -> dict[str, float]:
        return {
            "air_c": self.world.air_c(self.place, now),
            "light_lux": self.world.light_lux(now),
            "quiet_min": (now - self.moved_at) / MINUTE,
            "motion_count": self.count,
        }

    def happenings(self, now: Millis) -> Sequence[Happening]:  # noqa: ARG002
        return (Happening("motion", "on" if self.moving else "off"),)


class SlowMotionSensor(MotionSensor):
    """One that looks away for a minute after each trigger."""

    pause: Millis = 60_000


class Trap(Firmware):
    """A switch on the door of a box trap, a pin in the wire of a snare. Sprung stays sprung."""

    def boot(self) -> None:
        super().boot()
        self.sprung_at = self.world.sprung.get(self.device.id, NEVER)
        self.openings = self.rng.randrange(3, 40)
        self.next_look = self.sprung_at

    def look(self, now: Millis) -> list[Transmission]:
        self.next_look = NEVER
        self.openings += 1
        return self.routine(now)

    def measures(self, now: Millis) -> dict[str, float]:
        return {
            "air_c": self.world.air_c(self.place, now),
            "humidity_pct": self.world.humidity_pct(self.place, now),
            "openings": self.openings,
            "open_min": max(0, now - self.sprung_at) / MINUTE,
        }

    def happenings(self, now: Millis) -> Sequence[Happening]:
        return (Happening("trap", "sprung" if now >= self.sprung_at else "armed"),)


class DoorTrap(Trap):
    """A trap with a bought door contact: says open or closed, and what that means hangs on the magnet."""

    def happenings(self, now: Millis) -> Sequence[Happening]:
        sprung_open = self.device.trap is None or self.device.trap.sprung_when == "open"
        return (Happening("contact", "open" if (now >= self.sprung_at) is sprung_open else "closed"),)
