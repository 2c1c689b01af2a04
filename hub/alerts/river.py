"""The level of a river, to those who act on it. Pure."""

from msgspec.structs import replace

from hub.alerts.life import (
    OFFICE,
    OFFICE_AND_CORPS,
    Change,
    Scene,
    Telling,
    begin,
    end,
    worse,
)
from hub.config.shapes import LEVELS, Role
from hub.model import Alert, Event, Reason, Severity
from hub.telling.audience import Audience, zones_of_gauge

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
    if alert and severity > alert.severity:
        risen = worse(scene, alert)
    risen = replace(
        risen, level=event.level, severity=severity, confirmed=event.confirmed, updated_at=scene.now
    )
    return risen, [about_level(risen, Reason.ESCALATED if alert else Reason.OPENED)]


def about_level(alert: Alert, reason: Reason) -> Telling:
    """The level in force, to those who act on it and have not heard of it; unconfirmed, to the office."""
    audience = _river_audience(alert.level)
    if not alert.confirmed:
        audience = Audience(everywhere=OFFICE_AND_CORPS)
    return Telling(
        "river_standby" if alert.level == "standby" else f"river_lv{LEVELS.index(alert.level) + 1}",
        reason,
        alert.severity,
        audience,
        new_only=True,
        keep_for=6 * 3_600_000,
    )


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


def level_verified(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """The doubt is over: said to those who were told that it was no doubt, else a word for nobody."""
    if alert is None:
        return None, []
    telling = Telling(
        "river_verified", Reason.CLEARED, alert.severity, to_told=True, priority=Severity.NOTICE
    )
    return end(scene, alert, event), [telling] if alert.label == "true" else []


def rise_confirmed(scene: Scene, alert: Alert, event: Event) -> Change:
    """An official has looked, and it is so. A rise is told to those along the river as what it is.

    With a level from which on they are told by themselves nothing more is said, and the doubt is over.
    """
    confirmed = replace(alert, label="true", updated_at=scene.now, acknowledged={event.who: event.at})
    if event.level not in ("", "standby"):
        return end(scene, confirmed, event), []
    if event.trend != "rising":
        return confirmed, []
    here = frozenset({Role.RESIDENT, Role.FARMER, Role.WELFARE})
    audience = Audience(here=here, everywhere=OFFICE_AND_CORPS)
    telling = Telling("river_confirmed", Reason.ESCALATED, Severity.WARNING, audience, keep_for=6 * 3_600_000)
    return confirmed, [telling]
