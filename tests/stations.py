"""A station in the field: a paho client on the broker that publishes at QoS 1, and keeps what it is sent."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.waiting import WITHIN_S, wait_until


class Heard(NamedTuple):
    """One message as the broker handed it over. `at` by the monotonic clock."""

    topic: str
    payload: bytes
    retain: bool
    at: float


class Station:
    """A context manager: connected inside, and again after a loss. What the broker has not acknowledged is
    published again.

    With a `client_id` its session outlives the connection, else it is a clean one. `on_heard` is called in
    the client's thread.
    """

    def __init__(
        self,
        port: int,
        *topics: str,
        client_id: str = "",
        on_heard: Callable[[Heard], None] | None = None,
        **login: Any,
    ) -> None:
        self.heard: list[Heard] = []
        self.acknowledged_at: dict[int, float] = {}
        """By the number that `publish` gave, on the monotonic clock."""
        self._payloads: list[bytes] = []
        self._numbers: dict[int, int] = {}
        self._acknowledgements: deque[tuple[int, float]] = deque()
        self._books = threading.Lock()
        self._port = port
        self._topics = topics
        self._on_heard = on_heard
        self._subscribed = threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=not client_id
        )
        self._client.max_inflight_messages_set(1_000)
        self._client.reconnect_delay_set(1, 1)
        if login:
            self._client.username_pw_set(login["username"], login["password"])
        self._client.on_message = self._on_message
        self._client.on_publish = self._on_publish
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()

    def __enter__(self) -> Self:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        wait_until(self.connected, "the station is connected")
        if self._topics:
            assert self._subscribed.wait(WITHIN_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int:
        """Hands it to the client and returns its number; `wait_acknowledged` tells that the broker has it."""
        with self._books:
            number = len(self._payloads)
            self._payloads.append(payload)
            self._numbers[self._client.publish(topic, payload, qos=1, retain=retain).mid] = number
            self._note()
            return number

    def connected(self) -> bool:
        return self._client.is_connected()

    def acknowledged(self) -> list[bytes]:
        """The payloads that the broker has taken over, in the order in which they were published."""
        with self._books:
            self._note()
            return [self._payloads[number] for number in sorted(self.acknowledged_at)]

    def wait_acknowledged(self) -> None:
        wait_until(self._all_taken, "the broker has taken everything")

    def wait_heard(self, number: int, within: float = WITHIN_S) -> list[Heard]:
        wait_until(lambda: len(self.heard) >= number, f"{number} messages are heard", within)
        return self.heard

    def _all_taken(self) -> bool:
        with self._books:
            self._note()
            return not self._numbers

    def _note(self) -> None:
        """Under the lock, which paho's thread must not wait for: it holds one that `publish` needs."""
        while self._acknowledgements:
            mid, at = self._acknowledgements.popleft()
            self.acknowledged_at[self._numbers.pop(mid)] = at

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        if self._topics:
            client.subscribe([(topic, 1) for topic in self._topics])

    def _on_message(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        heard = Heard(message.topic, message.payload, message.retain, time.monotonic())
        self.heard.append(heard)
        if self._on_heard:
            self._on_heard(heard)

    def _on_publish(self, _client: object, _data: object, mid: int, *_: object) -> None:
        self._acknowledgements.append((mid, time.monotonic()))
