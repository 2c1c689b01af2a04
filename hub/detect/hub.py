"""The hub itself: broker, disk, memory, heat, channels, backlog, clock. Pure; `hub.watch.vitals` reads.

How long something has been wrong is added up from look to look by the monotonic clock: a wall clock that is
set or jumps neither shortens nor lengthens it, and a restart goes on where it was.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis
from hub.clock import is_sane
from hub.config.policy import HubPolicy
from hub.model import Event, EventKind

MB = 1_000_000
LONGEST_STEP: Millis = 60_000
"""Between two looks at most this counts: while the hub hung, nobody saw what was wrong."""
STRAIN: Millis = 300_000
"""Memory and heat count after so long: an index being built or a minute of sun is nobody's news."""
DISK_LASTING: Millis = 60_000
LEDGER_LASTING: Millis = 1_800_000
"""Shedding runs every minute; a ledger that is still over its limit then can shed nothing more."""
LEDGER_OVER = 1.1
EASED = 1.2
"""So much more room than its limit must there be until a disk is well again ..."""
MEMORY_EASED, HEAT_EASED_C = 0.05, 5.0
"""... and so much less memory and heat."""


class ChannelVitals(Struct, frozen=True):
    """One service that carries messages. `failing_for` is 0 while nothing waits; `sent_at` is its last
    delivery."""

    failing_for: Millis = 0
    sent_at: Millis | None = None


class Vitals(Struct, frozen=True):
    """The hub at one look. None or 0 where something is not known; durations by the monotonic clock."""

    elapsed: Millis
    """Since the look before."""
    connected: bool = True
    listening_for: Millis = 0
    """Since the broker last answered our subscription, or the start."""
    unheard_for: Millis | None = None
    """Since the last message; None: none yet since the start."""
    beat: Millis = 0
    """Within this time two devices at least are to speak."""
    disk_free: int | None = None
    disk_total: int = 0
    memory: float | None = None
    """Share in use, of what the hub may have or of what the machine has, whichever is scarcer."""
    cpu_c: float | None = None
    channels: dict[str, ChannelVitals] = {}
    """By service: its kind of channel, and where there may be several of it `mail/3f2a90c1`."""
    backlog: Millis = 0
    """Age of the oldest message or notification that nobody has tried to handle."""
    ledger: int = 0
    ledger_limit: int = 0
    """Bytes."""
    influx_behind: Millis | None = None
    """Age of the oldest reading that InfluxDB has not got."""
    deadman_failing: bool | None = None
    """None: nobody outside is to be told."""


class Worry(Struct, frozen=True, omit_defaults=True):
    """One thing that may be wrong. `bad_for` grows while it is and shrinks while it is not, between 0 and
    the time after which it is told; so what comes and goes is told once. `since`: when it was, 0 while it
    is well."""

    bad_for: Millis = 0
    since: Millis = 0


class Sign(NamedTuple):
    """What one look says of one thing. `bad` None: neither bad nor well, all stays as it is."""

    what: str
    bad: bool | None
    lasting: Millis = 0
    figure: float | None = None
    """As it is told: MB, %, °C."""
    age: Millis = 0
    """How long it has been so, where that is measured and need not be added up."""


UNWORRIED = Worry()


def judge(
    policy: HubPolicy, missed: float, states: Mapping[str, Worry], vitals: Vitals, now: Millis
) -> tuple[dict[str, Worry], list[Event]]:
    """What has gone wrong or well since the look before: the states that changed, and the events.

    `missed` heartbeats without a word make a device silent. What is no longer looked at (a kind of channel
    that nobody has any more) is well.
    """
    changed: dict[str, Worry] = {}
    events: list[Event] = []
    signs = {sign.what: sign for sign in _signs(policy, missed, states, vitals, now)}
    for what in dict.fromkeys([*signs, *states]):
        before = states.get(what, UNWORRIED)
        after, event = _step(before, signs.get(what) or Sign(what, bad=False), vitals.elapsed, now)
        if after != before:
            changed[what] = after
        if event:
            events.append(event)
    return changed, events


def _step(before: Worry, sign: Sign, elapsed: Millis, now: Millis) -> tuple[Worry, Event | None]:
    if sign.bad is None:
        return before, None
    elapsed = min(elapsed, LONGEST_STEP)
    bad_for = min(sign.lasting, max(0, before.bad_for + (elapsed if sign.bad else -elapsed)))
    if sign.bad and not before.since and bad_for >= sign.lasting:
        lasted = sign.age or bad_for
        event = replace(_event(EventKind.HUB_TROUBLE, sign.what, now), value=sign.figure, window=lasted)
        return Worry(bad_for, max(now, 1)), event
    if not sign.bad and before.since and bad_for == 0:
        lasted = now - before.since if is_sane(before.since) and now > before.since else 0
        return UNWORRIED, replace(_event(EventKind.HUB_WELL, sign.what, now), window=lasted)
    return replace(before, bad_for=bad_for), None


def _event(kind: EventKind, what: str, now: Millis) -> Event:
    """Without a device: it is the hub's own."""
    return Event(f"hub/{what}/{kind}/{now}", kind, f"hub/{what}", "", now, now)


# --- what one look says -----------------------------------------------------------------------------


def _signs(
    policy: HubPolicy, missed: float, states: Mapping[str, Worry], vitals: Vitals, now: Millis
) -> Iterator[Sign]:
    yield Sign("broker", not vitals.connected, policy.broker_away)
    yield _deaf(missed, vitals)
    yield from _disk(policy, vitals)
    if vitals.memory is not None:
        bad = _above(vitals.memory, policy.memory, policy.memory - MEMORY_EASED)
        yield Sign("memory", bad, STRAIN, vitals.memory * 100)
    if vitals.cpu_c is not None:
        bad = _above(vitals.cpu_c, policy.cpu_c, policy.cpu_c - HEAT_EASED_C)
        yield Sign("hot", bad, STRAIN, vitals.cpu_c)
    for kind, channel in vitals.channels.items():
        what = f"channel/{kind}"
        yield _channel(policy, what, channel, states.get(what, UNWORRIED).since)
    backlog = _above(vitals.backlog, policy.backlog, policy.backlog / 2)
    yield Sign("backlog", backlog, age=vitals.backlog)
    yield Sign("clock", not is_sane(now), policy.clock_unset)
    if vitals.ledger_limit:
        over = _above(vitals.ledger, vitals.ledger_limit * LEDGER_OVER, vitals.ledger_limit)
        yield Sign("ledger", over, LEDGER_LASTING, vitals.ledger / MB)
    if vitals.influx_behind is not None:
        behind = _above(vitals.influx_behind, policy.influx_behind, policy.influx_behind / 2)
        yield Sign("influx", behind, age=vitals.influx_behind)
    if vitals.deadman_failing is not None:
        yield Sign("deadman", vitals.deadman_failing, policy.channel_failing)


def _above(value: float, limit: float, eased: float) -> bool | None:
    """Bad from `limit` on, well below or at `eased`, and between them as it was."""
    if value >= limit:
        return True
    return False if value <= eased else None


def _deaf(missed: float, vitals: Vitals) -> Sign:
    """The broker answers, and no device is heard. Ends with a message, not with the broker's next answer."""
    limit = missed * vitals.beat
    heard = vitals.unheard_for
    if heard is not None and (not limit or heard < limit):
        return Sign("deaf", bad=False)
    quiet = vitals.listening_for if heard is None else min(heard, vitals.listening_for)
    bad = True if vitals.connected and limit and quiet >= limit else None
    return Sign("deaf", bad, age=quiet)


def _disk(policy: HubPolicy, vitals: Vitals) -> Iterator[Sign]:
    """Low and almost full are told apart; while it is almost full, nobody needs to hear that it is low."""
    free = vitals.disk_free
    if free is None or not vitals.disk_total:
        return
    low = min(policy.disk_low * vitals.disk_total, policy.disk_enough_mb * MB)
    full = max(low / 2, policy.disk_full_mb * MB)
    is_full = _above(-free, -full, -full * EASED)
    is_low = _above(-free, -low, -low * EASED) if is_full is False else None
    yield Sign("disk_full", is_full, DISK_LASTING, free / MB)
    yield Sign("disk", is_low, DISK_LASTING, free / MB)


def _channel(policy: HubPolicy, what: str, channel: ChannelVitals, since: Millis) -> Sign:
    """Well again only by a delivery: what has expired meanwhile waits no more, and was not delivered."""
    if channel.failing_for >= policy.channel_failing:
        return Sign(what, bad=True, age=channel.failing_for)
    delivers = since == 0 or (channel.sent_at is not None and channel.sent_at > since)
    return Sign(what, bad=False if delivers else None)
