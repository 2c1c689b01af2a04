"""What the devices themselves need, to their operators. Pure."""

from msgspec.structs import replace

from hub.alerts.life import (
    OFFICE_AND_CORPS,
    OPERATORS,
    Change,
    Handler,
    Scene,
    Telling,
    begin,
)
from hub.config.shapes import Kind, Role
from hub.detect.flapping import FLAPPING
from hub.model import Alert, Event, Reason, Severity
from hub.telling.audience import Audience


def device_silent(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """A gauge that falls silent in a flood is itself an alert: 「見張れていません」."""
    if alert and alert.told:
        return replace(alert, updated_at=scene.now), []
    if event.level:
        opened = alert or begin(scene, event, "unwatched", Severity.DANGER, ())
        audience = Audience(everywhere=OFFICE_AND_CORPS | OPERATORS)
        telling = Telling("river_unwatched", Reason.OPENED, Severity.DANGER, audience, keep_for=21_600_000)
        return opened, [telling]
    return _silent(scene, alert, event)


def _fault(scene: Scene, event: Event, kind: str, template: str, severity: Severity) -> Change:
    roles = OPERATORS
    people: tuple[str, ...] = ()
    unwatched = kind == "silent" or event.detail.startswith(("silence/", "trap/"))
    if unwatched and scene.device.trap:
        people = (scene.device.trap.owner,)
    elif unwatched and scene.town.kind(scene.device) in (Kind.RIVER, Kind.SLOPE):
        roles = OPERATORS | {Role.CORPS}
    audience = Audience(everywhere=roles, people=people)
    telling = Telling(template, Reason.OPENED, severity, audience, keep_for=86_400_000)
    return begin(scene, event, kind, severity, ()), [telling]


def faulty(kind: str, template: str, severity: Severity) -> Handler:
    """One of many of a device that flaps opens its alert and is told to nobody: what outlasts them is."""

    def handler(scene: Scene, alert: Alert | None, event: Event) -> Change:
        opened, tellings = _fault(scene, event, kind, template, severity)
        if alert:
            opened = replace(alert, updated_at=scene.now)
        quiet = event.detail == FLAPPING or (alert and alert.told)
        return opened, [] if quiet else tellings

    return handler


_silent = faulty("silent", "sensor_offline", Severity.CAUTION)


def flapping(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """In place of each going and coming: when it begins, and once a day while it goes on."""
    opened, tellings = _fault(scene, event, "flapping", "device_flapping", Severity.CAUTION)
    if alert is None:
        return opened, tellings
    goes_on = replace(alert, count=event.count, updated_at=scene.now)
    return goes_on, [replace(telling, reason=Reason.UPDATED) for telling in tellings]


def clock_wrong(scene: Scene, alert: Alert | None, event: Event) -> Change:
    return faulty("clock", f"clock_{event.detail}", Severity.NOTICE)(scene, alert, event)
