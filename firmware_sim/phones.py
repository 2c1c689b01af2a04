"""The people's phones: a mail server and a web server on free loopback ports, which keep what arrives."""

import asyncio
import contextlib
import json
import threading
import weakref
from collections.abc import Callable
from email import message_from_bytes
from email.header import decode_header, make_header
from enum import StrEnum
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from aiosmtpd.smtp import SMTP, Envelope, Session

from devices.frame import Millis
from hub.clock import SystemClock

if TYPE_CHECKING:
    from firmware_sim.browser import Browser

LARGEST_REQUEST = 1_000_000
PUSH = "/push/"
"""Before the name of a browser."""


class Received(NamedTuple):
    """One message as a phone shows it. `headers` in lower case: of the mail, or of the request."""

    channel: str
    """mail, ntfy, line, telegram, sms, push or json."""
    to: str
    """Mail address, ntfy topic, LINE user id, Telegram chat, telephone number, name of a browser, or path."""
    title: str
    body: str
    at: Millis
    headers: dict[str, str]
    call: dict[str, Any]
    """The JSON of the request, or what a browser deciphered; empty for a mail."""


class Behaviour(StrEnum):
    """How one address answers; what has no behaviour answers well."""

    REFUSE = "refuse"
    """Mail 550, push 403."""
    FAIL = "fail"
    """Mail 451, push 500."""
    BUSY = "busy"
    """Push 429."""
    USED_UP = "used up"
    """Push 429, as LINE says that the month's messages are used up."""
    GONE = "gone"
    """Push 410."""
    HANG = "hang"
    """Neither takes the message nor answers."""
    MUTE = "mute"
    """Takes the message and does not answer."""
    SLOW = "slow"
    """Answers well after `slow_s`."""


REFUSALS = {
    Behaviour.REFUSE: ("403 Forbidden", "{}"),
    Behaviour.FAIL: ("500 Internal Server Error", "{}"),
    Behaviour.BUSY: ("429 Too Many Requests", '{"message":"The API rate limit has been exceeded."}'),
    Behaviour.USED_UP: ("429 Too Many Requests", '{"message":"You have reached your monthly limit."}'),
    Behaviour.GONE: ("410 Gone", "{}"),
}
ANSWERS = {
    "sms": ("200 OK", '{"result":{"message_id":1,"status":"ok"}}'),
    "push": ("201 Created", ""),
}
"""Where it is not 200 and an empty object."""


class Phones:
    """Both servers in one thread of their own. `start()` returns with the ports open; also a context manager.

    `arrived` is called in that thread for each message. LINE calls are understood at any path.
    """

    def __init__(self, *, slow_s: float = 0.2, arrived: Callable[[Received], None] | None = None) -> None:
        self.inbox: list[Received] = []
        self.mail_port = 0
        self.http_port = 0
        self.slow_s = slow_s
        self.browsers: dict[str, Browser] = {}
        """By name; `subscribe` makes one."""
        self._taken: set[str] = set()
        """Retry keys of LINE calls that were taken."""
        self.behaviours: dict[str, Behaviour] = {}
        """Address -> how it answers; may be changed at any time."""
        self._asked: list[str] = []
        self._arrived = arrived
        self._mail_connections: weakref.WeakSet[SMTP] = weakref.WeakSet()
        self._news = threading.Condition()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None

    # --- for those who use it -----------------------------------------------------------------

    def start(self) -> Self:
        started = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(started,), name="phones", daemon=True)
        self._thread.start()
        started.wait()
        return self

    def stop(self) -> None:
        """Closes both ports and every connection that still waits."""
        if self._loop and self._stopping and self._thread:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
            self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def line_url(self) -> str:
        """What stands in for LINE's push endpoint."""
        return f"http://127.0.0.1:{self.http_port}/v2/bot/message/push"

    def subscribe(self, name: str) -> str:
        """A browser asks for notifications: its subscription, as JSON. Needs the extra `push`."""
        from firmware_sim.browser import Browser  # noqa: PLC0415 (cryptography: only where it is asked for)

        self.browsers[name] = Browser()
        return self.browsers[name].subscription(f"http://127.0.0.1:{self.http_port}{PUSH}{name}")

    def asked(self, address: str) -> int:
        """How often a message for this address was offered, taken or not."""
        with self._news:
            return self._asked.count(address)

    def wait_until(self, told: Callable[[], bool], seconds: float = 10.0) -> bool:
        """Blocks until `told()` is true of the inbox or of `asked`; False where it did not come to that."""
        with self._news:
            return self._news.wait_for(told, seconds)

    # --- the thread ---------------------------------------------------------------------------

    def _serve(self, started: threading.Event) -> None:
        asyncio.run(self._main(started))

    async def _main(self, started: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        mail = await self._loop.create_server(self._open_mail, "127.0.0.1", 0)
        push = await asyncio.start_server(self._push, "127.0.0.1", 0)
        self.mail_port = mail.sockets[0].getsockname()[1]
        self.http_port = push.sockets[0].getsockname()[1]
        started.set()
        await self._stopping.wait()
        mail.close()
        push.close()
        for connection in self._mail_connections:
            if connection.transport:
                connection.transport.close()
        waiting = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*waiting, return_exceptions=True)

    def _open_mail(self) -> SMTP:
        connection = SMTP(_Postbox(self), hostname="phones.invalid", loop=self._loop)
        self._mail_connections.add(connection)
        return connection

    def note(self, address: str) -> Behaviour | None:
        """Someone offers a message for `address`."""
        with self._news:
            self._asked.append(address)
            self._news.notify_all()
        return self.behaviours.get(address)

    def keep(self, received: Received) -> None:
        with self._news:
            self.inbox.append(received)
            self._news.notify_all()
        if self._arrived:
            self._arrived(received)

    async def never(self) -> None:
        """Until the servers stop; then the line is dead."""
        if self._stopping:
            await self._stopping.wait()
        raise ConnectionError("stopped")

    async def _push(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            path, headers, body = await _read_request(reader)
            status, answer = await self._take(path, headers, body)
            head = f"HTTP/1.1 {status}\r\nContent-Length: {len(answer)}\r\nConnection: close\r\n\r\n"
            writer.write(f"{head}{answer}".encode())
            await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def _take(self, path: str, headers: dict[str, str], body: bytes) -> tuple[str, str]:
        """Status and answer to one request."""
        try:
            received = self._understand(path, headers, body)
        except (ValueError, LookupError, TypeError):
            return "400 Bad Request", "{}"
        behaviour = self.note(received.to)
        if behaviour is Behaviour.HANG:
            await self.never()
        if behaviour in REFUSALS:
            return REFUSALS[behaviour]
        key = headers.get("x-line-retry-key", "")
        if key in self._taken:
            return "409 Conflict", '{"message":"The retry key is already accepted"}'
        self._taken |= {key} - {""}
        self.keep(received)
        if behaviour is Behaviour.MUTE:
            await self.never()
        if behaviour is Behaviour.SLOW:
            await asyncio.sleep(self.slow_s)
        return ANSWERS.get(received.channel, ("200 OK", "{}"))

    def _understand(self, path: str, headers: dict[str, str], body: bytes) -> Received:
        at = SystemClock().now()
        if path.startswith(PUSH):
            name = path.removeprefix(PUSH)
            call = self.browsers[name].read(body)
            return Received("push", name, call["title"], call["body"], at, headers, call)
        return understand(path, headers, json.loads(body), at)


def understand(path: str, headers: dict[str, str], call: dict[str, Any], at: Millis) -> Received:
    """A JSON call in the form of ntfy, of LINE's Messaging API, of Telegram's bots, of an SMSEagle, or of
    Apprise's `json://`."""
    to, title, body = path, call.get("title", ""), call.get("message", "")
    if "messages" in call:
        channel, to, body = "line", call["to"], call["messages"][0]["text"]
    elif "chat_id" in call:
        channel, to, body = "telegram", str(call["chat_id"]), call["text"]
    elif "params" in call:
        channel, to, body = "sms", call["params"]["to"], call["params"]["message"]
    elif "topic" in call:
        channel, to = "ntfy", call["topic"]
    else:
        channel, body = "json", call["message"]
    return Received(channel, to, title, body, at, headers, call)


async def _read_request(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    path = head[0].split(" ")[1]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    length = min(int(headers.get("content-length", 0)), LARGEST_REQUEST)
    return path, headers, await reader.readexactly(length)


def read_mail(content: bytes) -> tuple[dict[str, str], str]:
    """Headers, decoded, and the first plain text. The modern policy of `email` would take 1.6 ms a mail."""
    mail = message_from_bytes(content)
    headers = {
        name.lower(): str(make_header(decode_header("".join(str(value).splitlines()))))
        for name, value in mail.items()
    }
    part = next((part for part in mail.walk() if part.get_content_type() == "text/plain"), None)
    payload = part.get_payload(decode=True) if part else b""
    charset = (part.get_content_charset() if part else None) or "utf-8"
    return headers, payload.decode(charset, "replace") if isinstance(payload, bytes) else ""


class _Postbox:
    """What aiosmtpd asks about a mail. The method names are aiosmtpd's."""

    def __init__(self, phones: Phones) -> None:
        self.phones = phones

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server, session, options
        behaviour = self.phones.note(address)
        if behaviour is Behaviour.HANG:
            await self.phones.never()
        if behaviour is Behaviour.REFUSE:
            return "550 no such user here"
        if behaviour is Behaviour.FAIL:
            return "451 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        del server, session
        content = envelope.content or b""
        headers, body = read_mail(content if isinstance(content, bytes) else content.encode())
        for address in envelope.rcpt_tos:
            self.phones.keep(
                Received("mail", address, headers.get("subject", ""), body, SystemClock().now(), headers, {})
            )
            behaviour = self.phones.behaviours.get(address)
            if behaviour is Behaviour.MUTE:
                await self.phones.never()
            if behaviour is Behaviour.SLOW:
                await asyncio.sleep(self.phones.slow_s)
        return "250 OK"
