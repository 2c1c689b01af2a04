"""The named levels of a river: reached, left, and the changes that may be a flood or a fault.

A level is in force from the first believed reading at or above it. It is left when `clear_readings` believed
readings in a row, over `clear_after`, lie below it by more than the hysteresis, which is always smaller than
the distance to the next level down (DOMAIN notes 1.1: levels 5 cm apart exist). Missing, doubtful, late,
retained and stored readings neither lower nor clear anything, and failing ones raise nothing.

Quality never silences a rising river: a doubtful rise is told to officials at once, and a doubtful reading at
or above a level puts it in force unconfirmed until a second one agrees.
"""

from functools import lru_cache
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis
from hub.config.policy import RiverPolicy
from hub.config.shapes import LEVELS, Device
from hub.model import Act, Event, EventKind, Flag, Freshness, Reading
from hub.quality.height import LEVEL

AHEAD_ALLOWED: Millis = 300_000
TREND_WINDOW: Millis = 1_800_000
TREND_REACH: Millis = 3 * 3_600_000
"""A gauge that reports every hour has a trend too; older readings say nothing about now."""
TREND_M = 0.05
AGREEING = 2
"""So many doubtful readings in a row are told, and so many believed ones end the doubt."""


class Below(Struct, frozen=True, omit_defaults=True):
    """Believed readings in a row below one level less its hysteresis."""

    since: Millis = 0
    count: int = 0


class Doubt(Struct, frozen=True, omit_defaults=True):
    """An episode of changes that may be a flood or a fault."""

    count: int = 0
    """Doubtful readings in a row."""
    calm: int = 0
    """Believed readings in a row since."""
    told: bool = False
    level: str = ""
    """The level that officials were told of, unconfirmed."""
    value: float | None = None
    """The reading before this one, if it was SUSPECT."""


class RiverState(Struct, frozen=True, omit_defaults=True):
    """What is remembered of one gauge."""

    at: Millis = 0
    above: str = ""
    """Key of the highest level in force, empty where there is none."""
    good_at: Millis = 0
    good: float | None = None
    below: tuple[Below, ...] = ()
    """For each level in force, lowest first."""
    recent: tuple[tuple[Millis, float], ...] = ()
    """Believed readings of the last half hour and the one before them."""
    doubt: Doubt = Doubt()

    @property
    def highest(self) -> str:
        """The level in force, or a higher one told unconfirmed: a flood wave may take the gauge away."""
        return max(self.above, self.doubt.level, key=("", *LEVELS).index)

    @property
    def above_caution(self) -> bool:
        """`highest` is 氾濫注意水位 or more: the gauge reports more often, and its silence is an alert."""
        return self.highest not in {"", "standby"}


class Threshold(Struct, frozen=True):
    key: str
    at_m: float
    clear_m: float
    """Below this the level counts as left."""


class Station(NamedTuple):
    """A gauge with its levels as the town's policy has them."""

    device: Device
    policy: RiverPolicy
    levels: tuple[Threshold, ...]


@lru_cache(maxsize=4096)
def thresholds(
    levels_m: tuple[tuple[str, float], ...], hysteresis_m: float, hysteresis_of_gap: float
) -> tuple[Threshold, ...]:
    """The levels of a gauge (key, m), lowest first, each with the height below which it is left.

    Hysteresis in m: `hysteresis_m`, and at most `hysteresis_of_gap` of the distance to the next lower level.
    """
    by_key = dict(levels_m)
    found: list[Threshold] = []
    for key in LEVELS:
        if key not in by_key:
            continue
        at_m, hysteresis = by_key[key], hysteresis_m
        if found:
            hysteresis = min(hysteresis, hysteresis_of_gap * (at_m - found[-1].at_m))
        found.append(Threshold(key, at_m, round(at_m - hysteresis, 4)))
    return tuple(found)


def step(
    device: Device,
    policy: RiverPolicy,
    state: RiverState,
    reading: Reading,
    now: Millis,
) -> tuple[RiverState, list[Event]]:
    """What one `level_m` reading of a gauge changes. The same state comes back where it changes nothing.

    LEVEL_UP: `level` is the highest level reached, `confirmed` False while only one doubtful reading says so.
    LEVEL_DOWN: `level` is the one still in force, `detail` the one that was left; unconfirmed, it takes back
    what was told unconfirmed. LEVEL_CLEAR: none is in force. LEVEL_UNVERIFIED: once an episode, `change` m in
    `window` ms since the last believed reading. LEVEL_VERIFIED: the doubt is over.
    """
    if state.at > now + AHEAD_ALLOWED:
        # Remembered while the hub's clock was wrong: what is in force stays, the times do not.
        state = replace(state, at=0, good_at=0, good=None, below=(), recent=())
    if (
        device.gauge is None
        or device.maintenance
        or reading.quantity != LEVEL
        or reading.value is None
        or reading.freshness > Freshness.DELAYED
        or reading.at < state.at
        or "duplicate" in reading.tests
    ):
        return state, []
    levels_m = tuple(device.gauge.levels_m.items())
    station = Station(device, policy, thresholds(levels_m, policy.hysteresis_m, policy.hysteresis_of_gap))
    judge = _believed if reading.flag <= Flag.NOT_EVALUATED else _doubtful
    return judge(station, state, reading, reading.value)


def confirmed(device: Device, state: RiverState, act: Act, now: Millis) -> tuple[RiverState, list[Event]]:
    """Somebody has looked, and the doubtful level is real: LEVEL_UP, where it was told unconfirmed."""
    key = state.doubt.level
    if not key or LEVELS.index(key) <= ("", *LEVELS).index(state.above) - 1:
        return state, []
    event = Event(
        id=f"{device.id}/{EventKind.LEVEL_UP}/{act.at}/{key}",
        kind=EventKind.LEVEL_UP,
        incident=f"river/{device.id}",
        device=device.id,
        at=act.at,
        received_at=now,
        lat=device.lat,
        lon=device.lon,
        level=key,
        value=state.doubt.value,
        who=act.who,
    )
    return replace(state, above=key, below=(), doubt=replace(state.doubt, level="")), [event]


def forgotten(state: RiverState) -> RiverState:
    """No level is in force any more: the next reading at one opens it anew."""
    return replace(state, above="", below=(), doubt=Doubt())


def _believed(
    station: Station, state: RiverState, reading: Reading, value: float
) -> tuple[RiverState, list[Event]]:
    device, policy, levels = station
    events: list[Event] = []
    recent = _recent(state, reading.at, value)
    reached, in_force = _reached(levels, value), _in_force(levels, state.above)
    doubt, over = _calmed(state, value)
    if reached > in_force:
        in_force = reached
        events.append(_event(device, state, reading, EventKind.LEVEL_UP, level=levels[reached].key))
    if over and _in_force(levels, state.doubt.level) > in_force:
        events.append(_left(station, state, reading, in_force, state.doubt.level, confirmed=False))
    elif doubt.level and _in_force(levels, doubt.level) <= in_force:
        doubt = replace(doubt, level="")
    if over and state.doubt.told:
        events.append(_event(device, state, reading, EventKind.LEVEL_VERIFIED))
    below = _below(levels[: in_force + 1], state.below, reading.at, value)
    for rank, run in enumerate(below):
        if run.count >= policy.clear_readings and reading.at - run.since >= policy.clear_after:
            events.append(_left(station, state, reading, rank - 1, levels[in_force].key))
            in_force, below = rank - 1, below[:rank]
            break
    above = levels[in_force].key if in_force >= 0 else ""
    return RiverState(reading.at, above, reading.at, value, below, recent, doubt), events


def _doubtful(
    station: Station, state: RiverState, reading: Reading, value: float
) -> tuple[RiverState, list[Event]]:
    device, _, levels = station
    events: list[Event] = []
    suspect = reading.flag is Flag.SUSPECT
    jumped = "rate" in reading.tests or "range" in reading.tests
    doubt = replace(
        state.doubt,
        count=state.doubt.count + jumped,
        calm=0,
        value=value if suspect else None,
    )
    reached = _reached(levels, value) if suspect else -1
    in_force = _in_force(levels, state.above)
    rising = suspect and state.good is not None and value > state.good
    frozen = reading.flag is Flag.FAIL and "flat" in reading.tests and in_force >= 0
    if not doubt.told and (frozen or (jumped and (rising or doubt.count >= AGREEING))):
        doubt = replace(doubt, told=True)
        key = levels[reached].key if reached >= 0 else ""
        events.append(_event(device, state, reading, EventKind.LEVEL_UNVERIFIED, level=key))
    if reached > in_force:
        before = state.doubt.value
        agreed = min(reached, _reached(levels, before)) if before is not None else -1
        if agreed > in_force:
            in_force = agreed
            events.append(_event(device, state, reading, EventKind.LEVEL_UP, level=levels[agreed].key))
        if reached > max(in_force, _in_force(levels, doubt.level)):
            key = levels[reached].key
            events.append(_event(device, state, reading, EventKind.LEVEL_UP, level=key, confirmed=False))
            doubt = replace(doubt, level=key)
    above = levels[in_force].key if in_force >= 0 else ""
    return RiverState(reading.at, above, state.good_at, state.good, (), state.recent, doubt), events


def _calmed(state: RiverState, value: float) -> tuple[Doubt, bool]:
    """The doubt after a believed reading, and whether something that was told of is over by it.

    It is over when this reading bears out the doubtful one before it, or when two in a row are believed: a
    sensor that flickers is told of once.
    """
    doubt = state.doubt
    if not doubt.told and not doubt.level:
        return Doubt(), False
    borne_out = (
        doubt.value is not None
        and state.good is not None
        and abs(value - doubt.value) < abs(value - state.good)
    )
    if borne_out or doubt.calm + 1 >= AGREEING:
        return Doubt(), True
    return replace(doubt, count=0, calm=doubt.calm + 1, value=None), False


def _reached(levels: tuple[Threshold, ...], value: float) -> int:
    """Rank of the highest level at or below `value`, -1 where there is none."""
    return sum(value >= level.at_m for level in levels) - 1


def _in_force(levels: tuple[Threshold, ...], key: str) -> int:
    """Rank of `key`, or of the next lower level that the gauge still has; -1 for none."""
    if not key:
        return -1
    order = LEVELS.index(key)
    return sum(LEVELS.index(level.key) <= order for level in levels) - 1


def _below(
    levels: tuple[Threshold, ...], before: tuple[Below, ...], at: Millis, value: float
) -> tuple[Below, ...]:
    runs = []
    for rank, level in enumerate(levels):
        run = before[rank] if rank < len(before) else Below()
        stays = value >= level.clear_m
        runs.append(Below() if stays else Below(run.since if run.count else at, run.count + 1))
    return tuple(runs)


def _recent(state: RiverState, at: Millis, value: float) -> tuple[tuple[Millis, float], ...]:
    within = [point for point in state.recent if point[0] > at - TREND_WINDOW]
    older = state.recent[: len(state.recent) - len(within)]
    return (*older[-1:], *within, (at, value))


def _trend(state: RiverState, at: Millis, value: float) -> str:
    """Over the last 30 min, or since the reading before where they are rarer; empty after 3 h without one."""
    points = [point for point in state.recent if point[0] >= at - TREND_WINDOW] or list(state.recent[-1:])
    if not points or at - points[0][0] > TREND_REACH:
        return ""
    change = value - points[0][1]
    if abs(change) < TREND_M:
        return "steady"
    return "rising" if change > 0 else "falling"


def _left(
    station: Station, state: RiverState, reading: Reading, in_force: int, left: str, *, confirmed: bool = True
) -> Event:
    kind = EventKind.LEVEL_DOWN if in_force >= 0 else EventKind.LEVEL_CLEAR
    level = station.levels[in_force].key if in_force >= 0 else ""
    return _event(station.device, state, reading, kind, level=level, detail=left, confirmed=confirmed)


def _event(
    device: Device,
    state: RiverState,
    reading: Reading,
    kind: EventKind,
    *,
    level: str = "",
    detail: str = "",
    confirmed: bool = True,
) -> Event:
    """`change` and `window` are from the last believed reading to this one."""
    value = reading.value or 0.0
    doubt = kind in {EventKind.LEVEL_UNVERIFIED, EventKind.LEVEL_VERIFIED}
    return Event(
        id=f"{device.id}/{kind}/{reading.at}" + (f"/{level}" if level else ""),
        kind=kind,
        incident=f"{'unverified' if doubt else 'river'}/{device.id}",
        device=device.id,
        at=reading.at,
        received_at=reading.received_at,
        freshness=reading.freshness,
        lat=device.lat,
        lon=device.lon,
        level=level,
        value=value,
        change=None if state.good is None else round(value - state.good, 4),
        window=0 if state.good is None else reading.at - state.good_at,
        trend=_trend(state, reading.at, value),
        confirmed=confirmed,
        detail=detail,
    )
