"""The pages as one edge of the hub: it may fail, be slow or be overrun, and no alert waits for it."""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.h11_impl import H11Protocol

from hub.clock import is_sane
from hub.config.settings import Web
from hub.web.guard import Guard, Haste, TooLargeError
from hub.web.pages import Pages, Refused, refuse
from hub.web.routes import ROUTES

if TYPE_CHECKING:
    from hub.app import Hub

log = logging.getLogger("naruko.web")

POSTS_A_MINUTE = 60
AT_ONCE = 100
"""Connections; more are answered with 503."""
IDLE_S = 20.0
"""For so long a connection may ask for nothing."""
ASKS_S = 900.0
"""From the first sign of a question to the last of its answer: a photo of 8 MB at 9 kB/s."""
RETRY_S = 10.0
FORGET_S = 21_600.0
"""How often pictures that are past their time are looked for."""


def application(pages: Pages) -> ASGIApp:
    """All pages of a hub. The guard stands around everything, also around what goes wrong within."""
    routes, console = [*ROUTES], None
    if pages.settings.console:
        from hub.console import access  # noqa: PLC0415 (only where there is one)
        from hub.console import routes as rooms  # noqa: PLC0415

        console = access.Console(pages, pages.settings.console)
        routes += rooms.ROUTES
    app = Starlette(
        routes=routes,
        exception_handlers=dict.fromkeys(
            (Refused, HTTPException, TooLargeError, ClientDisconnect, Exception), refuse
        ),
    )
    app.state.pages, app.state.console = pages, console
    app.router.redirect_slashes = False  # it would believe the Host header, and leave HTTPS
    return Guard(GZipMiddleware(app, compresslevel=5, thread_minimum_size=32_000), Haste(POSTS_A_MINUTE))


class Peer:
    """ASGI: notes from where a request comes straight, before a proxy's word for whom it speaks counts.

    `proxies`, and those of FORWARDED_ALLOW_IPS, are believed.
    """

    def __init__(self, app: ASGIApp, proxies: Iterable[str]) -> None:
        usual = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1").split(",")
        self.app = ProxyHeadersMiddleware(app, [*usual, *proxies])  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["naruko.peer"] = (scope.get("client") or ("",))[0]
        await self.app(scope, receive, send)  # type: ignore[arg-type]


class Connection(H11Protocol):
    """One of AT_ONCE: whoever asks for nothing, or takes too long over it, makes room for another."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._looks = self.loop.call_later(IDLE_S, self._look, None, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        self._looks.cancel()
        super().connection_lost(exc)

    def _look(self, before: object, looks: int) -> None:
        """`before`: what was asked at the last look; `looks`: for how many it has been the same."""
        asks = self.cycle is not None and not self.cycle.response_complete
        if self.cycle is before and (not asks or looks * IDLE_S >= ASKS_S):
            self.transport.abort()
            return
        again = looks + 1 if self.cycle is before else 1
        self._looks = self.loop.call_later(IDLE_S, self._look, self.cycle, again)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the hub's own: uvicorn would end the process before the ledger is closed."""
        yield


async def serve(hub: "Hub", settings: Web) -> None:
    """Until cancelled, and then within a second. A port that is taken is said, and tried again."""
    pages = Pages(hub, settings)
    config = uvicorn.Config(
        Peer(application(pages), settings.console.trusted_proxies if settings.console else ()),
        proxy_headers=False,
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level=logging.WARNING,
        server_header=False,
        http=Connection,
        ws="none",
        limit_concurrency=AT_ONCE,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=1,
    )
    await asyncio.to_thread(pages.prepare)
    with await _listening(settings) as listener:
        hub.web_port = listener.getsockname()[1]
        log.info("pages at %s:%d", settings.host, hub.web_port)
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]), name="naruko.web.server")
        forgetting = asyncio.create_task(_forget(pages), name="naruko.web.photos")
        try:
            await asyncio.shield(serving)
        finally:
            forgetting.cancel()
            for end in pages.ending:
                end()
            server.should_exit = True
            await asyncio.wait({serving})


async def _forget(pages: Pages) -> None:
    while True:
        now = pages.now()
        try:
            gone = await asyncio.to_thread(pages.photos.forget, now) if is_sane(now) else 0
            if gone:
                log.info("%d pictures past their time deleted", gone)
        except OSError as error:
            log.warning("pictures past their time: %s", error)
        await asyncio.sleep(FORGET_S)


async def _listening(settings: Web) -> socket.socket:
    said = False
    while True:
        try:
            family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
            listener = socket.create_server((settings.host, settings.port), family=family, backlog=AT_ONCE)
        except OSError as error:
            if not said:
                log.error(
                    "no pages: cannot listen on %s:%d (hub.yaml, web): %s; alerts go on, trying again",
                    settings.host, settings.port, error.strerror or error,
                )  # fmt: skip
            said = True
            await asyncio.sleep(RETRY_S)
        else:
            # asyncio leaves it out for sockets made so; each answer's body would wait 40 ms for an ACK.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return listener
