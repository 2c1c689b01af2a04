"""`/login` and `/logout`."""

import asyncio
import re
import secrets
from typing import Any

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hub.clock import monotonic
from hub.console import access, sessions
from hub.console.access import Console, ConsoleRole, Failed, address_of, console_of, is_own, needs, render
from hub.console.users import LONGEST, LONGEST_IDENTITY
from hub.model import Act

SLOWER_S = 2.0
"""Before another guess where many were made for one name. None is refused: its owner may be among them."""
TOLD_S = 60.0
"""Failed logins for one user are written down at most so often, with their number."""
PATH = re.compile(r"/(?![/\\])[A-Za-z0-9_\-./?=&%+:,]*")
HOME = "/console"


async def show(request: Request) -> Response:
    then = request.query_params.get("next", "")
    if access.user_of(request):
        return RedirectResponse(_next(then), 303)
    answer = _page(request, then)
    answer.background = BackgroundTask(_write_failed, console_of(request))
    return answer


async def log_in(request: Request) -> Response:
    """A new session, whatever the browser had before. Wrong names and wrong passwords get the same words."""
    console = console_of(request)
    if not is_own(request, strictly=True):
        return render(request, "console_notice.html", status=403, why="form")
    async with request.form() as form:
        name = str(form.get("name", "")).strip().lower()[:LONGEST_IDENTITY]
        password, then = str(form.get("password", "")), str(form.get("next", ""))
    if not console.by_address.allows(address_of(request)):
        answer = _page(request, then, name=name, fault="busy", status=429)
        answer.headers["retry-after"] = "10"
        return answer
    if not await is_password(console, name, password):
        known = name if name in console.accounts else ""
        failed = console.failed.setdefault(known, Failed())
        failed.count, failed.address = failed.count + 1, address_of(request)
        answer = _page(request, then, name=name, fault="wrong", status=401)
        answer.background = BackgroundTask(_write_failed, console)  # after: a write would tell who is known
        return answer
    return await begin(request, name, RedirectResponse(_next(then), 303))


async def is_password(console: Console, name: str, password: str) -> bool:
    """Whether it is the password of this user, who need not exist. Slowly, where many ask."""
    if not console.by_name.allows(name):
        await asyncio.sleep(SLOWER_S)
    account = console.accounts.get(name)
    right = await console.passwords.matches(account.password if account else None, password[: LONGEST + 1])
    return right and console.accounts.get(name) == account


async def begin(request: Request, name: str, answer: Response, *before: Act) -> Response:
    """After the acts `before`, a session for this user in place of the browser's; with its cookie."""
    token = secrets.token_urlsafe(sessions.TOKEN_BYTES)
    origin = {"from": address_of(request)}

    def act(kind: str, user: str, key: str) -> Act:
        return Act(0, 0, f"user:{user}", "console", kind, user, form={"key": key} | origin)

    former = access.session_of(request)
    ended = [act("logout", former[1].user, former[0])] if former else []
    begun = act("login", name, sessions.key_of(token))
    await console_of(request).pages.hub.do(*before, *ended, begun)
    access.put_cookie(request, answer, token)
    return answer


@needs(ConsoleRole.VIEWER)
async def log_out(request: Request) -> Response:
    """Of this browser; with `everywhere` in the form of all."""
    async with request.form() as form:
        everywhere = "everywhere" in form
    answer = RedirectResponse(f"/login?out&lang={request.query_params.get('lang', '')}", 303)
    if found := access.session_of(request):
        key, session = found
        said = {} if everywhere else {"key": key}
        await console_of(request).pages.hub.do(access.act_of(request, "logout", session.user, **said))
        access.put_cookie(request, answer, "")
    return answer


async def _write_failed(console: Console) -> None:
    """What has failed since, once a minute for each user, so that a flood is a line and not a thousand."""
    now = monotonic()
    acts = []
    for user, failed in console.failed.items():
        if failed.count and (failed.written_at is None or now - failed.written_at >= TOLD_S):
            form = {"count": str(failed.count), "from": failed.address}
            acts.append(Act(0, 0, "", "console", "login_failed", user, form=form))
            failed.count, failed.written_at = 0, now
    if acts:
        await console.pages.hub.do(*acts)


def _next(asked: str) -> str:
    """A page of this hub, and no way out of it."""
    return asked if PATH.fullmatch(asked) and not asked.startswith("/log") else HOME


def _page(request: Request, then: str, *, name: str = "", fault: str = "", status: int = 200) -> Response:
    console = console_of(request)
    nobody = not console.accounts and not console.settings.identity_header
    values: dict[str, Any] = {"name": name, "fault": fault, "next": _next(then), "nobody": nobody}
    out = "out" in request.query_params and not fault
    return render(request, "login.html", status=status, out=out, **values)


ROUTES = (
    Route("/login", show),
    Route("/login", log_in, methods=["POST"]),
    Route("/logout", log_out, methods=["POST"]),
)
