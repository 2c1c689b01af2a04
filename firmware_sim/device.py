"""What all simulated devices share: when they act, their own clock, counter and battery.

A device is a deterministic state machine: no sleep, no socket. `due` says when it wants to act, `act` lets it
act at that instant, `command` hands it an MQTT message.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from devices.frame import Millis
from firmware_sim.chance import dice
from firmware_sim.report import Happening, Report, Transmission
from firmware_sim.tracks import Point
from firmware_sim.voices import Voice
from firmware_sim.world import World
from hub.config.shapes import Device
from hub.config.town import Town

NEVER: Millis = 1 << 62
AFTER_ANNOUNCING: Millis = 8_000
YEAR: Millis = 365 * 86_400_000


@dataclass(frozen=True)
class ClockFault:
    """From `since` up to `until` its clock is off by `offset`; None: it counts from 1970, as after a boot."""

    since: Millis
    until: Millis
    offset: Millis | None


@dataclass
class Conditions:
    """What is wrong with one device. `faults.py` fills it in before the start."""

    stuck: list[tuple[Millis, Millis]] = field(default_factory=list)
    clocks: list[ClockFault] = field(default_factory=list)
    restarts: list[Millis] = field(default_factory=list)
    cut: list[tuple[Millis, Millis]] = field(default_factory=list)
    """While it has no link and knows it: it makes no report of its own and counts none."""
    dies_at: Millis = NEVER
    sags_for: Millis = 0
    """How long before its death the battery begins to fall."""


class Firmware:
    """One device. Kinds override `boot`, `interval`, `look`, `measures`, `happenings` and `command`."""

    announces = False
    """The first frame after switching on tells what it is and measures nothing."""

    def __init__(self, device: Device, town: Town, world: World, voice: Voice, boots_at: Millis) -> None:
        self.device = device
        self.profile = town.profile(device)
        self.site = town.site.id
        self.zone = town.zone_info
        self.world = world
        self.voice = voice
        self.place: Point = world.plane.xy(device.lat, device.lon)
        self.rng = dice(world.seed, device.id)
        self.heartbeat: Millis = device.heartbeat or self.profile.heartbeat
        self.boots_at = boots_at
        self.seq = 0
        self.booting = True
        self.drift: Millis = self.rng.randrange(-1_500, 1_500)
        self.charge_at_boot = self.rng.uniform(0.7, 1.0)
        self.conditions = Conditions()
        self.next_report: Millis = boots_at + self.rng.randrange(min(self.heartbeat, 60_000))
        self.next_look: Millis = NEVER
        self.boot()

    # --- time ------------------------------------------------------------------------------------

    def due(self) -> Millis:
        """The next instant at which it acts, `NEVER` once it is dead."""
        at = min(self.next_report, self.next_look, min(self.conditions.restarts, default=NEVER))
        return at if at < self.conditions.dies_at else NEVER

    def act(self, now: Millis) -> list[Transmission]:
        """Everything it does at `now`, which is to be `due()`."""
        if self.conditions.restarts and now >= min(self.conditions.restarts):
            self.conditions.restarts.remove(min(self.conditions.restarts))
            self.restart(now)
        said = self.look(now) if now >= self.next_look else []
        if now >= self.next_report:
            announcing = self.announces and self.booting
            wait = AFTER_ANNOUNCING if announcing else self.interval(now) * self.rng.uniform(0.985, 1.0)
            self.next_report = now + round(wait)
            said += [self.say(now, {}, announcing=True)] if announcing else self.routine(now)
        return said

    def restart(self, now: Millis) -> None:
        """Power came back: the counter begins again and it reports within seconds."""
        self.seq = 0
        self.booting = True
        self.boots_at = now
        self.next_report = now + self.rng.randrange(1_000, 5_000)

    def clock(self, now: Millis) -> Millis:
        """What its own clock shows."""
        for fault in self.conditions.clocks:
            if fault.since <= now < fault.until:
                return now - max(self.boots_at, fault.since) if fault.offset is None else now + fault.offset
        return now + self.drift

    def sensed_at(self, now: Millis) -> Millis:
        """The instant whose values its sensor shows: `now`, or when it got stuck."""
        return next((since for since, until in self.conditions.stuck if since <= now < until), now)

    def charge(self, now: Millis) -> float:
        """Battery, 0 to 1: a tenth a year, and down to nothing before it dies."""
        left = self.charge_at_boot - 0.1 * (now - self.boots_at) / YEAR
        if self.conditions.sags_for and now > self.conditions.dies_at - self.conditions.sags_for:
            left *= max(0.0, (self.conditions.dies_at - now) / self.conditions.sags_for)
        return min(max(left, 0.0), 1.0)

    # --- what a kind overrides ---------------------------------------------------------------------

    def boot(self) -> None:
        """Sets up the state of its kind, once."""

    def interval(self, now: Millis) -> Millis:  # noqa: ARG002
        """Until the next routine report."""
        return self.heartbeat

    def look(self, now: Millis) -> list[Transmission]:  # noqa: ARG002
        """Looks at the world between reports; sets `next_look`."""
        self.next_look = NEVER
        return []

    def measures(self, now: Millis) -> dict[str, float]:  # noqa: ARG002
        return {}

    def happenings(self, now: Millis) -> Sequence[Happening]:  # noqa: ARG002
        """States that go along with every routine report."""
        return ()

    def command(self, topic: str, payload: bytes, now: Millis) -> list[Transmission]:  # noqa: ARG002
        """An MQTT message to this device. A sensor listens to none."""
        return []

    # --- speaking ----------------------------------------------------------------------------------

    def routine(self, now: Millis) -> list[Transmission]:
        return [self.say(now, self.measures(now), self.happenings(now))]

    def say(
        self,
        now: Millis,
        measures: dict[str, float],
        happenings: Sequence[Happening] = (),
        *,
        announcing: bool = False,
    ) -> Transmission:
        report = Report(
            self.clock(now), now, self.seq, self.charge(now), measures, tuple(happenings), announcing
        )
        self.seq += 1
        self.booting = False
        return self.voice(report)
