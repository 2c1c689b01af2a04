"""`/console`: what is open, as a work queue; what is wrong with the system; what is kept quiet."""

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from devices.frame import Millis
from hub import model
from hub.config.town import Town
from hub.console.access import ConsoleRole, lang_of, may, needs, render
from hub.console.api.frame import Call, call_of
from hub.console.pages.doing import back, do, said
from hub.console.views.open_alerts import (
    Alert,
    in_office,
    in_order,
    signed,
    silent_until,
    sounding,
    tells,
    trouble,
    view,
    what,
)
from hub.ledger.views import alerts as ledger_alerts
from hub.ledger.views.alerts import Beside, Reach
from hub.model import AlertState
from hub.web.office_view import Hush, Line, hushes, is_in_hand, line
from hub.web.spans import DAY
from hub.wording.values import clean, format_time

MOST = 40
"""Alerts on one page: it stays light where a whole valley falls silent, and holds up nothing else."""
FACTS = 3
OVER = 12
"""Of what was closed within a day so many are shown."""
MOST_OVER = 200
NO_REACH = Beside((), Reach())


class Said(Struct, frozen=True):
    time: str
    text: str


class Card(Struct, frozen=True):
    """One open alert. `alert`: in both languages, with names for users; `line`: in the words of the page."""

    alert: Alert
    line: Line
    what: str
    facts: tuple[Said, ...]
    reach: Reach
    silent_until: str
    """Until when nothing is told of it; empty: all is told."""


class Ended(Struct, frozen=True):
    id: str
    mode: str
    time: str
    what: str
    place: str
    cancelled: bool
    cause: str


class System(Struct, frozen=True):
    """What is wrong with the hub itself, how many devices are silent, and what sounds (id, name)."""

    troubles: tuple[str, ...]
    silent: int
    sirens: tuple[tuple[str, str], ...]


@needs(ConsoleRole.VIEWER)
async def show(request: Request) -> Response:
    call = call_of(request)
    lang, now, town = lang_of(request), call.now, call.town
    found = in_order(call.state.alerts.values())
    start = _start(request, len(found))
    shown = found[start : start + MOST]
    beside = await call.ledger.view(ledger_alerts.beside, shown)
    over = await call.ledger.view(ledger_alerts.over_since, now - DAY, MOST_OVER)
    last = None if found or over else await call.ledger.view(ledger_alerts.last_over)
    return render(
        request,
        "now.html",
        cards=[card(alert, call, beside.get(alert.id, NO_REACH), lang=lang) for alert in shown],
        count=len(found),
        start=start,
        most=MOST,
        waiting=sum(not is_in_hand(alert) for alert in found),
        system=system(call, lang),
        hushes=[(hush, _by(call, hush)) for hush in hushes(call.state, town, now, lang=lang)],
        over=[ended(alert, town, now, lang) for alert in over[:OVER]],
        count_over=len(over),
        last=ended(last, town, now, lang) if last else None,
        at=format_time(now, now, town.zone_info),
        may_act=may(call.user.role, ConsoleRole.OPERATOR),
        **said(request),
    )


@needs(ConsoleRole.OPERATOR)
async def act(request: Request) -> Response:
    """One tap: done, and the list as it is then. What somebody else was quicker with is not done again."""
    async with request.form() as form:
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
    call, id = call_of(request), fields.get("alert", "")
    return back(request, await do(call, id, fields), f"#{id}" if id else "")


def _start(request: Request, count: int) -> int:
    """The number of the first alert that is shown, from 0: of the page that is asked for, or of the last."""
    asked = request.query_params.get("from", "")
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 0
    return min(number, max(count - 1, 0)) // MOST * MOST


def card(alert: model.Alert, call: Call, beside: Beside, *, lang: str) -> Card:
    town, now = call.town, call.now
    until = silent_until(alert, town, call.hub.pipeline.geofence, call.state, now)
    return Card(
        alert=view(alert, town, call.user, call.state, now),
        line=line(alert, town, in_office(call.user), now, lang=lang),
        what=what(alert, town.devices.get(alert.device), lang),
        facts=tuple(told(beside.events, town, now, lang))[:FACTS],
        reach=beside.reach,
        silent_until=format_time(until, now, town.zone_info) if until else "",
    )


def told(events: tuple[model.Event, ...], town: Town, now: Millis, lang: str) -> list[Said]:
    """What happened, in the order of `events`; without what has no words."""
    texts = [(event, tells(event, town, lang)) for event in events]
    return [Said(format_time(event.at, now, town.zone_info), text) for event, text in texts if text]


def ended(alert: model.Alert, town: Town, now: Millis, lang: str) -> Ended:
    return Ended(
        id=alert.id,
        mode=alert.mode.value,
        time=format_time(alert.closed_at or alert.updated_at, now, town.zone_info),
        what=what(alert, town.devices.get(alert.device), lang),
        place=alert.place_en if lang == "en" else alert.place,
        cancelled=alert.state is AlertState.CANCELLED,
        cause=clean(alert.cause),
    )


def system(call: Call, lang: str) -> System:
    rooms, town = call.state.rooms, call.town
    health = rooms["health"]
    sirens = [town.devices[id] for id in sounding(rooms["deterrent"], call.now) if id in town.devices]
    return System(
        troubles=tuple(trouble(f"hub/{kind}", lang) for kind, worry in rooms["hub"].items() if worry.since),
        silent=sum(
            id in health and health[id].silent_at != 0 and not device.maintenance
            for id, device in town.devices.items()
        ),
        sirens=tuple((siren.id, siren.name_en if lang == "en" else siren.name) for siren in sirens),
    )


def _by(call: Call, hush: Hush) -> str:
    """The name of who has begun it."""
    held = call.state.rooms[hush.room].get(hush.target)
    return signed(call.town, held.who) if held else hush.who


ROUTES = (Route("/console", show), Route("/console", act, methods=["POST"]))
