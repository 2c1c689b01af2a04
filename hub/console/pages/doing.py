"""The forms of the pages about alerts: what a button means, and the page that follows it."""

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hub.console import acting
from hub.console.api.frame import Call, Problem
from hub.web.alert import cause_of
from hub.web.office_view import ENDS

PLAIN = frozenset({"acknowledge", "confirm", "close"})
"""Acts that need no more than a tap."""
SILENCES = {"60": 60, "180": 180, "1440": 1_440}
"""Minutes."""
DID = PLAIN | {"silence", "cancel", "take", "siren_stop", *ENDS.values()}
FAULTS = frozenset({"over", "not_offered", "nothing", "goes", "person", "cause"})


async def do(call: Call, id: str, fields: dict[str, str]) -> dict[str, str]:
    """The act that is meant, on the alert `id`. Returns `did`, or the `fault` for which it was not done."""
    kind = fields.get("do", "")
    try:
        await _do(call, id, kind, fields)
    except Problem as problem:
        return {"fault": problem.said.error if problem.said.error in FAULTS else "over"}
    return {"did": kind}


async def _do(call: Call, id: str, kind: str, fields: dict[str, str]) -> None:
    if kind in PLAIN:
        await acting.on_alert(call, id, kind)
    elif kind == "silence":
        morning = acting.to_morning(call.now, call.town.zone_info)
        await acting.silence(call, id, SILENCES.get(fields.get("minutes", ""), morning))
    elif kind == "cancel":
        cause = cause_of(fields)
        if not cause:
            raise Problem(422, "cause")
        await acting.on_alert(call, id, "cancel", cause)
    elif kind == "take":
        eta = fields.get("eta", "")
        minutes = int(eta) if eta in map(str, acting.ETAS) else acting.ETAS[2]
        await acting.send(call, id, fields.get("person", ""), minutes)
    elif kind == "siren_stop":
        siren = fields.get("target", "")
        await (acting.stop_siren(call, siren) if siren else acting.stop_sirens(call, id))
    elif kind in ENDS.values():
        await acting.end(call, kind, fields.get("target", ""))
    else:
        raise Problem(409, "not_offered")


def back(request: Request, came: dict[str, str], at: str = "", path: str = "") -> Response:
    """To the page as it is now, which says what came of it."""
    lang = request.query_params.get("lang", "")
    query = came | ({"lang": lang} if lang in ("ja", "en") else {})
    return RedirectResponse(f"{path or request.url.path}?{urlencode(query)}{at}", 303)


def said(request: Request) -> dict[str, Any]:
    """What the page says of the act before it."""
    did, fault = request.query_params.get("did", ""), request.query_params.get("fault", "")
    return {"did": did if did in DID else "", "fault": fault if fault in FAULTS else ""}
