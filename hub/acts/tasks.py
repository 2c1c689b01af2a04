"""What people do with the task of an alert: go, join, arrive, leave it to others, finish."""

from msgspec.structs import replace

from hub.acts import traps
from hub.acts.doing import Doing
from hub.alerts import task_events
from hub.config.town import Town
from hub.model import Act, Alert, Stage

LEAVES_TRAP = {"armed": "trap_reset", "disarmed": "trap_disarm"}


def step(doing: Doing, act: Act) -> None:
    """`take`, `join`, `arrive`, `leave`, `done`: the target is the alert. `for` in the form: of another
    person, who has said so to the one who notes it.
    """
    alert, town = doing.alert(act.target), doing.pipeline.town
    if alert is None or (alert.kind == "trap" and alert.device not in town.devices):
        return
    caught = doing.pipeline.state.rooms["trap"].get(alert.device)
    if caught and act.at < caught.since <= doing.now:
        return  # done before the trap sprang once more
    known = replace(act, who=person_of(town, act.form.get("for") or act.who))
    events = task_events.act(alert, known, doing.now)
    for event in events:
        doing.happened(event)
    if alert.kind != "trap" or not (events or _is_done(alert)):
        return
    if act.kind in ("arrive", "done"):
        traps.was_there(doing, known, alert.device)
    if act.kind == "done" and (kind := LEAVES_TRAP.get(act.form.get("trap", ""))):
        traps.set_or_disarm(doing, replace(known, kind=kind, target=alert.device))


def _is_done(alert: Alert) -> bool:
    return alert.task is not None and alert.task.stage is Stage.DONE


def person_of(town: Town, who: str) -> str:
    """The id of the person who is meant by an id or a name; as it is where that is nobody, or several."""
    if who in town.people:
        return who
    plain = "".join(who.split())
    named = [person.id for person in town.people.values() if "".join(person.name.split()) == plain]
    return named[0] if len(named) == 1 else who
