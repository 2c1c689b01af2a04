"""What the hub makes of one message, step by step: `naruko explain`."""

from collections.abc import Iterator

from devices.frame import Millis
from hub.clock import SystemClock
from hub.config.town import Town
from hub.decode import Decoder
from hub.model import Freshness, Message, Outcome, Verdict
from hub.pipeline import Pipeline
from hub.report import local
from hub.state import State


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
