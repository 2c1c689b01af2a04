"""A sprung trap, to its owner and to whoever is on duty. Pure."""

from msgspec.structs import replace

from hub.alerts.life import (
    HUNTERS,
    OPERATORS,
    Change,
    Scene,
    Telling,
    begin,
)
from hub.audience import Audience
from hub.config.shapes import Role
from hub.model import Alert, Event, Reason, Severity


def trap_sprung(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """Sprung once more after somebody has set it again without telling the hub: a new catch."""
    if alert:
        again = [_about_trap(scene, "trap_sprung", Reason.UPDATED)] if event.detail == "again" else []
        return replace(alert, level="", updated_at=scene.now), again
    zones = scene.geofence.zones_at(scene.device.lat, scene.device.lon)
    opened = begin(scene, event, "trap", Severity.WARNING, zones)
    return opened, [_about_trap(scene, "trap_sprung", Reason.OPENED)]


def _about_trap(scene: Scene, template: str, reason: Reason, roles: frozenset[Role] = HUNTERS) -> Telling:
    owner = (scene.device.trap.owner,) if scene.device.trap else ()
    audience = Audience(here=roles, people=owner)
    return Telling(template, reason, Severity.WARNING, audience, keep_for=12 * 3_600_000)


def trap_silent(scene: Scene, alert: Alert | None, _event: Event) -> Change:
    if alert is None:
        return None, []
    silent = replace(alert, level="silent", updated_at=scene.now)
    return silent, [_about_trap(scene, "trap_silent", Reason.UPDATED, HUNTERS | OPERATORS)]
