"""`/console/report/2026-11`: the month, for the town to print and keep."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, tzinfo
from typing import Any

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from devices.frame import Millis
from hub.config.town import Town
from hub.console.access import ConsoleRole, lang_of, needs, render
from hub.console.api.frame import call_of
from hub.console.api.history import month_of
from hub.console.pages.history import lasted
from hub.console.views import past
from hub.days import wall
from hub.paperwork import month
from hub.paperwork.month_devices import LISTED
from hub.paperwork.month_shape import Captured, Month, PlaceHours, PlaceMonths
from hub.wording.values import words

NAME = re.compile("20[2-9][0-9]-(0[1-9]|1[0-2])")
SHADES = 5
MONTHS_EN = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip


class Cell(Struct, frozen=True):
    """A number and how dark it stands, 0 to 5. `text` is empty for none, `–` where it is not known."""

    text: str
    shade: int


class HeatRow(Struct, frozen=True):
    """`place` is empty where the row is the sum of `places` others."""

    place: str
    places: int
    cells: tuple[Cell, ...]
    total: int


class TrapRow(Struct, frozen=True):
    """`counts` under the species of the table."""

    trap: str
    counts: tuple[int, ...]


@needs(ConsoleRole.VIEWER)
async def this_month(request: Request) -> Response:
    call = call_of(request)
    name = f"{wall(call.now, call.town.zone_info):%Y-%m}"
    return RedirectResponse(f"/console/report/{name}{_query(request)}", 303)


@needs(ConsoleRole.VIEWER)
async def show(request: Request) -> Response:
    name, call, lang = request.path_params["month"], call_of(request), lang_of(request)
    found = await month_of(call, name) if NAME.fullmatch(name) else None
    if found is None:
        why = "nothing_yet" if NAME.fullmatch(name) else "bad_month"
        return render(request, "report.html", status=404, found=None, why=why)
    return render(request, "report.html", found=found, **shown(found, call.town, lang))


def shown(found: Month, town: Town, lang: str) -> dict[str, Any]:
    """What the template is told beside the numbers."""
    return (
        _frame(found, town.zone_info, lang)
        | _times(town.zone_info, lang)
        | _words(lang)
        | _sums(found)
        | _tables(found, town, lang)
    )


def _frame(found: Month, zone: tzinfo, lang: str) -> dict[str, Any]:
    """Which month it is, and from when on the hub has records."""
    before, after = neighbours(found.month)
    since, months = found.ledger_since_at, found.season.months
    begun = f"{wall(since, zone):%Y-%m}" if since and since > month.span(months[0], zone)[0] else ""
    return {
        "title": _title(found.month, lang),
        "before": before,
        "after": after if found.is_over else "",
        "last_day": _day(found.until_at - 1, zone),
        "since": past.local(since, zone) if since and since > found.since_at else "",
        "partial": (_title(begun, lang), past.local(since, zone)) if since and begun in months else (),
    }


def _times(zone: tzinfo, lang: str) -> dict[str, Any]:
    return {
        "time": lambda at: past.local(at, zone),
        "day": lambda at: _day(at, zone),
        "moment": lambda at: f"{_day(at, zone)} {wall(at, zone):%H:%M}",
        "lasted": lambda millis: lasted(millis, lang),
    }


def _words(lang: str) -> dict[str, Any]:
    english = lang == "en"
    return {
        "text": lambda thing, key: getattr(thing, f"{key}_en" if english else key),
        "threshold": lambda one: _threshold(one.level, one.name, one.name_en, english=english),
        "said": lambda group, code: _said(group, code, english=english),
        "mode": lambda code: past.MODES[code][english],
        "rate": lambda one: (round(100 * one.false_rate), one.true + one.false),
    }


def _sums(found: Month) -> dict[str, int]:
    return {
        "captured": sum(one.animals for one in found.captures),
        "visits": sum(one.visits for one in found.species),
        "activations": sum(one.activations for one in found.sirens),
        "sent": sum(one.sent for one in found.deliveries),
        "failed": sum(one.failed for one in found.deliveries),
        "floods": sum(one.sure for one in found.floods),
        "never_more": max(found.watch.never - len(found.watch.never_heard), 0),
        "silent_more": max(found.watch.silent - LISTED, 0),
    }


def _tables(found: Month, town: Town, lang: str) -> dict[str, Any]:
    species, traps = by_trap(found.captures, lang)
    return {
        "species": species,
        "traps": traps,
        "hour_rows": heat(found.hours, lang),
        "hour_sums": column_sums(found.hours),
        "season_rows": heat(found.season.rows, lang),
        "months": [_short(name, lang) for name in found.season.months],
        "never": _names(found, town, english=lang == "en"),
    }


def _day(at: Millis, zone: tzinfo) -> str:
    there = wall(at, zone)
    return f"{there.month}/{there.day}"


def by_trap(captures: tuple[Captured, ...], lang: str) -> tuple[list[tuple[str, bool]], list[TrapRow]]:
    """(species in words, whether it was the wrong animal) of the columns; and the rows of the traps."""
    english = lang == "en"
    columns = sorted({(one.result == "wrong", one.species) for one in captures})
    traps: dict[str, Counter[tuple[bool, str]]] = defaultdict(Counter)
    names: dict[str, str] = {}
    for one in captures:
        traps[one.trap][one.result == "wrong", one.species] += one.animals
        names[one.trap] = f"{one.trap_no} {one.place_en if english else one.place}".strip()
    rows = [
        TrapRow(names[trap], tuple(counts[column] for column in columns)) for trap, counts in traps.items()
    ]
    return [(_said("species", code, english=english), wrong) for wrong, code in columns], rows


def heat(rows: Sequence[PlaceHours | PlaceMonths], lang: str) -> list[HeatRow]:
    """The darkest is the highest number of the table. The row of all other places has no shade."""
    cells = [row.hours if isinstance(row, PlaceHours) else row.months for row in rows]
    most = max(
        (n or 0 for row, numbers in zip(rows, cells, strict=True) if row.place for n in numbers), default=0
    )
    found = []
    for row, numbers in zip(rows, cells, strict=True):
        shaded = [Cell(_figure(n), shade(n or 0, most) if row.place else 0) for n in numbers]
        place = row.place_en if lang == "en" else row.place
        found.append(HeatRow(place, row.places, tuple(shaded), row.total))
    return found


def shade(number: int, most: int) -> int:
    """0 for none, 1 for few, 5 for the most."""
    return -(-SHADES * number // most) if most else 0


def column_sums(rows: tuple[PlaceHours, ...]) -> list[int]:
    return [sum(column) for column in zip(*(row.hours for row in rows), strict=True)]


def _figure(number: int | None) -> str:
    return "–" if number is None else str(number) if number else ""


def _threshold(level: str, name: str, name_en: str, *, english: bool) -> str:
    """In the town's own words where it has any."""
    own = name_en if english else name
    return own or words()["threshold"][level][english]


def _said(group: str, code: str, *, english: bool) -> str:
    """A word that messages use too; a code that they do not know stands for itself."""
    return words()[group].get(code, (code, code))[english]


def _title(name: str, lang: str) -> str:
    if not name:
        return ""
    first = date.fromisoformat(f"{name}-01")
    return f"{MONTHS_EN[first.month - 1]} {first.year}" if lang == "en" else f"{first.year}年{first.month}月"


def _short(name: str, lang: str) -> str:
    number = int(name[5:])
    return MONTHS_EN[number - 1][:3] if lang == "en" else f"{number}月"


def neighbours(name: str) -> tuple[str, str]:
    """The months before and after."""
    number = int(name[:4]) * 12 + int(name[5:]) - 1
    before, after = (f"{n // 12}-{n % 12 + 1:02}" for n in (number - 1, number + 1))
    return before, after


def _names(found: Month, town: Town, *, english: bool) -> str:
    devices = (town.devices[id] for id in found.watch.never_heard if id in town.devices)
    return (", " if english else "、").join(d.name_en if english else d.name for d in devices)


def _query(request: Request) -> str:
    chosen = request.query_params.get("lang", "")
    return f"?lang={chosen}" if chosen in ("ja", "en") else ""


ROUTES = (Route("/console/report", this_month), Route("/console/report/{month}", show))
