"""A debris flow: the call to run, its doubt and its cancellation. Pure."""

from msgspec.structs import replace

from devices.frame import Millis
from hub.alerts.life import (
    OFFICE_AND_CORPS,
    Change,
    Scene,
    Telling,
    begin,
    end,
    worse,
)
from hub.config.shapes import Role
from hub.model import Alert, AlertState, Event, Reason, Severity
from hub.telling.audience import Audience, zones_of_stream

DOUBT = Severity.DANGER
"""What officials count as told by an unconfirmed debris flow: the call to run still reaches them."""
LOOK_AGAIN_AFTER: Millis = 3_600_000


def debris_flow(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """A missed flow costs lives: unconfirmed too, those below run; officials hear of the doubt.

    A wire cut again, long after an alert that nobody has closed, is another flow: all is told once more.
    """
    reason = Reason.REPEATED if alert else Reason.OPENED
    if alert:
        told = {person: min(severity, int(DOUBT)) for person, severity in alert.told.items()}
        flow = worse(scene, replace(alert, told=told, confirmed=event.confirmed))
    else:
        flow = begin(scene, event, "debris", Severity.LIFE, _below(scene))
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


def debris_confirmed(scene: Scene, alert: Alert | None, event: Event) -> Change:
    if alert is None:
        return debris_flow(scene, None, event)
    confirmed = worse(scene, replace(alert, confirmed=True, devices=event.devices or alert.devices))
    if event.who:
        confirmed = replace(confirmed, label="true", acknowledged={event.who: event.at})
    for_office = Telling(
        "debris_confirmed", Reason.ESCALATED, Severity.LIFE, Audience(everywhere=OFFICE_AND_CORPS)
    )
    return confirmed, [_run(Reason.ESCALATED), for_office]


def debris_cancel(scene: Scene, alert: Alert | None, event: Event) -> Change:
    if alert is None:
        return None, []
    telling = Telling(
        "debris_false", Reason.CANCELLED, alert.severity, to_told=True, priority=Severity.WARNING
    )
    cancelled = end(scene, alert, event, AlertState.CANCELLED)
    return replace(cancelled, cause=event.detail, label="false"), [telling]


def slope_confirmed(scene: Scene, alert: Alert, event: Event) -> Change:
    """An official has looked, and the slope moves: to those below as what it is, and no call to run."""
    confirmed = replace(worse(scene, alert), confirmed=True, severity=Severity.DANGER, label="true")
    confirmed = replace(confirmed, acknowledged={event.who: event.at})
    audience = Audience(anyone_here=True, everywhere=OFFICE_AND_CORPS)
    telling = Telling(
        "slope_confirmed", Reason.ESCALATED, Severity.DANGER, audience, new_only=True, keep_for=7_200_000
    )
    return confirmed, [telling]


def slope_moved(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """Tilt or vibration alone. It ends by hand; what moves again after an hour is told again."""
    if alert and alert.last_told_at is not None and 0 <= scene.now - alert.last_told_at < LOOK_AGAIN_AFTER:
        return replace(alert, updated_at=scene.now), []
    reason = Reason.REPEATED if alert else Reason.UNVERIFIED
    telling = Telling("slope_check", reason, Severity.WARNING, Audience(everywhere=OFFICE_AND_CORPS))
    if alert:
        return replace(alert, devices=event.devices or alert.devices, updated_at=scene.now), [telling]
    return begin(scene, event, "slope_check", Severity.WARNING, _below(scene)), [telling]
