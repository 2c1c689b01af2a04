"""`/api/v1/messages`: what was told to whom, when, and what came of it.

No address stands in any answer, and no text or link of a message: its title says enough.
"""

import re
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from devices.frame import Millis
from hub.config.shapes import ChannelKind, Person
from hub.config.town import Town
from hub.console.api.frame import NEVER, Call, Instant, endpoint
from hub.ledger.reads import OVERTAKEN
from hub.ledger.views import messages as view
from hub.ledger.views.messages import Found, Result, Sought, Told, result_of
from hub.model import Status
from hub.notify.sending.reasons import LOOKS_SECRET, redact
from hub.telling import budget
from hub.telling.held import WHY_QUIET

KINDS: tuple[str, ...] = get_args(ChannelKind)
RESULTS: tuple[str, ...] = get_args(Result)
Why = Literal[
    "", "quiet", "budget", "storm", "merged", "gone", "overtaken", "no_alarm", "used_up", "login", "refused",
    "no_answer", "unreachable", "broken", "expired", "other",
]  # fmt: skip

WHY: tuple[tuple[str, Why], ...] = (
    (rf"^{WHY_QUIET}", "quiet"),
    (rf"^{budget.WHY}", "budget"),
    (r"^storm: ", "storm"),
    (r"told in the message of", "merged"),
    (r"no longer in the config", "gone"),
    (OVERTAKEN, "overtaken"),
    (r"the alarm did not arrive", "no_alarm"),
    (r"used up|error=429", "used_up"),
    (r"error=40[13]|\(53[0458],", "login"),
    (r"refuses it|error=4\d\d|\(5[05]\d,", "refused"),
    (r"error=5\d\d|\(4\d\d,", "broken"),
    (r"timed out|no answer|without response|incompleteread|broken pipe|aborted|reset", "no_answer"),
    (r"refused|failed to resolve|\[(errno|ssl)|unreachable|unexpectedly closed", "unreachable"),
)
"""How the hub and the services say why, in the order in which it is looked for."""
OWN = frozenset({"quiet", "budget", "storm", "merged", "overtaken"})
"""The hub's own reasons, of which the service has said nothing."""


class Message(Struct, frozen=True, kw_only=True):
    """One thing told to one person by one channel. Times in epoch ms UTC.

    `person`: the id, `gone` of who has left; `name` is empty there. `channel`: which of the person's, from 0.
    `alert`: its id, or what stands for it in a summary, a test or a report. `reason`: why it was told
    (opened, escalated, ...), `rule`: by which rule of the town. `severity` 0 to 4. `decided_at`: by the hub;
    `done_at`: delivered, or given up, null while it waits. `late`: ms from the arrival of the news at the hub
    to its delivery, null where there is none. `why`: why it was not delivered at once, empty where it was;
    `said`: what the service answered, without address and token.
    """

    id: str
    person: str
    name: str
    channel: int
    channel_kind: str
    alert: str
    template: str
    title: str
    severity: int
    reason: str
    rule: str
    result: Result
    attempts: int
    decided_at: Millis
    done_at: Millis | None
    late: Millis | None
    why: Why
    said: str


class MessagesQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`since` <= decided < `until`; `before`: from `rest` of an earlier answer."""

    person: Annotated[str, Meta(max_length=200)] = ""
    kind: ChannelKind | Literal[""] = ""
    result: Result | Literal[""] = ""
    alert: Annotated[str, Meta(max_length=200)] = ""
    since: Instant = 0
    until: Instant = NEVER
    before: Annotated[int, Meta(ge=0, le=1 << 62)] = 1 << 62
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class Messages(Struct, frozen=True):
    """The newest first. `rest`: what to ask with as `before` for older ones, null where that was all; a page
    may be empty and have a rest, as one looks through a part of a long record."""

    messages: list[Message]
    rest: int | None
    now: Millis


@endpoint("GET", "/messages")
async def messages(call: Call, asked: MessagesQuery) -> Messages:
    """What was told to whom, the newest first.

    One message stands for one channel of one person. Filters: person, channel kind, result, alert, time.
    """
    found = await call.ledger.view(view.find, sought_of(asked), asked.limit)
    return told_of(call.town, found, call.now)


def sought_of(asked: MessagesQuery) -> Sought:
    return Sought(
        people=frozenset([asked.person] if asked.person else []),
        kind=asked.kind,
        result=asked.result,
        alert=asked.alert,
        since=asked.since,
        until=asked.until,
        before=asked.before,
    )


def told_of(town: Town, found: Found, now: Millis) -> Messages:
    return Messages([message_of(town, row) for row in found.rows], found.rest, now)


def message_of(town: Town, row: Told) -> Message:
    """One row of the outbox, for who may see names."""
    person, why = town.people.get(row.recipient), why_of(row)
    sent = row.status is Status.SENT and row.finished_at is not None
    return Message(
        id=row.id,
        person=row.recipient,
        name=person.name if person else "",
        channel=row.channel,
        channel_kind=row.channel_kind,
        alert=row.alert_id,
        template=row.template,
        title=row.title,
        severity=int(row.severity),
        reason=row.reason.value,
        rule=row.rule,
        result=result_of(row),
        attempts=row.attempts,
        decided_at=row.created_at,
        done_at=row.finished_at,
        late=max((row.finished_at or 0) - row.event_received_at, 0) if sent else None,
        why=why,
        said="" if why in OWN else _said(person, row),
    )


def why_of(row: Told) -> Why:
    """In a word why it was not delivered at once: the newest of what is known."""
    if row.status is Status.SENT:
        return ""
    for form, word in WHY:
        if re.search(form, row.error, re.IGNORECASE):
            return word
    if row.error:
        return "other"
    return "expired" if row.status is Status.EXPIRED else ""


def _said(person: Person | None, row: Told) -> str:
    """The ledger holds it without addresses; they are looked for once more."""
    channels = person.channels if person else ()
    url = channels[row.channel].url if 0 <= row.channel < len(channels) else None
    text = redact(row.error, url.get_secret_value()) if url else LOOKS_SECRET.sub("***", row.error)
    return "" if row.status is Status.SENT else text


ENDPOINTS = (messages,)
