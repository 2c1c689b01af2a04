"""What becomes of a task, and who is told: taken, given back, done, or left to nobody. Pure.

The text is that of the hazard: a trap's, or an animal's.
"""

from msgspec.structs import replace

from devices.frame import Millis
from hub.alerts.life import HUNTERS, OFFICE, Change, Scene, Telling, end
from hub.detect.species import BEARS
from hub.model import Alert, Event, Reason, Severity, Stage, Task
from hub.telling.audience import Audience

HOUR: Millis = 3_600_000
TAKEN_BY = {"trap": "trap_acked", "animal": "animal_taken", "bear": "animal_taken"}
"""Kind of alert -> what is said when somebody goes. Nothing of the others."""
LEFT_BY = {"trap": "trap_left", "animal": "animal_left", "bear": "animal_left"}
JOINED_BY = {"trap": "trap_joined"}
FEWER_BY = {"trap": "trap_fewer"}


def taken(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """Told to all who were told of the alert, so that the others may stay; a new time to those who go."""
    if alert is None or alert.task is None:
        return alert, []
    task = alert.task
    eta = event.at + event.window
    if task.stage is Stage.TAKEN:
        moved = _with(scene, alert, replace(task, eta=eta), event)
        return moved, _to_those_who_go(moved, TAKEN_BY, Reason.UPDATED)
    going = replace(task, stage=Stage.TAKEN, who=event.who, others=(), since=event.at, eta=eta)
    found, warned = _found(alert, _with(scene, alert, going, event), event)
    return found, [*_to_all(found, TAKEN_BY, Reason.TAKEN), *warned]


def joined(scene: Scene, alert: Alert | None, event: Event) -> Change:
    if alert is None or alert.task is None:
        return alert, []
    joint = replace(alert.task, others=(*alert.task.others, event.who))
    found, warned = _found(alert, _with(scene, alert, joint, event), event)
    return found, [*_to_those_who_go(found, JOINED_BY, Reason.TAKEN), *warned]


def arrived(scene: Scene, alert: Alert | None, event: Event) -> Change:
    if alert is None or alert.task is None:
        return alert, []
    there = replace(alert.task, stage=Stage.ON_SITE, since=event.at, quiet_told=False)
    return _found(alert, _with(scene, alert, there, event), event)


def left(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """Another who goes has it then. Where nobody does, all who were told are asked again."""
    if alert is None or alert.task is None:
        return alert, []
    task = alert.task
    remain = tuple(person for person in (task.who, *task.others) if person != event.who)
    if not remain:
        found, warned = _found(alert, _with(scene, alert, _waiting(scene, task), event), event)
        return found, [*_to_all(found, LEFT_BY, Reason.OVERDUE), *warned]
    rest = replace(task, who=remain[0], others=remain[1:])
    found, warned = _found(alert, _with(scene, alert, rest, event), event)
    return found, [*_to_those_who_go(found, FEWER_BY, Reason.UPDATED), *warned]


def quiet(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """Nothing was heard of who is at the trap: somebody telephones, or goes."""
    if alert is None or alert.task is None:
        return alert, []
    trap, leader = scene.device.trap, scene.town.policy.trap.leader
    people = (*_going(alert), *((trap.owner,) if trap else ()), *((leader,) if leader else ()))
    told = _with(scene, alert, replace(alert.task, quiet_told=True), event)
    audience = Audience(everywhere=OFFICE, people=people)
    return told, [Telling("trap_quiet", Reason.OVERDUE, alert.severity, audience, keep_for=3 * HOUR)]


def lapsed(scene: Scene, alert: Alert | None, event: Event) -> Change:
    if alert is None or alert.task is None:
        return alert, []
    waiting = _with(scene, alert, _waiting(scene, alert.task), event)
    return waiting, _to_all(waiting, LEFT_BY, Reason.OVERDUE)


def _waiting(scene: Scene, task: Task) -> Task:
    """Reminders count anew."""
    return replace(
        task,
        stage=Stage.WAITING,
        who="",
        others=(),
        since=scene.now,
        eta=None,
        waiting_since=scene.now,
        reminded=0,
    )


def overdue(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """`event.count` is the last reminder that is due, of three: each tells more people."""
    if alert is None or alert.task is None:
        return alert, []
    town = scene.town
    people = [scene.device.trap.owner] if scene.device.trap else []
    steps = range(alert.task.reminded + 1, event.count + 1)
    if 2 in steps:
        people += [person.id for person in town.people.values() if HUNTERS & frozenset(person.roles)]
        people += [town.policy.trap.leader] if town.policy.trap.leader else []
    audience = Audience(
        here=HUNTERS if 1 in steps else frozenset(),
        everywhere=OFFICE if 3 in steps else frozenset(),
        people=tuple(people) if {1, 2} & set(steps) else (),
    )
    reminded = _with(scene, alert, replace(alert.task, reminded=event.count), event)
    telling = Telling("trap_unacked", Reason.OVERDUE, alert.severity, audience, keep_for=6 * HOUR)
    return reminded, [telling]


def done(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """`event.level` says how the trap was left: set or out of use, the alert is closed with that."""
    if alert is None or alert.task is None:
        return alert, []
    task = replace(alert.task, stage=Stage.DONE, since=event.at, eta=None, result=event.detail)
    finished = _with(scene, alert, task, event)
    found, warned = _found(alert, finished, event)
    if alert.kind != "trap":
        return found, warned
    if event.level:
        found = end(scene, found, event)
    # After an outage a report of a wrong capture must not stand for what to do about it.
    reason = Reason.UPDATED if warned else Reason.DONE
    at_large = found.species in BEARS and event.detail == "escaped"
    told = Telling(
        "trap_done",
        reason,
        Severity.DANGER if at_large else found.severity,
        to_told=True,
        priority=None if at_large else Severity.NOTICE,
        keep_for=6 * HOUR,
    )
    others = Audience(everywhere=OFFICE, people=_going(found))
    return found, [*warned, told, replace(told, to_told=False, new_only=True, audience=others)]


# --- shared ---------------------------------------------------------------------------------------------


def _with(scene: Scene, alert: Alert, task: Task, event: Event) -> Alert:
    return replace(alert, task=task, species=event.species or alert.species, updated_at=scene.now)


def _found(before: Alert, alert: Alert, event: Event) -> tuple[Alert, list[Telling]]:
    """Who is there says what is in the trap. What must not be there has an entry in the contact book.

    Of a bear all who were told are told at once: nobody approaches. Of any other wrong capture who reports
    it and the town office are.
    """
    bear = event.species in BEARS and before.species not in BEARS and event.detail in ("", "wrong")
    if alert.kind != "trap" or not (bear or event.detail == "wrong"):
        return alert, []
    if bear:
        alert = replace(alert, severity=max(alert.severity, Severity.DANGER))
    to_office = Telling(
        "trap_wrong",
        Reason.ESCALATED,
        alert.severity,
        Audience(everywhere=OFFICE, people=(event.who,)),
        new_only=bear,
        keep_for=12 * HOUR,
    )
    to_all = replace(to_office, to_told=True, new_only=False)
    return alert, [to_all, to_office] if bear else [to_office]


def _going(alert: Alert) -> tuple[str, ...]:
    return (alert.task.who, *alert.task.others) if alert.task else ()


def _to_all(alert: Alert, by_kind: dict[str, str], reason: Reason) -> list[Telling]:
    """To all who were told of the alert, and to those who go and were not."""
    if alert.kind not in by_kind:
        return []
    priority = Severity.CAUTION if reason is Reason.TAKEN else None
    told = Telling(
        by_kind[alert.kind], reason, alert.severity, to_told=True, priority=priority, keep_for=3 * HOUR
    )
    going = replace(told, to_told=False, new_only=True, audience=Audience(people=_going(alert)))
    return [told, going]


def _to_those_who_go(alert: Alert, by_kind: dict[str, str], reason: Reason) -> list[Telling]:
    if alert.kind not in by_kind:
        return []
    going = Audience(people=_going(alert))
    return [
        Telling(
            by_kind[alert.kind],
            reason,
            alert.severity,
            going,
            priority=Severity.CAUTION,
            keep_for=3 * HOUR,
        )
    ]
