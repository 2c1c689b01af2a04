"""`/api/v1/quarantine`: what could not be read, with its reason and its bytes."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from devices.frame import Millis
from hub.config.town import Town
from hub.console.api.frame import Call, Id, endpoint
from hub.ledger.views import devices as views

PARTS = 8
"""Of a topic, among which a device is looked for."""
MOST_REASONS = 100

RowId = Annotated[int, Meta(ge=1, le=2**53)]


class RawMessage(Struct, frozen=True):
    """One message as it came. `payload` in Base64, cut after 4,096 bytes; `size` in bytes is that of all.

    `reason`: why it was put aside, empty where it was read. `device`: the one that its topic names, if any.
    """

    id: int
    received_at: Millis
    topic: str
    payload: bytes
    size: int
    retain: bool
    reason: str
    device: str


class ReasonCount(Struct, frozen=True):
    """`device` is empty where the topic names none of the town's. `newest_at`: epoch ms."""

    device: str
    reason: str
    count: int
    newest_at: Millis


class QuarantineQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`before`: the id of a message, those older than it. `device`: of this one alone."""

    before: RowId | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    device: Id | None = None


class Quarantine(Struct, frozen=True):
    """`messages`: the newest first; `next_before`: what to ask with for the next, null at the end.

    `reasons`: of the newest 2,000 of the whole quarantine, the most frequent first.
    """

    messages: list[RawMessage]
    reasons: list[ReasonCount]
    next_before: int | None
    now: Millis


def speaker(town: Town, topic: str) -> str:
    """The id of the device that a topic names, by any of its parts; empty where it names none."""
    parts = topic.lower().split("/")[:PARTS]
    for length in range(len(parts), 0, -1):
        for start in range(len(parts) - length + 1):
            name = "/".join(parts[start : start + length])
            if found := town.by_address.get(name) or town.devices.get(name):
                return found.id
    return ""


def counted(town: Town, rows: Iterable[views.Reason]) -> list[ReasonCount]:
    """How often each device was put aside for each reason, the most frequent first. `rows`: newest first."""
    counts: Counter[tuple[str, str]] = Counter()
    newest: dict[tuple[str, str], Millis] = {}
    for row in rows:
        key = speaker(town, row.topic), row.reason
        counts[key] += 1
        newest.setdefault(key, row.at)
    listed = [ReasonCount(*key, many, newest[key]) for key, many in counts.most_common(MOST_REASONS)]
    return sorted(listed, key=lambda one: (-one.count, -one.newest_at))


def raw(kept: Iterable[views.Kept], device: str) -> list[RawMessage]:
    return [RawMessage(m.id, m.at, m.topic, m.payload, m.size, m.retain, m.reason, device) for m in kept]


async def put_aside(call: Call, *, device: str, before: int | None, limit: int) -> list[RawMessage]:
    """Of the quarantine what names this device, the newest first; of ids below `before` where it is given.

    Among the newest 2,000: the ledger does not know whose these messages are.
    """
    rows = await call.ledger.view(views.quarantine_reasons)
    ids = await asyncio.to_thread(_ids, call.town, rows, device, before)
    return raw(await call.ledger.view(views.quarantined, ids[:limit]), device)


async def quarantine_of(call: Call, asked: QuarantineQuery) -> Quarantine:
    rows = await call.ledger.view(views.quarantine_reasons)
    reasons = await asyncio.to_thread(counted, call.town, rows)
    one_more = asked.limit + 1
    if asked.device:
        found = await put_aside(call, device=asked.device, before=asked.before, limit=one_more)
    else:
        kept = await call.ledger.view(views.quarantine, asked.before, one_more)
        found = [message for one in kept for message in raw([one], speaker(call.town, one.topic))]
    more = found[asked.limit - 1].id if len(found) == one_more else None
    return Quarantine(found[: asked.limit], reasons, more, call.now)


def _ids(town: Town, rows: Sequence[views.Reason], device: str, before: int | None) -> list[int]:
    return [
        row.id for row in rows if (before is None or row.id < before) and speaker(town, row.topic) == device
    ]


@endpoint("GET", "/quarantine")
async def quarantine(call: Call, asked: QuarantineQuery) -> Quarantine:
    """What could not be read, the newest first, and how often for which reason."""
    return await quarantine_of(call, asked)


ENDPOINTS = (quarantine,)
