"""Which sirens and flashes are told to act, and how: against animals, and for people below a debris flow.

A siren near houses at night collides with the rules for bird scarers (Shiojiri: not within 200 m of a
dwelling, not in the early morning or at night): near dwellings it is a light unless the town opted in. No
pattern may resemble 水防信号 (水防法 20 条 2 項). Animals learn that nothing follows: patterns rotate, and
budgets bound them.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta, tzinfo
from zlib import crc32

from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis
from hub.clock import is_sane
from hub.config.policy import DeterrentPolicy
from hub.config.shapes import Device, ZoneKind
from hub.config.town import Town
from hub.days import wall
from hub.geofence import Geofence
from hub.model import Act, Command, Event, EventKind, Freshness

Burst = tuple[str, float, float]
"""(tone, seconds on, seconds off)"""

PATTERNS: dict[str, tuple[Burst, ...]] = {
    "dog": (("bark", 0.3, 0.4), ("bark", 0.3, 0.9), ("growl", 1.2, 0.6), ("bark", 0.4, 2.1)),
    "clapper": (("clack", 0.1, 0.2), ("clack", 0.1, 0.5), ("clack", 0.2, 1.3), ("clack", 0.1, 0.7)),
    "warble": (("warble", 1.4, 0.7), ("warble", 2.2, 1.6), ("warble", 0.8, 2.7)),
    "shout": (("voice", 1.1, 0.8), ("voice", 0.6, 1.9), ("voice", 1.7, 1.2)),
    "metal": (("clang", 0.2, 0.6), ("clang", 0.5, 0.3), ("clang", 0.2, 1.7), ("scrape", 1.5, 0.9)),
    "chirp": (("rise", 0.5, 0.3), ("fall", 0.5, 1.1), ("rise", 0.9, 2.3), ("fall", 0.3, 0.6)),
    "crack": (("crack", 0.1, 1.4), ("crack", 0.1, 0.3), ("crack", 0.1, 2.9), ("hiss", 2.0, 0.8)),
    "wolf": (("howl", 2.6, 1.5), ("growl", 1.0, 0.7), ("howl", 1.9, 2.4)),
    "rattle": (("rattle", 0.8, 0.4), ("rattle", 1.6, 1.8), ("hiss", 0.7, 1.0)),
    "mixed": (("warble", 0.9, 0.5), ("bark", 0.3, 1.2), ("clang", 0.4, 0.8), ("voice", 1.3, 2.2)),
}
"""Repeated until the command ends. Bursts of 3 s at most, with irregular gaps; a flash follows them."""

WARN_PATTERN = "people"
WARN_BURSTS: tuple[Burst, ...] = (("yelp", 2.5, 0.5), ("yelp", 2.5, 0.5), ("voice", 3.0, 1.0))
"""For people: short rising tones and a spoken warning."""

NOT_REPEATED_WITHIN = 5
LONGEST_DELAY: Millis = 2_000
WARN_WITHIN: Millis = 120_000
"""A debris flow is over those below within two minutes: a later siren calls nobody away."""
WARN_REACH_M = 500.0
"""How far from the torrent's zone its sirens stand at most."""
STOP_VALID: Millis = 60_000
NOON = timedelta(hours=12)
ALL = "all"


class DeterrentState(Struct, frozen=True):
    """One siren. `night` is the day on whose noon the night began, `tonight` counts activations in it.

    `total` counts all of them; `patterns` are the last five against animals. `command` is the newest, which
    ends at `until`; `result` is what the device said of it.
    """

    last_on: Millis | None = None
    night: int = 0
    tonight: int = 0
    total: int = 0
    patterns: tuple[str, ...] = ()
    command: str = ""
    action: str = ""
    until: Millis = 0
    result: str = ""
    finished_at: Millis | None = None


States = dict[str, DeterrentState]


class _Case(Struct, frozen=True):
    """What a decision is made from."""

    town: Town
    geofence: Geofence
    states: Mapping[str, DeterrentState]
    event: Event
    alert_id: str
    now: Millis
    in_drill: bool = False

    def on_for(self, usual: Millis) -> Millis:
        """How long a siren acts: in a drill just long enough to be seen to work."""
        return min(usual, self.town.policy.deterrent.drill_siren) if self.in_drill else usual


def decide(  # noqa: PLR0917 (a decision takes what it needs)
    town: Town,
    geofence: Geofence,
    states: Mapping[str, DeterrentState],
    event: Event,
    alert_id: str,
    now: Millis,
    *,
    in_drill: bool = False,
) -> tuple[States, list[Command]]:
    """What an event makes the sirens do. Returns the states that changed, and commands to send now."""
    case = _Case(town, geofence, states, event, alert_id, now, in_drill)
    if event.kind in (EventKind.ANIMAL_SEEN, EventKind.RETURNED, EventKind.ANIMAL_MOVED):
        return _deter(case)
    if event.kind in (EventKind.DEBRIS_FLOW, EventKind.DEBRIS_CONFIRMED):
        return _warn(case)
    return {}, []


def stop(
    town: Town, states: Mapping[str, DeterrentState], act: Act, now: Millis
) -> tuple[States, list[Command]]:
    """A person switches off one siren, or with target `all` every one. Always possible, whatever has been."""
    targets = [
        device
        for device in town.devices.values()
        if device.siren is not None and act.target in (ALL, device.id)
    ]
    changed, commands = {}, []
    for device in targets:
        command = Command(
            id=f"stop/{device.id}/{act.at}",
            device=device.id,
            alert_id="",
            action="stop",
            created_at=now,
            until=now + STOP_VALID,
            reason=f"{act.who}: {act.detail}" if act.detail else act.who,
        )
        state = states.get(device.id, DeterrentState())
        changed[device.id] = replace(state, until=min(state.until, now))
        commands.append(command)
    return changed, commands


def done(state: DeterrentState, command: str, result: str, at: Millis) -> DeterrentState:
    """The device's answer. What it refused or got too late counts as an activation all the same."""
    return replace(state, result=result, finished_at=at) if command == state.command else state


def is_sounding(state: DeterrentState | None, now: Millis) -> bool:
    """As far as the hub knows: told to act, its end not come, and no word that it is done or would not."""
    return state is not None and now < state.until and not state.result


def delay(command_id: str) -> Millis:
    """How long the device waits, 0 to 2 s: by chance for the animal, the same for the same command."""
    return crc32(command_id.encode()) % (LONGEST_DELAY + 1)


def _deter(case: _Case) -> tuple[States, list[Command]]:
    """The deterrents nearest to a live, confirmed animal, as far as rest, budget and dwellings let them."""
    town, event, now = case.town, case.event, case.now
    policy = town.policy.deterrent
    if not _is_live_animal(policy, event, now) or event.lat is None or event.lon is None:
        return {}, []
    ids = [d.id for d in town.sirens if d.siren is not None and "deter" in d.siren.use]
    near = case.geofence.nearest_devices(event.lat, event.lon, ids, range_m=policy.range_m, n=policy.nearest)
    night = night_of(now, town.zone_info)
    quiet = is_quiet(policy, now, town.zone_info)
    changed: States = {}
    commands = []
    for id, metres in near:
        device, state = town.devices[id], case.states.get(id, DeterrentState())
        if state.night != night:
            state = replace(state, night=night, tonight=0)
        sound = may_sound(town, case.geofence, device, quiet=quiet)
        light = town.profile(device).light
        if not (sound or light) or not _is_rested(policy, state, now):
            continue
        command_id = f"{case.alert_id}/{id}/{state.total + 1}"
        command = Command(
            id=command_id,
            device=id,
            alert_id=case.alert_id,
            action="deter",
            created_at=now,
            until=now + case.on_for(policy.max_on),
            sound=sound,
            light=light,
            pattern=_next_pattern(state, command_id),
            reason=f"{event.kind} {event.species} {metres:.0f} m",
        )
        commands.append(command)
        changed[id] = _activated(replace(state, tonight=state.tonight + 1), command, now)
    return changed, commands


def _is_live_animal(policy: DeterrentPolicy, event: Event, now: Millis) -> bool:
    return (
        event.freshness is Freshness.LIVE
        and event.confirmed
        and event.species != "person"
        and now - min(event.at, event.received_at) <= policy.live_within
    )


def night_of(now: Millis, zone: tzinfo) -> int:
    """The day on whose noon the night began, as `DeterrentState.night`."""
    return (wall(now, zone) - NOON).toordinal()


def is_quiet(policy: DeterrentPolicy, now: Millis, zone: tzinfo) -> bool:
    """Also while nobody knows how late it is."""
    if not is_sane(now):
        return True
    local = wall(now, zone).time()
    if policy.quiet_from <= policy.quiet_to:
        return policy.quiet_from <= local < policy.quiet_to
    return local >= policy.quiet_from or local < policy.quiet_to


def may_sound(town: Town, geofence: Geofence, device: Device, *, quiet: bool) -> bool:
    """Near a dwelling only where the town opted in, and then not in quiet hours."""
    policy = town.policy.deterrent
    if not town.profile(device).sound or (quiet and policy.quiet_everywhere):
        return False
    if not geofence.near(device.lat, device.lon, policy.dwelling_m, ZoneKind.DWELLING):
        return True
    return device.siren is not None and device.siren.sound_near_dwelling and not quiet


def _is_rested(policy: DeterrentPolicy, state: DeterrentState, now: Millis) -> bool:
    """Neither at work nor in its cooldown, and with budget left for the night."""
    if state.tonight >= policy.per_night or now < state.until:
        return False
    return state.last_on is None or abs(now - state.last_on) >= policy.cooldown


def _next_pattern(state: DeterrentState, command_id: str) -> str:
    """None of the last five; which of the others is chance, but the same for the same command."""
    fresh = [name for name in PATTERNS if name not in state.patterns]
    return fresh[crc32(command_id.encode()) // (LONGEST_DELAY + 1) % len(fresh)]


def _activated(state: DeterrentState, command: Command, now: Millis) -> DeterrentState:
    patterns = (*state.patterns, command.pattern)[-NOT_REPEATED_WITHIN:]
    return replace(
        state,
        last_on=now,
        total=state.total + 1,
        patterns=patterns if command.action == "deter" else state.patterns,
        command=command.id,
        action=command.action,
        until=command.until,
        result="",
        finished_at=None,
    )


def _warn(case: _Case) -> tuple[States, list[Command]]:
    """The sirens for people below the stream, at any hour: a debris flow leaves them less than two minutes.

    A confirmation sounds them only where the town keeps an unconfirmed flow to its officials: elsewhere they
    have sounded.
    """
    town, event, now = case.town, case.event, case.now
    held = town.policy.slope.dry_wire_officials_only
    sounded = event.kind is EventKind.DEBRIS_CONFIRMED and not held
    if sounded or (held and not event.confirmed):
        return {}, []
    if event.freshness > Freshness.DELAYED or now - event.at > WARN_WITHIN:
        return {}, []
    changed: States = {}
    commands = []
    for device in _warn_sirens(town, case.geofence, town.devices.get(event.device)):
        state = case.states.get(device.id, DeterrentState())
        profile = town.profile(device)
        command = Command(
            id=f"{case.alert_id}/{device.id}/{state.total + 1}",
            device=device.id,
            alert_id=case.alert_id,
            action="warn",
            created_at=now,
            until=now + case.on_for(town.policy.deterrent.warn_on),
            sound=profile.sound,
            light=profile.light,
            pattern=WARN_PATTERN,
            reason=str(event.kind),
        )
        commands.append(command)
        changed[device.id] = _activated(state, command, now)
    return changed, commands


def _warn_sirens(town: Town, geofence: Geofence, sensor: Device | None) -> Iterable[Device]:
    """Those within reach of the stream's zones; where that is none, all: better too many than nobody."""
    sirens = [d for d in town.sirens if d.siren is not None and "warn" in d.siren.use]
    stream = sensor.slope.stream if sensor is not None and sensor.slope is not None else ""
    below = [
        device
        for device in sirens
        if any(
            stream in town.zones[zone].rivers
            for zone in geofence.near(device.lat, device.lon, WARN_REACH_M, ZoneKind.STREAM)
        )
    ]
    return below or sirens
