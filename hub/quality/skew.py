"""How far a device's clock is from the hub's: read, and learned from reports that come evenly. Pure.

Two causes are told apart. The hub's own clock was set while the device's went on (`hub.steps` writes that
down): its reports are as fresh as they would have been. Or the device's clock is wrong. That is learned from
`EVEN` reports in a row, as far apart as its heartbeat lets expect and all off by the same: a backlog comes
faster than it was made, so that it is off by less each time. Only a clock that is behind is corrected for;
one that is ahead gives way to the receive time anyhow (`hub.quality.when`).

A backlog that is handed on at the very pace at which it was made, for half an hour, looks like a clock that
is behind. So such a device tells people, and never sounds a siren.
"""

from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis
from hub.clock import STEP
from hub.model import EventKind

OFF: Millis = 300_000
"""A clock that is off by less is nobody's business: the road from the field takes as long."""
SAME: Millis = 60_000
"""Reports off by the same, give or take the road."""
EVEN = 6
EVEN_FOR: Millis = 1_800_000
MINUTE: Millis = 60_000


class DeviceClock(Struct, frozen=True, omit_defaults=True):
    """One device whose clock is not the hub's. `behind`: by how much (ms, negative: ahead), 0 not yet known.

    `learned`: from its reports, and told to operators; else the hub's own clock was set. `gap`, `since`,
    `last` and `count` are of the reports in a row that are off by the same.
    """

    behind: Millis = 0
    learned: bool = False
    gap: Millis = 0
    since: Millis = 0
    last: Millis = 0
    count: int = 0


UNKNOWN = DeviceClock()


def read(clock: DeviceClock, at: Millis, received_at: Millis) -> tuple[Millis, bool]:
    """A device's time by the hub's clock. True: it may be older than it looks, and is not to be LIVE."""
    behind, gap = clock.behind, received_at - at
    if behind > 0 and gap >= behind - SAME:
        return at + behind, clock.learned
    if -SAME <= behind < 0 and not clock.learned:
        return (at + behind if gap < behind // 2 else at), False
    if behind < -SAME and not clock.learned:
        # Ahead of us since our clock went back. Not ahead any more: it went back too, or this is old.
        return (at, True) if gap >= -SAME else (at + behind, False)
    return at, False


def weigh(
    clock: DeviceClock, at: Millis, received_at: Millis, beat: Millis
) -> tuple[DeviceClock | None, EventKind | None]:
    """One report more: what is known after it (None: the clock is the hub's), and what is to be told.

    `beat` is the device's heartbeat. The same object comes back where nothing was learned.
    """
    gap = received_at - at
    if clock.behind and abs(gap - clock.behind) <= SAME:
        return (replace(clock, gap=0, since=0, last=0, count=0) if clock.count else clock), None
    if not clock.behind and abs(gap) <= OFF and abs(gap - clock.gap) > SAME:
        return None, None
    if not clock.count or abs(gap - clock.gap) > SAME:
        return replace(clock, gap=gap, since=received_at, last=received_at, count=1), None
    if received_at - clock.last >= max(MINUTE, beat // 2):
        clock = replace(clock, last=received_at, count=clock.count + 1)
    if clock.count < EVEN or clock.last - clock.since < EVEN_FOR:
        return clock, None
    if abs(gap) <= OFF:
        return None, EventKind.CLOCK_RIGHT if clock.learned else None
    return DeviceClock(behind=clock.gap, learned=True), EventKind.CLOCK_WRONG


def after_step(clock: DeviceClock, by: Millis, *, agreed: bool) -> DeviceClock | None:
    """After the hub's own clock was set. `agreed`: the device's was the hub's before."""
    behind = clock.behind + by if agreed or clock.behind else 0
    if not clock.learned and abs(behind) <= STEP:
        behind = 0
    after = replace(clock, behind=behind, gap=clock.gap + by if clock.count else 0)
    return after if behind or clock.learned or abs(after.gap) > OFF else None
