"""`/console/deterrents`: sirens and flashes, what they do, and whether animals still run from them."""

from datetime import tzinfo
from functools import partial
from urllib.parse import urlencode

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from devices.frame import Millis
from hub.console import acting
from hub.console.access import ConsoleRole, lang_of, may, needs, render
from hub.console.api.deterrents import DeterrentsQuery, listed
from hub.console.api.frame import Problem, call_of
from hub.console.views.habituation import Week
from hub.days import wall
from hub.wording.values import format_time

PAGE = 60
MINUTE = 60_000
WIDTH, HEIGHT, FOOT = 40, 70, 36
"""Of one week's bar, its tallest, and the two lines below it, in the units of the drawing."""
STATES = {"sounding": "fault", "resting": "ok", "spent": "late", "maintenance": "maintenance", "ready": "ok"}
"""State -> the class of `console.css` with its sign and colour."""


class Bar(Struct, frozen=True):
    """One week in the drawing: `again` stands on top of what stayed away."""

    x: int
    y: float
    height: float
    again: float
    week: Week


@needs(ConsoleRole.VIEWER)
async def show(request: Request) -> Response:
    call, asked = call_of(request), request.query_params
    now, zone = call.now, call.town.zone_info
    text = asked.get("first", "")
    first = int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0
    question = DeterrentsQuery(first=first, limit=PAGE)
    found = await listed(call, question)
    end = question.first + len(found.deterrents)
    fault = asked.get("fault", "")
    return render(
        request,
        "deterrents.html",
        found=found,
        bars={one.id: bars(one.habituation.weeks) for one in found.deterrents if one.habituation},
        open_alerts={alert.id for alert in call.state.alerts.values()},
        sounding=sum(one.state == "sounding" for one in found.deterrents),
        may_stop=may(call.user.role, ConsoleRole.OPERATOR),
        states=STATES,
        width=WIDTH,
        height=HEIGHT,
        foot=FOOT,
        minutes=call.town.policy.wildlife.returned_within // MINUTE,
        weak=frozenset({"wearing_off", "weak"}),
        next=end if end < found.count else 0,
        left=min(PAGE, found.count - end),
        is_first=question.first == 0,
        did="stop" if asked.get("did") == "stop" else "",
        fault="siren" if fault == "siren" else "",
        time=partial(format_time, now=now, zone=zone),
        day=partial(day, zone=zone),
    )


@needs(ConsoleRole.OPERATOR)
async def act(request: Request) -> Response:
    """Switches off one, or `all`."""
    async with request.form() as form:
        siren = str(form.get("siren", ""))[:100]
    try:
        await acting.stop_siren(call_of(request), siren)
        came = {"did": "stop"}
    except Problem as problem:
        came = {"fault": problem.said.error}
    lang = {"lang": lang_of(request)} if "lang" in request.query_params else {}
    return RedirectResponse(f"{request.url.path}?{urlencode(came | lang)}#top", 303)


def day(at: Millis, zone: tzinfo) -> str:
    """`11/21`."""
    then = wall(at, zone)
    return f"{then.month}/{then.day}"


def bars(weeks: tuple[Week, ...]) -> list[Bar]:
    """As high as the busiest week is high."""
    most = max([1, *(week.judged for week in weeks)])
    return [
        Bar(
            x=number * WIDTH,
            y=HEIGHT - HEIGHT * week.judged / most,
            height=HEIGHT * week.judged / most,
            again=HEIGHT * week.again / most,
            week=week,
        )
        for number, week in enumerate(weeks)
    ]


ROUTES = (
    Route("/console/deterrents", show),
    Route("/console/deterrents", act, methods=["POST"]),
)
