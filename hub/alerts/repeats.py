"""What goes on in danger, and nobody has said that he has seen it, is told again at growing intervals. Pure.

To officials, flood corps and operators, of a bear also to hunters and patrol: to those of them who were told.
Residents are told once of each event and level (domain notes 8). A bear that somebody has taken is seen to.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from devices.frame import Millis
from hub.alerts.life import event_about
from hub.config.shapes import LEVELS, Role
from hub.config.town import Town
from hub.model import Alert, Event, EventKind, Severity, Stage

MUST_ACT = frozenset({Role.OFFICIAL, Role.CORPS, Role.OPERATOR})
OF_BEARS = frozenset({Role.OFFICIAL, Role.HUNTER, Role.PATROL})
TEMPLATES = {"bear": "animal_bear", "unwatched": "river_unwatched", "hub": "hub_trouble"}


def tick(town: Town, alerts: Iterable[Alert], now: Millis) -> list[Event]:
    """One REPEATED for each alert that is due: its `count`th, `window` after it began or grew worse."""
    return [_event(alert, now) for alert in alerts if _is_due(town, alert, now)]


def who_must_act(town: Town, alert: Alert) -> tuple[str, ...]:
    """Those who were told of it and whose office it is to see to it."""
    roles = OF_BEARS if alert.kind == "bear" else MUST_ACT
    return tuple(id for id in alert.told if id in town.people and roles & frozenset(town.people[id].roles))


def template(alert: Alert) -> str:
    """The alert's own words, as it is now; empty where it has none to be repeated in."""
    if alert.kind == "river" and alert.level:
        return f"river_lv{LEVELS.index(alert.level) + 1}"
    if alert.kind == "debris":
        return "debris_flow" if alert.confirmed else "debris_unconfirmed"
    if alert.kind == "slope_check":
        return "slope_confirmed"
    return TEMPLATES.get(alert.kind, "")


def _is_due(town: Town, alert: Alert, now: Millis) -> bool:
    policy = town.policy.repeat
    if alert.severity < Severity.DANGER or alert.last_told_at is None or alert.repeats >= policy.most:
        return False
    pause = policy.after[min(alert.repeats, len(policy.after) - 1)]
    if now - alert.last_told_at < pause or not template(alert):
        return False
    people = who_must_act(town, alert)
    return bool(people) and not _is_seen_to(town, alert, people)


def _is_seen_to(town: Town, alert: Alert, people: tuple[str, ...]) -> bool:
    """One of them has acknowledged it, or somebody at the console or the command line; or has taken it."""
    if alert.task is not None and alert.task.stage is not Stage.WAITING:
        return True
    return any(who in people or who not in town.people for who in alert.acknowledged)


def _event(alert: Alert, now: Millis) -> Event:
    since = alert.opened_at if alert.worse_at is None else alert.worse_at
    count = alert.repeats + 1
    return replace(
        event_about(alert, EventKind.REPEATED, f"{count}/{since}", at=now, now=now),
        species=alert.species,
        count=count,
        level=alert.level,
        window=max(now - since, 0),
        confirmed=alert.confirmed,
        devices=alert.devices,
    )
