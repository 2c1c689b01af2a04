"""The task of an alert: somebody must go and see. What people do with it and what time does to it, as events.

Pure: `act` is what somebody did, `tick` what is due. `hub.alerts.task` applies the events to the alert.
"""

from msgspec.structs import replace

from devices.frame import Millis
from hub import daylight
from hub.alerts.life import event_about
from hub.config.policy import TrapPolicy
from hub.detect.species import BEARS
from hub.model import Act, Alert, Event, EventKind, Stage, Task

MINUTE: Millis = 60_000
ETA: Millis = 30 * MINUTE
"""Of who takes it and does not say when."""
LONGEST_ETA: Millis = 24 * 60 * MINUTE
SAME_ETA: Millis = 5 * MINUTE
"""A second tap that means to arrive so near to the first says nothing new."""
RESULTS = frozenset({"captured", "empty", "wrong", "escaped"})
LEFT_AS = frozenset({"armed", "disarmed"})
"""How a trap is left; whatever else is said is `later`."""
MOST = 99
GOING = frozenset({Stage.TAKEN, Stage.ON_SITE})
NEVER_WAITS = BEARS | {"person"}
"""What is in the trap, so that nobody waits for the day."""


def act(alert: Alert, act: Act, now: Millis) -> list[Event]:
    """What comes of `take`, `join`, `arrive`, `leave` or `done`; nothing where it changes nothing.

    `act.who` is a person id where that is known. The first who takes it has it: the second joins.
    """
    task = alert.task
    if task is None or task.stage is Stage.DONE:
        return []
    goes = act.who == task.who or act.who in task.others
    if act.kind in ("take", "join"):
        return _take(alert, task, act, now, goes=goes)
    if act.kind == "arrive":
        return _arrive(alert, task, act, now, goes=goes)
    if act.kind == "leave":
        return [_event(alert, EventKind.TASK_LEFT, act, now)] if goes else []
    if act.kind == "done" and act.form.get("result") in RESULTS:
        return [_done(alert, act, now)]
    return []


def _take(alert: Alert, task: Task, act: Act, now: Millis, *, goes: bool) -> list[Event]:
    window = eta_of(act)
    taken = _event(alert, EventKind.TASK_TAKEN, act, now, window=window)
    if task.stage is Stage.WAITING:
        return [taken]
    if not goes:
        return [_event(alert, EventKind.TASK_JOINED, act, now, window=window)]
    again = act.kind == "take" and act.who == task.who and task.stage is Stage.TAKEN
    moved = again and abs(act.at + window - (task.eta or 0)) >= SAME_ETA
    return [taken] if moved else []


def _arrive(alert: Alert, task: Task, act: Act, now: Millis, *, goes: bool) -> list[Event]:
    """Who arrives unannounced has taken it, or has joined the others."""
    came = [_event(alert, EventKind.TASK_ARRIVED, act, now)] if task.stage is not Stage.ON_SITE else []
    if goes:
        return came
    kind = EventKind.TASK_TAKEN if task.stage is Stage.WAITING else EventKind.TASK_JOINED
    return [_event(alert, kind, act, now), *came]


def eta_of(act: Act) -> Millis:
    """In how long who takes it means to be there; half an hour where that is not said, a day at most."""
    minutes = act.form.get("eta", "")
    return min(int(minutes) * MINUTE, LONGEST_ETA) if _is_whole(minutes) else ETA


def _done(alert: Alert, act: Act, now: Millis) -> Event:
    form = act.form
    count = int(form["count"]) if _is_whole(form.get("count", "")) else 0
    if form["result"] in ("captured", "wrong") or (form["result"] == "escaped" and form.get("species")):
        count = max(count, 1)
    trap = form.get("trap", "")
    return _event(
        alert,
        EventKind.TASK_DONE,
        act,
        now,
        count=min(count, MOST) if form["result"] != "empty" else 0,
        level=trap if trap in LEFT_AS else "",
        detail=form["result"],
    )


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 6


# --- what time does -----------------------------------------------------------------------------------


def tick(
    policy: TrapPolicy, alert: Alert, now: Millis, *, sun: daylight.Sun, sprung_at: Millis | None = None
) -> list[Event]:
    """A reminder that is due, or the end of a promise. The caller has seen to it that the clock is set.

    Where several reminders have fallen due meanwhile, one event stands for all: `count` is the last of
    them. `sprung_at` is when the trap sprang, where it is not when the alert opened.
    """
    task = alert.task
    if task is None:
        return []
    if task.stage is Stage.TAKEN and task.eta is not None and now >= task.eta + policy.taken_lapses:
        return [_timed(alert, task, EventKind.TASK_LAPSED, now, window=now - task.eta)]
    if alert.kind != "trap":
        return []
    if task.stage is Stage.ON_SITE and not task.quiet_told and now >= task.since + policy.on_site_quiet:
        return [_timed(alert, task, EventKind.TASK_QUIET, now, window=now - task.since)]
    waited = waits(policy, alert, task, now, sun) if task.stage is Stage.WAITING else -1
    due = sum(waited >= after for after in reminders(policy))
    window = max(now - (alert.opened_at if sprung_at is None else sprung_at), 0)
    overdue = _timed(alert, task, EventKind.TASK_OVERDUE, now, window=window, count=due)
    return [overdue] if due > task.reminded else []


def reminders(policy: TrapPolicy) -> tuple[Millis, Millis, Millis]:
    """After so long: those on duty and the owner, all hunters and the leader, the town office."""
    return policy.remind_duty, policy.remind_all, policy.remind_office


def waits(policy: TrapPolicy, alert: Alert, task: Task, now: Millis, sun: daylight.Sun) -> Millis:
    """For how long somebody has been waited for: the night does not count where the town says so."""
    if policy.night == "go" or is_urgent(alert):
        return now - task.waiting_since
    return daylight.between(sun, task.waiting_since, now)


def is_urgent(alert: Alert) -> bool:
    """A bear or people: nobody waits for the day."""
    return alert.kind == "bear" or alert.species in NEVER_WAITS


# --- events -------------------------------------------------------------------------------------------


def _event(
    alert: Alert,
    kind: EventKind,
    act: Act,
    now: Millis,
    *,
    window: Millis = 0,
    count: int = 0,
    level: str = "",
    detail: str = "",
) -> Event:
    return replace(
        event_about(alert, kind, f"{act.who}/{act.at}", at=act.at, now=now),
        species=act.form.get("species", ""),
        count=count,
        level=level,
        window=window,
        detail=detail,
        who=act.who,
    )


def _timed(
    alert: Alert, task: Task, kind: EventKind, now: Millis, *, window: Millis, count: int = 0
) -> Event:
    mark = f"{count}/{task.since if task.who else task.waiting_since}"
    event = event_about(alert, kind, mark, at=now, now=now)
    return replace(event, count=count, window=window, who=task.who)
