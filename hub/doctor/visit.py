"""One stay at the broker, in MQTT 5, which tells why it refuses; under a name of its own. Nothing is kept."""

import secrets
import ssl
import threading
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from hub.clock import monotonic
from hub.config.settings import Mqtt

WITHIN_S = 3.0
REFUSED = 0x80
"""From here on a code is a refusal."""
WRONG_VERSION = 0x84


class Visit:
    """A context manager once `connect` was called. Blocks, for each answer WITHIN_S at most.

    `said`: why it was not let in. `heard`: the topics of what came.
    """

    def __init__(self, settings: Mqtt, *, anonymous: bool = False, version: int = mqtt.MQTTv5) -> None:
        """OSError, ValueError: the file of issuers cannot be used."""
        self.said = ""
        self.code: int | None = None
        self.version = version
        self.heard: set[str] = set()
        self._settings = settings
        self._news = threading.Condition()
        self._granted: dict[int, list[int]] = {}
        self._published: dict[int, int] = {}
        client = self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"{settings.client_id}-doctor-{secrets.token_hex(3)}",
            protocol=MQTTProtocolVersion(version),
        )
        client.connect_timeout = WITHIN_S
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        if settings.username and not anonymous:
            secret = settings.password.get_secret_value() if settings.password else None
            client.username_pw_set(settings.username, secret)
        if settings.tls:
            client.tls_set_context(ssl.create_default_context(cafile=settings.ca_file))

    def __enter__(self) -> "Visit":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def connect(self, host: str) -> bool:
        """Whether it lets us in. OSError, ValueError: nobody is there."""
        self._client.connect(host, self._settings.port)
        self._client.loop_start()
        self._wait(lambda: self.code is not None)
        return self.code is not None and self.code < REFUSED

    def subscribe(self, topics: list[str]) -> list[str] | None:
        """Those that are refused; None where nothing is answered."""
        _, mid = self._client.subscribe([(topic, 0) for topic in topics])
        if mid is None or not self._wait(lambda: mid in self._granted):
            return None
        return [topic for topic, code in zip(topics, self._granted[mid], strict=False) if code >= REFUSED]

    def may_write(self, topic: str) -> bool | None:
        """Publishes an empty order there, not retained. None: the broker does not say (MQTT 3.1.1)."""
        mid = self._client.publish(topic, b"{}", qos=1, retain=False).mid
        answered = self._wait(lambda: mid in self._published)
        if not answered or self.version != mqtt.MQTTv5:
            return None
        return self._published[mid] < REFUSED

    def hears(self, topics: set[str]) -> bool:
        """Whether something comes on one of them."""
        return self._wait(lambda: topics & self.heard)

    def _wait(self, so: Any) -> bool:
        end = monotonic() + WITHIN_S
        with self._news:
            return bool(self._news.wait_for(so, max(0.0, end - monotonic())))

    # --- what paho calls in its thread ----------------------------------------------------------

    def _on_connect(self, client: Any, data: Any, flags: Any, code: Any, properties: Any) -> None:  # noqa: ARG002
        with self._news:
            self.code = code.value
            if code.is_failure:
                self.said = str(code)
            self._news.notify_all()
        if code.is_failure:
            client.disconnect()

    def _on_subscribe(self, client: Any, data: Any, mid: int, codes: Any, properties: Any) -> None:  # noqa: ARG002
        with self._news:
            self._granted[mid] = [code.value for code in codes]
            self._news.notify_all()

    def _on_publish(self, client: Any, data: Any, mid: int, code: Any, properties: Any) -> None:  # noqa: ARG002
        with self._news:
            self._published[mid] = code.value
            self._news.notify_all()

    def _on_message(self, client: Any, data: Any, message: Any) -> None:  # noqa: ARG002
        with self._news:
            self.heard.add(message.topic)
            self._news.notify_all()
