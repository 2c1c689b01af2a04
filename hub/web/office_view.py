"""The office's work queue as it is laid out: the gravest first, and what is kept quiet meanwhile. Pure."""

from collections.abc import Iterable

from msgspec import Struct

from devices.frame import Millis
from hub.config.shapes import Person
from hub.config.town import Town
from hub.model import Alert, Mode, Severity, Stage
from hub.state import SITE, State
from hub.web.alert_view import heading_of, name_of
from hub.web.offer import is_going, judgements
from hub.web.spans import span
from hub.wording.values import format_time, words

GOING = frozenset({Stage.TAKEN, Stage.ON_SITE})
ENDS = {"silence": "unsilence", "maintenance": "maintenance_end", "drill": "drill_end"}
"""Room of the state -> the kind of act that ends what it holds."""


class Line(Struct, frozen=True):
    """One open alert as the office sees it. Times as text; `can`: kinds of act, the next one first."""

    id: str
    severity: int
    what: str
    place: str
    mode: Mode
    opened: str
    open_for: str
    stage: str
    """waiting, taken, on_site, done; empty where nobody need go."""
    waiting_for: str
    who: str
    others: tuple[str, ...]
    eta: str
    is_late: bool
    """Who took it should be there by now."""
    acknowledged: tuple[str, ...]
    can: tuple[str, ...]
    page: str
    """The alert's own page, where this person was told of it."""


def queue(alerts: Iterable[Alert]) -> list[Alert]:
    """The gravest first; of these what nobody has in hand, and then who has waited longest."""
    return sorted(alerts, key=lambda alert: (-alert.severity, is_in_hand(alert), _since(alert), alert.id))


def is_in_hand(alert: Alert) -> bool:
    """Somebody goes or is done there, or, where nobody need go, has seen it."""
    return alert.task.stage is not Stage.WAITING if alert.task else bool(alert.acknowledged)


def may(alert: Alert, person: Person) -> tuple[str, ...]:
    """Kinds of act that the office is offered for one open alert, the next one first."""
    offered = [*judgements(alert, person)]
    if person.id not in alert.acknowledged:
        offered.append("acknowledge")
    if alert.task and alert.task.stage is Stage.WAITING:
        offered.append("take")
    elif alert.task and alert.task.stage in GOING and not is_going(alert, person.id):
        offered.append("join")
    if alert.severity < Severity.LIFE and alert.kind != "hub":
        offered.append("silence")
    return (*offered, "close")


def line(alert: Alert, town: Town, person: Person, now: Millis, *, lang: str, page: str = "") -> Line:
    """One alert in the words of one language."""
    english, task = lang == "en", alert.task
    zone = town.zone_info
    eta = task.eta if task and task.stage is Stage.TAKEN else None
    return Line(
        id=alert.id,
        severity=int(alert.severity),
        what=heading_of(alert, town.devices.get(alert.device), lang),
        place=alert.place_en if english else alert.place,
        mode=alert.mode,
        opened=format_time(alert.opened_at, now, zone),
        open_for=span(lang, now - alert.opened_at),
        stage=task.stage.value if task else "",
        waiting_for=span(lang, now - _since(alert)),
        who=name_of(town, task.who, lang) if task and task.who else "",
        others=tuple(name_of(town, other, lang) for other in task.others) if task else (),
        eta=format_time(eta, now, zone) if eta is not None else "",
        is_late=eta is not None and now > eta,
        acknowledged=tuple(name_of(town, who, lang) for who in alert.acknowledged),
        can=may(alert, person),
        page=page,
    )


def _since(alert: Alert) -> Millis:
    """When the waiting began."""
    waits = alert.task and alert.task.stage is Stage.WAITING
    return (alert.task.waiting_since if alert.task and waits else 0) or alert.opened_at


# --- what is kept quiet -----------------------------------------------------------------------------


class Hush(Struct, frozen=True):
    """A silence, the work on a device or a drill. Times as text."""

    room: str
    target: str
    """As the act that ends it names it."""
    ends: str
    """The kind of that act."""
    what: str
    since: str
    """Of one that is planned; empty where it has begun."""
    until: str
    who: str


def hushes(state: State, town: Town, now: Millis, *, lang: str) -> list[Hush]:
    """All that holds now or is planned; drills first, then what ends first."""
    drills = [("drill", "site", drill) for key, drill in state.rooms["drill"].items() if key == SITE]
    periods = [
        (room, target, period)
        for room in ("silence", "maintenance")
        for target, period in state.rooms[room].items()
        if not period.is_over(now)
    ]
    ordered = drills + sorted(periods, key=lambda one: (one[2].since + one[2].lasts, one[1]))
    return [
        Hush(
            room=room,
            target=target,
            ends=ENDS[room],
            what=(held.name if room == "drill" else "") or _target(target, room, town, english=lang == "en"),
            since=format_time(held.since, now, town.zone_info) if held.since > now else "",
            until=format_time(held.since + held.lasts, now, town.zone_info),
            who=name_of(town, held.who, lang),
        )
        for room, target, held in ordered
    ]


def _target(target: str, room: str, town: Town, *, english: bool) -> str:
    """The name of a device, of a zone or of a kind of alert."""
    what, _, id = target.partition("/") if room == "silence" else ("device", "", target)
    if what == "kind":
        kinds = words()["alert_kind"]
        return kinds.get(id, kinds["unknown"])[english]
    named = town.devices.get(id) or town.zones.get(id)
    return (named.name_en if english else named.name) if named else ""
