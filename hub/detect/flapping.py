"""What goes and comes again and again: told at first each time, then as flapping, and no more than daily."""

from collections.abc import Mapping
from enum import IntEnum

from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis
from hub.config.policy import HealthPolicy
from hub.config.shapes import Device
from hub.model import Event, EventKind

MINUTE: Millis = 60_000
FLAPPING = "flapping"
"""Detail of an event that is one of many: written down, told to nobody."""

AFTER = 2
WITHIN: Millis = 86_400_000
"""Twice in a day is weather; the third time in a day is a fault of the device, and told as one."""
REGULAR = 1.5
"""Where the longest pause is no more than so many times the shortest, it is the device's own interval."""


class Bounce(IntEnum):
    """How one more time is told."""

    PLAIN = 0
    """For itself."""
    FLAPPING = 1
    """As flapping, with the count."""
    QUIET = 2
    """Not at all: written down and counted."""


class Flap(Struct, frozen=True, omit_defaults=True):
    """How often one thing of one device went bad. `times`: the last of them, as many as decide.

    `since` is when the flapping began, 0 where there is none; `count` is how often since it was last told, at
    `told_at`. Of a silence also: `quiet`, the present one was not told; `shortest` and `longest`, how long
    silences have been.
    """

    times: tuple[Millis, ...] = ()
    since: Millis = 0
    count: int = 0
    told_at: Millis = 0
    quiet: bool = False
    shortest: Millis = 0
    longest: Millis = 0


NONE = Flap()


def bounced(flap: Flap, now: Millis, after: int = AFTER, within: Millis = WITHIN) -> tuple[Flap, Bounce]:
    """It went bad once more. With FLAPPING `count` is how often since it was last told."""
    times = (*(t for t in flap.times if 0 <= now - t < within), now)[-after - 1 :]
    if flap.since:
        flap = replace(flap, times=times, count=flap.count + 1, quiet=True)
        return flap, Bounce.QUIET if 0 <= now - flap.told_at < within else Bounce.FLAPPING
    if len(times) <= after:
        pauses = flap if len(times) > 1 else NONE
        return Flap(times, shortest=pauses.shortest, longest=pauses.longest), Bounce.PLAIN
    return replace(flap, times=times, since=times[0], count=len(times), quiet=True), Bounce.FLAPPING


def flap_of(
    device: Device,
    flap: Flap,
    what: str,
    now: Millis,
    *,
    after: int = AFTER,
    within: Millis = WITHIN,
    low: bool = False,
) -> tuple[Flap, Bounce, list[Event]]:
    """`bounced`, with the event that tells of the flapping where it is to be told."""
    flap, bounce = bounced(flap, now, after, within)
    if bounce is not Bounce.FLAPPING:
        return flap, bounce, []
    hint, minutes = _hint(what, flap, low=low)
    event = replace(
        _event(EventKind.DEVICE_FLAPPING, device, now, what, hint),
        count=flap.count,
        window=now - (flap.told_at or flap.since),
        value=minutes,
    )
    return replace(flap, told_at=now, count=0), bounce, [event]


def _hint(what: str, flap: Flap, *, low: bool) -> tuple[str, float | None]:
    """What may be behind it, and every how many minutes the device speaks, where that is regular."""
    if what != "silence":
        return {"battery": "limit", "babble": "sender", "trap": "switch"}[what], None
    if low:
        return "battery", None
    if flap.longest <= REGULAR * flap.shortest:
        return "heartbeat", flap.longest / MINUTE
    return "radio", None


def _event(kind: EventKind, device: Device, at: Millis, what: str, hint: str = "") -> Event:
    """`detail` is what flaps and, behind a slash, what may be the cause."""
    return Event(
        id=f"{device.id}/{kind}/{what}/{at}",
        kind=kind,
        incident=f"flapping/{device.id}/{what}",
        device=device.id,
        at=at,
        received_at=at,
        lat=device.lat,
        lon=device.lon,
        detail=f"{what}/{hint}",
    )


def steady_event(device: Device, what: str, now: Millis, within: Millis = WITHIN) -> Event:
    """Nothing of it for `within`."""
    return replace(_event(EventKind.DEVICE_STEADY, device, now, what), window=within)


def is_steady(flap: Flap, last: Millis, now: Millis, within: Millis = WITHIN) -> bool:
    """Flapping that is over: nothing since `last`, for so long."""
    return flap.since != 0 and now - max(last, flap.times[-1]) >= within


def outlasts(flap: Flap, pause: Millis, within: Millis = WITHIN) -> bool:
    """Whether a silence that was not told lasts so long that it is no flapping any more."""
    return flap.quiet and pause >= min(2 * flap.longest, within)


# --- what of a device may flap ----------------------------------------------------------------------


class Flaps(Struct, frozen=True, omit_defaults=True):
    """Of any device; a trap's springing is kept with the trap."""

    silence: Flap = NONE
    battery: Flap = NONE
    babble: Flap = NONE


STEADY = Flaps()


def again(
    policy: HealthPolicy, device: Device, flaps: Flaps, what: str, event: Event, *, low: bool = False
) -> tuple[Flaps, list[Event]]:
    """`event` says that something has gone bad once more: as it is, or as one of many."""
    flap, bounce, told = flap_of(
        device,
        getattr(flaps, what),
        what,
        event.received_at,
        after=policy.flapping_after,
        within=policy.flapping_within,
        low=low,
    )
    one = event if bounce is Bounce.PLAIN else replace(event, detail=FLAPPING)
    return replace(flaps, **{what: flap}), [*told, one]


def paused(flaps: Flaps, pause: Millis) -> Flaps:
    """A silence is over that lasted so long."""
    flap = flaps.silence
    if not flap.times:
        return flaps
    shortest, longest = min(flap.shortest or pause, pause), max(flap.longest, pause)
    return replace(flaps, silence=replace(flap, quiet=False, shortest=shortest, longest=longest))


def steadied(
    device: Device, flaps: Flaps, bad: Mapping[str, bool], *, back_at: Millis, now: Millis, within: Millis
) -> tuple[Flaps, list[Event]]:
    """Without the flapping of which nothing was seen for so long and which is not `bad` now.

    `back_at`: when the last silence ended.
    """
    events = []
    for what, is_bad in bad.items():
        flap: Flap = getattr(flaps, what)
        if not is_bad and is_steady(flap, back_at if what == "silence" else 0, now, within):
            flaps = replace(flaps, **{what: NONE})
            events.append(steady_event(device, what, now, within))
    return flaps, events
