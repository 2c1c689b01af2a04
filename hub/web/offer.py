"""What one person may do with one alert, the next thing first. Pure."""

from hub.config.shapes import Device, Person, Role
from hub.model import Alert, AlertState, Stage

GOES = frozenset({Role.HUNTER, Role.PATROL, Role.OFFICIAL})
WATCHES = frozenset({Role.OFFICIAL, Role.OPERATOR, Role.CORPS})
SEES_TRAPS = GOES | {Role.OPERATOR}
ANIMALS = ("animal", "bear")
TO_CHECK = ("river_unverified", "slope_check")
TO_CHECK_UNCONFIRMED = ("river", "debris")
"""Kinds of which a person can say whether they are true; these while they are not confirmed."""

NOTHING: tuple[str, ...] = ()


def is_of_trap(alert: Alert, device: Device | None) -> bool:
    return alert.incident.startswith("trap/") or bool(device and device.trap)


def may_see_place(alert: Alert, device: Device | None, person: Person) -> bool:
    """Where a trap stands is for hunters, officials and its owner; other places are for all who were told."""
    if not is_of_trap(alert, device):
        return True
    return bool(SEES_TRAPS.intersection(person.roles)) or _owns(device, person)


def may_see_names(alert: Alert, device: Device | None, person: Person) -> bool:
    """Who was told and who goes, by name: for those who work together on it. Others learn how many."""
    return goes(alert, device, person) or bool(WATCHES.intersection(person.roles))


def goes(alert: Alert, device: Device | None, person: Person) -> bool:
    """Whether this person may be asked to go there. Nobody but hunters and the office goes to a bear."""
    roles = frozenset(person.roles)
    farmer = alert.kind == "animal" and Role.FARMER in roles
    return bool(roles & GOES) or farmer or _owns(device, person)


def acts(alert: Alert, device: Device | None, person: Person) -> tuple[str, ...]:
    """Kinds of act, by `hub.acts`, the next one first. Of what is over only what it was can be said."""
    works = may_see_names(alert, device, person)
    label = ("label",) if alert.kind in ANIMALS and works and not alert.label else NOTHING
    if alert.state is not AlertState.OPEN:
        return label
    offered = (*_of_task(alert, device, person), *label)
    return offered if alert.task and alert.kind != "bear" else (*offered, *_of_watch(alert, person))


def is_going(alert: Alert, person_id: str) -> bool:
    task = alert.task
    return bool(task) and task is not None and (task.who == person_id or person_id in task.others)


def _of_task(alert: Alert, device: Device | None, person: Person) -> tuple[str, ...]:
    task = alert.task
    if task is None or not goes(alert, device, person):
        return NOTHING
    if task.stage is Stage.DONE:
        return ("trap_reset", "trap_disarm") if is_of_trap(alert, device) else NOTHING
    if task.stage is Stage.WAITING:
        return ("take", "arrive")
    if not is_going(alert, person.id):
        return ("join",)
    return ("arrive", "done", "leave") if task.stage is Stage.TAKEN else ("done", "leave")


def judgements(alert: Alert, person: Person) -> tuple[str, ...]:
    """What an official can say of a flood or a debris flow that may be none."""
    if Role.OFFICIAL not in person.roles:
        return NOTHING
    doubted = alert.kind in TO_CHECK or (alert.kind in TO_CHECK_UNCONFIRMED and not alert.confirmed)
    if doubted and alert.label != "true":
        return ("confirm", "cancel")
    return ("cancel",) if alert.kind == "debris" else NOTHING


def _of_watch(alert: Alert, person: Person) -> tuple[str, ...]:
    watches = WATCHES.intersection(person.roles) and person.id not in alert.acknowledged
    return (*judgements(alert, person), *(("acknowledge",) if watches else NOTHING))


def _owns(device: Device | None, person: Person) -> bool:
    return bool(device and device.trap and device.trap.owner == person.id)
