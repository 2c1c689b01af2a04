"""What people say of an alert, whatever its hazard, and how it is told again where nobody does. Pure."""

from collections import defaultdict
from collections.abc import Mapping

from msgspec.structs import replace

from hub.alerts import repeats, river, slope
from hub.alerts.life import Change, Scene, Telling, end
from hub.model import Alert, AlertState, Event, Reason, Severity
from hub.telling.audience import Audience

FALSE = {
    "animal": "animal_false",
    "bear": "animal_false",
    "river": "river_false",
    "river_unverified": "river_false",
    "slope_check": "slope_false",
}
"""Kind of alert -> how it is taken back. A debris flow has its own; a device's is nobody's news."""
CLOSED = {"river": "river_closed", "debris": "debris_closed"}
"""Kind of alert -> how its end by hand is told: those who were told to keep away must hear of it."""


def acknowledged(scene: Scene, alert: Alert | None, event: Event) -> Change:
    if alert is None:
        return None, []
    return replace(alert, acknowledged=alert.acknowledged | {event.who: event.at}, updated_at=scene.now), []


def labelled(scene: Scene, alert: Alert | None, event: Event) -> Change:
    return (replace(alert, label=event.detail, updated_at=scene.now) if alert else None), []


def confirmed(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """Somebody has looked, and it is so."""
    if alert is None:
        return None, []
    if alert.kind == "river_unverified":
        return river.rise_confirmed(scene, alert, event)
    if alert.kind == "slope_check":
        return slope.slope_confirmed(scene, alert, event)
    seen = alert.acknowledged | {event.who: event.at}
    return replace(alert, label="true", acknowledged=seen, updated_at=scene.now), []


def cancelled(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """Somebody has looked, and it is nothing: told with the cause to all who were told."""
    if alert is None:
        return None, []
    taken_back = end(scene, alert, event, AlertState.CANCELLED)
    taken_back = replace(taken_back, cause=event.detail, label="false")
    return taken_back, _to_all_told(FALSE, alert, Reason.CANCELLED)


def closed(scene: Scene, alert: Alert | None, event: Event) -> Change:
    if alert is None:
        return None, []
    return end(scene, alert, event), _to_all_told(CLOSED, alert, Reason.CLEARED)


def _to_all_told(templates: Mapping[str, str], alert: Alert, reason: Reason) -> list[Telling]:
    """`templates` are by kind of alert; nothing is said of a kind that has none."""
    if alert.kind not in templates:
        return []
    template = templates[alert.kind]
    return [Telling(template, reason, alert.severity, to_told=True, priority=Severity.CAUTION)]


def repeated(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """Told again in its own words to those who must act. What each counts as told of stays as it is."""
    if alert is None:
        return None, []
    by_severity: dict[int, list[str]] = defaultdict(list)
    for person in repeats.who_must_act(scene.town, alert):
        by_severity[alert.told[person]].append(person)
    tellings = [
        Telling(
            repeats.template(alert),
            Reason.REPEATED,
            Severity(severity),
            Audience(people=tuple(people)),
            priority=alert.severity,
            repeat=event.count,
        )
        for severity, people in sorted(by_severity.items())
    ]
    return replace(alert, repeats=event.count, updated_at=scene.now), tellings
