"""The level of a river over time: rate of change, spike, flat line, gap, backlog, order.

Differences and times only, no absolute heights: negative levels and any gauge zero are judged alike.
The tests follow QARTOD's, with the thresholds for small rivers of DOMAIN notes 1.6:

rate          faster than the gauge's `max_rise_m_per_10min` from the last believed level: SUSPECT, never FAIL
flat          the sensor's own number stood still for the gauge's `flat_suspect` or `flat_fail`
backlog       entered together with others, so that the time is that of the entry: SUSPECT
no_air_temperature   an ultrasonic distance that could not be corrected: SUSPECT
range         FAIL
gap           more than two intervals since the report before
spike_before  the level before stood alone, and this one is back where it was
duplicate, out_of_order   not judged against its neighbours, teaches nothing

The last five are named and leave the flag as it is. The newest level is never held back for the spike test,
and the flag of the spike itself stays as it was set: so the verdict stands with the level that returned.
"""

from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis
from hub.config.shapes import Device, Gauge, Profile
from hub.model import Flag
from hub.quality.height import Sample

RATE_WINDOW: Millis = 600_000
SPIKE_M = 0.3
SPIKE_RETURN = 0.25
"""Returned: no further from the level before the spike than this share of the spike."""

FALL_READINGS = 3
FALL_WITHIN: Millis = 3_600_000
"""A sudden fall is believed when so many readings over so long agree, and are not one frozen number.
The zeros of the Koto gauge (2023-07-03) were four over 30 min; a dead sensor must not end a flood's alarm."""

GAP_INTERVALS = 2.0
SILENCE_INTERVALS = 2.5
"""At least two reports did not come. Backlogs were entered after 2.96 h by gauges that report every hour."""
BURST_STEP: Millis = 90_000
BURST_LENGTH: Millis = 300_000
"""A backlog is typed in steps shorter than this and is done within that time (Cyclone Ditwah: up to 88 s and
130 s). What goes on reporting as fast is a gauge in flood mode."""

FLAT_SUSPECT_READINGS, FLAT_FAIL_READINGS = 3, 5
"""QARTOD's counts: a gauge that reports once a day is not flat after two reports."""
RAIN_MM_H = 10.0
FLAT_IN_RAIN: Millis = 3_600_000


class Belief(Struct, frozen=True, omit_defaults=True):
    """The last level that is believed, the one before it, and the doubtful ones since."""

    good_at: Millis = 0
    good: float | None = None
    former_at: Millis = 0
    former: float | None = None
    doubt_since: Millis = 0
    doubt_at: Millis = 0
    doubt: float | None = None
    doubt_count: int = 0
    doubt_varies: bool = False


class Run(Struct, frozen=True, omit_defaults=True):
    """Readings that share something: since when, and how many."""

    since: Millis = 0
    count: int = 0


class DeviceQuality(Struct, frozen=True, omit_defaults=True):
    """What is remembered of one device: nothing, unless it is a river gauge."""

    at: Millis = 0
    """Of the newest level, 0 before the first."""
    value: float | None = None
    raw: float | None = None
    belief: Belief = Belief()
    flat: Run = Run()
    burst: Run = Run()
    after_silence: bool = False
    """The burst began after reports had been missing."""


class Pace(NamedTuple):
    """How often a gauge is due to report now, and at its fastest."""

    interval: Millis
    fastest: Millis


def pace_of(device: Device, profile: Profile, gauge: Gauge, state: DeviceQuality) -> Pace:
    """By the device's own heartbeat or its profile's; above caution by the one for floods."""
    calm = device.heartbeat or profile.heartbeat
    flood = profile.flood_heartbeat or calm
    caution, good = gauge.levels_m.get("caution"), state.belief.good
    above = caution is not None and good is not None and good >= caution
    return Pace(flood if above else calm, min(calm, flood))


def judge(
    gauge: Gauge,
    state: DeviceQuality,
    sample: Sample,
    level: float,
    at: Millis,
    *,
    pace: Pace,
    rain_mm_h: float = 0.0,
) -> tuple[DeviceQuality, Flag, tuple[str, ...]]:
    """The flag of one level (m), the tests it is named for, and what is remembered after it."""
    fails = sample.in_range is False
    flag = Flag.FAIL if fails else Flag.NOT_EVALUATED if sample.in_range is None else Flag.PASS
    tests = ["range"] if fails else []
    if not sample.warm:
        tests.append("no_air_temperature")
        flag = max(flag, Flag.SUSPECT)
    if at < state.at or (at == state.at and level == state.value):
        tests.append("out_of_order" if at < state.at else "duplicate")
        return state, flag, tuple(tests)

    silence = at - state.at if state.at else 0
    gap = 0 < GAP_INTERVALS * pace.interval < silence
    if gap:
        tests.append("gap")
    burst, after_silence = _burst(state, at, silence, pace)
    backlog = _is_backlog(burst, at, after_silence=after_silence)
    if backlog:
        tests.append("backlog")
        flag = max(flag, Flag.SUSPECT)
    if fails:
        value = level if level - level == 0.0 else None
        state = DeviceQuality(at, value, None, state.belief, Run(), burst, after_silence)
        return state, Flag.FAIL, tuple(tests)

    belief, believed = state.belief, True
    if backlog and after_silence:
        belief = Belief(at, level)
    else:
        belief, believed = _believe(gauge.max_rise_m_per_10min, state.belief, at, level, pace)
    if not believed:
        tests.append("rate")
        flag = max(flag, Flag.SUSPECT)
    elif state.belief.good is not None:
        flag = Flag.PASS if flag is Flag.NOT_EVALUATED else flag
        if _stood_alone(state.belief, at, level, pace):
            tests.append("spike_before")

    same = not gap and sample.raw == state.raw
    flat = Run(state.flat.since, state.flat.count + 1) if same else Run(at, 1)
    stands = _flat(gauge, flat, at, rain_mm_h)
    if stands is not Flag.PASS:
        tests.append("flat")
        flag = max(flag, stands)
    return DeviceQuality(at, level, sample.raw, belief, flat, burst, after_silence), flag, tuple(tests)


def _allowed(max_rise_m: float, elapsed: Millis) -> float:
    return max_rise_m * max(1.0, elapsed / RATE_WINDOW)


def _believe(max_rise_m: float, belief: Belief, at: Millis, level: float, pace: Pace) -> tuple[Belief, bool]:
    """Rate of change, against the last believed level: so the return from a fault is none.

    A doubtful rise is believed as soon as a second level agrees with it, a doubtful fall much later.
    """
    good, doubt = belief.good, belief.doubt
    if good is None:
        return Belief(at, level), True
    near = abs(level - good) <= _allowed(max_rise_m, at - belief.good_at)
    if doubt is None:
        if not near and _stood_alone(belief, at, level, pace):
            return Belief(at, level, belief.former_at, belief.former), True
        agrees = False
    else:
        agrees = abs(level - doubt) <= _allowed(max_rise_m, at - belief.doubt_at)
        near = near and not (agrees and abs(level - doubt) < abs(level - good))
    if near:
        return Belief(at, level, belief.good_at, good), True
    if doubt is None or not agrees:
        return replace(
            belief, doubt_since=at, doubt_at=at, doubt=level, doubt_count=1, doubt_varies=False
        ), False
    count, varies = belief.doubt_count + 1, belief.doubt_varies or level != doubt
    risen = level > good and doubt > good
    if risen or (varies and count >= FALL_READINGS and at - belief.doubt_since >= FALL_WITHIN):
        return Belief(at, level), True
    return replace(belief, doubt_at=at, doubt=level, doubt_count=count, doubt_varies=varies), False


def _stood_alone(belief: Belief, at: Millis, level: float, pace: Pace) -> bool:
    """Spike: was the level before this one far from both its neighbours, which are near each other?

    |x1 - (x0 + x2) / 2| > 0.3 m as in QARTOD, without its absolute value of the mean, which some programs
    take and which fails on negative levels.
    """
    if belief.doubt is not None:
        before_at, before, spike = belief.good_at, belief.good, belief.doubt
        if belief.doubt_count > 1:
            return False
    else:
        if belief.former is None or belief.good is None:
            return False
        before_at, before, spike = belief.former_at, belief.former, belief.good
    if before is None or at - before_at > 2 * GAP_INTERVALS * pace.interval:
        return False
    height = abs(spike - (before + level) / 2)
    return height > SPIKE_M and abs(level - before) <= SPIKE_RETURN * height


def _burst(state: DeviceQuality, at: Millis, silence: Millis, pace: Pace) -> tuple[Run, bool]:
    """Reports that follow each other much faster than the gauge ever reports."""
    step = min(BURST_STEP, pace.fastest // 6)
    if state.at and silence <= step:
        return Run(state.burst.since, state.burst.count + 1), state.after_silence
    return Run(at, 1), bool(state.at) and silence >= SILENCE_INTERVALS * pace.interval


def _is_backlog(burst: Run, at: Millis, *, after_silence: bool) -> bool:
    """Two after a silence, or three at any time; two at once are common and harmless."""
    return burst.count >= (2 if after_silence else 3) and at - burst.since <= BURST_LENGTH


def _flat(gauge: Gauge, flat: Run, at: Millis, rain_mm_h: float) -> Flag:
    stood = at - flat.since
    if flat.count >= FLAT_FAIL_READINGS and stood >= gauge.flat_fail:
        return Flag.FAIL
    patience = min(gauge.flat_suspect, FLAT_IN_RAIN) if rain_mm_h >= RAIN_MM_H else gauge.flat_suspect
    if flat.count >= FLAT_SUSPECT_READINGS and stood >= patience:
        return Flag.SUSPECT
    return Flag.PASS
