"""What an animal's visit becomes: told where it is, and where it goes. Pure."""

from msgspec.structs import replace

from hub.alerts.life import (
    FIELD,
    HUNTERS,
    OFFICE,
    Change,
    Scene,
    Telling,
    begin,
)
from hub.config.shapes import Role, ZoneKind
from hub.detect.species import BEARS
from hub.model import Alert, Event, EventKind, Reason, Severity, Task
from hub.telling.audience import Audience

NEAR_PADDY_M = 60.0
"""A sensor on the bank watches the paddies beside it."""


def _ground(scene: Scene, event: Event) -> frozenset[str]:
    """Zones that a sighting concerns: where it was, and the paddies beside it."""
    lat = scene.device.lat if event.lat is None else event.lat
    lon = scene.device.lon if event.lon is None else event.lon
    return frozenset(scene.geofence.zones_at(lat, lon)) | frozenset(
        scene.geofence.near(lat, lon, NEAR_PADDY_M, ZoneKind.PADDY)
    )


def animal_seen(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """A visit begins: ANIMAL_SEEN, or RETURNED where one was driven off there lately."""
    if alert:
        return animal_moved(scene, alert, event)
    kind, severity = ("bear", Severity.DANGER) if event.species in BEARS else ("animal", Severity.CAUTION)
    opened = begin(scene, event, kind, severity, _ground(scene, event))
    opened = replace(opened, task=Task(since=scene.now, waiting_since=scene.now))
    telling = _about_animal(opened, Reason.OPENED)
    if event.kind is EventKind.RETURNED and kind == "animal":
        telling = replace(telling, template="animal_returned")
    return opened, [telling]


def _about_animal(alert: Alert, reason: Reason) -> Telling:
    """Told to those who have not heard of this visit: of a bear, everybody whose home or field it is."""
    if alert.kind == "bear":
        here = frozenset({Role.FARMER, Role.RESIDENT, Role.WELFARE})
        audience = Audience(here=here, everywhere=HUNTERS | OFFICE)
        return Telling("animal_bear", reason, alert.severity, audience, new_only=True, keep_for=7_200_000)
    audience = Audience(here=FIELD)
    return Telling("animal_detected", reason, alert.severity, audience, new_only=True, keep_for=1_800_000)


def animal_moved(scene: Scene, alert: Alert | None, event: Event) -> Change:
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
    if alert.last_told_at is not None and not 0 <= scene.now - alert.last_told_at < cooldown:
        tellings.append(Telling("animal_update", Reason.UPDATED, alert.severity, to_told=True))
    else:
        moved = replace(moved, held=moved.held + 1)
    if zones > known:
        tellings.append(_about_animal(moved, Reason.SPREAD))
    return moved, tellings
