"""A station in the field: a paho client on the broker that publishes at QoS 1, and keeps what it is sent."""

import threading
import time
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
    """A context manager: connected inside, with a clean session. Up to 65,000 messages."""

    def __init__(self, port: int, *topics: str, **login: Any) -> None:
        self.heard: list[Heard] = []
        self._published: dict[int, bytes] = {}
        self._taken: set[int] = set()
        self._port = port
        self._topics = topics
        self._subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.max_inflight_messages_set(1_000)
        if login:
            self._client.username_pw_set(login["username"], login["password"])
        self._client.on_message = self._on_message
        self._client.on_publish = self._on_publish
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()

    def __enter__(self) -> Self:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        wait_until(self._client.is_connected, "the station is connected")
        if self._topics:
            assert self._subscribed.wait(WITHIN_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Hands it to the client; `wait_acknowledged` tells that the broker has it."""
        self._published[self._client.publish(topic, payload, qos=1, retain=retain).mid] = payload

    def acknowledged(self) -> list[bytes]:
        """The payloads that the broker has taken over."""
        return [payload for mid, payload in list(self._published.items()) if mid in self._taken]

    def wait_acknowledged(self) -> None:
        wait_until(lambda: len(self._taken) == len(self._published), "the broker has taken everything")

    def wait_heard(self, number: int, within: float = WITHIN_S) -> list[Heard]:
        wait_until(lambda: len(self.heard) >= number, f"{number} messages are heard", within)
        return self.heard

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        if self._topics:
            client.subscribe([(topic, 1) for topic in self._topics])

    def _on_message(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        self.heard.append(Heard(message.topic, message.payload, message.retain, time.monotonic()))

    def _on_publish(self, _client: object, _data: object, mid: int, *_: object) -> None:
        self._taken.add(mid)
