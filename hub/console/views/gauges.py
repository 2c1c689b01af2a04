"""The river gauges as an operator sees them: where the water stands, and where it is going."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from devices.frame import Millis
from hub.config.shapes import LEVELS, Device, Gauge, Kind
from hub.config.town import Town
from hub.console.views.series import total
from hub.detect.river import TREND_M, TREND_REACH, TREND_WINDOW, RiverState
from hub.detect.silent_devices import heartbeat
from hub.detect.slope import RAIN_MM
from hub.geofence import Geofence
from hub.ledger.views.readings import Row
from hub.wording.values import words

EQUIVALENT = {"caution": 2, "evac_judge": 3, "danger": 4, "overflow": 5}
"""警戒レベル○相当 of an official threshold. 水防団待機水位 has none."""
RAIN_WITHIN_M = 10_000.0
"""A rain gauge further away says little of this river."""
FAST_M_H = 0.6
"""0.10 m in 10 min: from there on a gauge is due to report at its fastest (DOMAIN notes 1.3)."""
LATE_AFTER = 2
"""Heartbeats without a level."""
HOUR: Millis = 3_600_000

Pace = Literal["fast_rise", "slow_rise", "steady", "slow_fall", "fast_fall", ""]


class RiverThreshold(Struct, frozen=True, kw_only=True):
    """A named level in m above the gauge's zero.

    `alert_level`: the 警戒レベル (2 to 5) to which the river's manager has set it as the equivalent, 0 for
    none. `in_force`: reached, and not yet left again.
    """

    key: Literal["standby", "caution", "evac_judge", "danger", "overflow"]
    name: str
    name_en: str
    at_m: float
    alert_level: int
    in_force: bool


class RainGauge(Struct, frozen=True, kw_only=True):
    """The nearest rain gauge within 10 km, `distance_m` away over the plan.

    `mm_last_hour`: what fell in the last hour, null where it said nothing.
    """

    device: str
    name: str
    name_en: str
    distance_m: int
    mm_last_hour: float | None


class RiverGauge(Struct, frozen=True, kw_only=True):
    """One gauge as it is now. The hub observes; it forecasts nothing.

    `level_m` with `flag` (1 pass, 2 not evaluated, 3 suspect, 4 fail, 9 missing) is the newest reading of the
    last two days, `at` its time; all three null where there is none. `believed_m` at `believed_at` is the
    newest that has passed its checks, and what the thresholds are judged by. `above` and `unconfirmed`: the
    key of the highest threshold in force, and of a higher one that only a doubtful reading says, empty for
    none. `to_next_m`: from `believed_m` up to the threshold `next`. `rise_m_h`: in m an hour over the last
    half hour, below 0 when it falls, null where readings are too rare; `pace` says it in a word, `fast` from
    0.6 m/h on. `is_late`: twice the time has passed in which a level is due. `interval`: that time in ms, 0
    for none. `zero_tp_m`: elevation of the gauge's zero above T.P.
    """

    device: str
    name: str
    name_en: str
    river: str
    river_en: str
    station: str
    station_en: str
    lat: float
    lon: float
    official: bool
    zero_tp_m: float | None
    thresholds: tuple[RiverThreshold, ...]
    level_m: float | None
    flag: int | None
    at: Millis | None
    believed_m: float | None
    believed_at: Millis | None
    above: str
    unconfirmed: str
    next: str
    to_next_m: float | None
    rise_m_h: float | None
    pace: Pace
    is_late: bool
    interval: Millis
    rain: RainGauge | None


def gauges(town: Town) -> list[Device]:
    """The river gauges, as the config lists them."""
    return [device for device in town.devices.values() if device.gauge]


def view(
    town: Town,
    device: Device,
    state: RiverState,
    newest: Sequence[Row],
    *,
    rain: RainGauge | None,
    now: Millis,
) -> RiverGauge:
    """`newest`: its newest levels, newest first. ValueError: it is no gauge."""
    gauge = device.gauge
    if gauge is None:
        raise ValueError(f"{device.id} is no gauge")
    at, level, flag = newest[0] if newest else (None, None, None)
    seen = max(at or 0, state.good_at)
    interval = heartbeat(device, town.profile(device), flood=state.above_caution)
    thresholds = tuple(_thresholds(gauge, state.above))
    higher = next((one for one in thresholds if state.good is not None and one.at_m > state.good), None)
    rise = rise_m_h(state.recent, now)
    return RiverGauge(
        device=device.id,
        name=device.name,
        name_en=device.name_en,
        river=gauge.river,
        river_en=gauge.river_en,
        station=gauge.station,
        station_en=gauge.station_en,
        lat=device.lat,
        lon=device.lon,
        official=gauge.official,
        zero_tp_m=gauge.zero_tp_m,
        thresholds=thresholds,
        level_m=level,
        flag=flag,
        at=at,
        believed_m=state.good,
        believed_at=state.good_at or None,
        above=state.above,
        unconfirmed=state.doubt.level if state.highest != state.above else "",
        next=higher.key if higher else "",
        to_next_m=round(higher.at_m - (state.good or 0.0), 3) if higher else None,
        rise_m_h=rise,
        pace=pace(state.recent, rise),
        is_late=bool(interval) and now - seen > LATE_AFTER * interval,
        interval=interval,
        rain=rain,
    )


def views(  # noqa: PLR0917
    town: Town,
    geofence: Geofence,
    states: Mapping[str, RiverState],
    newest: Mapping[str, Sequence[Row]],
    rained: Mapping[str, Sequence[Row]],
    now: Millis,
) -> list[RiverGauge]:
    """All gauges of the town. `states` is the room `river`, `newest` has their levels, newest first, `rained`
    the reports of every rain gauge in the last hour."""
    return [
        view(
            town,
            one,
            states.get(one.id, RiverState()),
            newest.get(one.id, ()),
            rain=_rain_of(town, geofence, one, rained),
            now=now,
        )
        for one in gauges(town)
    ]


def rain_gauges(town: Town) -> list[str]:
    """Ids of what measures rain."""
    return [
        one.id
        for one in town.devices.values()
        if town.kind(one) is Kind.RAIN or RAIN_MM in town.profile(one).quantities
    ]


def rise_m_h(recent: Sequence[tuple[Millis, float]], now: Millis) -> float | None:
    """m an hour between the newest believed level and the oldest of the half hour before it.

    Where levels come more rarely, the one before. None: that is over 3 h older, or the newest over 3 h old.
    """
    if not recent or now - recent[-1][0] > TREND_REACH:
        return None
    at, value = recent[-1]
    earlier = _earlier(recent)
    if earlier is None or not 0 < at - earlier[0] <= TREND_REACH:
        return None
    return round((value - earlier[1]) * HOUR / (at - earlier[0]), 2) + 0.0


def pace(recent: Sequence[tuple[Millis, float]], rise: float | None) -> Pace:
    """`rise` in a word. Steady as messages have it: less than 5 cm in the half hour that is looked at."""
    if rise is None:
        return ""
    earlier = _earlier(recent)
    if earlier is None or abs(recent[-1][1] - earlier[1]) < TREND_M:
        return "steady"
    if rise > 0:
        return "fast_rise" if rise >= FAST_M_H else "slow_rise"
    return "fast_fall" if rise <= -FAST_M_H else "slow_fall"


def _earlier(recent: Sequence[tuple[Millis, float]]) -> tuple[Millis, float] | None:
    """What the newest is compared with."""
    within = next((point for point in recent[:-1] if point[0] >= recent[-1][0] - TREND_WINDOW), None)
    return within or (recent[-2] if len(recent) > 1 else None)


def _thresholds(gauge: Gauge, above: str) -> Iterator[RiverThreshold]:
    known = {str(key): metres for key, metres in gauge.levels_m.items()}
    own = {str(key): names for key, names in gauge.names.items()}
    for key in LEVELS:
        if key not in known:
            continue
        said = (own[key].ja, own[key].en) if key in own else words()["threshold"][key]
        yield RiverThreshold(
            key=key,  # type: ignore[arg-type]
            name=said[0],
            name_en=said[1],
            at_m=known[key],
            alert_level=EQUIVALENT.get(key, 0) if gauge.official else 0,
            in_force=bool(above) and LEVELS.index(key) <= LEVELS.index(above),
        )


def _rain_of(
    town: Town, geofence: Geofence, device: Device, rained: Mapping[str, Sequence[Row]]
) -> RainGauge | None:
    near = geofence.nearest_devices(device.lat, device.lon, rained, range_m=RAIN_WITHIN_M, n=1)
    if not near:
        return None
    id, metres = near[0]
    rain = town.devices[id]
    return RainGauge(
        device=id,
        name=rain.name,
        name_en=rain.name_en,
        distance_m=round(metres),
        mm_last_hour=total(rained[id]).mm,
    )
