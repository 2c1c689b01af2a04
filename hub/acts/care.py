"""What people do with an alert, whatever its hazard."""

from msgspec.structs import replace

from hub.acts import traps
from hub.acts.doing import Doing
from hub.alerts.life import event_about
from hub.config.shapes import Role
from hub.detect import river, slope
from hub.detect.hub import Worry
from hub.model import Act, Alert, AlertState, Event, EventKind
from hub.pipeline import CALM
from hub.state import SITE
from hub.statistics import LABELS

JUDGES = frozenset({Role.OFFICIAL, Role.CORPS, Role.OPERATOR})
"""Who may say on a page that a flood or a debris flow is one, or is none."""


def cancel_debris(doing: Doing, act: Act) -> None:
    """The target is the stream, the detail the cause."""
    pipeline = doing.pipeline
    before = pipeline.state.rooms["slope"].get(act.target)
    if before and (device := pipeline.device(before.device)):
        change = slope.act(before, act, doing.now)
        pipeline.moved(pipeline.scene(device, doing.now), "slope", act.target, change, doing.outcome)


def acknowledge(doing: Doing, act: Act) -> None:
    """Somebody has seen it: the first time counts."""
    alert = doing.alert(act.target)
    if alert and act.who not in alert.acknowledged:
        doing.happened(_said(EventKind.ACKNOWLEDGED, alert, act, doing))


def label(doing: Doing, act: Act) -> None:
    """What it was. Of an alert that is closed the act itself is kept: `hub.statistics` reads it there."""
    alert, said = doing.alert(act.target), act.form.get("label", "")
    if alert and said in LABELS and said != alert.label:
        doing.happened(replace(_said(EventKind.LABELLED, alert, act, doing), detail=said))


def confirm(doing: Doing, act: Act) -> None:
    """Somebody has looked at what was to be checked, and it is so."""
    alert, rooms = doing.alert(act.target), doing.pipeline.state.rooms
    if alert is None or not _may_judge(doing, act, alert) or alert.label == "true":
        return
    event = _said(EventKind.CONFIRMED, alert, act, doing)
    stream = alert.incident.removeprefix("slope/")
    if alert.kind == "debris" and stream in rooms["slope"]:
        cancel_debris(doing, replace(act, target=stream))
        return
    if alert.kind in ("river", "river_unverified") and (device := doing.pipeline.device(alert.device)):
        before = rooms["river"].get(alert.device, CALM)
        after, events = river.confirmed(device, before, act, doing.now)
        scene = doing.pipeline.scene(device, doing.now)
        doing.pipeline.moved(scene, "river", alert.device, (after, events), doing.outcome)
        doubtful, good = before.doubt.value, before.good
        rising = doubtful is not None and (good is None or doubtful > good)
        level = events[0].level if events else ""
        event = replace(event, level=level, value=doubtful, trend="rising" if rising else "")
    doing.happened(event)


def cancel(doing: Doing, act: Act) -> None:
    """Somebody has looked, and it is nothing. The detail is the cause, as the people will read it.

    What has said so to officials alone, of the same change of a river, ends without a word of its own.
    """
    alert, state = doing.alert(act.target), doing.pipeline.state
    if alert is None or not _may_judge(doing, act, alert):
        return
    stream = alert.incident.removeprefix("slope/")
    if alert.kind == "debris" and stream in state.rooms["slope"]:
        cancel_debris(doing, replace(act, kind="debris_cancel", target=stream))
        return
    let_go(doing, act, alert)
    if alert.incident in state.alerts:
        doing.happened(_said(EventKind.CANCELLED, alert, act, doing))
    other = state.alerts.get(
        f"{'river' if alert.kind == 'river_unverified' else 'unverified'}/{alert.device}"
    )
    if (
        other
        and alert.kind in ("river", "river_unverified")
        and (other.kind != "river" or not other.confirmed)
    ):
        ended = replace(other, state=AlertState.CANCELLED, closed_at=act.at, updated_at=doing.now)
        doing.put(replace(ended, cause=act.detail, label="false"))


def close(doing: Doing, act: Act) -> None:
    """A person ends an alert by its id. A trap is reset by it. What comes again opens a new alert."""
    alert = doing.alert(act.target)
    if alert is None:
        return
    let_go(doing, act, alert)
    if alert.incident in doing.pipeline.state.alerts:
        doing.happened(_said(EventKind.CLOSED, alert, act, doing))


def let_go(doing: Doing, act: Act, alert: Alert) -> None:
    """The room that holds an alert open lets it go: it would go on there.

    The level of a river stays in force: a person has judged it, and only a higher one is news.
    """
    state = doing.pipeline.state
    rooms, (room, _, key) = state.rooms, alert.incident.partition("/")
    if room == "trap":
        traps.set_or_disarm(doing, replace(act, kind="trap_reset", target=key))
    elif room == "slope" and key in rooms["slope"]:
        state.put("slope", key, slope.act(rooms["slope"][key], replace(act, kind="close"), doing.now)[0])
    elif room == "animal" and SITE in rooms["wildlife"]:
        visits = rooms["wildlife"][SITE]
        others = tuple(i for i in visits.incidents if i.id != alert.incident)
        state.put("wildlife", SITE, replace(visits, incidents=others))
    elif room == "hub":
        state.put("hub", alert.incident.removeprefix("hub/"), Worry())


def _may_judge(doing: Doing, act: Act, alert: Alert) -> bool:
    """Of an animal or a trap everybody who was told may; of the rest, on a page, the town's own people."""
    person = doing.pipeline.town.people.get(act.who)
    if act.source != "web" or alert.kind in ("animal", "bear", "trap"):
        return True
    return person is not None and bool(JUDGES & frozenset(person.roles))


def _said(kind: EventKind, alert: Alert, act: Act, doing: Doing) -> Event:
    return replace(
        event_about(alert, kind, f"{act.who}/{act.at}", at=act.at, now=doing.now),
        species=alert.species,
        level=alert.level,
        devices=alert.devices,
        detail=act.detail,
        who=act.who,
    )
