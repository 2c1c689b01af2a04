"""`/api/v1/history`: alerts of the past, searched, and as a table for Excel. `/api/v1/reports`: a month."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from starlette.responses import Response, StreamingResponse

from devices.frame import Millis
from hub import model, statistics
from hub.config.town import Town
from hub.console.access import console_of
from hub.console.api.frame import Call, Problem, endpoint
from hub.console.views import past
from hub.console.views.past import HistoryQuery, Past, Search
from hub.days import wall
from hub.ledger import Ledger
from hub.ledger.views import history as ledger_history
from hub.ledger.views.history import Delivery, Opened
from hub.model import Alert
from hub.paperwork import month, sheets
from hub.paperwork.month_devices import FLOODS
from hub.paperwork.month_shape import Facts, Month

MOST_ROWS = 50_000
"""Of one table: Excel opens a million, a town reads none of them."""
MOST_LOOKS = 40
"""Parts of the ledger that are looked through for one answer: 200,000 alerts."""
MOST_FLOODS = 60
"""Alerts of rivers whose readings are looked through for one report."""
LABEL, DONE = "label", "done"
FOREVER: Millis = 1 << 62

MonthName = Annotated[
    str,
    Meta(
        pattern="^20[2-9][0-9]-(0[1-9]|1[0-2])$",
        min_length=7,
        max_length=7,
        description="A month: 2026-11",
    ),
]
"""With its length: `$` also stands before a newline at the end."""


class PageQuery(HistoryQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`before`: from `rest` of an earlier answer."""

    before: Annotated[int, Meta(ge=1, le=1 << 53)] | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class SheetQuery(HistoryQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`encoding`: UTF-8 with its mark, or what an old Excel takes for Japanese."""

    encoding: Literal["utf-8-sig", "cp932"] = "utf-8-sig"
    lang: Literal["ja", "en"] = "ja"


class ReportQuery(Struct, frozen=True, forbid_unknown_fields=True):
    month: MonthName


class History(Struct, frozen=True):
    """The newest first. `rest`: what to ask with as `before` for older ones, null where that was all."""

    alerts: tuple[Past, ...]
    rest: int | None
    now: Millis


# --- alerts of the past ---------------------------------------------------------------------------


@endpoint("GET", "/history")
async def history(call: Call, asked: PageQuery) -> History:
    """Alerts, open or over, the newest first.

    Filters: words, kind, severity at least, state, zone, device, time, mode.
    """
    return await look(call, asked)


@endpoint("GET", "/history.csv")
async def history_csv(call: Call, asked: SheetQuery) -> Response:
    """The same as a table for Excel (CSV), 50,000 rows at most."""
    if asked.since >= asked.until:
        raise Problem(422, "range", "since: not before until")
    name = wall(call.now, call.town.zone_info)
    charset = "shift_jis" if asked.encoding == "cp932" else "utf-8"
    return StreamingResponse(
        _table(call.ledger, call.town, asked),
        media_type=f"text/csv; charset={charset}",
        headers={"content-disposition": f'attachment; filename="alerts-{name:%Y-%m-%d}.csv"'},
    )


async def look(call: Call, asked: PageQuery) -> History:
    """One page of what is asked for."""
    search = Search(call.town, asked)
    found: list[Alert] = []
    rest = asked.before
    for _ in range(MOST_LOOKS):
        part, rest = await call.ledger.view(
            ledger_history.alerts_before, rest, asked.since, asked.limit - len(found), search.wants
        )
        found += [alert for _, alert in part]
        if rest is None or len(found) == asked.limit:
            break
    labels = await _labels(call.ledger, min((alert.opened_at for alert in found), default=FOREVER))
    return History(tuple(past.view(alert, call.town, labels) for alert in found), rest, call.now)


async def _labels(ledger: Ledger, since: Millis) -> Mapping[str, str]:
    """Alert id -> what people have said of it since then, also after its end."""
    said = await ledger.view(ledger_history.acts_between, LABEL, since, FOREVER)
    return await asyncio.to_thread(statistics.labels_of, said)


async def _table(ledger: Ledger, town: Town, asked: SheetQuery) -> AsyncIterator[bytes]:
    """Part by part: what one part takes of memory and of the loop's time does not grow with the table."""
    lang = int(asked.lang == "en")
    search = Search(town, asked)
    yield sheets.sheet(past.HEADINGS[lang], (), asked.encoding)
    left, rest = MOST_ROWS, None
    labels = await _labels(ledger, asked.since)

    def written(alerts: Sequence[tuple[int, Alert]]) -> bytes:
        rows = (past.row(past.view(alert, town, labels), town, lang) for _, alert in alerts)
        return sheets.lines(rows, asked.encoding)

    while left:
        part, rest = await ledger.view(
            ledger_history.alerts_before, rest, asked.since, min(left, 1_000), search.wants
        )
        left -= len(part)
        if part:
            yield await asyncio.to_thread(written, part)
        if rest is None:
            return


# --- a month --------------------------------------------------------------------------------------


@endpoint("GET", "/reports/{month}")
async def report(call: Call, asked: ReportQuery) -> Month:
    """The month report's numbers.

    Captures, detections by hour and place, the season, how often sensors were right, rivers, sirens,
    messages, silent devices. Drills are counted apart.
    """
    found = await month_of(call, asked.month)
    if found is None:
        raise Problem(404, "future", "this month has not begun")
    return found


async def month_of(call: Call, name: str) -> Month | None:
    """None: it has not begun. One at a time, read part by part, and counted in a thread."""
    town = call.town
    if month.span(name, town.zone_info)[0] > call.now:
        return None
    async with console_of(call.request).reporting:
        now = call.now
        facts = await facts_of(call.ledger, town, name, now)
        health = dict(call.state.rooms["health"])
        return await asyncio.to_thread(month.tally, town, health, facts, name, now)


async def facts_of(ledger: Ledger, town: Town, name: str, now: Millis) -> Facts:
    """What the ledger says of a month."""
    zone = town.zone_info
    since, until = month.span(name, zone)
    first = month.span(month.months_to(name)[0], zone)[0]
    view = ledger.view
    season = await _season(ledger, first, until)
    events: list[model.Event] = []
    deliveries: list[Delivery] = []
    commands: list[model.Command] = []
    for _, begin, end in month.days_of(name, zone):
        events += await view(ledger_history.events_between, begin, end)
        deliveries += await view(ledger_history.deliveries_between, begin, end)
        commands += await view(ledger_history.commands_between, begin, end)
    acts = await view(ledger_history.acts_between, DONE, since, until)
    labels = await _labels(ledger, first)
    open_then = await asyncio.to_thread(
        lambda: {one.id for one in season if month.overlaps(one, since, until)}
    )
    named = {act.target for act in acts} | {one.alert_id for one in deliveries}
    named |= {command.alert_id for command in commands}
    alerts = await _alerts(ledger, sorted(open_then | named))
    floods = [a for a in alerts.values() if a.kind in FLOODS and month.overlaps(a, since, until)]
    in_floods, peaks = await _floods(ledger, floods, now)
    return Facts(
        alerts=alerts,
        season=season,
        events=events,
        acts=acts,
        labels=labels,
        deliveries=deliveries,
        commands=commands,
        floods=in_floods,
        peaks=peaks,
        empty_days=tuple(await _empty_days(ledger, name, zone, now)),
        oldest=await _oldest(ledger, town, now),
    )


async def _season(ledger: Ledger, since: Millis, until: Millis) -> list[Opened]:
    found: list[Opened] = []
    last: int | None = 0
    while last is not None:
        part, last = await ledger.view(ledger_history.openings, last, since)
        found += (one for one in part if one.opened_at < until)
    return found


async def _alerts(ledger: Ledger, ids: Sequence[str]) -> dict[str, Alert]:
    found: dict[str, Alert] = {}
    for first in range(0, len(ids), ledger_history.AT_ONCE):
        part = ids[first : first + ledger_history.AT_ONCE]
        found |= await ledger.view(ledger_history.alerts_by_id, part)
    return found


async def _floods(
    ledger: Ledger, alerts: Sequence[Alert], now: Millis
) -> tuple[dict[str, list[model.Event]], dict[str, tuple[float, Millis]]]:
    events, peaks = {}, {}
    for number, alert in enumerate(alerts):
        end = now if alert.closed_at is None else alert.closed_at
        events[alert.id] = await ledger.view(
            ledger_history.events_during, alert.incident, alert.opened_at, end
        )
        if number < MOST_FLOODS and alert.kind == "river":
            peak = await ledger.view(ledger_history.peak, alert.device, alert.opened_at, end)
            if peak:
                peaks[alert.id] = peak
    return events, peaks


async def _empty_days(ledger: Ledger, name: str, zone: Any, now: Millis) -> list[int]:
    """Days that are over on which nothing at all was measured."""
    return [
        day
        for day, begin, end in month.days_of(name, zone)
        if end <= now and not await ledger.view(ledger_history.has_readings, begin, end)
    ]


async def _oldest(ledger: Ledger, town: Town, now: Millis) -> Millis | None:
    """From when on the ledger still has the past: older than `keep_readings` is only what is not over."""
    oldest = await ledger.view(ledger_history.oldest)
    return None if oldest is None else max(oldest, now - town.hub.ledger.keep_readings)


ENDPOINTS = (history, history_csv, report)
