"""What the page of one alert says to one person, before it is laid out. Pure."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from markupsafe import Markup
from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis
from hub import maps, wording
from hub.clock import is_sane
from hub.config.shapes import Device, Person, Role
from hub.config.town import Town
from hub.console.users import SIGNED
from hub.model import Act, Alert, AlertState, Event, EventKind, Mode, Reading, Stage
from hub.web import offer
from hub.web.sketch import Sketch, sketch
from hub.web.words import known, phone, plain, says, telephone
from hub.wording.values import BEARS, clean, format_time, words

MINUTE: Millis = 60_000
OF_WATER = frozenset({"river", "river_unverified", "unwatched", "debris", "slope_check"})
"""Kinds of which the town's own pages tell more."""
NEWEST = 30
"""Lines of the story that are shown."""
WORKS = frozenset({Role.HUNTER, Role.PATROL, Role.OFFICIAL, Role.OPERATOR, Role.CORPS})
"""Whose names are shown to each other; of everybody else only how many."""
UNTOLD = frozenset({EventKind.ANIMAL_SUSPECT, EventKind.ANIMAL_MOVED, EventKind.LEVEL_VERIFIED})
OF_PEOPLE = frozenset(
    {
        *(EventKind.TASK_TAKEN, EventKind.TASK_JOINED, EventKind.TASK_ARRIVED, EventKind.TASK_LEFT),
        *(EventKind.TASK_LAPSED, EventKind.TASK_OVERDUE, EventKind.ACKNOWLEDGED, EventKind.LABELLED),
        EventKind.REPEATED,
    }
)
"""Told only to those who may see names."""


class Line(Struct, frozen=True):
    time: str
    text: Markup


class Call(Struct, frozen=True):
    """Somebody to call; `telephone` is empty where there is no number."""

    who: Markup
    telephone: str


class Contact(Struct, frozen=True):
    """An entry of the contact book: what to do about an animal that must not be there, and whom to call."""

    do: str
    calls: tuple[Call, ...]


class Page(Struct, frozen=True):
    """Everything on the page. Empty and None: not shown."""

    kind: str
    heading: str
    place: str
    when: Markup
    severity: int
    mode: str
    over: Markup | None
    status: tuple[Markup, ...]
    waiting: bool
    """Nobody goes yet."""
    offered: tuple[str, ...]
    dangers: tuple[Markup, ...]
    advice: tuple[Markup, ...]
    told: tuple[Markup, ...]
    story: tuple[Line, ...]
    map: Sketch | None
    google: str
    gsi: str
    photos: tuple[str, ...]
    trap: Markup | None
    info_url: str
    contact: Contact | None


def page_of(
    alert: Alert,
    town: Town,
    person: Person,
    events: Sequence[Event],
    acts: Sequence[Act],
    *,
    lang: str,
    now: Millis,
    level: Reading | None = None,
) -> Page:
    """`events` are those of the alert's incident, `acts` those on the alert, both in the order of time.

    `level` is the newest that its gauge has sent.
    """
    device = town.devices.get(alert.device)
    alert = replace(alert, label=alert.label or _label_of(acts))
    names = offer.may_see_names(alert, device, person)
    shown = offer.may_see_place(alert, device, person)
    place = position(alert, device) if shown else None
    heading = heading_of(alert, device, lang)
    return Page(
        kind=alert.kind,
        heading=heading,
        place=alert.place_en if lang == "en" else alert.place,
        when=_when(alert.opened_at, now, town, lang),
        severity=0 if alert.state is not AlertState.OPEN else int(alert.severity),
        mode="" if alert.mode is Mode.ACTUAL else words()["mode"][alert.mode.value][lang == "en"].strip(),
        over=_over(alert, town, lang, now),
        status=(
            *_level(level, town, lang, now),
            *_status(alert, town, person, lang, now, names=names),
        ),
        waiting=bool(alert.task and alert.task.stage is Stage.WAITING and alert.state is AlertState.OPEN),
        offered=offer.acts(alert, device, person),
        dangers=tuple(_dangers(alert, device, person, lang)),
        advice=tuple(_advice(alert, lang)),
        told=tuple(_told(alert, town, lang, names=names)),
        story=tuple(_story(alert, town, events, lang, now, names=names)),
        map=sketch(town, alert, place, lang, plain(lang, "map.of", what=heading), traps=_sees_traps(person))
        if place
        else None,
        google=maps.google_link(*place) if place else "",
        gsi=maps.gsi_link(*place) if place else "",
        photos=tuple(act.form["photo"] for act in acts if act.form.get("photo")) if names else (),
        trap=_trap(device, lang) if shown else None,
        info_url=town.site.info_url if alert.kind in OF_WATER else "",
        contact=_contact(alert, town, lang) if names else None,
    )


def _label_of(acts: Sequence[Act]) -> str:
    """What was said last: of an alert that is over only the act knows."""
    return next((act.form.get("label", "") for act in reversed(acts) if act.kind == "label"), "")


def heading_of(alert: Alert, device: Device | None, lang: str) -> str:
    """What has happened, in a few words."""
    key = f"kind.{alert.kind}"
    if alert.kind == "river" and alert.level:
        key = f"river.{alert.level}"
    if alert.kind == "debris" and not alert.confirmed:
        key = "kind.debris_unconfirmed"
    return plain(
        lang,
        key if known(key) else "kind.other",
        species=_species(alert.species, lang),
        trap_no=device.trap.no if device and device.trap else "",
        name=(device.name_en if lang == "en" else device.name) if device else "",
        river=(device.gauge.river_en if lang == "en" else device.gauge.river)
        if device and device.gauge
        else "",
    )


def position(alert: Alert, device: Device | None) -> tuple[float, float] | None:
    """(lat, lon); None of the hub's own troubles, which are nowhere."""
    if alert.lat is not None and alert.lon is not None and device is not None:
        return alert.lat, alert.lon
    return (device.lat, device.lon) if device else None


def name_of(town: Town, who: str, lang: str = "ja") -> str:
    """A person's name as the town knows it, or as it was given. Users of the console are the town office."""
    if who.startswith(SIGNED):
        return words()["who"]["office"][lang == "en"]
    person = town.people.get(who)
    return wording.values.clean(person.name if person else who)


def ago(since: Millis, now: Millis, lang: str) -> Markup:
    minutes = max(now - since, 0) // MINUTE
    if minutes < 1:
        return says(lang, "ago.now")
    if minutes < 60:
        return says(lang, "ago.minutes", minutes=minutes)
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return says(lang, "ago.hours" if minutes else "ago.full_hours", hours=hours, minutes=minutes)
    return says(lang, "ago.days", days=hours // 24)


def _when(at: Millis, now: Millis, town: Town, lang: str) -> Markup:
    if not (is_sane(at) and is_sane(now)):
        return Markup("{}").format(words()["time"]["unknown"][lang == "en"])
    return says(lang, "ago.at", time=format_time(at, now, town.zone_info), ago=ago(at, now, lang))


def _over(alert: Alert, town: Town, lang: str, now: Millis) -> Markup | None:
    if alert.state is AlertState.OPEN or alert.closed_at is None:
        return None
    key = "over.cancelled" if alert.state is AlertState.CANCELLED else "over.resolved"
    text = says(lang, key, time=format_time(alert.closed_at, now, town.zone_info))
    cause = says(lang, "over.cause", cause=clean(alert.cause)) if alert.cause else ""
    return text + cause


def _level(level: Reading | None, town: Town, lang: str, now: Millis) -> Iterable[Markup]:
    if level and level.value is not None:
        time = format_time(level.at, now, town.zone_info)
        yield says(lang, "status.level", value=f"{level.value:.2f}", time=time)


def _status(
    alert: Alert, town: Town, person: Person, lang: str, now: Millis, *, names: bool
) -> Iterable[Markup]:
    task = alert.task
    if alert.deterred:
        yield says(lang, "status.deterred")
    if not alert.confirmed and alert.kind in (*offer.TO_CHECK, *offer.TO_CHECK_UNCONFIRMED):
        yield says(lang, "status.unconfirmed")
    if alert.label in ("true", "false", "unknown"):
        yield says(lang, f"status.label_{alert.label}")
    if names and alert.acknowledged:
        who = _join((name_of(town, id, lang) for id in alert.acknowledged), lang)
        yield says(lang, "status.acknowledged", who=who)
    if task is None or alert.state is not AlertState.OPEN:
        return
    mine = "me" if task.who == person.id else "who" if names else "somebody"
    if task.stage is Stage.WAITING:
        yield says(lang, "status.waiting" if alert.kind != "bear" else "status.waiting_bear")
        return
    eta = format_time(task.eta, now, town.zone_info) if task.eta else ""
    key = f"status.{task.stage.value}_{mine}"
    yield says(lang, key, who=name_of(town, task.who, lang), eta=eta)
    if names and task.others:
        yield says(lang, "status.others", who=_join((name_of(town, id, lang) for id in task.others), lang))


def _dangers(alert: Alert, device: Device | None, person: Person, lang: str) -> Iterable[Markup]:
    """What can kill whoever goes there."""
    if alert.state is not AlertState.OPEN or (alert.task and alert.task.stage is Stage.DONE):
        return
    if alert.kind == "bear" or alert.species in BEARS:
        yield says(lang, "danger.bear")
        yield says(lang, "danger.bear_call")
    elif offer.is_of_trap(alert, device) and offer.goes(alert, device, person):
        yield says(lang, "danger.alone")
        yield says(lang, "danger.uphill")
        if device and device.trap and device.trap.type == "snare":
            yield says(lang, "danger.wire")
    elif alert.kind == "animal":
        yield says(lang, "danger.animal")


def _advice(alert: Alert, lang: str) -> Iterable[Markup]:
    """What to do, for everybody."""
    key = f"river_{alert.level}" if alert.kind == "river" and alert.level else alert.kind
    if alert.state is AlertState.OPEN:
        for number in range(1, 5):
            if known(f"advice.{key}_{number}"):
                yield says(lang, f"advice.{key}_{number}")


def _told(alert: Alert, town: Town, lang: str, *, names: bool) -> Iterable[Markup]:
    people = [town.people[id] for id in alert.told if id in town.people]
    works = [p for p in people if WORKS.intersection(p.roles)] if names else []
    if works:
        yield Markup("{}").format(_join((p.name for p in works), lang))
    if others := len(alert.told) - len(works):
        yield says(lang, "told.others" if works else "told.count", count=others)


def _story(
    alert: Alert, town: Town, events: Sequence[Event], lang: str, now: Millis, *, names: bool
) -> Iterable[Line]:
    until = alert.closed_at if alert.closed_at is not None else now
    for event in events[-NEWEST:]:
        hidden = event.kind in OF_PEOPLE and not names
        who = name_of(town, event.who, lang) if event.who and names else plain(lang, "told.somebody")
        if event.at <= until and not hidden and (said := fact(event, who, lang)):
            yield Line(format_time(event.at, now, town.zone_info), said)


def fact(event: Event, who: str, lang: str) -> Markup | None:
    """What one event says, `who` being the name of who brought it about; None: nothing that is told."""
    key = f"event.{event.kind.value}"
    if event.kind in UNTOLD or not known(key):
        return None
    return says(lang, key, **_said(event, who, lang))


def _said(event: Event, who: str, lang: str) -> dict[str, Any]:
    english = lang == "en"
    threshold = words()["threshold"].get(event.level or event.detail, ("", ""))[english]
    results = f"result.{event.detail}"
    return {
        "who": who,
        "minutes": event.window // MINUTE,
        "count": event.count,
        "species": _species(event.species, lang),
        "level": threshold,
        "value": "" if event.value is None else f"{event.value:.2f} m",
        "cause": clean(event.detail),
        "result": plain(lang, results) if known(results) else "",
        "label": plain(lang, f"label.{event.detail}") if known(f"label.{event.detail}") else "",
    }


def _trap(device: Device | None, lang: str) -> Markup | None:
    if device is None or device.trap is None:
        return None
    kind = words()["trap_type"][device.trap.type][lang == "en"]
    return Markup("{} {}").format(kind, device.trap.no)


def _contact(alert: Alert, town: Town, lang: str) -> Contact | None:
    """Of a bear, and of an animal that was caught by mistake."""
    entry = town.contacts.get(alert.species)
    wrong = alert.task is not None and alert.task.result == "wrong"
    if entry is None or not (wrong or alert.species in BEARS):
        return None
    do, call = (entry.do_en, entry.call_en) if lang == "en" else (entry.do, entry.call)
    calls = (one.strip() for one in re.split("[、;]", call))
    return Contact(do, tuple(Call(telephone(one), phone(one)) for one in calls if one))


def _species(code: str, lang: str) -> str:
    species = words()["species"]
    return species.get(code, species["unknown"])[lang == "en"]


def _sees_traps(person: Person) -> bool:
    return bool(offer.SEES_TRAPS.intersection(person.roles))


def _join(names: Iterable[str], lang: str) -> str:
    return (", " if lang == "en" else "、").join(names)
