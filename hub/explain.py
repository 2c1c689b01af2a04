"""What the hub makes of one message, step by step, and who would be told of something: `naruko explain`."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from devices.frame import Millis
from hub.clock import SystemClock
from hub.config.shapes import Device, Kind
from hub.config.town import Town
from hub.config.validate import suggestion
from hub.decode import Decoder
from hub.model import (
    Alert,
    Event,
    EventKind,
    Freshness,
    Message,
    Notification,
    Outcome,
    Status,
    Verdict,
)
from hub.pipeline import Pipeline
from hub.report import local
from hub.state import State
from hub.telling import compose
from hub.wording.values import words


def explain(
    town: Town, topic: str, payload: bytes, *, retain: bool = False, now: Millis | None = None
) -> Iterator[str]:
    """One line a step: decoding, quality, events, alerts, who would be told. Nothing is stored or sent.

    The town is taken as quiet: no other alert is open and no device has spoken before. `now` is when the
    message is received: this moment, unless said otherwise.
    """
    message = Message(topic, payload, SystemClock().now() if now is None else now, retain)
    yield from Decoder(town).steps(message)
    pipeline = Pipeline(town, State(), lambda _: set())
    outcome = pipeline.run([message], message.received_at)
    receipt = outcome.receipts[0]
    yield f"verdict: {receipt.verdict}" + (f": {receipt.reason}" if receipt.reason else "")
    if receipt.verdict is Verdict.STORED:
        yield from _judged(town, outcome)


def _judged(town: Town, outcome: Outcome) -> Iterator[str]:
    for reading in outcome.readings:
        doubts = f" ({', '.join(reading.tests)})" if reading.tests else ""
        yield (
            f"reading: {reading.quantity} = {reading.value} at {local(reading.at, town.zone_info)}, "
            f"flag {reading.flag.value} {reading.flag.name.lower()}{doubts}, {reading.freshness.name.lower()}"
        )
    if not outcome.events:
        yield "event: none"
    for event in outcome.events:
        facts = [
            f"{name} {value}"
            for name in ("species", "count", "level", "value", "detail")
            if (value := getattr(event, name)) not in ("", 0, None)
        ]
        late = "" if event.freshness is Freshness.LIVE else f", {event.freshness.name.lower()}"
        yield " ".join(["event:", event.kind, ", ".join(facts)]).rstrip() + late
    for alert in outcome.alerts:
        zones = ", ".join(alert.zones) or "no zone"
        yield f"alert: {alert.kind}, {alert.severity.name.lower()}, at {alert.place} ({zones})"
    for command in outcome.commands:
        how = " and ".join(word for word in ("sound", "light") if getattr(command, word))
        yield f"command: {command.device} {command.action} {how}, pattern {command.pattern}"
    if outcome.events and not outcome.notifications:
        yield "would tell: nobody"
    for n in outcome.notifications:
        text = " / ".join(part for part in (n.title, *n.body.splitlines()) if part)
        yield f"would tell: {n.recipient} by {n.channel_kind}, because {n.reason}: {text}"


# --- who would be told --------------------------------------------------------------------------------


class Answer(NamedTuple):
    """One message to one person on one channel. `held` says what keeps it back, empty: it goes at once."""

    person: str
    channel: str
    lang: str
    rule: str
    held: str


class QuestionError(ValueError):
    """There is no such event or device in this town."""


def would_tell(town: Town, state: State, what: str, device: str, now: Millis) -> tuple[Alert, list[Answer]]:
    """The alert that `what` at `device` would become at `now`, and whom it would tell. Nothing is stored.

    `what`: animal/SPECIES, trap, river/LEVEL, river/unverified, debris, debris/confirmed, slope, silent,
    gateway or battery. `device` may be empty where only one can be meant. `state`: a new one for a calm town,
    or the hub's, with what is silenced, spent and open just now; it is changed. Raises QuestionError.
    """
    event = _event(town, what, device, now)
    pipeline = Pipeline(town, state, lambda _: set(), live=False)
    outcome = Outcome()
    scene = pipeline.scene(town.devices[event.device], now)
    pipeline.happened(scene, event, outcome)
    if not outcome.alerts:
        raise QuestionError(f"nothing would come of {what} at {event.device}: it goes on already")
    alert, found = outcome.alerts[-1], [_answer(town, n) for n in outcome.notifications]
    if withheld := state.rooms["withheld"].get(event.incident):
        _, silenced = compose.tell(scene, alert, event, withheld.tellings, live=False)
        found += [_answer(town, n)._replace(held="silenced") for n in silenced]
    return alert, found


def unmet(answers: Iterable[Answer], wanted: Iterable[str], unwanted: Iterable[str]) -> Iterator[str]:
    """Each expectation, `PERSON` or `PERSON:CHANNEL`, that is not met, with why. Held is not told."""
    answers = list(answers)
    for expected in wanted:
        asked = [answer for answer in answers if _is_asked(answer, expected)]
        if all(answer.held for answer in asked):
            yield f"{expected} is {'not told' if not asked else f'held: {asked[0].held}'}"
    for expected in unwanted:
        told = [answer for answer in answers if _is_asked(answer, expected) and not answer.held]
        if told:
            yield f"{expected} is told by {told[0].channel}, by the rule {told[0].rule}"


def _is_asked(answer: Answer, expected: str) -> bool:
    person, _, channel = expected.partition(":")
    return answer.person == person and channel in ("", answer.channel)


def _answer(town: Town, n: Notification) -> Answer:
    held = (n.error or "held") if n.status is Status.HELD else ""
    return Answer(n.recipient, n.channel_kind, town.people[n.recipient].lang, n.rule, held)


WHATS = {
    "animal": (EventKind.ANIMAL_SEEN, Kind.ANIMAL),
    "trap": (EventKind.TRAP_SPRUNG, Kind.TRAP),
    "river": (EventKind.LEVEL_UP, Kind.RIVER),
    "debris": (EventKind.DEBRIS_FLOW, Kind.SLOPE),
    "slope": (EventKind.SLOPE_MOVED, Kind.SLOPE),
    "silent": (EventKind.DEVICE_SILENT, None),
    "gateway": (EventKind.GATEWAY_SILENT, Kind.GATEWAY),
    "battery": (EventKind.BATTERY_LOW, None),
}
"""Name of a happening -> its event, and the kind of device that reports it."""


def _event(town: Town, what: str, device: str, now: Millis) -> Event:
    name, _, more = what.partition("/")
    if name not in WHATS:
        raise QuestionError(f"no event {name}{suggestion(name, WHATS)}; there are {', '.join(WHATS)}")
    kind, of = WHATS[name]
    where = _device(town, device, of)
    species, level, detail, value, confirmed = "", "", "", None, True
    incident = f"{name}/{where.id}"
    if name == "animal":
        species = _one_of("species", more or "boar", words()["species"])
    elif name == "river":
        levels = where.gauge.levels_m if where.gauge else {}
        level = _one_of(f"level at {where.id}", more or "danger", (*levels, "unverified"))
        if level == "unverified":
            kind, incident, level = EventKind.LEVEL_UNVERIFIED, f"unverified/{where.id}", ""
        value = levels.get(level, max(levels.values(), default=0.0))  # type: ignore[call-overload]
    elif of is Kind.SLOPE and where.slope:
        confirmed = more == "confirmed"
        incident = f"slope/{where.slope.stream}" + ("/check" if name == "slope" else "")
        detail = "tilt" if name == "slope" else ""
    return Event(
        id=f"would-tell/{now}", kind=kind, incident=incident, device=where.id, at=now, received_at=now,
        lat=where.lat, lon=where.lon, species=species, level=level, value=value, change=0.5, window=3_600_000,
        trend="rising", confirmed=confirmed, devices=(where.id,), detail=detail,
    )  # fmt: skip


def _device(town: Town, id: str, kind: Kind | None) -> Device:
    known = {d.id: d for d in town.devices.values() if kind is None or town.kind(d) is kind}
    places = {d.slope.stream if d.slope else d.id for d in known.values()}
    if not id and len(places) == 1:
        return next(iter(known.values()))
    if id not in known:
        near = suggestion(id, known) if id else ""
        said = f"no {kind or 'device'} {id}" if id else f"say which {kind or 'device'}"
        raise QuestionError(f"{said}{near}; there are {', '.join(known) or 'none'}")
    return known[id]


def _one_of(name: str, word: str, known: Iterable[str]) -> str:
    known = tuple(known)
    if word not in known:
        raise QuestionError(f"no {name} {word}{suggestion(word, known)}; there are {', '.join(known)}")
    return word
