"""What the alerts of every hazard share: what a telling is, how an alert begins and ends."""

from collections.abc import Callable, Collection
from hashlib import blake2b

from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis
from hub.config.shapes import Device, Role
from hub.config.town import Town
from hub.geofence import Geofence
from hub.links import Links
from hub.model import Alert, AlertState, Event, EventKind, Mode, Reason, Severity
from hub.telling.audience import Audience

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
    repeat: int = 0
    """It goes on, and this is so many times that it is told again: the words begin with that."""


class Scene(Struct, frozen=True):
    """What a handler needs to know besides alert and event."""

    town: Town
    geofence: Geofence
    device: Device
    mode: Mode
    now: Millis
    links: Links | None = None
    """None: there are no pages that a phone could reach."""


Change = tuple[Alert | None, list[Telling]]
Handler = Callable[[Scene, Alert | None, Event], Change]


def alert_id(event: Event) -> str:
    """Stable: the same first event gives the same id, also after a crash."""
    kind = event.incident.partition("/")[0]
    return f"{kind}-{blake2b(f'{event.incident} {event.id}'.encode(), digest_size=5).hexdigest()}"


def event_about(alert: Alert, kind: EventKind, mark: object, *, at: Millis, now: Millis) -> Event:
    """What a person or time did with an alert. `mark` is its own among those of `kind`, and stable."""
    return Event(
        id=f"{alert.id}/{kind}/{mark}",
        kind=kind,
        incident=alert.incident,
        device=alert.device,
        at=at,
        received_at=now,
        lat=alert.lat,
        lon=alert.lon,
    )


def begin(scene: Scene, event: Event, kind: str, severity: Severity, zones: Collection[str]) -> Alert:
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


def worse(scene: Scene, alert: Alert) -> Alert:
    """It has grown worse: who had seen it has not seen this, and it is told again as from the beginning."""
    return replace(alert, acknowledged={}, repeats=0, worse_at=scene.now, updated_at=scene.now)


def end(scene: Scene, alert: Alert, event: Event, state: AlertState = AlertState.RESOLVED) -> Alert:
    return replace(alert, state=state, level="", closed_at=event.at, updated_at=scene.now)


def end_quietly(scene: Scene, alert: Alert | None, event: Event) -> Change:
    return (end(scene, alert, event) if alert else None), []


def ended(template: str) -> Handler:
    """Over: said to all who were told, and to nobody else."""

    def handler(scene: Scene, alert: Alert | None, event: Event) -> Change:
        if alert is None:
            return None, []
        telling = Telling(template, Reason.CLEARED, alert.severity, to_told=True, priority=Severity.NOTICE)
        return end(scene, alert, event), [telling]

    return handler
