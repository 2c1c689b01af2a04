"""The level of a river, to those who act on it. Pure."""

from msgspec.structs import replace

from hub.alerts.life import (
    OFFICE,
    OFFICE_AND_CORPS,
    Change,
    Scene,
    Telling,
    begin,
)
from hub.audience import Audience, zones_of_gauge
from hub.config.shapes import LEVELS, Role
from hub.model import Alert, Event, Reason, Severity

RIVER_SEVERITY = dict(zip(LEVELS, Severity, strict=True))
"""standby NOTICE, caution CAUTION, evac_judge WARNING, danger DANGER, overflow LIFE."""


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


def level_up(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """Severity up always breaks through: told to everyone who has not heard of this level."""
    severity = RIVER_SEVERITY[event.level]
    zones = zones_of_gauge(scene.town, event.device)
    risen = alert or begin(scene, event, "river", severity, zones)
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


def level_down(scene: Scene, alert: Alert | None, event: Event) -> Change:
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


def level_unverified(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """A doubtful rise concerns the flood corps too; a doubtful fall is the office's alone."""
    if alert:
        return replace(alert, updated_at=scene.now), []
    opened = begin(
        scene, event, "river_unverified", Severity.WARNING, zones_of_gauge(scene.town, event.device)
    )
    rising = (event.change or 0.0) > 0
    audience = Audience(everywhere=OFFICE_AND_CORPS if rising else OFFICE)
    return opened, [Telling("river_unverified", Reason.UNVERIFIED, Severity.WARNING, audience)]
