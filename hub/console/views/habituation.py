"""Whether animals still run from a siren: what came of each time that it was set off. Pure.

An activation is judged when its window is over: `quiet`, nothing came back; `stayed`, the same visit set it
off once more within the window; `back`, the visit was over, and an animal was at the place again within the
window (EventKind.RETURNED). What never sounded and what was a drill is not judged, nor a warning to people.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta, tzinfo
from typing import Literal

from msgspec import Struct

from devices.frame import Millis
from hub.days import begins, day_of
from hub.model import Alert, AlertState, Command, Event, Mode, Status

NEWEST = 10
"""Activations by which the effect is judged; those before are what it is compared with."""
ENOUGH = 5
OFTEN = 0.3
"""From this share of returns on, the siren does not keep animals away."""
WEEKS = 8
ANSWER_WITHIN: Millis = 60_000
"""After its end a device has said that it was done."""

Outcome = Literal["quiet", "back", "stayed", "open", "failed", "drill", "warning"]
Failure = Literal["refused", "expired", "unanswered"]
Verdict = Literal["works", "wearing_off", "weak", "too_few"]
"""wearing_off: it comes back often, and more often than before; weak: as often as ever."""

FAILED_BEFORE = frozenset({"stayed", "back"})
JUDGED = frozenset({"quiet", *FAILED_BEFORE})


class Activation(Struct, frozen=True):
    """One time that a siren was set off."""

    command: Command
    outcome: Outcome
    failure: Failure | None = None


class Share(Struct, frozen=True):
    """Of `judged` activations after `again` an animal was there again within the window."""

    judged: int = 0
    again: int = 0

    @property
    def part(self) -> float:
        """0 where nothing was judged."""
        return self.again / self.judged if self.judged else 0.0


class Week(Struct, frozen=True):
    """Seven days from `starts_at`, a midnight of the site. The last of the list ends with today."""

    starts_at: Millis
    judged: int
    again: int


class Pattern(Struct, frozen=True):
    """One pattern of tones, by its name in `hub.deterrent`."""

    pattern: str
    judged: int
    again: int


class Habituation(Struct, frozen=True):
    """Of the last WEEKS weeks, and by the NEWEST judged activations its `verdict`: works, wearing_off (back
    often, and more often than before), weak (back often), too_few (fewer than ENOUGH).

    `judged` activations are over and did sound; after `again` of them an animal was there again within
    `window` ms. `last_judged` and `last_again`: of the newest. `patterns`: the least effective first.
    """

    window: Millis
    verdict: Verdict
    judged: int
    again: int
    last_judged: int
    last_again: int
    weeks: tuple[Week, ...]
    patterns: tuple[Pattern, ...]


class Ground(Struct, frozen=True):
    """What the outcomes are judged by. `near`: whether a return (lat, lon) can be from this siren."""

    window: Millis
    late: Millis
    """So much later than the animal was seen a siren may be set off."""
    near: Callable[[str, tuple[float, float]], bool]
    now: Millis


class Past(Struct, frozen=True):
    """One siren's activations, the oldest first, and what they say of it."""

    activations: tuple[Activation, ...]
    habituation: Habituation


def pasts(
    commands: Sequence[Command],
    alerts: Mapping[str, Alert],
    returns: Iterable[Event],
    ground: Ground,
    zone: tzinfo,
) -> dict[str, Past]:
    """By siren, of those that were told to act."""
    found: dict[str, list[Activation]] = defaultdict(list)
    for one in activations(commands, alerts, returns, ground):
        found[one.command.device].append(one)
    return {
        siren: Past(tuple(own), habituation(own, ground.window, ground.now, zone))
        for siren, own in found.items()
    }


def activations(
    commands: Sequence[Command], alerts: Mapping[str, Alert], returns: Iterable[Event], ground: Ground
) -> list[Activation]:
    """What came of each of `commands`, the oldest first."""
    in_order = sorted(commands, key=lambda command: (command.created_at, command.id))
    times = [command.created_at for command in in_order]
    came_back = set()
    for event in returns:
        over = event.at - event.window
        first, last_one = bisect_left(times, over - ground.window), bisect_right(times, over + ground.late)
        came_back.add(_visit_of(event, in_order[first:last_one], alerts, ground))
    last: dict[tuple[str, str], Command] = {}
    found: list[Activation] = []
    for command in reversed(in_order):
        again = last.get((command.device, command.alert_id))
        last[command.device, command.alert_id] = command
        failure = failure_of(command, ground.now)
        outcome = _outcome(command, alerts.get(command.alert_id), again, ground)
        if failure in ("refused", "expired") and outcome not in ("drill", "warning"):
            outcome = "failed"
        elif outcome in ("quiet", "open") and command.alert_id in came_back and again is None:
            outcome = "back"
        found.append(Activation(command, outcome, failure))
    return found[::-1]


def failure_of(command: Command, now: Millis) -> Failure | None:
    """Why a command was not done, as far as the hub knows."""
    if command.status is Status.REFUSED:
        return "refused"
    if command.status is Status.EXPIRED or (command.status is Status.PENDING and now >= command.until):
        return "expired"
    if command.status is Status.SENT and now >= command.until + ANSWER_WITHIN:
        return "unanswered"
    return None


def habituation(found: Iterable[Activation], window: Millis, now: Millis, zone: tzinfo) -> Habituation:
    """Of one siren's activations, the oldest first."""
    judged = [one for one in found if one.outcome in JUDGED]
    newest, before = share(judged[-NEWEST:]), share(judged[:-NEWEST])
    names = sorted({one.command.pattern for one in judged})
    by_pattern = [(name, share(one for one in judged if one.command.pattern == name)) for name in names]
    by_pattern.sort(key=lambda pair: -pair[1].part)
    return Habituation(
        window=window,
        verdict=_verdict(newest, before),
        judged=len(judged),
        again=share(judged).again,
        last_judged=newest.judged,
        last_again=newest.again,
        weeks=_weeks(judged, now, zone),
        patterns=tuple(Pattern(name, of.judged, of.again) for name, of in by_pattern),
    )


def share(judged: Iterable[Activation]) -> Share:
    outcomes = [one.outcome in FAILED_BEFORE for one in judged]
    return Share(len(outcomes), sum(outcomes))


def midnight(now: Millis, zone: tzinfo, days_before: int = 0) -> Millis:
    """The begin of the site's day, or of the one so many days before."""
    return begins(day_of(now, zone) - timedelta(days=days_before), zone)


def since(now: Millis, zone: tzinfo) -> Millis:
    """When the first of the weeks begins."""
    return midnight(now, zone, 7 * WEEKS - 1)


def _verdict(newest: Share, before: Share) -> Verdict:
    if newest.judged < ENOUGH:
        return "too_few"
    if newest.part < OFTEN:
        return "works"
    return "wearing_off" if before.judged >= ENOUGH and before.part < newest.part else "weak"


def _weeks(judged: Sequence[Activation], now: Millis, zone: tzinfo) -> tuple[Week, ...]:
    starts = [midnight(now, zone, 7 * back - 1) for back in range(WEEKS, 0, -1)]
    ends = [*starts[1:], midnight(now, zone, -1)]
    found = []
    for begin, end in zip(starts, ends, strict=True):
        of = share(one for one in judged if begin <= one.command.created_at < end)
        found.append(Week(begin, of.judged, of.again))
    return tuple(found)


def _visit_of(
    event: Event, commands: Sequence[Command], alerts: Mapping[str, Alert], ground: Ground
) -> str | None:
    """The alert of the visit that began again with `event`: the newest of `commands`, which are of the time
    when it was over, for which a siren near that place was set off."""
    if event.lat is None or event.lon is None:
        return None
    for command in reversed(commands):
        alert = alerts.get(command.alert_id)
        other = alert is None or alert.incident != event.incident
        if command.action == "deter" and other and ground.near(command.device, (event.lat, event.lon)):
            return command.alert_id
    return None


def _outcome(command: Command, alert: Alert | None, again: Command | None, ground: Ground) -> Outcome:
    """Without a return."""
    if command.action != "deter":
        return "warning"
    if alert is not None and alert.mode is not Mode.ACTUAL:
        return "drill"
    if again is not None and again.created_at - command.created_at <= ground.window:
        return "stayed"
    goes_on = alert is not None and alert.state is AlertState.OPEN
    if goes_on or ground.now < command.created_at + ground.window:
        return "open"
    return "quiet"
