"""What people do, each kind of act by its name. Who, when and from where stands in the act itself."""

from collections.abc import Iterable

from devices.frame import Millis
from hub.acts import asked, care, people, quiet, sirens, tasks, traps, users
from hub.acts.doing import Doing, Handler
from hub.model import Act, Outcome
from hub.pipeline import Pipeline

HANDLERS: dict[str, Handler] = {
    "trap_reset": traps.set_or_disarm,
    "trap_disarm": traps.set_or_disarm,
    "seen": traps.seen,
    "take": tasks.step,
    "join": tasks.step,
    "arrive": tasks.step,
    "leave": tasks.step,
    "done": tasks.step,
    "acknowledge": care.acknowledge,
    "label": care.label,
    "confirm": care.confirm,
    "cancel": care.cancel,
    "debris_cancel": care.cancel_debris,
    "silence": quiet.silence,
    "unsilence": quiet.unsilence,
    "maintenance": quiet.maintenance,
    "maintenance_end": quiet.maintenance_end,
    "drill_start": quiet.drill_start,
    "drill_end": quiet.drill_end,
    "siren_stop": sirens.stop,
    "close": care.close,
    "test_send": asked.send_test,
    "test_heard": asked.heard_test,
    "invite": people.invite,
    "enrol": people.enrol,
    "prefer": people.prefer,
    "browser": people.browser,
    "leave_town": people.leave_town,
    "user_add": users.add,
    "user_password": users.password,
    "user_role": users.role,
    "user_remove": users.remove,
    "login": users.login,
    "logout": users.logout,
    "login_failed": users.login_failed,
}


def apply(pipeline: Pipeline, acts: Iterable[Act], now: Millis) -> Outcome:
    """What people did. An act that fits nothing is written down as applied and changes nothing."""
    doing = Doing(pipeline, now)
    pipeline.tend(now)
    for act in acts:
        if handler := HANDLERS.get(act.kind):
            handler(doing, act)
        kept = users.as_kept(act)
        if not act.id:
            doing.outcome.acts.append(kept)
            continue
        doing.outcome.acts_applied.append(act.id)
        if kept is not act:
            doing.outcome.acts_bared.append(kept)
    doing.outcome.states = pipeline.state.take_changed()
    return doing.outcome
