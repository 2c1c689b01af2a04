"""The town's own rules of who is told, over the built-in audiences. Pure.

The built-in rule of a message has its template's name. A rule of the town adds people to it or takes some
away; it adds them to the gravest of what one event tells, so that nobody hears of one thing twice.

What endangers life is nobody's to keep back: at LIFE all are told, and where it is dangerous, or a river is
about to be, everybody who has a zone concerned, lives in the town or cares for those who do. Nor does a rule
leave a message without anybody.
"""

from collections.abc import Sequence

from devices.frame import Millis
from hub.alerts import Telling
from hub.config.shapes import Person, Role
from hub.config.tell_policy import TellRule, Urgency, Whom
from hub.config.town import Town
from hub.model import Alert, Reason, Severity
from hub.telling.audience import Audience, resolve, why

NEWS = frozenset({Reason.OPENED, Reason.ESCALATED, Reason.SPREAD, Reason.UNVERIFIED, Reason.REPEATED})
"""Of these the town's rules add people. What follows goes to those who were told before."""
TOLD_BEFORE = "told before"
FLOODS = frozenset({"river", "river_unverified", "unwatched", "debris", "slope_check"})
CARED_FOR = frozenset({Role.RESIDENT, Role.WELFARE})


def severity_of(urgency: Urgency) -> Severity:
    return Severity[urgency.upper()]


def is_grave(kind: str, severity: Severity) -> bool:
    """Lives may be at stake: an elder leaves for the shelter at WARNING of a river (警戒レベル3相当)."""
    return severity >= Severity.DANGER or (kind in FLOODS and severity >= Severity.WARNING)


def gravest(tellings: Sequence[Telling]) -> Telling | None:
    """The one of what an event tells to which rules add people, None where there is no news."""
    news = [
        telling
        for telling in tellings
        if not telling.to_told and telling.reason in NEWS and not telling.repeat
    ]
    return max(news, key=lambda telling: telling.severity, default=None)


def meant(
    town: Town, alert: Alert, telling: Telling, now: Millis, *, adds: bool, clock_set: bool = True
) -> dict[str, str]:
    """Who is meant by `telling`, person id -> the rule by which, in the order of the config.

    `adds`: it is the one to which the town's rules add people.
    """
    if telling.to_told:
        return {id: TOLD_BEFORE for id in alert.told if id in town.people}
    people: dict[str, str] = {}

    def add(rule: str, audience: Audience) -> None:
        for person in resolve(town, audience, alert.zones, now, clock_set=clock_set):
            people.setdefault(person.id, f"{rule}: {why(person, audience, alert.zones)}")

    add(telling.template, telling.audience)
    rules = [rule for rule in town.policy.tell if _applies(rule, alert, telling)]
    for rule in rules if adds else ():
        add(rule.name, _audience(rule.also))
    for rule in rules:
        away = {id for id in people if _is_kept_away(rule, town.people[id], alert, telling)}
        if len(away) < len(people):
            people = {id: by for id, by in people.items() if id not in away}
    return {id: people[id] for id in town.people if id in people} if rules else people


def _applies(rule: TellRule, alert: Alert, telling: Telling) -> bool:
    when = rule.when
    return (
        (not when.kinds or alert.kind in when.kinds)
        and (not when.zones or bool(set(when.zones) & set(alert.zones)))
        and (not when.devices or bool({alert.device, *alert.devices} & set(when.devices)))
        and telling.severity >= severity_of(when.severity)
    )


def _audience(whom: Whom) -> Audience:
    return Audience(frozenset(whom.roles_here), frozenset(whom.roles), people=whom.people)


def _is_kept_away(rule: TellRule, person: Person, alert: Alert, telling: Telling) -> bool:
    whom = rule.but_not
    roles, concerned = frozenset(person.roles), set(person.zones) & set(alert.zones)
    named = (
        person.id in whom.people
        or bool(roles & frozenset(whom.roles))
        or (bool(roles & frozenset(whom.roles_here)) and (bool(concerned) or not person.zones))
    )
    severity = max(telling.severity, telling.priority or telling.severity)
    if not named or severity >= Severity.LIFE:
        return False
    return not (is_grave(alert.kind, severity) and (concerned or roles & CARED_FOR))
