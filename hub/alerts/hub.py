"""What is wrong with the hub itself, to its operators. Pure."""

from msgspec.structs import replace

from hub.alerts.life import (
    OFFICE,
    OFFICE_AND_CORPS,
    OPERATORS,
    Change,
    Scene,
    Telling,
    begin,
    end,
)
from hub.config.shapes import Role
from hub.model import Alert, Event, Reason, Severity
from hub.telling.audience import Audience

HUB_SEVERITY = {
    "broker": Severity.DANGER,
    "deaf": Severity.WARNING,
    "disk_full": Severity.DANGER,
    "channel": Severity.WARNING,
    "backlog": Severity.WARNING,
    "clock": Severity.WARNING,
    "memory": Severity.WARNING,
}
"""By what is wrong; CAUTION for the rest."""


def hub_trouble(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """To the operators, or the office where there are none; to both where a river stands high unwatched."""
    if alert:
        return replace(alert, updated_at=scene.now), []
    severity = HUB_SEVERITY.get(event.incident.split("/")[1], Severity.CAUTION)
    roles = OPERATORS if scene.town.by_role[Role.OPERATOR] else OFFICE
    if event.devices:
        roles |= OFFICE_AND_CORPS
    telling = Telling("hub_trouble", Reason.OPENED, severity, Audience(everywhere=roles), keep_for=86_400_000)
    return begin(scene, event, "hub", severity, ()), [telling]


def messages_missed(scene: Scene, _alert: Alert | None, event: Event) -> Change:
    """Said once, and over: what is missing does not come any more. To the operators, or else the office."""
    if not event.count and not event.value:
        return None, []
    severity = Severity.WARNING if event.count else Severity.CAUTION
    roles = OPERATORS if scene.town.by_role[Role.OPERATOR] else OFFICE
    telling = Telling(
        "messages_missed", Reason.OPENED, severity, Audience(everywhere=roles), keep_for=86_400_000
    )
    return end(scene, begin(scene, event, "missed", severity, ()), event), [telling]
