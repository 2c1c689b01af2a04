"""`/console/me`: one's own password, and where one is logged in."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hub.console import access
from hub.console.access import ConsoleRole, act_of, console_of, needs, render
from hub.console.login import begin, is_password
from hub.console.users import password_fault
from hub.wording.values import format_time


@needs(ConsoleRole.VIEWER)
async def show(request: Request) -> Response:
    return _page(request)


@needs(ConsoleRole.VIEWER)
async def change(request: Request) -> Response:
    """A new password ends every session; this browser gets a new one."""
    console, found = console_of(request), access.session_of(request)
    async with request.form() as form:
        old, new, again = (str(form.get(field, "")) for field in ("old", "new", "again"))
    if found is None:
        return _page(request)
    name = found[1].user
    fault = password_fault(new, name) or ("again" if new != again else "")
    if not fault and not await is_password(console, name, old):
        fault = "old"
    if fault:
        return _page(request, fault)
    act = act_of(request, "user_password", name, password=await console.passwords.hashed(new))
    lang = request.query_params.get("lang", "")
    return await begin(request, name, RedirectResponse(f"/console/me?did=password&lang={lang}", 303), act)


def _page(request: Request, fault: str = "") -> Response:
    console, found = console_of(request), access.session_of(request)
    now, zone = console.pages.now(), console.pages.town.zone_info
    own = [
        {
            "address": session.address,
            "since": format_time(session.since, now, zone),
            "seen": format_time(session.seen, now, zone),
            "this": key == found[0],
        }
        for key, session in console.sessions.items()
        if found and session.user == found[1].user
    ]
    did = "password" if request.query_params.get("did") == "password" and not fault else ""
    return render(
        request, "console_me.html", status=422 if fault else 200, sessions=own, fault=fault, did=did
    )


ROUTES = (
    Route("/console/me", show),
    Route("/console/me", change, methods=["POST"]),
)
