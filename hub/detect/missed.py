"""What the broker may have lost while the hub did not hear it, counted by the devices' own numbers. Pure.

A session that the broker has forgotten, or a queue that was full, loses messages which it has acknowledged to
the devices: nobody else will ever say so. Each gap in a device's numbers that falls into the time away counts
until the devices have spoken again, and then it is said once.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from devices.frame import Millis
from hub.config.policy import HealthPolicy
from hub.detect.health import DeviceHealth
from hub.model import Event, EventKind

A_RADIO_LOSES = 2
"""So many in a row are lost on the air at any time. With the session kept, a gap of more is the broker's."""
SETTLE: Millis = 60_000
"""So long at least after the return: queues and the devices' own memories are still coming in."""
NAMED = 8


class Away(Struct, frozen=True):
    """A time in which the hub did not hear: from the last word of any device to the broker's answer.

    `forgotten`: the broker had no session for us any more.
    """

    since: Millis
    until: Millis
    forgotten: bool = False


class Missed(Struct, frozen=True):
    """Messages of one device that fell into the time away and never came. `until` is the time of the newest
    message that showed a gap: what is older may still close it."""

    count: int = 0
    until: Millis = 0


def returned(
    before: Away | None, states: Iterable[DeviceHealth], now: Millis, *, forgotten: bool
) -> Away | None:
    """The broker has answered. One absence that follows another before it was told is the same."""
    if before:
        return Away(min(before.since, now), now, before.forgotten or forgotten)
    since = min(max((state.last_seen for state in states), default=0), now)
    return Away(since, now, forgotten) if since else None


def counted(away: Away, missed: Missed, before: DeviceHealth, after: DeviceHealth, at: Millis) -> Missed:
    """What is missing of a device, after a message of time `at` which has changed how many it has lost.

    The same object where that is not the absence's doing.
    """
    gap = after.lost - before.lost
    if gap < 0:
        closes = missed.count and away.since < at < missed.until
        return Missed(max(missed.count + gap, 0), missed.until) if closes else missed
    if before.last_at >= away.until or at <= away.since:
        return missed
    if not (away.forgotten or gap > A_RADIO_LOSES):
        return missed
    return Missed(missed.count + gap, max(missed.until, at))


NOTHING = Missed()


def is_due(policy: HealthPolicy, away: Away, now: Millis, unheard: int) -> bool:
    """Whether it is time to say it: all have spoken again, or have been waited for long enough."""
    waited = now - away.until
    return waited >= policy.missed_after or (not unheard and waited >= min(SETTLE, policy.missed_after))


def unheard(away: Away, states: Mapping[str, DeviceHealth]) -> int:
    """Devices that number their messages, were heard before, and have not spoken since."""
    return sum(
        state.seq is not None and 0 < state.last_seen < away.until and not state.silent_at
        for state in states.values()
    )


def summary(site: str, away: Away, missing: Mapping[str, int], unheard: int, now: Millis) -> Event | None:
    """The one event at the end; None where nothing was lost and nothing can have been.

    `at` is the return, `window` how long it had been; `count` the messages that are missing, `devices` whose
    they are, most first, `detail` how many of each; `value` the number of devices that have not spoken yet.
    """
    if not missing and not away.forgotten:
        return None
    ordered = sorted(missing, key=lambda device: (-missing[device], device))
    return Event(
        id=f"{site}/{EventKind.MESSAGES_MISSED}/{away.until}",
        kind=EventKind.MESSAGES_MISSED,
        incident=f"missed/{site}",
        device="",
        at=away.until,
        received_at=now,
        count=sum(missing.values()),
        value=float(unheard),
        window=away.until - away.since,
        devices=tuple(ordered),
        detail=" ".join(str(missing[device]) for device in ordered),
    )


def said(event: Event) -> str:
    """For the log: `37 messages of 5 devices are missing: cam-3 12, ...`."""
    counts = list(zip(event.devices, event.detail.split(), strict=True))
    named = ", ".join(f"{device} {count}" for device, count in counts[:NAMED])
    more = f", and {len(counts) - NAMED} more" if len(counts) > NAMED else ""
    missing = f"{event.count} messages of {len(counts)} devices are missing: {named}{more}"
    waiting = f"; {event.value:.0f} devices have not spoken yet" if event.value else ""
    return (missing if counts else "no message is missing") + waiting
