"""`/api/v1/readings`, `/rain` and `/rivers`: series of one device for a chart, and the river gauges now."""

import asyncio
import sqlite3
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct

from devices.frame import Millis
from hub.console.api.frame import Call, Id, Instant, Problem, endpoint
from hub.console.views import gauges, series
from hub.console.views.gauges import RiverGauge
from hub.console.views.series import HOUR, Step
from hub.detect.silent_devices import heartbeat
from hub.detect.slope import RAIN_MM
from hub.ledger.views import readings as stored
from hub.ledger.views.readings import Row
from hub.quality.height import LEVEL

DAY: Millis = 86_400_000
AHEAD: Millis = 300_000
"""The clock of a device may run ahead of the hub's by so much."""
USUAL: Millis = 2 * DAY
LONGEST: Millis = 31 * DAY
MOST = 2_000
MISSED = 3
"""So many heartbeats without a reading are a gap."""
UNITS = (
    ("_m_s", "m/s"), ("_mm_s", "mm/s"), ("_mm_h", "mm/h"), ("_us_cm", "µS/cm"), ("_m3s", "m³/s"), ("_m", "m"),
    ("_mm", "mm"), ("_c", "°C"), ("_v", "V"), ("_pct", "%"), ("_dbm", "dBm"), ("_db", "dB"), ("_deg", "°"),
    ("_hpa", "hPa"), ("_bar", "bar"), ("_lux", "lx"), ("_s", "s"),
)  # fmt: skip
"""By the end of a quantity's name."""


class ReadingsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    device: Id
    quantity: Annotated[str, Meta(min_length=1, max_length=64)]
    since: Instant | None = None
    until: Instant | None = None
    points: Annotated[int, Meta(ge=10, le=MOST)] = 1_000


class RainQuery(Struct, frozen=True, forbid_unknown_fields=True):
    device: Id
    since: Instant | None = None
    until: Instant | None = None
    step: Step = "1h"


class RiversQuery(Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Readings(Struct, frozen=True):
    """Columns of the same length, in the order of time.

    `value` in `unit`, null where it is missing. `flag`: 1 pass, 2 not evaluated, 3 suspect, 4 fail, 9
    missing. `thinned`: not every reading is here.
    """

    device: str
    quantity: str
    unit: str
    since: Millis
    until: Millis
    thinned: bool
    at: list[Millis]
    value: list[float | None]
    flag: list[int]


class Rain(Struct, frozen=True):
    """`mm[i]` fell between `edge_at[i]` and `edge_at[i + 1]`; null where the gauge said nothing.

    `flag[i]` is the worst of its reports; 9 where there was none.
    """

    device: str
    edge_at: list[Millis]
    mm: list[float | None]
    flag: list[int]


class _Day(NamedTuple):
    rows: list[Row]
    number: int
    """Of all readings, with those that are not to be drawn."""
    until: Millis
    """From where to read on."""


class Rivers(Struct, frozen=True):
    rivers: list[RiverGauge]
    now: Millis


@endpoint("GET", "/readings")
async def readings(call: Call, asked: ReadingsQuery) -> Readings:
    """One quantity of one device over time, thinned for a chart.

    `since` is two days before `until` unless it is given, `until` is now; at most 31 days. Of more than
    `points` readings those stay that show the highest and the lowest, the doubtful and the missing ones;
    nothing is averaged.
    """
    device = call.town.devices.get(asked.device)
    if device is None:
        raise Problem(404, "device")
    since, until = span(call, asked.since, asked.until)
    rows, count = await read(call, asked.device, asked.quantity, since, until)
    usual = heartbeat(device, call.town.profile(device), flood=False)
    found, fewer = await asyncio.to_thread(_drawn, rows, MISSED * usual, asked.points)
    return Readings(
        device=asked.device,
        quantity=asked.quantity,
        unit=next((unit for end, unit in UNITS if asked.quantity.endswith(end)), ""),
        since=since,
        until=until,
        thinned=fewer or len(rows) < count,
        at=[at for at, _, _ in found],
        value=[value for _, value, _ in found],
        flag=[flag for _, _, flag in found],
    )


@endpoint("GET", "/rain")
async def rain(call: Call, asked: RainQuery) -> Rain:
    """What a rain gauge measured, in sums of 10 minutes, an hour or a day.

    Hours and days are those of the site's clock. The last sum is of what has fallen so far.
    """
    if asked.device not in call.town.devices:
        raise Problem(404, "device")
    since, until = span(call, asked.since, asked.until)
    ends = series.edges(since, until, asked.step, call.town.zone_info)
    rows, _ = await read(call, asked.device, RAIN_MM, ends[0], ends[-1] + 1)
    found = await asyncio.to_thread(series.sums, rows, ends)
    return Rain(
        device=asked.device,
        edge_at=ends,
        mm=[one.mm for one in found],
        flag=[one.flag for one in found],
    )


@endpoint("GET", "/rivers")
async def rivers(call: Call, asked: RiversQuery) -> Rivers:  # noqa: ARG001 (nothing can be asked)
    """Every river gauge as it is now: level, named thresholds, rise, quality.

    The hub observes and forecasts nothing. Whether to evacuate is for the mayor to decide.
    """
    newest = await newest_levels(call, 1)
    rained = await rain_of_an_hour(call)
    now = call.now
    town, geofence, state = call.town, call.hub.pipeline.geofence, call.state.rooms["river"]
    found = await asyncio.to_thread(gauges.views, town, geofence, state, newest, rained, now)
    return Rivers(found, now)


async def newest_levels(call: Call, count: int) -> dict[str, list[Row]]:
    """The newest `count` levels of each gauge in the last two days, newest first."""
    ids = [device.id for device in gauges.gauges(call.town)]
    until = call.now + AHEAD
    return await call.ledger.view(stored.newest, ids, LEVEL, until - USUAL, until, count=count)


async def rain_of_an_hour(call: Call) -> dict[str, list[Row]]:
    """The reports of each rain gauge, newest first."""
    ids = gauges.rain_gauges(call.town)
    now = call.now
    return await call.ledger.view(stored.newest, ids, RAIN_MM, now - HOUR, now + AHEAD, count=MOST)


def span(call: Call, since: Millis | None, until: Millis | None) -> tuple[Millis, Millis]:
    """What is read: nothing after now. Problem 422: it is empty, or longer than 31 days."""
    end = min(until or call.now + AHEAD, call.now + AHEAD)
    begin = max(0, end - USUAL) if since is None else since
    if begin >= end:
        raise Problem(422, "range", "since must be before until, and not after now")
    if end - begin > LONGEST:
        raise Problem(422, "range", "at most 31 days")
    return begin, end


async def read(call: Call, device: str, quantity: str, since: Millis, until: Millis) -> tuple[list[Row], int]:
    """What is to be drawn, and how many readings there are.

    A day at a time, that others who ask the ledger have their turn; a day of more than 2,000 is thinned.
    """
    found: list[Row] = []
    count = 0
    while since < until:
        day = await call.ledger.view(_day, device, quantity, since, min(until, since + DAY))
        found += day.rows
        count += day.number
        since = day.until
    return found, count


def _day(connection: sqlite3.Connection, device: str, quantity: str, since: Millis, until: Millis) -> _Day:
    rows = stored.between(connection, device, quantity, since, until)
    end = rows[-1][0] + 1 if len(rows) == stored.MOST_ROWS else until
    return _Day(rows if quantity == RAIN_MM else series.thinned(rows, MOST), len(rows), end)


def _drawn(rows: list[Row], longest: Millis, most: int) -> tuple[list[Row], bool]:
    """What goes out, and whether it is less than there is. `longest`: 0 where no reading is due."""
    whole = series.with_gaps(rows, longest) if longest else rows
    return series.thinned(whole, most), len(whole) > most


ENDPOINTS = (readings, rain, rivers)
