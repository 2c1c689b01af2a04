"""What stands before every page: strict headers, limits of size and of haste, and a log without tokens."""

import asyncio
import logging
import re
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.clock import monotonic
from hub.links import Purpose

log = logging.getLogger("naruko.web")

TILES = "https://cyberjapandata.gsi.go.jp"


def policy(style: str = "", *, script: bool = False) -> str:
    """Content security policy: no style but ours; `style` stands in the page itself. No script at all, but on
    the two pages where a browser can subscribe to notifications."""
    mark = f" 'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'" if style else ""
    ours = "script-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; " if script else ""
    return (
        f"default-src 'none'; {ours}style-src 'self'{mark}; img-src 'self' {TILES}; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


HEADERS = {
    "content-security-policy": policy(),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex, nofollow",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "geolocation=(), microphone=(), camera=()",
}
FORM_BYTES = 64_000
UPLOAD_BYTES = 32_000_000
"""A picture and its form. More than is kept, so that who sends too much is told so on the form."""
SILENCE_S = 20.0
"""Without a byte of a form that has begun."""
NAMED = frozenset(
    {*Purpose, "static", "healthz", "readyz", "metrics", "worker.js", "login", "logout", "console", "api"}
)
"""What the log says of a path; the rest may be a token."""
ASKED_ALL_DAY = frozenset({"healthz", "readyz", "metrics", "static", "console", "api"})
"""By machines and by pages that keep themselves fresh: a usual answer is not said."""
OK = 200
REMEMBERED = 2_000
"""Addresses of whom the haste is known; the one not heard of for longest is forgotten first."""


class Haste:
    """So many at once and so many a minute for each address: a bucket that fills again. Bounded."""

    def __init__(self, a_minute: int, ask: Callable[[], float] = monotonic) -> None:
        self._most = float(a_minute)
        self._ask = ask
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, address: str) -> bool:
        """Counts one more of `address`; False: too many."""
        now = self._ask()
        left, then = self._left.pop(address, (self._most, now))
        left = min(self._most, left + (now - then) * self._most / 60)
        self._left[address] = max(left - 1, 0.0), now
        if len(self._left) > REMEMBERED:
            self._left.popitem(last=False)
        return left >= 1


class Guard:
    """ASGI: around all pages. What one address sends is counted; looking at a page is not."""

    def __init__(self, app: ASGIApp, posts: Haste) -> None:
        self.app = app
        self.posts = posts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        address = (scope.get("client") or ("",))[0]
        status = 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._put_headers(message)
            await send(message)

        try:
            if refusal := self._refusal(scope, address):
                await refusal(scope, receive, answer)
            else:
                await self.app(scope, _bounded(receive, _limit(scope)), answer)
        finally:
            first = scope["path"].strip("/").split("/")[0]
            usual = scope["method"] == "GET" and status == OK and first in ASKED_ALL_DAY
            level = logging.DEBUG if usual else logging.INFO
            log.log(level, "%s /%s %d", scope["method"], first if first in NAMED else "...", status)

    def _refusal(self, scope: Scope, address: str) -> PlainTextResponse | None:
        length = Headers(scope=scope).get("content-length", "0")
        if not re.fullmatch("[0-9]{1,12}", length) or int(length) > _limit(scope):
            return PlainTextResponse("too large\n", 413)
        if scope["method"] == "POST" and not self.posts.allows(address):
            return PlainTextResponse("too many\n", 429, headers={"retry-after": "60"})
        return None

    @staticmethod
    def _put_headers(message: Message) -> None:
        headers = MutableHeaders(scope=message)
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        headers.setdefault("cache-control", "no-store")
        if message["status"] >= 400:
            headers["connection"] = "close"  # what else is sent of a refused form is not waited for


class TooLargeError(Exception):
    """More than was announced, or than is taken."""


def _limit(scope: Scope) -> int:
    return UPLOAD_BYTES if scope["path"].startswith("/a/") else FORM_BYTES


def _bounded(receive: Receive, limit: int) -> Receive:
    taken, whole = 0, False

    async def bounded() -> Message:
        nonlocal taken, whole
        if whole:
            return await receive()  # that the browser has gone
        try:
            async with asyncio.timeout(SILENCE_S):
                message = await receive()
        except TimeoutError:
            raise ClientDisconnect from None
        taken += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if taken > limit:
            raise TooLargeError
        return message

    return bounded
