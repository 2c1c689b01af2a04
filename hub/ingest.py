"""MQTT in: the only file that imports aiomqtt. A message is acknowledged only after its commit."""

import asyncio
import contextlib
import logging
import random
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, NamedTuple, Self, TypeVar

import aiomqtt
import paho.mqtt.client as mqtt
from aiomqtt.exceptions import MqttConnectError

from hub.clock import Clock
from hub.config.settings import Mqtt
from hub.model import Message
from hub.readahead import Published, ReadAhead

log = logging.getLogger("naruko.ingest")

PUBACK = struct.Struct("!BBH")
"""MQTT 3.1.1, 3.4: type and flags, remaining length, packet id. Many go out in one write."""

TOPICS = 8192
"""Names of topics that are kept ready."""
BATCH = 250
"""Messages handled in one transaction at most: bounds how long an alarm waits behind a backlog."""
RETRY_FIRST_S = 0.8
RETRY_AT_MOST_S = 30.0
RETRY_STEPS = 10
"""From here on the wait grows no more."""
ANSWER_WITHIN_S = 10.0
"""A broker that has not answered by then is one that is away."""
FAREWELL_S = 1.0
REFUSED = 0x80
"""From here on a code of the SUBACK is a refusal."""

T = TypeVar("T")


GATHER_S = 1.0
"""A routine report waits so long for others: one write to the card for all of them, and one wake-up."""
WINDOW = 20
"""So many messages does Mosquitto send, as it comes, before it waits for the first PUBACK
(`max_inflight_messages`; the settings that we ship say 1,000)."""
STALLED_S = 0.02
"""It waits where nothing more has come for so long."""


class Delivery(NamedTuple):
    """One message and what its PUBACK needs."""

    message: Message
    mid: int
    qos: int


class Receiver(aiomqtt.Client):
    """aiomqtt which leaves the PUBACK to us and hands messages over in batches.

    `async for` over aiomqtt's own queue costs a task and two futures a message (16,000 messages/s); the
    receive hook is a list append (27,000/s, with the commit). A test holds the private names that this uses.
    """

    def __init__(self, *, clock: Clock, gather_s: float, **options: Any) -> None:
        super().__init__(**options)
        self._gather_s = gather_s
        self._gathering: asyncio.TimerHandle | None = None
        self._client.manual_ack_set(True)
        self._client.disable_logger()
        self._clock = clock
        self._arrived: list[Delivery] = []
        self._topics: dict[bytes, str] = {}
        self._wake = asyncio.Event()
        self._left = False
        self.session_present = False
        self.is_lost = False

    async def __aenter__(self) -> Self:
        try:
            return await heed_cancel(super().__aenter__())
        except BaseException:
            self._left = True
            self._client.disconnect()  # aiomqtt leaves a connection open that was not answered
            raise

    def _on_connect(
        self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any = None
    ) -> None:
        if self._left:  # its answer has come after we had been told to stop
            client.disconnect()
            return
        self.session_present = bool(flags.session_present)
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_disconnect(
        self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any = None
    ) -> None:
        """aiomqtt would wait its whole time for the answer of a broker that has hung up."""
        if self._left:
            return
        if not self._connected.done():
            self._connected.set_exception(aiomqtt.MqttError("hung up without an answer"))
        super()._on_disconnect(client, userdata, flags, reason_code, properties)

    def _on_published(self, published: Published) -> None:
        raw, payload, mid, qos, retain, dup = published
        topic = self._topics.get(raw)
        if topic is None:
            topic = raw.decode("utf-8", "replace")
            if len(self._topics) < TOPICS:
                self._topics[raw] = topic
        self._arrived.append(Delivery(Message(topic, payload, self._clock.now(), retain, dup), mid, qos))
        if self._gather_s == 0 or len(self._arrived) >= BATCH or may_be_urgent(topic, payload):
            self._wake.set()
        elif self._gathering is None:
            self._gathering = self._loop.call_later(self._gather_s, self._gathered)
        elif len(self._arrived) == WINDOW:
            self._loop.call_later(STALLED_S, self._stalled, WINDOW)

    def _gathered(self) -> None:
        self._gathering = None
        if self._arrived:
            self._wake.set()

    def _stalled(self, before: int) -> None:
        """A broker that sends no more may be waiting for us: there is no company to wait for."""
        if len(self._arrived) == before:
            self._wake.set()
        elif len(self._arrived) > before:
            self._loop.call_later(STALLED_S, self._stalled, len(self._arrived))

    def _on_socket_open(self, client: Any, userdata: Any, sock: Any) -> None:
        """paho is about to send its CONNECT: nothing can have come yet, and no packet is half read."""
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a siren does not wait for company
        client._sock = ReadAhead(sock, self._on_published)
        super()._on_socket_open(client, userdata, sock)

    async def batch(self) -> list[Delivery]:
        """What has arrived since the last call; waits for it. ConnectionError: the connection is gone.

        At most `BATCH`, and what came in the same millisecond as the last of them: after a crash a device's
        state is known to hold its messages up to a time.
        """
        await self._wake.wait()
        if self.is_lost:
            raise ConnectionError("connection lost")
        end = end_of_batch(self._arrived)
        taken, self._arrived = self._arrived[:end], self._arrived[end:]
        if not self._arrived:
            self._wake.clear()
        return taken

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """PUBACK. Only for deliveries of this connection: after a reconnect the broker sends them again.

        Goes out at once where nothing else waits to be written: one turn of the event loop less a batch.
        """
        packets = b"".join(PUBACK.pack(0x40, 2, delivery.mid) for delivery in deliveries if delivery.qos)
        if packets and not self._client._out_packet:
            with contextlib.suppress(OSError):  # a full or broken socket: the queue below finds out
                packets = packets[self._client._sock_send(packets) :]
        if packets:
            self._client._packet_queue(mqtt.PUBACK, packets, 0, 0)

    async def lost(self) -> None:
        """Returns when the connection is gone."""
        try:
            async for _ in self.messages:
                pass
        except aiomqtt.MqttError:
            return
        finally:
            self.is_lost = True
            self._wake.set()


class Broker:
    """The connection to the broker, kept up: waits for it at boot, comes back after a loss.

    `connected` is set while `publish` works. One loss and one return are logged once each, and once that a
    broker which is back refuses us.
    """

    def __init__(self, settings: Mqtt, site: str, clock: Clock, gather_s: float = GATHER_S) -> None:
        self.settings = settings
        self.gather_s = gather_s
        self.site = site
        self.clock = clock
        self.connected = asyncio.Event()
        self._client: Receiver | None = None

    def topics(self) -> set[str]:
        """What this site listens to."""
        own = {f"naruko/{self.site}/+/{leaf}" for leaf in ("up", "status", "done")}
        return own | set(self.settings.topics)

    async def publish(self, topic: str, payload: bytes) -> None:
        """QoS 1, never retained. Returns after the broker's PUBACK; raises OSError where there is none."""
        client = self._client
        if client is None:
            raise ConnectionError("the broker is not connected")
        try:
            await heed_cancel(client.publish(topic, payload, qos=1, retain=False))
        except aiomqtt.MqttError as error:
            raise ConnectionError(str(error)) from error

    async def run(
        self,
        handle: Callable[[list[Message]], Awaitable[None]],
        subscribed: Callable[[], set[str]],
        remember: Callable[[set[str], bool], Awaitable[None]],
    ) -> None:
        """Receives for ever. `handle` returns when its batch is committed; then the batch is acknowledged.

        `subscribed` and `remember` keep the topics of the persistent session over a restart, so that topics
        which have left the config are unsubscribed. `remember` is called at each connection, before anything
        of it is handled; its second argument says that the broker has forgotten our session.
        """
        attempt = 0
        where = f"broker {self.settings.host}:{self.settings.port}"
        away = refused = False
        while True:
            try:
                async with self._connect() as client:
                    lost = asyncio.create_task(client.lost(), name="naruko.ingest.lost")
                    try:
                        before = subscribed()
                        await _unless(lost, self._subscribe(client, before))
                        await remember(self.topics(), bool(before) and not client.session_present)
                        log.info("%s is back" if away else "%s connected", where)
                        attempt, away, refused = 0, False, False
                        await self._receive(client, handle)
                    except asyncio.CancelledError:
                        await self._say_offline(client)
                        raise
                    finally:
                        lost.cancel()
                        await asyncio.wait({lost})
            except (aiomqtt.MqttError, OSError) as error:
                refuses = isinstance(error, MqttConnectError)
                if not away or (refuses and not refused):
                    log.warning("%s: %s; trying again", where, error)
                away, refused = True, refused or refuses
            attempt += 1
            await asyncio.sleep(random.uniform(0.2, 1.0) * pause_after(attempt))  # noqa: S311 (jitter)

    def _connect(self) -> Receiver:
        settings = self.settings
        tls = ssl.create_default_context(cafile=settings.ca_file) if settings.tls else None
        return Receiver(
            clock=self.clock,
            gather_s=self.gather_s,
            hostname=settings.host,
            port=settings.port,
            identifier=settings.client_id,
            username=settings.username,
            password=settings.password.get_secret_value() if settings.password else None,
            tls_context=tls,
            clean_session=False,
            keepalive=30,
            timeout=ANSWER_WITHIN_S,
            will=aiomqtt.Will(self._status, b"offline", qos=1, retain=True),
        )

    @property
    def _status(self) -> str:
        return f"naruko-hub/{self.site}/status"

    async def _subscribe(self, client: Receiver, before: set[str]) -> None:
        wanted = self.topics()
        if before and not client.session_present:
            log.warning("the broker has forgotten our session: messages of the time away may be missing")
        for topic in sorted(before - wanted if client.session_present else set()):
            await client.unsubscribe(topic)
        topics = sorted(wanted)
        codes: Sequence[Any] = await client.subscribe([(topic, 1) for topic in topics])
        for topic, code in zip(topics, codes, strict=False):
            if code.value >= REFUSED:
                log.error("the broker refuses us the topic %s: nothing will be heard of it", topic)
        await client.publish(self._status, b"online", qos=1, retain=True)

    async def _say_offline(self, client: Receiver) -> None:
        """After a proper goodbye the broker does not publish our will."""
        with contextlib.suppress(aiomqtt.MqttError, OSError):
            await client.publish(self._status, b"offline", qos=1, retain=True, timeout=FAREWELL_S)

    async def _receive(
        self,
        client: Receiver,
        handle: Callable[[list[Message]], Awaitable[None]],
    ) -> None:
        """Until the connection is lost: ConnectionError. A batch that is under way is finished first."""
        self._client = client
        self.connected.set()
        try:
            while True:
                deliveries = await client.batch()
                await handle([delivery.message for delivery in deliveries])
                if not client.is_lost:
                    client.acknowledge(deliveries)
        finally:
            self._client = None
            self.connected.clear()


def end_of_batch(arrived: Sequence[Delivery]) -> int:
    end = min(BATCH, len(arrived))
    while end < len(arrived) and arrived[end].message.received_at == arrived[end - 1].message.received_at:
        end += 1
    return end


def may_be_urgent(topic: str, payload: bytes) -> bool:
    """All but our own reports without an event: those can wait for company."""
    return not (topic.startswith("naruko/") and topic.endswith("/up")) or b'"e"' in payload


def pause_after(attempt: int) -> float:
    """Seconds before the next try, at most; `attempt` counts from 1."""
    return min(RETRY_AT_MOST_S, RETRY_FIRST_S * 1.7 ** (min(attempt, RETRY_STEPS) - 1))


async def heed_cancel(work: Awaitable[T]) -> T:
    """Awaits what aiomqtt does with `asyncio.wait_for`.

    That, up to Python 3.11, forgets a cancellation which comes in the moment of the answer, or of the refusal
    (CPython 86296): who was to end would go on for ever.
    """
    try:
        return await work
    finally:
        if (task := asyncio.current_task()) and task.cancelling():
            raise asyncio.CancelledError


async def _unless(lost: asyncio.Task[None], work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns; ConnectionError as soon as the connection is lost."""
    task = asyncio.create_task(work, name="naruko.ingest.work")
    try:
        await asyncio.wait({task, lost}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ConnectionError("connection lost")
    finally:
        task.cancel()
        await asyncio.wait({task})
