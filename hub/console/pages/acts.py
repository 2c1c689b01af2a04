"""`/console/acts`: who did what, when, and from which address; for admins."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub.config.town import Town
from hub.console.access import ConsoleRole, lang_of, needs, render
from hub.console.api.frame import Call, call_of
from hub.console.views import past
from hub.console.views.open_alerts import signed
from hub.ledger.views import acts
from hub.model import Act
from hub.web.words import known, plain
from hub.wording.values import clean, words

PAGE = 100
FIRST = 2**62
OF_USERS = frozenset({"login", "logout", "login_failed"})
"""And all that begin with `user_`."""
OF_PEOPLE = frozenset({"test_send", "test_heard", "invite", "enrol", "prefer", "browser", "leave_town"})
"""Their forms hold addresses."""
TOLD = ("role", "for", "eta", "minutes", "label", "result", "reason")
"""The fields of the other forms that say what was done."""


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
        "time": past.local(act.at, call.town.zone_info),
        "who": signed(call.town, act.who) if act.who else "",
        "from": act.form.get("from", act.source),
        "what": plain(lang, key) if known(key) else act.kind,
        "target": _target(act, call.town, lang),
        "detail": _detail(act, call.town, lang),
        "count": act.form.get("count", "") if act.kind == "login_failed" else "",
    }


def _target(act: Act, town: Town, lang: str) -> str:
    """A device or person by its name; a user, an alert and the rest by its id."""
    if act.kind in OF_USERS or act.kind.startswith("user_"):
        return act.target
    if act.kind in OF_PEOPLE:
        person = town.people.get(act.target)
        return person.name if person else act.target
    device = town.devices.get(act.target.removeprefix("device/"))
    if device is None:
        return act.target
    return device.name_en if lang == "en" else device.name


def _detail(act: Act, town: Town, lang: str) -> str:
    """What was done, without anything secret and without what people said of themselves."""
    if act.kind in OF_PEOPLE:
        return ""
    said = [clean(act.detail)] if act.detail else []
    for name in TOLD:
        if value := act.form.get(name):
            said.append(plain(lang, f"acts.said_{name}", value=_value(name, value, town, lang)))
    return (", " if lang == "en" else "、").join(said)


def _value(name: str, value: str, town: Town, lang: str) -> str:
    """In words; what has none stands as it was given."""
    if name == "role" and known(f"console.role_{value}"):
        return plain(lang, f"console.role_{value}")
    if name == "for":
        return signed(town, value)
    if name == "label" and value in past.LABELS:
        return past.LABELS[value][lang == "en"]
    if name == "result" and value in words()["result"]:
        return words()["result"][value][lang == "en"]
    return clean(value)


ROUTES = (Route("/console/acts", show),)
