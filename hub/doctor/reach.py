"""What the hub must reach: the broker with its own login, InfluxDB, and each service that carries alerts."""

import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from hub.clock import SystemClock
from hub.config.channels import endpoint_of, is_example
from hub.config.shapes import Channel
from hub.config.town import Town
from hub.doctor.finding import Finding, bad, ok, warn
from hub.ingest import Broker
from hub.notify.sender import AppriseSender, open_channel, url_of
from hub.notify.sending.reasons import UnusableError

WITHIN_S = 5.0
REFUSED = 0x80
PORTS = {"https": 443, "http": 80, "mailto": 587, "mailtos": 587, "ntfy": 80, "ntfys": 443}
"""Where a URL names none. Of what is not here: 443."""
AT_ONCE = 8


# --- the broker -------------------------------------------------------------------------------------


def broker(town: Town) -> Iterator[Finding]:
    """Connects and subscribes as the hub does, under a name of its own: the hub's session is left alone."""
    where = f"{town.hub.mqtt.host}:{town.hub.mqtt.port}"
    try:
        look = _Look(town)
    except (OSError, ValueError) as error:
        yield bad("broker", f"{where}: {error}", "check mqtt.ca_file")
        return
    try:
        connected = look.connect()
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        yield bad("broker", f"{where}: {said}", "does the broker run? systemctl status mosquitto")
        return
    with look:
        if not connected:
            yield bad("broker", f"{where} {look.said}", "check mqtt.username, mqtt.password and mqtt.tls")
            return
        topics = sorted(Broker(town.hub.mqtt, town.site.id, SystemClock()).topics())
        refused = look.subscribe(topics)
    if refused is None:
        yield bad("broker", f"{where} does not answer a subscription", "see the broker's log")
    elif refused:
        yield bad("broker", f"{where} refuses {', '.join(refused)}", "let the hub read them in its acl_file")
    else:
        yield ok("broker", f"{where} lets the hub in and gives it {len(topics)} topics")


class _Look:
    """One visit to the broker. A context manager once connected."""

    def __init__(self, town: Town) -> None:
        settings = town.hub.mqtt
        self.said = "does not answer"
        self._settings = settings
        self._connected, self._subscribed = threading.Event(), threading.Event()
        self._let_in = False
        self._codes: list[Any] = []
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"{settings.client_id}-doctor")
        self._client.connect_timeout = WITHIN_S
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        if settings.username:
            secret = settings.password.get_secret_value() if settings.password else None
            self._client.username_pw_set(settings.username, secret)
        if settings.tls:
            self._client.tls_set_context(ssl.create_default_context(cafile=settings.ca_file))

    def connect(self) -> bool:
        self._client.connect(self._settings.host, self._settings.port)
        self._client.loop_start()
        self._connected.wait(WITHIN_S)
        return self._let_in

    def subscribe(self, topics: list[str]) -> list[str] | None:
        """Those that are refused; None where nothing is answered."""
        self._client.subscribe([(topic, 0) for topic in topics])
        if not self._subscribed.wait(WITHIN_S):
            return None
        return [topic for topic, code in zip(topics, self._codes, strict=False) if code.value >= REFUSED]

    def __enter__(self) -> "_Look":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: Any, data: Any, flags: Any, code: Any, properties: Any) -> None:  # noqa: ARG002
        self._let_in = not code.is_failure
        if code.is_failure:
            self.said = f"refuses the hub: {code}"
            client.disconnect()
        self._connected.set()

    def _on_subscribe(self, client: Any, data: Any, mid: Any, codes: Any, properties: Any) -> None:  # noqa: ARG002
        self._codes = list(codes)
        self._subscribed.set()


# --- InfluxDB ---------------------------------------------------------------------------------------


def influx(town: Town) -> Iterator[Finding]:
    """Whether it answers; nothing is written."""
    settings = town.hub.influx
    if settings is None:
        yield ok("influx", "none is configured: readings stay in the ledger")
        return
    base = settings.url.rstrip("/")
    for path in ("/ping", "/health"):
        try:
            with urllib.request.urlopen(f"{base}{path}", timeout=WITHIN_S):  # noqa: S310 (the town's own URL)
                yield ok("influx", f"{base} answers")
                return
        except urllib.error.HTTPError as error:
            said = f"HTTP {error.code}"
            error.close()
        except (OSError, HTTPException, ValueError) as error:
            said = str(getattr(error, "reason", error))
    yield bad("influx", f"{base}: {said}", "alerts go on and readings wait; see that server's log")


# --- channels ---------------------------------------------------------------------------------------


class Service(NamedTuple):
    """Where a channel sends to."""

    kind: str
    host: str
    port: int


def channels(town: Town) -> Iterator[Finding]:
    """Whether the URLs of each kind of channel load and their servers are reached. Nothing is sent."""
    AppriseSender().load()
    people: dict[Service, set[str]] = defaultdict(set)
    examples: dict[str, set[str]] = defaultdict(set)
    for person in town.people.values():
        for number, channel in enumerate(person.channels):
            try:
                if is_example(url_of(channel)):
                    examples[channel.kind].add(person.id)
                    continue
                people[_service(channel)].add(person.id)
            except UnusableError as error:
                yield bad(
                    channel.kind, f"{person.id}, channel {number}: {error}", "correct it; naruko check helps"
                )
    for kind, ids in sorted(examples.items()):
        yield warn(
            kind,
            f"addresses of an example (people: {len(ids)})",
            "nobody is told there: put in the right ones",
        )
    with ThreadPoolExecutor(AT_ONCE) as threads:
        services = sorted(people)
        for service, said in zip(services, threads.map(_reach, services), strict=True):
            where = f"{service.host}:{service.port}"
            if said:
                yield bad(
                    service.kind,
                    f"{where}: {said} (people: {len(people[service])})",
                    "check line, name server and firewall",
                )
            else:
                yield ok(service.kind, f"{where} is reached (people: {len(people[service])})")


def _service(channel: Channel) -> Service:
    """Of what Apprise has made of the URL: its mail server, its own web address, or its host."""
    if channel.kind == "push":
        endpoint = urlsplit(endpoint_of(url_of(channel)))
        return Service("push", endpoint.hostname or "", endpoint.port or 443)
    server = next(iter(open_channel(channel)))
    web = urlsplit(str(getattr(server, "notify_url", None) or ""))
    scheme = web.scheme or url_of(channel).partition("://")[0].lower()
    host = web.hostname or getattr(server, "smtp_host", None) or getattr(server, "host", None) or ""
    if not host or "{" in host:
        raise UnusableError("which server it needs is not known")
    return Service(channel.kind, host, web.port or getattr(server, "port", None) or PORTS.get(scheme, 443))


def _reach(service: Service) -> str:
    """Empty where somebody listens there."""
    try:
        with socket.create_connection((service.host, service.port), timeout=WITHIN_S):
            return ""
    except OSError as error:
        return error.strerror or str(error)
