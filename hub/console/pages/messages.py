"""`/console/messages`: what was told to whom and what came of it; `?tab=people`: who is told, and by what."""

from datetime import date, timedelta, tzinfo
from functools import partial
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from devices.frame import Millis
from hub.config.town import Town
from hub.console.access import ConsoleRole, lang_of, may, needs, render
from hub.console.api.frame import Call, Problem, call_of
from hub.console.api.messages import KINDS, RESULTS, Message, message_of
from hub.console.api.people import PeopleQuery, begins_of, named, people_of, send_test
from hub.console.views.past import local
from hub.days import begins, wall
from hub.ledger.views import messages as view
from hub.ledger.views.messages import FOREVER, LATE_AFTER, Sought
from hub.web.pages import SPOKEN
from hub.web.spans import span
from hub.web.words import plain
from hub.wording.values import format_time

PAGE = 50
LONGEST = 100
FILTERS = ("who", "person", "kind", "result", "since", "until", "alert")
STATES = {
    "sent": "ok",
    "merged": "ok",
    "waiting": "late",
    "unsure": "unheard",
    "failed": "silent",
    "overtaken": "unheard",
    "held": "maintenance",
    "replayed": "maintenance",
}
"""Result -> the class of `console.css` with its sign and colour."""


@needs(ConsoleRole.VIEWER)
async def show(request: Request) -> Response:
    if request.query_params.get("tab") == "people":
        return await _people(request)
    return await _messages(request)


@needs(ConsoleRole.OPERATOR)
async def act(request: Request) -> Response:
    """The test message to one person."""
    async with request.form() as form:
        person = str(form.get("person", ""))[:LONGEST]
    try:
        await send_test(call_of(request), person)
        came = {"did": "test"}
    except Problem as problem:
        came = {"fault": problem.said.error}
    kept = {name: value for name in ("lang", "search", "first") if (value := request.query_params.get(name))}
    query = urlencode({"tab": "people"} | kept | came)
    return RedirectResponse(f"{request.url.path}?{query}#top", 303)


async def _messages(request: Request) -> Response:
    call, lang, asked = call_of(request), lang_of(request), request.query_params
    zone = call.town.zone_info
    sought = sought_of(asked, call.town)
    found = await call.ledger.view(view.find, sought, PAGE) if sought else view.Found((), None)
    rows = [message_of(call.town, row) for row in found.rows]
    return render(
        request,
        "messages.html",
        tab="messages",
        rows=[(row, late(row, lang), alert_page(call, row.alert)) for row in rows],
        rest=address(asked, before=str(found.rest)) if found.rest is not None else "",
        newest=address(asked, before=""),
        is_first="before" not in asked,
        asked=asked,
        is_filtered=any(asked.get(name) for name in FILTERS),
        fits_nobody=sought is None,
        kinds=KINDS,
        results=RESULTS,
        states=STATES,
        time=partial(moment, now=call.now, zone=zone),
    )


async def _people(request: Request) -> Response:
    call, asked = call_of(request), request.query_params
    now, town = call.now, call.town
    question = PeopleQuery(
        search=asked.get("search", "")[:LONGEST], first=_number(asked.get("first", "")), limit=PAGE
    )
    tallies = await call.ledger.view(view.tallies, *begins_of(now, town.zone_info))
    found = people_of(town, call.state, tallies, question, now)
    end = question.first + len(found.people)
    fault = asked.get("fault", "")
    return render(
        request,
        "messages.html",
        tab="people",
        found=found,
        asked=asked,
        rest=address(asked, first=str(end)) if end < found.count else "",
        left=min(PAGE, found.count - end),
        newest=address(asked, first=""),
        here=address(asked),
        languages=dict(SPOKEN),
        is_first=question.first == 0,
        may_test=may(call.user.role, ConsoleRole.OPERATOR),
        did="test" if asked.get("did") == "test" else "",
        fault=fault if fault in ("soon", "person") else "",
        time=partial(moment, now=now, zone=town.zone_info),
    )


def sought_of(asked: QueryParams, town: Town) -> Sought | None:
    """What the form asks for; what it cannot mean is not asked. None: nobody is called so."""
    who, person = asked.get("who", "").strip()[:LONGEST], asked.get("person", "")[:LONGEST]
    people = frozenset(named(town, who) if who else [person] if person else [])
    if who and not people:
        return None
    kind, result = asked.get("kind", ""), asked.get("result", "")
    return Sought(
        people=people,
        kind=kind if kind in KINDS else "",
        result=result if result in RESULTS else "",  # type: ignore[arg-type]
        alert=asked.get("alert", "")[:200],
        since=_begin(asked.get("since", ""), town.zone_info) or 0,
        until=_begin(asked.get("until", ""), town.zone_info, after=1) or FOREVER,
        before=_number(asked.get("before", "")) or FOREVER,
    )


def moment(at: Millis, now: Millis, zone: tzinfo) -> str:
    """`21:07`, `11/21 21:07`, or with its year where that is not this one."""
    is_this_year = wall(at, zone).year == wall(now, zone).year
    return format_time(at, now, zone) if is_this_year else local(at, zone)


def late(row: Message, lang: str) -> str:
    """How long it took, where it was long; empty elsewhere."""
    if row.late is None or row.late < LATE_AFTER:
        return ""
    return plain(lang, "messages.late", span=span(lang, row.late))


def alert_page(call: Call, alert: str) -> str:
    """Empty where the message is of no alert: a summary, a test, a report."""
    if any(one.id == alert for one in call.state.alerts.values()):
        return f"/console/alerts/{alert}"
    return "" if "-" in alert else f"/console/history/{alert}"


def address(asked: QueryParams, **changed: str) -> str:
    """The same page with another part of it."""
    kept = {name: value for name, value in asked.items() if value and name not in ("did", "fault")}
    return "?" + urlencode({name: value for name, value in (kept | changed).items() if value})


def _begin(text: str, zone: tzinfo, *, after: int = 0) -> Millis | None:
    """Of the day, or of so many days later; None where it is no day."""
    try:
        return begins(date.fromisoformat(text) + timedelta(days=after), zone)
    except (ValueError, OverflowError):
        return None


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


ROUTES = (
    Route("/console/messages", show),
    Route("/console/messages", act, methods=["POST"]),
)
