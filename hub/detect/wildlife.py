"""Animals: from motion and camera events to visits. One visit a place, with a count and a path over sensors.

A species seen with confidence stands for itself; motion, or a species of low confidence, needs
`confirm_events` signs within `confirm_within` of each other, from one sensor or from several within
`join_within_m`. A bear is a visit of its own. Nothing is made of a person.
"""

import math
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis, Signal
from hub.clock import is_sane
from hub.config.policy import WildlifePolicy
from hub.config.shapes import Device
from hub.detect.returned import DrivenOff, came_from
from hub.detect.species import BEARS, PERSON, is_sign, rank, taken_for
from hub.geofence import Geofence
from hub.model import Event, EventKind, Freshness

SAME_MOVEMENT: Millis = 2_000
"""Signs of one sensor closer than this are one movement: the hold time of a PIR, the burst of a camera."""

METRES_PER_DEGREE = 110_500.0
"""No degree of latitude is shorter, and none of longitude but for the cosine of its latitude."""

KEYS_KEPT = 64
AHEAD_ALLOWED: Millis = 300_000


class Incident(Struct, frozen=True):
    """One visit. `lat`, `lon` and `last_at` are of its newest sighting, `devices` its path so far.

    `heard_at` is the receive time of the newest sighting: quiet is counted from it. `tally` animals were
    stated by one device at the one instant `tally_at`. `sightings` numbers the events.
    """

    id: str
    species: str
    opened_at: Millis
    last_at: Millis
    heard_at: Millis
    lat: float
    lon: float
    devices: tuple[str, ...]
    count: int = 1
    confidence: float | None = None
    keys: tuple[str, ...] = ()
    sightings: int = 1
    tally: int = 1
    tally_at: tuple[str, Millis] = ("", 0)
    deterred: bool = False
    """A siren or flash was set off for it."""


class Sign(Struct, frozen=True):
    """One uncertain sign that waits for another, or a person who explains the motion at a sensor."""

    device: str
    at: Millis
    received_at: Millis
    lat: float
    lon: float
    count: int = 1
    key: str = ""
    person: bool = False


class WildlifeState(Struct, frozen=True):
    """The visits of the whole site, the signs that wait, and the visits that were driven off lately."""

    incidents: tuple[Incident, ...] = ()
    signs: tuple[Sign, ...] = ()
    driven_off: tuple[DrivenOff, ...] = ()


Place = TypeVar("Place", Incident, Sign)


class _Sighting(Struct, frozen=True):
    """One signal, judged: `species` is unknown where it is not sure, and then `sure` is false."""

    device: Device
    at: Millis
    received_at: Millis
    freshness: Freshness
    species: str
    sure: bool
    count: int
    key: str
    confidence: float | None


def step(
    policy: WildlifePolicy,
    state: WildlifeState,
    device: Device,
    signal: Signal,
    *,
    at: Millis,
    freshness: Freshness,
    received_at: Millis,
    geofence: Geofence,
) -> tuple[WildlifeState, list[Event]]:
    """One `animal` or `motion` signal. Nothing comes of maintenance, or of what the broker retained."""
    if device.maintenance or freshness == Freshness.RETAINED or not is_sign(signal):
        return state, []
    species, sure = taken_for(policy, signal)
    if species == PERSON or species in policy.ignore:
        explains = species == PERSON and sure and freshness < Freshness.LATE
        return (_person(policy, state, device, at, received_at) if explains else state), []
    seen = _Sighting(
        device=device,
        at=at,
        received_at=received_at,
        freshness=freshness,
        species=species,
        sure=sure,
        count=max(signal.count, 1),
        key=f"{device.id}/{signal.key}" if signal.key else "",
        confidence=signal.confidence,
    )
    incident = _join(policy, state, seen, geofence)
    if freshness >= Freshness.LATE:
        return _amend(state, incident, seen)
    if not sure and _explained(policy, state, seen):
        return state, []
    if incident is not None:
        return _go_on(state, incident, seen)
    return _open(policy, state, seen, (), geofence) if sure else _wait(policy, state, seen, geofence)


def tick(policy: WildlifePolicy, state: WildlifeState, now: Millis) -> tuple[WildlifeState, list[Event]]:
    """Ends the visits that have been quiet for `quiet_for`, and forgets the signs that came too early."""
    if not all(_can_be(i.heard_at, now) for i in state.incidents):
        visits = tuple(i if _can_be(i.heard_at, now) else replace(i, heard_at=now) for i in state.incidents)
        return replace(state, incidents=visits), []  # noted by a wrong clock: quiet counts from now on
    gone = [i for i in state.incidents if now - i.heard_at >= policy.quiet_for]
    signs = _waiting(policy, state, now)
    driven_off = tuple(v for v in state.driven_off if 0 <= now - v.last_at <= policy.returned_within)
    if not gone and len(signs) == len(state.signs) and len(driven_off) == len(state.driven_off):
        return state, []
    rest = tuple(i for i in state.incidents if i not in gone)
    left = tuple(DrivenOff(i.lat, i.lon, i.last_at, i.species in BEARS) for i in gone if i.deterred)
    after = WildlifeState(incidents=rest, signs=signs, driven_off=(*driven_off, *left))
    return after, [_gone(i, policy, now) for i in gone]


def deterred(state: WildlifeState, incident: str) -> WildlifeState:
    """A siren or flash was set off for this visit."""
    visits = tuple(replace(i, deterred=True) if i.id == incident else i for i in state.incidents)
    return replace(state, incidents=visits)


def _can_be(at: Millis, now: Millis) -> bool:
    return at <= now + AHEAD_ALLOWED and (is_sane(at) or not is_sane(now))


def _person(
    policy: WildlifePolicy, state: WildlifeState, device: Device, at: Millis, received_at: Millis
) -> WildlifeState:
    """A person at a sensor explains its motion: what waits there is dropped, none is added."""
    others = tuple(s for s in _waiting(policy, state, received_at) if s.device != device.id)
    sign = Sign(device.id, at, received_at, device.lat, device.lon, person=True)
    return replace(state, signs=(*others, sign))


def _explained(policy: WildlifePolicy, state: WildlifeState, seen: _Sighting) -> bool:
    within = policy.confirm_within
    return any(s.person and s.device == seen.device.id and abs(seen.at - s.at) <= within for s in state.signs)


def _waiting(policy: WildlifePolicy, state: WildlifeState, now: Millis) -> tuple[Sign, ...]:
    since = now - policy.confirm_within
    return tuple(s for s in state.signs if since <= s.received_at <= now + AHEAD_ALLOWED)


def _join(
    policy: WildlifePolicy, state: WildlifeState, seen: _Sighting, geofence: Geofence
) -> Incident | None:
    """The open visit that a sighting belongs to: the nearest; at one place the bear's, then the newer."""
    within = policy.join_within
    found = [
        (metres, incident.species not in BEARS, -incident.last_at, incident)
        for metres, incident in _near(policy, geofence, seen.device, state.incidents)
        if abs(seen.at - incident.last_at) <= within and _same_class(incident, seen)
    ]
    return min(found, key=lambda f: f[:3])[3] if found else None


def _same_class(incident: Incident, seen: _Sighting) -> bool:
    return not seen.sure or (incident.species in BEARS) == (seen.species in BEARS)


def _near(
    policy: WildlifePolicy, geofence: Geofence, device: Device, places: tuple[Place, ...]
) -> list[tuple[float, Place]]:
    """The places within `join_within_m` of a device, with their distances; a box in degrees sorts first."""
    reach = policy.join_within_m
    lat, lon = device.lat, device.lon
    high = reach / METRES_PER_DEGREE
    wide = high / math.cos(math.radians(min(abs(lat) + high, 89)))
    south, north, west, east = lat - high, lat + high, lon - wide, lon + wide
    boxed = [p for p in places if south <= p.lat <= north and west <= p.lon <= east]
    found = ((geofence.distance_m((lat, lon), (p.lat, p.lon)), p) for p in boxed)
    return [(metres, p) for metres, p in found if metres <= reach]


def _wait(
    policy: WildlifePolicy, state: WildlifeState, seen: _Sighting, geofence: Geofence
) -> tuple[WildlifeState, list[Event]]:
    """An uncertain sign with no visit to join: opens one together with enough others, else waits for them."""
    waiting = _waiting(policy, state, seen.received_at)
    agreeing = tuple(
        s
        for _, s in _near(policy, geofence, seen.device, waiting)
        if not s.person and abs(seen.at - s.at) <= policy.confirm_within
    )
    if any(_same_movement(s, seen) for s in agreeing):
        return replace(state, signs=waiting), []
    if len(agreeing) + 1 >= policy.confirm_events:
        return _open(policy, replace(state, signs=waiting), seen, agreeing, geofence)
    sign = Sign(
        seen.device.id, seen.at, seen.received_at, seen.device.lat, seen.device.lon, seen.count, seen.key
    )
    return replace(state, signs=(*waiting, sign)), [_suspect(seen, incident="")]


def _same_movement(sign: Sign, seen: _Sighting) -> bool:
    if sign.device != seen.device.id:
        return False
    return abs(seen.at - sign.at) < SAME_MOVEMENT or (sign.key != "" and sign.key == seen.key)


def _open(
    policy: WildlifePolicy,
    state: WildlifeState,
    seen: _Sighting,
    agreeing: tuple[Sign, ...],
    geofence: Geofence,
) -> tuple[WildlifeState, list[Event]]:
    """A visit begins, RETURNED where one at this place was driven off lately. The signs that waited nearby
    are part of it."""
    if not agreeing:
        waiting = _waiting(policy, state, seen.received_at)
        agreeing = tuple(s for _, s in _near(policy, geofence, seen.device, waiting) if not s.person)
    signs = sorted(agreeing, key=lambda s: s.at)
    path = tuple(dict.fromkeys([*(s.device for s in signs), seen.device.id]))
    bear = "/bear" if seen.species in BEARS else ""
    incident = Incident(
        id=f"animal/{seen.device.id}/{seen.at}{bear}",
        species=seen.species,
        opened_at=min([seen.at, *(s.at for s in signs)]),
        last_at=seen.at,
        heard_at=seen.received_at,
        lat=seen.device.lat,
        lon=seen.device.lon,
        devices=path,
        count=max([seen.count, *(s.count for s in signs)]),
        confidence=seen.confidence if seen.sure else None,
        keys=tuple(key for key in (*(s.key for s in signs), seen.key) if key),
        tally=seen.count,
        tally_at=(seen.device.id, seen.at),
    )
    back = came_from(
        state.driven_off,
        geofence,
        (seen.device.lat, seen.device.lon),
        seen.at,
        bear=bool(bear),
        within=policy.returned_within,
        within_m=policy.join_within_m,
    )
    state = WildlifeState(
        incidents=(*state.incidents, incident),
        signs=tuple(s for s in state.signs if s not in signs),
        driven_off=tuple(v for v in state.driven_off if v is not back),
    )
    if back is None:
        return state, [_event(EventKind.ANIMAL_SEEN, incident, seen)]
    returned = _event(EventKind.RETURNED, incident, seen)
    return state, [replace(returned, window=seen.at - back.last_at)]


def _go_on(state: WildlifeState, incident: Incident, seen: _Sighting) -> tuple[WildlifeState, list[Event]]:
    """Another sighting of an open visit. The same object again keeps it alive, untold until it has a name."""
    named = seen.sure and rank(seen.species) > rank(incident.species)
    repeat = seen.key != "" and seen.key in incident.keys
    newest = seen.at >= incident.last_at
    tally = seen.count
    if not repeat and incident.tally_at == (seen.device.id, seen.at):
        tally += incident.tally
    after = replace(
        incident,
        species=seen.species if named else incident.species,
        confidence=seen.confidence if named else incident.confidence,
        last_at=max(seen.at, incident.last_at),
        heard_at=max(seen.received_at, incident.heard_at),
        lat=seen.device.lat if newest else incident.lat,
        lon=seen.device.lon if newest else incident.lon,
        devices=_path(incident, seen),
        count=max(incident.count, tally),
        keys=incident.keys if repeat or not seen.key else (*incident.keys, seen.key)[-KEYS_KEPT:],
        sightings=incident.sightings + 1,
        tally=tally,
        tally_at=(seen.device.id, seen.at),
    )
    events = [] if repeat and not named else [_event(EventKind.ANIMAL_MOVED, after, seen)]
    return replace(state, incidents=tuple(after if i is incident else i for i in state.incidents)), events


def _path(incident: Incident, seen: _Sighting) -> tuple[str, ...]:
    device = seen.device.id
    return incident.devices if device in incident.devices else (*incident.devices, device)


def _amend(
    state: WildlifeState, incident: Incident | None, seen: _Sighting
) -> tuple[WildlifeState, list[Event]]:
    """History: may add to path and count of the open visit whose time it falls into. Told to nobody."""
    if incident is None or seen.at < incident.opened_at:
        return state, [_suspect(seen, incident="")]
    after = replace(incident, devices=_path(incident, seen), count=max(incident.count, seen.count))
    incidents = tuple(after if i is incident else i for i in state.incidents)
    return replace(state, incidents=incidents), [_suspect(seen, incident=incident.id)]


def _suspect(seen: _Sighting, *, incident: str) -> Event:
    ident = seen.key or f"{seen.species}/{seen.count}"
    return Event(
        id=f"{seen.device.id}/{EventKind.ANIMAL_SUSPECT}/{seen.at}/{ident}",
        kind=EventKind.ANIMAL_SUSPECT,
        incident=incident,
        device=seen.device.id,
        at=seen.at,
        received_at=seen.received_at,
        freshness=seen.freshness,
        lat=seen.device.lat,
        lon=seen.device.lon,
        species=seen.species,
        confidence=seen.confidence,
        count=seen.count,
        confirmed=False,
        devices=(seen.device.id,),
    )


def _event(kind: EventKind, incident: Incident, seen: _Sighting) -> Event:
    """`species` is the visit's; `detail` is what was seen this time where that is another one."""
    other = seen.sure and seen.species != incident.species
    return Event(
        id=f"{seen.device.id}/{kind}/{seen.at}/{incident.species}/{incident.sightings}",
        kind=kind,
        incident=incident.id,
        device=seen.device.id,
        at=seen.at,
        received_at=seen.received_at,
        freshness=seen.freshness,
        lat=seen.device.lat,
        lon=seen.device.lon,
        species=incident.species,
        confidence=seen.confidence,
        count=incident.count,
        devices=incident.devices,
        detail=seen.species if other else "",
    )


def _gone(incident: Incident, policy: WildlifePolicy, now: Millis) -> Event:
    """`window` is how long the visit lasted. Its time is when it was due, whenever the tick came."""
    due = incident.heard_at + policy.quiet_for
    return Event(
        id=f"{incident.id}/{EventKind.ANIMAL_GONE}/{due}",
        kind=EventKind.ANIMAL_GONE,
        incident=incident.id,
        device=incident.devices[-1],
        at=due,
        received_at=now,
        lat=incident.lat,
        lon=incident.lon,
        species=incident.species,
        count=incident.count,
        window=max(incident.last_at - incident.opened_at, 0),
        devices=incident.devices,
    )
