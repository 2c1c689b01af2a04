"""Every server that the config names: where in the config, its host and port, and whether by TLS."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from hub.config.channels import endpoint_of, is_example
from hub.config.shapes import Channel, ChannelKind
from hub.config.town import Town
from hub.config.validate import reveal
from hub.notify.sender import AppriseSender, open_channel, url_of
from hub.notify.sending.reasons import UnusableError

PORTS = {"https": 443, "http": 80, "mailto": 587, "mailtos": 587, "ntfy": 80, "ntfys": 443}
"""Where a URL names none. Of what is not here: 443."""

Secure = Literal["", "tls", "starttls"]


class Endpoint(Struct, frozen=True, order=True):
    """`setting`: where it stands in the config. `people`: how many are told through it.

    `verified`: what speaks to it looks at its certificate. `bundled`: and trusts the list of the package
    certifi, not that of the machine. `ca_file`: or the issuers of this file alone.
    """

    kind: str
    setting: str
    host: str
    port: int
    secure: Secure = ""
    verified: bool = True
    bundled: bool = False
    ca_file: Path | None = None
    people: int = 0

    @property
    def where(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Unusable(Struct, frozen=True):
    """A channel of a person of which no endpoint can be made."""

    kind: str
    person: str
    number: int
    reason: str


class Channels(Struct, frozen=True):
    """Where the channels of all people lead. `examples`: kind -> how many have an address of an example."""

    endpoints: tuple[Endpoint, ...]
    unusable: tuple[Unusable, ...]
    examples: dict[str, int]


def of_hub(town: Town) -> Iterator[Endpoint]:
    """Those of hub.yaml."""
    hub = town.hub
    yield Endpoint(
        "broker", "mqtt.host", hub.mqtt.host, hub.mqtt.port,
        secure="tls" if hub.mqtt.tls else "", ca_file=hub.mqtt.ca_file,
    )  # fmt: skip
    for kind, setting, url in (
        ("influx", "influx.url", hub.influx.url if hub.influx else ""),
        ("pages", "site.hub_url", hub.site.hub_url),
        ("deadman", "deadman.url", reveal(hub.deadman.url) if hub.deadman else ""),
        ("grafana", "grafana.url", hub.grafana.url if hub.grafana else ""),
    ):
        parts = urlsplit(url)
        if parts.hostname:
            secure: Secure = "tls" if parts.scheme == "https" else ""
            port = parts.port or PORTS.get(parts.scheme, 443)
            yield Endpoint(kind, setting, parts.hostname, port, secure)


def of_channels(town: Town) -> Channels:
    """Those of all people, each once. Loads Apprise, which takes a second."""
    AppriseSender().load()
    people: dict[Endpoint, set[str]] = defaultdict(set)
    examples: dict[ChannelKind, set[str]] = defaultdict(set)
    unusable = []
    for person in town.people.values():
        for number, channel in enumerate(person.channels):
            try:
                if is_example(url_of(channel)):
                    examples[channel.kind].add(person.id)
                else:
                    people[of_channel(channel)].add(person.id)
            except UnusableError as error:
                unusable.append(Unusable(channel.kind, person.id, number, str(error)))
    counted = tuple(replace(endpoint, people=len(people[endpoint])) for endpoint in sorted(people))
    return Channels(counted, tuple(unusable), {kind: len(ids) for kind, ids in examples.items()})


def of_channel(channel: Channel) -> Endpoint:
    """Of what Apprise has made of the URL: its mail server, its own web address, or its host."""
    setting = f"channels.{channel.kind}" if channel.address else f"people, {channel.kind}"
    if channel.kind == "push":
        endpoint = urlsplit(endpoint_of(url_of(channel)))
        secure: Secure = "tls" if endpoint.scheme == "https" else ""
        return Endpoint("push", setting, endpoint.hostname or "", endpoint.port or 443, secure, bundled=True)
    server: Any = next(iter(open_channel(channel)))
    web = urlsplit(str(getattr(server, "notify_url", None) or ""))
    scheme = web.scheme or url_of(channel).partition("://")[0].lower()
    mail = getattr(server, "smtp_host", None)
    host = web.hostname or mail or getattr(server, "host", None) or ""
    if not host or "{" in host:
        raise UnusableError("which server it needs is not known")
    port = web.port or getattr(server, "port", None) or PORTS.get(scheme, 443)
    if mail:
        secure = {"ssl": "tls", "starttls": "starttls"}.get(str(server.secure_mode), "")  # type: ignore[assignment]
    else:
        secure = "tls" if web.scheme == "https" or (not web.scheme and server.secure) else ""
    return Endpoint(
        channel.kind, setting, host, port, secure,
        verified=bool(server.verify_certificate), bundled=not mail,
    )  # fmt: skip
