"""`/console/acts`: who did what, when, and from which address; for admins."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub.config.town import Town
from hub.console.access import ConsoleRole, lang_of, needs, render
from hub.console.api.frame import Call, call_of
from hub.console.views.open_alerts import signed
from hub.ledger.views import acts
from hub.model import Act
from hub.web.words import known, plain
from hub.wording.values import format_time

PAGE = 100
FIRST = 2**62


@needs(ConsoleRole.ADMIN)
async def show(request: Request) -> Response:
    call, asked = call_of(request), request.query_params.get("before", "")
    before = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 19 else FIRST
    found = await call.ledger.view(acts.newest, before, PAGE + 1)
    return render(
        request,
        "acts.html",
        rows=[_row(act, call, lang_of(request)) for act in found[:PAGE]],
        next=found[PAGE - 1].id if len(found) > PAGE else None,
    )


def _row(act: Act, call: Call, lang: str) -> dict[str, Any]:
    key = f"acts.kind_{act.kind}"
    return {
        "time": format_time(act.at, call.now, call.town.zone_info),
        "who": signed(call.town, act.who) if act.who else "",
        "from": act.form.get("from", act.source),
        "what": plain(lang, key) if known(key) else act.kind,
        "target": _target(act, call.town, lang),
        "count": act.form.get("count", "") if act.kind == "login_failed" else "",
    }


def _target(act: Act, town: Town, lang: str) -> str:
    """A device or person by its name, an alert and the rest by its id."""
    id = act.target.removeprefix("device/")
    if device := town.devices.get(id):
        return device.name_en if lang == "en" else device.name
    person = town.people.get(id)
    return person.name if person else act.target


ROUTES = (Route("/console/acts", show),)
