"""An MQTT 3.1.1 broker (OASIS 2014) that does what a test tells it, and keeps what it hears in order."""

import asyncio
import contextlib
import struct
from collections.abc import Callable
from typing import NamedTuple, Self

from hub.config.policy import HealthPolicy
from hub.config.town import Town
from tests.hubs import at_broker
from tests.towns import pir, town
from tests.waiting import let_all_run

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 8, 9, 10, 11, 12, 13, 14

UP = "naruko/test/pir-1/up"
"""A topic of `village`."""


class Connect(NamedTuple):
    """What the client said in its CONNECT."""

    client_id: str
    clean_session: bool
    keepalive: int
    will_topic: str
    will_payload: bytes
    will_qos: int
    will_retain: bool
    username: str
    password: str


class Published(NamedTuple):
    """A PUBLISH of the client."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


class ScriptedBroker:
    """One client at a time, on a free loopback port. An async context manager.

    `said` holds the names of the packets of all connections in order, PUBACK with its packet id.
    """

    def __init__(self) -> None:
        self.port = 0
        self.session_present = False
        self.code = 0
        """Of its CONNACK: 5 is "not authorised"."""
        self.refuses: set[str] = set()
        """Topics that it answers with 0x80."""
        self.mute: set[int] = set()
        """Types of packets that it does not answer."""
        self.drops_on: set[int] = set()
        """Types of packets at which it hangs up, once each."""
        self.connects: list[Connect] = []
        self.subscribed: list[str] = []
        self.unsubscribed: list[str] = []
        self.published: list[Published] = []
        self.acknowledged: list[int] = []
        self.said: list[str] = []
        self.on_puback: Callable[[int], None] = lambda _: None
        self.open = 0
        """How many connections there are now."""
        self._writer: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server
        for listener in self._server.sockets:
            asyncio.get_running_loop().remove_reader(listener.fileno())
        await let_all_run()  # asyncio leaves a connection open that was let in just before the server's end
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    # --- what a test makes it do ----------------------------------------------------------------

    def publish(
        self, topic: str | bytes, payload: bytes, mid: int, *, dup: bool = False, retain: bool = False
    ) -> None:
        """QoS 1 with packet id `mid`; QoS 0 where that is 0."""
        name = topic if isinstance(topic, bytes) else topic.encode()
        flags = (8 if dup else 0) | (2 if mid else 0) | (1 if retain else 0)
        body = struct.pack("!H", len(name)) + name + (struct.pack("!H", mid) if mid else b"") + payload
        self._send(PUBLISH, body, flags)

    def hang_up(self) -> None:
        """As a power cut: what is under way is gone."""
        if self._writer:
            self._writer.transport.abort()

    # --- the wire -------------------------------------------------------------------------------

    def _send(self, kind: int, body: bytes, flags: int = 0) -> None:
        assert self._writer
        size, left = b"", len(body)
        while True:
            left, digit = divmod(left, 128)
            size += bytes([digit | (0x80 if left else 0)])
            if not left:
                break
        self._writer.write(bytes([kind << 4 | flags]) + size + body)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self._writer = writer
        self.open += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                first = (await reader.readexactly(1))[0]
                body = await reader.readexactly(await _length(reader))
                self._heard(first >> 4, first & 0xF, body)
                if first >> 4 == DISCONNECT:
                    break
        self.open -= 1
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        self._tasks.discard(task)

    def _heard(self, kind: int, flags: int, body: bytes) -> None:
        if kind == PUBACK:
            mid = _number(body)
            self.said.append(f"puback {mid}")
            self.acknowledged.append(mid)
            self.on_puback(mid)
            return
        self.said.append(NAMES.get(kind, str(kind)))
        if kind in self.drops_on:
            self.drops_on.discard(kind)
            self.hang_up()
        elif kind == CONNECT:
            self.connects.append(read_connect(body))
            self._answer(kind, CONNACK, bytes([self.session_present, self.code]))
        elif kind == SUBSCRIBE:
            topics = _topics(body[2:], with_qos=True)
            self.subscribed += topics
            codes = bytes(0x80 if topic in self.refuses else 1 for topic in topics)
            self._answer(kind, SUBACK, body[:2] + codes)
        elif kind == UNSUBSCRIBE:
            self.unsubscribed += _topics(body[2:], with_qos=False)
            self._answer(kind, UNSUBACK, body[:2])
        elif kind == PUBLISH:
            self._published(flags, body)
        elif kind == PINGREQ:
            self._answer(kind, PINGRESP, b"")

    def _answer(self, to: int, kind: int, body: bytes) -> None:
        if to not in self.mute:
            self._send(kind, body)

    def _published(self, flags: int, body: bytes) -> None:
        topic, rest = _text(body)
        qos = flags >> 1 & 3
        mid, payload = (rest[:2], rest[2:]) if qos else (b"", rest)
        self.published.append(Published(topic.decode(), payload, qos, bool(flags & 1)))
        if qos:
            self._answer(PUBLISH, PUBACK, mid)


NAMES = {CONNECT: "connect", PUBLISH: "publish", SUBSCRIBE: "subscribe", UNSUBSCRIBE: "unsubscribe",
         PINGREQ: "ping", DISCONNECT: "disconnect"}  # fmt: skip


def read_connect(body: bytes) -> Connect:
    """3.1 of the standard: protocol name, level, flags, keepalive, then the payload's fields."""
    _, rest = _text(body)
    flags, keepalive = rest[1], _number(rest[2:4])
    client_id, rest = _text(rest[4:])
    will_topic, will_payload, username, password = b"", b"", b"", b""
    if flags & 0x04:
        will_topic, rest = _text(rest)
        will_payload, rest = _text(rest)
    if flags & 0x80:
        username, rest = _text(rest)
    if flags & 0x40:
        password, rest = _text(rest)
    return Connect(
        client_id.decode(),
        bool(flags & 0x02),
        keepalive,
        will_topic.decode(),
        will_payload,
        flags >> 3 & 3,
        bool(flags & 0x20),
        username.decode(),
        password.decode(),
    )


async def _length(reader: asyncio.StreamReader) -> int:
    length = shift = 0
    while True:
        digit = (await reader.readexactly(1))[0]
        length |= (digit & 0x7F) << shift
        shift += 7
        if not digit & 0x80:
            return length


def _number(body: bytes) -> int:
    return int(struct.unpack("!H", body[:2])[0])


def _text(body: bytes) -> tuple[bytes, bytes]:
    end = 2 + _number(body)
    return body[2:end], body[end:]


def _topics(body: bytes, *, with_qos: bool) -> list[str]:
    topics = []
    while body:
        topic, body = _text(body)
        topics.append(topic.decode())
        body = body[1:] if with_qos else body
    return topics


def village(broker: ScriptedBroker, **mqtt: object) -> Town:
    """Two sensors whose hub listens at this broker."""
    plenty = HealthPolicy(max_per_minute=1_000_000)
    return at_broker(town([pir("pir-1"), pir("pir-2")], health=plenty), broker.port, **mqtt)
