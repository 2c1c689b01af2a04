"""Which service a channel goes through: what fails for one address of it fails for all."""

import zlib
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct

from hub.config.channels import KIND_OF, endpoint_of
from hub.config.shapes import Channel

WITH_HOST = frozenset({"mailto", "mailtos", "ntfy", "ntfys"})
"""Schemes whose host is a server of one's choice. The other known ones are each one company's."""


class Service(Struct, frozen=True):
    """`name` is what may be logged; `key` tells two servers of one scheme apart, and names none."""

    name: str
    key: int = 0

    @property
    def label(self) -> str:
        """The kind of channel, and the key where there may be several servers of it: `mail/3f2a90c1`."""
        kind = self.name.partition(" ")[0]
        return f"{kind}/{self.key:08x}" if self.key else kind


def service_of(channel: Channel) -> Service:
    """Of a scheme that is not known here the host may be a token: each is a service of its own."""
    url = channel.url.get_secret_value() if channel.url else str(channel.url_file)
    if channel.kind == "push":
        endpoint = urlsplit(endpoint_of(url))
        return Service("push", zlib.crc32(f"{endpoint.netloc or url}".encode()))
    scheme = url.partition("://")[0].lower()
    name = f"{channel.kind} ({scheme})" if "://" in url else channel.kind
    if scheme in KIND_OF and scheme not in WITH_HOST:
        return Service(name)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return Service(name, zlib.crc32(url.encode()))
    if scheme in ("mailto", "mailtos"):
        host = parse_qs(parts.query).get("smtp", [host])[0]
    return Service(name, zlib.crc32(f"{host}:{port}".encode() if host else url.encode()))
