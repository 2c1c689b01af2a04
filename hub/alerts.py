"""The life of an alert: opened, changed and closed by events, and who must be told of it. Pure."""

from collections.abc import Callable, Collection
from hashlib import blake2b

from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis
from hub.audience import Audience, zones_of_gauge, zones_of_stream
from hub.config.shapes import LEVELS, Device, Kind, Role, ZoneKind
from hub.config.town import Town
from hub.detect.wildlife import BEARS
from hub.geofence import Geofence
from hub.model import Alert, AlertState, Event, EventKind, Mode, Reason, Severity

NEAR_PADDY_M = 60.0
"""A sensor on the bank watches the paddies beside it."""

RIVER_SEVERITY = dict(zip(LEVELS, Severity, strict=True))
"""standby NOTICE, caution CAUTION, evac_judge WARNING, danger DANGER, overflow LIFE."""

DOUBT = Severity.DANGER
"""What officials count as told by an unconfirmed debris flow: the call to run still reaches them."""
LOOK_AGAIN_AFTER: Millis = 3_600_000

OFFICE = frozenset({Role.OFFICIAL})
OFFICE_AND_CORPS = frozenset({Role.OFFICIAL, Role.CORPS})
OPERATORS = frozenset({Role.OPERATOR})
FIELD = frozenset({Role.FARMER, Role.HUNTER, Role.PATROL})
HUNTERS = frozenset({Role.HUNTER, Role.PATROL})


class Telling(Struct, frozen=True):
    """One thing to be told: which text, to whom, why. `keep_for`: no news any more after that time."""

    template: str
    reason: Reason
    severity: Severity
    audience: Audience = Audience()
    to_told: bool = False
    """To those who were told of this alert, and to nobody else."""
    new_only: bool = False
    """Only to those who have not been told of this alert at this severity or above."""
    above_only: bool = False
    """Only to those who were told of a higher severity."""
    keep_for: Millis = 3_600_000
    priority: Severity | None = None
    """How loudly the phone rings, where that is not the severity."""


class Scene(Struct, frozen=True):
    """What a handler needs to know besides alert and event."""

    town: Town
    geofence: Geofence
    device: Device
    mode: Mode
    now: Millis


Change = tuple[Alert | None, list[Telling]]
Handler = Callable[[Scene, Alert | None, Event], Change]


def step(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """What `event` does to the open alert of its incident (None: there is none).

    Returns the alert as it is now (None: no alert comes of it) and what must be told. The same event again
    opens nothing more, and what it tells has the same ids.
    """
    handler = HANDLERS.get(event.kind)
    return handler(scene, alert, event) if handler else (alert, [])


def alert_id(event: Event) -> str:
    """Stable: the same first event gives the same id, also after a crash."""
    kind = event.incident.partition("/")[0]
    return f"{kind}-{blake2b(f'{event.incident} {event.id}'.encode(), digest_size=5).hexdigest()}"


def _open(scene: Scene, event: Event, kind: str, severity: Severity, zones: Collection[str]) -> Alert:
    device = scene.device
    return Alert(
        id=alert_id(event),
        incident=event.incident,
        kind=kind,
        severity=severity,
        device=event.device,
        opened_at=event.at,
        updated_at=scene.now,
        lat=device.lat if event.lat is None else event.lat,
        lon=device.lon if event.lon is None else event.lon,
        place=device.place,
        place_en=device.place_en,
        zones=tuple(sorted(zones)),
        mode=scene.mode,
        level=event.level,
        species=event.species,
        count=event.count,
        devices=event.devices or (event.device,),
        confirmed=event.confirmed,
    )


def _close(scene: Scene, alert: Alert, event: Event, state: AlertState = AlertState.RESOLVED) -> Alert:
    return replace(alert, state=state, level="", closed_at=event.at, updated_at=scene.now)


def _close_quietly(scene: Scene, alert: Alert | None, event: Event) -> Change:
    return (_close(scene, alert, event) if alert else None), []


def _ended(template: str) -> Handler:
    """Over: said to all who were told, and to nobody else."""

    def handler(scene: Scene, alert: Alert | None, event: Event) -> Change:
        if alert is None:
            return None, []
        telling = Telling(template, Reason.CLEARED, alert.severity, to_told=True, priority=Severity.NOTICE)
        return _close(scene, alert, event), [telling]

    return handler


# --- animals --------------------------------------------------------------------------------------


def _ground(scene: Scene, event: Event) -> frozenset[str]:
    """Zones that a sighting concerns: where it was, and the paddies beside it."""
    lat = scene.device.lat if event.lat is None else event.lat
    lon = scene.device.lon if event.lon is None else event.lon
    return frozenset(scene.geofence.zones_at(lat, lon)) | frozenset(
        scene.geofence.near(lat, lon, NEAR_PADDY_M, ZoneKind.PADDY)
    )


def _animal_seen(scene: Scene, alert: Alert | None, event: Event) -> Change:
    if alert:
        return _animal_moved(scene, alert, event)
    kind, severity = ("bear", Severity.DANGER) if event.species in BEARS else ("animal", Severity.CAUTION)
    opened = _open(scene, event, kind, severity, _ground(scene, event))
    return opened, [_about_animal(opened, Reason.OPENED)]


def _about_animal(alert: Alert, reason: Reason) -> Telling:
    """Told to those who have not heard of this visit: of a bear, everybody whose home or field it is."""
    if alert.kind == "bear":
        here = frozenset({Role.FARMER, Role.RESIDENT, Role.WELFARE})
        audience = Audience(here=here, everywhere=HUNTERS | OFFICE)
        return Telling("animal_bear", reason, alert.severity, audience, new_only=True, keep_for=7_200_000)
    audience = Audience(here=FIELD)
    return Telling("animal_detected", reason, alert.severity, audience, new_only=True, keep_for=1_800_000)


def _animal_moved(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """A visit goes on: new ground means new people; the others hear of it again after the cooldown."""
    if alert is None:
        return None, []
    known = frozenset(alert.zones)
    zones = known | _ground(scene, event)
    moved = replace(
        alert,
        zones=tuple(sorted(zones)),
        devices=event.devices or alert.devices,
        count=max(alert.count, event.count),
        species=event.species or alert.species,
        lat=scene.device.lat if event.lat is None else event.lat,
        lon=scene.device.lon if event.lon is None else event.lon,
        place=scene.device.place,
        place_en=scene.device.place_en,
        updated_at=scene.now,
    )
    tellings: list[Telling] = []
    cooldown = scene.town.policy.wildlife.cooldown
    if alert.last_told_at is not None and scene.now - alert.last_told_at >= cooldown:
        tellings.append(Telling("animal_update", Reason.UPDATED, alert.severity, to_told=True))
    else:
        moved = replace(moved, held=moved.held + 1)
    if zones > known:
        tellings.append(_about_animal(moved, Reason.SPREAD))
    return moved, tellings


# --- traps ----------------------------------------------------------------------------------------


def _trap_sprung(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """Sprung once more after somebody has set it again without telling the hub: a new catch."""
    if alert:
        again = [_about_trap(scene, "trap_sprung", Reason.UPDATED)] if event.detail == "again" else []
        return replace(alert, level="", updated_at=scene.now), again
    zones = scene.geofence.zones_at(scene.device.lat, scene.device.lon)
    opened = _open(scene, event, "trap", Severity.WARNING, zones)
    return opened, [_about_trap(scene, "trap_sprung", Reason.OPENED)]


def _about_trap(scene: Scene, template: str, reason: Reason, roles: frozenset[Role] = HUNTERS) -> Telling:
    owner = (scene.device.trap.owner,) if scene.device.trap else ()
    audience = Audience(here=roles, people=owner)
    return Telling(template, reason, Severity.WARNING, audience, keep_for=12 * 3_600_000)


def _trap_silent(scene: Scene, alert: Alert | None, _event: Event) -> Change:
    if alert is None:
        return None, []
    silent = replace(alert, level="silent", updated_at=scene.now)
    return silent, [_about_trap(scene, "trap_silent", Reason.UPDATED, HUNTERS | OPERATORS)]


# --- rivers ---------------------------------------------------------------------------------------


def _river_audience(level: str) -> Audience:
    """Who acts on a level: DOMAIN notes 1.1; from danger on everyone in the flood area."""
    if level == "standby":
        return Audience(everywhere=OFFICE_AND_CORPS)
    if level == "caution":
        return Audience(here=frozenset({Role.RESIDENT, Role.FARMER}), everywhere=OFFICE_AND_CORPS)
    if level == "evac_judge":
        here = frozenset({Role.RESIDENT, Role.FARMER, Role.WELFARE})
        return Audience(here=here, everywhere=OFFICE_AND_CORPS)
    return Audience(anyone_here=True, everywhere=OFFICE_AND_CORPS)


def _level_up(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """Severity up always breaks through: told to everyone who has not heard of this level."""
    severity = RIVER_SEVERITY[event.level]
    zones = zones_of_gauge(scene.town, event.device)
    risen = alert or _open(scene, event, "river", severity, zones)
    risen = replace(
        risen, level=event.level, severity=severity, confirmed=event.confirmed, updated_at=scene.now
    )
    audience = _river_audience(event.level)
    if not event.confirmed:
        audience = Audience(everywhere=OFFICE_AND_CORPS)
    telling = Telling(
        "river_standby" if event.level == "standby" else f"river_lv{LEVELS.index(event.level) + 1}",
        Reason.ESCALATED if alert else Reason.OPENED,
        severity,
        audience,
        new_only=True,
        keep_for=6 * 3_600_000,
    )
    return risen, [telling]


def _level_down(scene: Scene, alert: Alert | None, event: Event) -> Change:
    if alert is None:
        return None, []
    lowered = replace(
        alert,
        level=event.level,
        severity=RIVER_SEVERITY[event.level],
        confirmed=True,
        updated_at=scene.now,
    )
    telling = Telling(
        "river_falling",
        Reason.FALLING,
        lowered.severity,
        to_told=True,
        above_only=True,
        priority=Severity.CAUTION,
    )
    return lowered, [telling]


def _level_unverified(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """A doubtful rise concerns the flood corps too; a doubtful fall is the office's alone."""
    if alert:
        return replace(alert, updated_at=scene.now), []
    opened = _open(
        scene, event, "river_unverified", Severity.WARNING, zones_of_gauge(scene.town, event.device)
    )
    rising = (event.change or 0.0) > 0
    audience = Audience(everywhere=OFFICE_AND_CORPS if rising else OFFICE)
    return opened, [Telling("river_unverified", Reason.UNVERIFIED, Severity.WARNING, audience)]


# --- slopes ---------------------------------------------------------------------------------------


def _debris_flow(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """A missed flow costs lives: unconfirmed too, those below run; officials hear of the doubt.

    A wire cut again, long after an alert that nobody has closed, is another flow: all is told once more.
    """
    reason = Reason.REPEATED if alert else Reason.OPENED
    if alert:
        told = {person: min(severity, int(DOUBT)) for person, severity in alert.told.items()}
        flow = replace(alert, told=told, confirmed=event.confirmed, updated_at=scene.now)
    else:
        flow = _open(scene, event, "debris", Severity.LIFE, _below(scene))
    if event.confirmed:
        return flow, [_run(reason, OFFICE_AND_CORPS)]
    doubt = Telling(
        "debris_unconfirmed", reason, DOUBT, Audience(everywhere=OFFICE_AND_CORPS), priority=Severity.LIFE
    )
    if scene.town.policy.slope.dry_wire_officials_only:
        return flow, [doubt]
    return flow, [doubt, _run(reason)]


def _below(scene: Scene) -> tuple[str, ...]:
    return zones_of_stream(scene.town, scene.device.slope.stream) if scene.device.slope else ()


def _run(reason: Reason, everywhere: frozenset[Role] = frozenset()) -> Telling:
    """To everybody below, also to the officials and corps among them who have heard of a doubt alone."""
    audience = Audience(anyone_here=True, everywhere=everywhere)
    return Telling("debris_flow", reason, Severity.LIFE, audience, new_only=True, keep_for=7_200_000)


def _debris_confirmed(scene: Scene, alert: Alert | None, event: Event) -> Change:
    if alert is None:
        return _debris_flow(scene, None, event)
    confirmed = replace(alert, confirmed=True, devices=event.devices or alert.devices, updated_at=scene.now)
    for_office = Telling(
        "debris_confirmed", Reason.ESCALATED, Severity.LIFE, Audience(everywhere=OFFICE_AND_CORPS)
    )
    return confirmed, [_run(Reason.ESCALATED), for_office]


def _debris_cancel(scene: Scene, alert: Alert | None, event: Event) -> Change:
    if alert is None:
        return None, []
    telling = Telling(
        "debris_false", Reason.CANCELLED, alert.severity, to_told=True, priority=Severity.WARNING
    )
    return _close(scene, alert, event, AlertState.CANCELLED), [telling]


def _slope_moved(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """Tilt or vibration alone. It ends by hand; what moves again after an hour is told again."""
    if alert and alert.last_told_at is not None and scene.now - alert.last_told_at < LOOK_AGAIN_AFTER:
        return replace(alert, updated_at=scene.now), []
    reason = Reason.REPEATED if alert else Reason.UNVERIFIED
    telling = Telling("slope_check", reason, Severity.WARNING, Audience(everywhere=OFFICE_AND_CORPS))
    if alert:
        return replace(alert, devices=event.devices or alert.devices, updated_at=scene.now), [telling]
    return _open(scene, event, "slope_check", Severity.WARNING, _below(scene)), [telling]


# --- the devices themselves -----------------------------------------------------------------------


def _device_silent(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """A gauge that falls silent in a flood is itself an alert: 「見張れていません」."""
    if alert:
        return replace(alert, updated_at=scene.now), []
    if event.level:
        opened = _open(scene, event, "unwatched", Severity.DANGER, ())
        audience = Audience(everywhere=OFFICE_AND_CORPS | OPERATORS)
        telling = Telling("river_unwatched", Reason.OPENED, Severity.DANGER, audience, keep_for=21_600_000)
        return opened, [telling]
    return _fault(scene, event, "silent", "sensor_offline", Severity.CAUTION)


def _fault(scene: Scene, event: Event, kind: str, template: str, severity: Severity) -> Change:
    roles = OPERATORS
    people: tuple[str, ...] = ()
    if kind == "silent" and scene.device.trap:
        people = (scene.device.trap.owner,)
    elif kind == "silent" and scene.town.kind(scene.device) in (Kind.RIVER, Kind.SLOPE):
        roles = OPERATORS | {Role.CORPS}
    audience = Audience(everywhere=roles, people=people)
    telling = Telling(template, Reason.OPENED, severity, audience, keep_for=86_400_000)
    return _open(scene, event, kind, severity, ()), [telling]


def _faulty(kind: str, template: str, severity: Severity) -> Handler:
    def handler(scene: Scene, alert: Alert | None, event: Event) -> Change:
        if alert:
            return replace(alert, updated_at=scene.now), []
        return _fault(scene, event, kind, template, severity)

    return handler


HANDLERS: dict[EventKind, Handler] = {
    EventKind.ANIMAL_SEEN: _animal_seen,
    EventKind.ANIMAL_MOVED: _animal_moved,
    EventKind.ANIMAL_GONE: _ended("animal_closed"),
    EventKind.TRAP_SPRUNG: _trap_sprung,
    EventKind.TRAP_SILENT: _trap_silent,
    EventKind.TRAP_RESET: _ended("trap_reset"),
    EventKind.LEVEL_UP: _level_up,
    EventKind.LEVEL_DOWN: _level_down,
    EventKind.LEVEL_CLEAR: _ended("river_cleared"),
    EventKind.LEVEL_UNVERIFIED: _level_unverified,
    EventKind.LEVEL_VERIFIED: _close_quietly,
    EventKind.DEBRIS_FLOW: _debris_flow,
    EventKind.DEBRIS_CONFIRMED: _debris_confirmed,
    EventKind.DEBRIS_CANCEL: _debris_cancel,
    EventKind.SLOPE_MOVED: _slope_moved,
    EventKind.DEVICE_SILENT: _device_silent,
    EventKind.DEVICE_BACK: _ended("sensor_back"),
    EventKind.GATEWAY_SILENT: _faulty("gateway", "gateway_offline", Severity.WARNING),
    EventKind.GATEWAY_BACK: _ended("gateway_back"),
    EventKind.BATTERY_LOW: _faulty("battery", "battery_low", Severity.NOTICE),
    EventKind.BATTERY_OK: _close_quietly,
    EventKind.BABBLING: _faulty("babble", "babbling", Severity.CAUTION),
    EventKind.BABBLING_OVER: _close_quietly,
}
