"""`/api/v1/alerts`: what is open, one alert in full, and what users do with it; `/quiet/end`."""

from collections.abc import Iterable
from typing import Annotated, Literal

from msgspec import Meta, Struct, structs

from devices.frame import Millis
from hub import model
from hub.config.town import Town
from hub.console import acting
from hub.console.api.frame import Call, Id, Problem, endpoint
from hub.console.users import ConsoleRole
from hub.console.views.open_alerts import Alert, in_order, signed, tells, view
from hub.ledger.views import alerts as ledger_alerts
from hub.model import EventKind
from hub.web.alert_view import fact, position
from hub.web.words import bare
from hub.wording.values import clean

__all__ = ["ENDPOINTS", "Alert"]

OPERATOR = ConsoleRole.OPERATOR
MOST_FACTS, MOST_MESSAGES = 200, 500
LONGEST_CAUSE = 60

Minutes = Annotated[int, Meta(ge=1, le=10_080, description="Minutes")]
Eta = Annotated[int, Meta(ge=1, le=1_440, description="Minutes until whoever goes is there")]


class OpenQuery(Struct, frozen=True, forbid_unknown_fields=True):
    limit: Annotated[int, Meta(ge=1, le=500)] = 300


class AlertQuery(Struct, frozen=True, forbid_unknown_fields=True):
    id: Id


class CancelQuery(Struct, frozen=True, forbid_unknown_fields=True):
    id: Id
    cause: Annotated[str, Meta(min_length=1, max_length=LONGEST_CAUSE)]


class SilenceQuery(Struct, frozen=True, forbid_unknown_fields=True):
    id: Id
    minutes: Minutes = 60


class TakeQuery(Struct, frozen=True, forbid_unknown_fields=True):
    id: Id
    person: Id
    eta: Eta = 30


class EndQuery(Struct, frozen=True, forbid_unknown_fields=True):
    kind: Literal["unsilence", "maintenance_end", "drill_end"]
    target: Id


class Alerts(Struct, frozen=True):
    """The gravest first; of these what nobody has in hand, then what changed last. `count`: of all."""

    alerts: tuple[Alert, ...]
    count: int
    now: Millis


class Point(Struct, frozen=True):
    """Where a sensor has noticed something of it, and when (epoch ms). Degrees."""

    lat: float
    lon: float
    at: Millis
    what: str
    what_en: str
    device: str


class Fact(Struct, frozen=True):
    """Something that happened in its life, at (epoch ms). `kind`: of the event."""

    at: Millis
    kind: str
    text: str
    text_en: str


class Told(Struct, frozen=True):
    """What one person was told on one kind of channel. `reason`: opened, escalated, updated, cancelled, ...;
    `status`: pending, sent, timeout, failed, expired, merged, held, not_sent. Times in epoch ms."""

    person: str
    channel: str
    reason: str
    status: str
    created_at: Millis
    finished_at: Millis | None


class AlertInFull(Alert, frozen=True):
    """An alert, and `cause`: what it was, of one that was cancelled. `track`: the oldest first. `facts` and
    `messages`: the newest first, so many at most as are asked for at once."""

    cause: str
    track: tuple[Point, ...]
    facts: tuple[Fact, ...]
    messages: tuple[Told, ...]


class Silenced(Struct, frozen=True):
    """`until`: epoch ms."""

    alert: Alert
    until: Millis


class Done(Struct, frozen=True):
    """It is done."""

    done: str


# --- what there is --------------------------------------------------------------------------------


@endpoint("GET", "/alerts")
async def alerts(call: Call, asked: OpenQuery) -> Alerts:
    """Open alerts, the gravest first."""
    found = in_order(call.state.alerts.values())
    shown = tuple(_view(call, alert) for alert in found[: asked.limit])
    return Alerts(shown, len(found), call.now)


@endpoint("GET", "/alerts/{id}")
async def alert(call: Call, asked: AlertQuery) -> AlertInFull:
    """One alert, open or over: its track, its life, and who was told."""
    found = acting.find(call, asked.id)
    events = await call.ledger.view(ledger_alerts.events_of, found, MOST_FACTS)
    told = await call.ledger.view(ledger_alerts.told, found.id, MOST_MESSAGES)
    return AlertInFull(
        **structs.asdict(_view(call, found)),
        cause=clean(found.cause),
        track=tuple(track(found, reversed(events), call.town)),
        facts=tuple(facts(events, call.town)),
        messages=tuple(messages(told, call.town)),
    )


def facts(events: Iterable[model.Event], town: Town) -> Iterable[Fact]:
    """In the words of both languages; what has none is left out."""
    for event in events:
        said, said_en = tells(event, town, "ja"), tells(event, town, "en")
        if said and said_en:
            yield Fact(event.at, event.kind.value, bare(said), bare(said_en))


def track(alert: model.Alert, events: Iterable[model.Event], town: Town) -> Iterable[Point]:
    """What people did or what time brought is no sign of where it is."""
    for event in events:
        device = town.devices.get(event.device)
        place = (event.lat, event.lon) if event.lat is not None and event.lon is not None else None
        place = place or (position(alert, device) if device else None)
        if place is None or event.id.startswith(f"{alert.id}/"):
            continue
        seen = structs.replace(event, kind=SHOWN_AS.get(event.kind, event.kind))
        said, said_en = fact(seen, "", "ja"), fact(seen, "", "en")
        yield Point(
            *place, event.at, bare(said) if said else "", bare(said_en) if said_en else "", event.device
        )


SHOWN_AS = dict.fromkeys((EventKind.ANIMAL_MOVED, EventKind.ANIMAL_SUSPECT), EventKind.ANIMAL_SEEN)


def messages(told: Iterable[model.Notification], town: Town) -> Iterable[Told]:
    for one in told:
        yield Told(
            signed(town, one.recipient),
            one.channel_kind,
            one.reason.value,
            one.status.value,
            one.created_at,
            one.finished_at,
        )


# --- what users do --------------------------------------------------------------------------------


@endpoint("POST", "/alerts/{id}/acknowledge", needs=OPERATOR)
async def acknowledge(call: Call, asked: AlertQuery) -> Alert:
    """I have seen it: it is not told again."""
    return _after(call, await acting.on_alert(call, asked.id, "acknowledge"))


@endpoint("POST", "/alerts/{id}/confirm", needs=OPERATOR)
async def confirm(call: Call, asked: AlertQuery) -> Alert:
    """Somebody has looked, and it is so. Those concerned are told."""
    return _after(call, await acting.on_alert(call, asked.id, "confirm"))


@endpoint("POST", "/alerts/{id}/cancel", needs=OPERATOR)
async def cancel(call: Call, asked: CancelQuery) -> Alert:
    """Somebody has looked, and it is nothing. All who were told are told the cause."""
    cause = clean(asked.cause, LONGEST_CAUSE)
    if not cause:
        raise Problem(422, "cause", "cause: nothing that can be read")
    return _after(call, await acting.on_alert(call, asked.id, "cancel", cause))


@endpoint("POST", "/alerts/{id}/close", needs=OPERATOR)
async def close(call: Call, asked: AlertQuery) -> Alert:
    """It is over. What comes again opens a new alert; a trap counts as set again."""
    return _after(call, await acting.on_alert(call, asked.id, "close"))


@endpoint("POST", "/alerts/{id}/silence", needs=OPERATOR)
async def silence(call: Call, asked: SilenceQuery) -> Silenced:
    """Nothing more is told of the device that began it, for a while.

    What endangers life is told all the same.
    """
    did, until = await acting.silence(call, asked.id, asked.minutes)
    return Silenced(_after(call, did), until)


@endpoint("POST", "/alerts/{id}/take", needs=OPERATOR)
async def take(call: Call, asked: TakeQuery) -> Alert:
    """A person of the town goes there, and has told you so. Where somebody goes already: goes too."""
    return _after(call, await acting.send(call, asked.id, asked.person, asked.eta))


@endpoint("POST", "/alerts/{id}/siren_stop", needs=OPERATOR)
async def siren_stop(call: Call, asked: AlertQuery) -> Alert:
    """Switches off the sirens and flashes that it has set off."""
    return _after(call, await acting.stop_sirens(call, asked.id))


@endpoint("POST", "/quiet/end", needs=OPERATOR)
async def end(call: Call, asked: EndQuery) -> Done:
    """Ends a silence, the work on a device or the drill before its time.

    `target`: `device/ID`, `zone/ID` or `kind/KIND` of a silence, the id of a device, `site` of the drill.
    """
    await acting.end(call, asked.kind, asked.target)
    return Done(asked.kind)


def _view(call: Call, alert: model.Alert) -> Alert:
    return view(alert, call.town, call.user, call.state, call.now)


def _after(call: Call, did: "acting.Did") -> Alert:
    return _view(call, did.alert)


ENDPOINTS = (alerts, alert, acknowledge, confirm, cancel, close, silence, take, siren_stop, end)
