"""`/api/v1/stream`: what has changed, as Server-Sent Events, for pages that live without being asked anew."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from devices.frame import Millis
from hub.clock import monotonic
from hub.console.access import ConsoleRole, console_of, needs, user_of
from hub.console.api.frame import PREFIX, Problem, refusal
from hub.console.live import Changes, Listener

BEAT_S = 15.0
"""So often a line goes out, that a proxy or a phone does not take the connection for dead."""
LASTS_S = 600.0
"""Then the browser asks again, with its session."""
APART_S = 1.0


class Changed(Struct, frozen=True):
    """Ids, sorted. What they are now is at `/alerts`, `/devices` and `/deterrents`."""

    at: Millis
    alerts: list[str]
    devices: list[str]
    sirens: list[str]
    messages: bool
    town: bool


@needs(ConsoleRole.VIEWER)
async def stream(request: Request) -> Response:
    live = console_of(request).live
    if live.is_full:
        return refusal(Problem(503, "full", "too many pages are open"))
    until_gone = ExitStack()
    listener = until_gone.enter_context(live.listening())
    return Stream(_told(request, listener), until_gone)


class Stream(StreamingResponse):
    """Counts as open before its first word, that of many who ask at once no more stay than may."""

    def __init__(self, words: AsyncIterator[bytes], until_gone: ExitStack) -> None:
        super().__init__(words, media_type="text/event-stream")
        self._until_gone = until_gone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._until_gone:
            await super().__call__(scope, receive, send)


async def _told(request: Request, listener: Listener) -> AsyncIterator[bytes]:
    """`hello`, and then `changed` at most once a second. Ends after a while, and with the session."""
    console = console_of(request)
    yield b"retry: 2000\n" + _event("hello", {"news_at": console.live.news_at})
    until = monotonic() + LASTS_S
    while not listener.has_ended and monotonic() < until and user_of(request):
        changes = await listener.take(BEAT_S)
        if not user_of(request):
            return
        if changes:
            yield _event("changed", _changed(changes, console.pages.now()))
            await asyncio.sleep(APART_S)
        else:
            yield b": here\n\n"


def _changed(changes: Changes, now: Millis) -> Changed:
    return Changed(
        at=now,
        alerts=sorted(changes.alerts),
        devices=sorted(changes.devices),
        sirens=sorted(changes.sirens),
        messages=changes.messages,
        town=changes.town,
    )


def _event(name: str, data: object) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n"


ROUTES = (Route(f"{PREFIX}/stream", stream),)
