"""Silences, work on devices, drills: what people ask for, and what becomes of it when its time is over."""

from datetime import datetime

from msgspec.structs import replace

from devices.frame import Millis
from hub.acts.doing import Doing
from hub.alerts import river
from hub.alerts.life import event_about
from hub.detect import river as levels
from hub.detect import slope, trap
from hub.drill import Drill
from hub.model import Act, Alert, EventKind, Mode, Reason
from hub.pipeline import CALM
from hub.state import SITE
from hub.telling import silences
from hub.telling.silences import Period

MINUTE: Millis = 60_000
SILENCE: Millis = 60 * MINUTE
WORK: Millis = 120 * MINUTE
DRILL: Millis = 30 * MINUTE
"""So long where it is not said."""
FURTHEST: Millis = 366 * 24 * 60 * MINUTE
"""Work is planned for the next year at most."""


def silence(doing: Doing, act: Act) -> None:
    """The target is `device/ID`, `zone/ID` or `kind/KIND`. Asked for again, the newest counts."""
    if is_target(doing, act.target):
        lasts = _lasts(act, SILENCE, doing.pipeline.town.policy.silence.longest)
        period = Period(act.at, lasts, act.who, act.form.get("reason", ""))
        doing.pipeline.state.put("silence", act.target, period)


def unsilence(doing: Doing, act: Act) -> None:
    doing.pipeline.state.drop("silence", act.target)
    expire(doing)


def maintenance(doing: Doing, act: Act) -> None:
    """The target is a device. `start` in the form: ISO time, of the site where it names no zone; else now."""
    town = doing.pipeline.town
    if act.target in town.devices and (start := _start(doing, act)) is not None:
        lasts = _lasts(act, WORK, town.policy.silence.longest_maintenance)
        period = Period(start, lasts, act.who, act.form.get("reason", ""))
        doing.pipeline.state.put("maintenance", act.target, period)
        doing.pipeline.tend(doing.now)


def maintenance_end(doing: Doing, act: Act) -> None:
    _end_work(doing, act.target)
    expire(doing)


def drill_start(doing: Doing, act: Act) -> None:
    """The detail is its name, `targets` in the form what it covers: without any there is none."""
    targets = tuple(t for t in act.form.get("targets", "").replace(",", " ").split() if is_target(doing, t))
    if targets:
        lasts = _lasts(act, DRILL, doing.pipeline.town.policy.silence.longest_drill)
        drill = Drill(act.at, lasts, tuple(dict.fromkeys(targets)), act.detail, act.who)
        doing.pipeline.state.put("drill", SITE, drill)


def drill_end(doing: Doing, act: Act) -> None:
    if doing.pipeline.state.rooms["drill"].get(SITE):
        _end_drill(doing, act.who)


def is_target(doing: Doing, target: str) -> bool:
    """Whether it names a device or a zone of the town, or a kind of alert."""
    what, _, id = target.partition("/")
    return id in silences.known_targets(doing.pipeline.town, what)


# --- what time does -----------------------------------------------------------------------------------


def expire(doing: Doing) -> None:
    """What is over ends, and what was withheld and is still open is told."""
    rooms, state = doing.pipeline.state.rooms, doing.pipeline.state
    for target in [t for t, period in rooms["silence"].items() if period.is_over(doing.now)]:
        state.drop("silence", target)
    for device in [d for d, period in rooms["maintenance"].items() if period.is_over(doing.now)]:
        _end_work(doing, device)
    doing.pipeline.tend(doing.now)
    if (drill := rooms["drill"].get(SITE)) and drill.is_over(doing.now):
        _end_drill(doing, "")
    for incident in list(rooms["withheld"]):
        _tell_withheld(doing, incident)


def _end_work(doing: Doing, device: str) -> None:
    """A gateway that fell silent in it, of which nobody was told, is looked at anew."""
    state = doing.pipeline.state
    state.drop("maintenance", device)
    heard = state.rooms["health"].get(device)
    told = any(f"{what}/{device}" in state.alerts for what in ("silent", "gateway"))
    if heard and heard.silent_at and not told:
        state.put("health", device, replace(heard, silent_at=0))


def _tell_withheld(doing: Doing, incident: str) -> None:
    """Once, where nothing silences it any more and it is still open. Of a river, what it is by now."""
    pipeline, state = doing.pipeline, doing.pipeline.state
    kept: silences.Withheld = state.rooms["withheld"][incident]
    alert, event, tellings = state.alerts.get(incident), kept.event, kept.tellings
    device = pipeline.device(event.device)
    if alert is None or alert.id != kept.alert or device is None:
        state.drop("withheld", incident)
        return
    scene = pipeline.scene(device, doing.now)
    if silences.is_silenced(scene, pipeline.silent(doing.now), alert, event):
        return
    state.drop("withheld", incident)
    if alert.kind == "river":
        now_at = state.rooms["river"].get(alert.device, CALM).good
        event = replace(event, level=alert.level, value=now_at, trend="")
        tellings = (river.about_level(alert, Reason.ESCALATED),)
    pipeline.announce(scene, alert, event, tellings, doing.outcome)


def _end_drill(doing: Doing, who: str) -> None:
    """What opened in it ends with it. What is really so opens an alert of its own from then on."""
    pipeline = doing.pipeline
    pipeline.state.drop("drill", SITE)
    if pipeline.mode is Mode.EXERCISE:
        return
    for alert in [a for a in pipeline.state.alerts.values() if a.mode is Mode.EXERCISE]:
        _forget(doing, alert)
        over = event_about(alert, EventKind.DRILL_OVER, doing.now, at=doing.now, now=doing.now)
        doing.happened(replace(over, who=who))


def _forget(doing: Doing, alert: Alert) -> None:
    """The room of its hazard is as it was before: what is there comes as news."""
    state, (room, _, key) = doing.pipeline.state, alert.incident.partition("/")
    rooms = state.rooms
    if room == "trap" and key in rooms["trap"]:
        state.put("trap", key, trap.TrapState(since=doing.now, last_word=rooms["trap"][key].last_word))
    elif room in ("river", "unverified") and key in rooms["river"]:
        state.put("river", key, levels.forgotten(rooms["river"][key]))
    elif room == "slope" and key in rooms["slope"]:
        closed = slope.act(rooms["slope"][key], Act(0, doing.now, "", "", "close", key), doing.now)[0]
        state.put("slope", key, closed)
    elif room == "animal" and SITE in rooms["wildlife"]:
        visits = rooms["wildlife"][SITE]
        others = tuple(i for i in visits.incidents if i.id != alert.incident)
        state.put("wildlife", SITE, replace(visits, incidents=others))


def _lasts(act: Act, usual: Millis, longest: Millis) -> Millis:
    minutes = act.form.get("minutes", "")
    whole = minutes.isascii() and minutes.isdigit() and 0 < len(minutes) <= 12 and int(minutes) > 0
    return min(int(minutes) * MINUTE, longest) if whole else usual


def _start(doing: Doing, act: Act) -> Millis | None:
    """None where the form says what is no time, or one that nobody plans for."""
    text = act.form.get("start", "")
    if not text:
        return act.at
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=doing.pipeline.town.zone_info)
    start = int(moment.timestamp() * 1000)
    return start if start - act.at <= FURTHEST else None
