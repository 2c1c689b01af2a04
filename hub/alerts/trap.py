"""A sprung trap, to its owner and to whoever is on duty. Pure."""

from msgspec.structs import replace

from devices.frame import Millis
from hub.alerts.life import (
    HUNTERS,
    OPERATORS,
    Change,
    Scene,
    Telling,
    begin,
    end,
    ended,
)
from hub.config.shapes import Role
from hub.detect.species import BEARS
from hub.model import Alert, Event, Reason, Severity, Stage, Task
from hub.telling.audience import Audience

NEWS_FOR: Millis = 12 * 3_600_000


def trap_sprung(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """Sprung once more after somebody has set it again without telling the hub: a new catch, a new task."""
    task = Task(since=event.at, waiting_since=scene.now)
    if alert and event.detail == "again":
        caught = replace(alert, level="", task=task, species=event.species, updated_at=scene.now)
        return caught, [_about_trap(scene, "trap_sprung", Reason.UPDATED, severity=_gravity(event))]
    if alert:
        return replace(alert, level="", updated_at=scene.now), []
    zones = scene.geofence.zones_at(scene.device.lat, scene.device.lon)
    opened = replace(begin(scene, event, "trap", _gravity(event), zones), task=task)
    return opened, [_about_trap(scene, "trap_sprung", Reason.OPENED, severity=opened.severity)]


def _gravity(event: Event) -> Severity:
    return Severity.DANGER if event.species in BEARS else Severity.WARNING


def _about_trap(
    scene: Scene,
    template: str,
    reason: Reason,
    roles: frozenset[Role] = HUNTERS,
    severity: Severity = Severity.WARNING,
) -> Telling:
    owner = (scene.device.trap.owner,) if scene.device.trap else ()
    audience = Audience(here=roles, people=owner)
    return Telling(template, reason, severity, audience, keep_for=NEWS_FOR)


def trap_silent(scene: Scene, alert: Alert | None, _event: Event) -> Change:
    if alert is None:
        return None, []
    silent = replace(alert, level="silent", updated_at=scene.now)
    return silent, [_about_trap(scene, "trap_silent", Reason.UPDATED, HUNTERS | OPERATORS)]


def trap_reset(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """Set again or out of use. Said where nobody has yet said that it was dealt with."""
    if alert and alert.task and alert.task.stage is Stage.DONE:
        return end(scene, alert, event), []
    return _ended(scene, alert, event)


_ended = ended("trap_reset")


def patrol_missing(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """To the owner of the traps, once a day."""
    if alert:
        return replace(alert, devices=event.devices, updated_at=scene.now), []
    opened = begin(scene, event, "patrol", Severity.CAUTION, ())
    audience = Audience(people=(event.who,))
    return opened, [
        Telling("patrol_missing", Reason.OPENED, Severity.CAUTION, audience, keep_for=6 * 3_600_000)
    ]
