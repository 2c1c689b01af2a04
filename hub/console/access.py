"""Who is at the page, and may they do this: session cookie or a proxy's word, CSRF token, roles."""

import asyncio
import hmac
import secrets
from collections.abc import Awaitable, Callable
from functools import wraps
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import quote, urlsplit

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from hub.config.settings import Console as Settings
from hub.console import sessions
from hub.console.live import Live, ticks
from hub.console.passwords import Passwords
from hub.console.sessions import ConsoleSession
from hub.console.users import Account, ConsoleRole, User, is_identity, may, role_of
from hub.model import Act
from hub.web.guard import Haste
from hub.web.pages import Pages, language, pages_of

__all__ = ["ConsoleRole", "User", "act_of", "csrf_of", "may", "needs", "user_of"]

LOGINS_A_MINUTE = 10
"""From one address, and for one name."""
API = "/api/"
SAFE = frozenset({"GET", "HEAD"})
OWN = frozenset({"same-origin", "none"})
"""Sec-Fetch-Site of what our own pages or the person at the browser ask for."""

Handler = Callable[[Request], Awaitable[Response]]


class Console:
    """What the console of one hub holds while it runs. Handlers find it with `console_of`."""

    def __init__(self, pages: Pages, settings: Settings) -> None:
        self.pages = pages
        self.settings = settings
        self.live = Live(pages.hub)
        self.reporting = asyncio.Lock()
        """Held while a month is read and counted: one at a time."""
        pages.ending.append(self.live.end)
        self.passwords = Passwords()
        self.by_address = Haste(LOGINS_A_MINUTE)
        self.by_name = Haste(LOGINS_A_MINUTE)
        self.failed: dict[str, Failed] = {}
        """Logins that failed and are not yet written down, by the user they were for; empty: no such user."""
        self.proxies = [ip_network(one, strict=False) for one in settings.trusted_proxies]
        self.secret = secrets.token_hex(32)
        """Of the forms of who comes by a proxy's word and has no session."""

    @property
    def accounts(self) -> dict[str, Account]:
        return self.pages.hub.pipeline.state.rooms["user"]

    @property
    def sessions(self) -> dict[str, ConsoleSession]:
        return self.pages.hub.pipeline.state.rooms["session"]

    def trusts(self, peer: str) -> bool:
        """Whether a request that comes straight from this address may say who somebody is."""
        try:
            found = ip_address(peer)
        except ValueError:
            return False
        return any(found in network for network in self.proxies)


class Failed(Struct):
    """Counted since they were last written down."""

    count: int = 0
    address: str = ""
    """Of the last."""
    written_at: float | None = None


def console_of(request: Request) -> Console:
    console: Console = request.app.state.console
    return console


# --- who it is ------------------------------------------------------------------------------------


def user_of(request: Request) -> User | None:
    """By the session's cookie, else by the word of a proxy that the town trusts. Role and name as of now."""
    if found := session_of(request):
        _, session = found
        if account := console_of(request).accounts.get(session.user):  # a page may be made in a thread
            return User(session.user, account.role)
    return _by_proxy(request)


def session_of(request: Request) -> tuple[str, ConsoleSession] | None:
    """Its key and what is known of it, where the cookie is one of ours and its user is still there."""
    console = console_of(request)
    key = sessions.key_of(_token(request))
    session = console.sessions.get(key)
    if session is None or session.user not in console.accounts:
        return None
    return None if sessions.is_over(session, console.pages.now()) else (key, session)


def csrf_of(request: Request) -> str:
    """For the field `csrf` of a form or the header `x-csrf-token`; empty where nobody is logged in."""
    if session_of(request):
        return sessions.csrf_of(_token(request))
    user = _by_proxy(request)
    return sessions.csrf_of(f"{console_of(request).secret} {user.name}") if user else ""


def address_of(request: Request) -> str:
    return request.client.host if request.client else ""


def act_of(request: Request, kind: str, target: str, detail: str = "", **form: str) -> Act:
    """What this user does, with the address it comes from in the field `from`. For `hub.do`."""
    user = user_of(request)
    who = f"user:{user.name}" if user else ""
    return Act(0, 0, who, "console", kind, target, detail, form | {"from": address_of(request)})


def _token(request: Request) -> str:
    return request.cookies.get(cookie_name(request), "")[: sessions.LONGEST_TOKEN]


def _by_proxy(request: Request) -> User | None:
    """None: from somewhere else, no name, two names, or one that nobody has."""
    console = console_of(request)
    settings = console.settings
    if not settings.identity_header or not console.trusts(request.scope.get("naruko.peer", "")):
        return None
    named = request.headers.getlist(settings.identity_header)
    if len(named) != 1 or not is_identity(named[0]):
        return None
    said = ",".join(request.headers.getlist(settings.groups_header)) if settings.groups_header else ""
    return User(named[0], role_of((group.strip() for group in said.split(",")), settings.roles))


# --- the cookie -----------------------------------------------------------------------------------


def is_https(request: Request) -> bool:
    """Whether the browser speaks HTTPS with us or with the proxy before us."""
    hub_url = urlsplit(pages_of(request).town.site.hub_url)
    ours = hub_url.scheme == "https" and request.headers.get("host", "") == hub_url.netloc
    return request.url.scheme == "https" or ours


def cookie_name(request: Request) -> str:
    """With `__Host-` no other page of the domain can set it."""
    return "__Host-naruko" if is_https(request) else "naruko"


def put_cookie(request: Request, response: Response, token: str) -> None:
    """Empty: the browser forgets it."""
    response.set_cookie(
        cookie_name(request),
        token,
        max_age=sessions.LONGEST // 1000 if token else 0,
        path="/",
        secure=is_https(request),
        httponly=True,
        samesite="lax",
    )


# --- what it may ----------------------------------------------------------------------------------


def is_own(request: Request, *, strictly: bool = False) -> bool:
    """Whether a form comes from one of our own pages. `strictly`: its browser must say so."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site in OWN
    if origin is None:
        return not strictly
    hosts = {request.headers.get("host", ""), urlsplit(pages_of(request).town.site.hub_url).netloc}
    return urlsplit(origin).netloc in hosts - {""}


def needs(role: ConsoleRole) -> Callable[[Handler], Handler]:
    """Before a handler: who is not logged in goes to the login (401 where that is no page to look at), whose
    role is too low gets 403, and so does a form without its CSRF token or from another site."""

    def decorate(handler: Handler) -> Handler:
        @wraps(handler)
        async def guarded(request: Request) -> Response:
            request.state.asked_at = ticks()
            user = user_of(request)
            if user is None:
                return _to_login(request)
            if not may(user.role, role):
                return _refusal(request, "role", 403)
            if request.method not in SAFE and not await _is_genuine(request):
                return _refusal(request, "form", 403)
            _renew(request)
            return await handler(request)

        return guarded

    return decorate


async def _is_genuine(request: Request) -> bool:
    given = request.headers.get("x-csrf-token")
    if not is_own(request):
        return False
    if given is None and request.url.path.startswith(API):
        return False  # a form would use up the body
    if given is None:
        form = await request.form()
        given = str(form.get("csrf", ""))
    return hmac.compare_digest(given.encode(), csrf_of(request).encode())


def _renew(request: Request) -> None:
    """The ledger has it with the next save of what may be put off: a request writes nothing."""
    console = console_of(request)
    if found := session_of(request):
        key, session = found
        if (after := sessions.renewed(session, console.pages.now())) is not session:
            console.pages.hub.pipeline.state.put_off("session", key, after)


def _to_login(request: Request) -> Response:
    if request.method not in SAFE or request.url.path.startswith(API):
        return _refusal(request, "login", 401)
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/login?next={quote(asked, safe='/')}", 303)


def _refusal(request: Request, why: str, status: int) -> Response:
    if request.url.path.startswith(API):
        return JSONResponse({"error": why}, status)
    return render(request, "console_notice.html", status=status, why=why)


# --- pages ----------------------------------------------------------------------------------------


MENU = ("now", "map", "rivers", "devices", "messages", "deterrents", "history")
OWN_PAGES = {ConsoleRole.VIEWER: ("me",), ConsoleRole.OPERATOR: ("me",), ConsoleRole.ADMIN: ("me", "users")}


def lang_of(request: Request) -> str:
    """ja or en."""
    return "en" if language(request) == "en" else "ja"


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
    """A page in the frame of `console_base.html`, which knows `user`, `csrf`, `query` and `menu`.

    Forms of the console say from which page they come, unlike the pages whose address is a secret.
    """
    lang = lang_of(request)
    user = user_of(request)
    chosen = request.query_params.get("lang") in ("ja", "en")
    shown: dict[str, Any] = {
        "user": user,
        "menu": [(f"/console/{name}".removesuffix("/now"), name) for name in MENU + OWN_PAGES[user.role]]
        if user
        else [],
        "has_session": session_of(request) is not None,
        "csrf": csrf_of(request),
        "query": f"?lang={lang}" if chosen else "",
        "made_at": getattr(request.state, "asked_at", 0),
        "roles": list(ConsoleRole),
    }
    page = pages_of(request).render(request, template, lang, status=status, script=True, **(shown | values))
    page.headers["referrer-policy"] = "same-origin"
    return page
