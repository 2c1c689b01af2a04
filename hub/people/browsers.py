"""What a browser that wants to be told sends of itself: its subscription (Push API; RFC 8030, 8291). Pure."""

import binascii
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Collection
from typing import Any

from hub.config.channels import LOCAL_HOSTS

LONGEST = 2_000
"""Characters. Those of today have up to 800."""
MOST = 3
"""Browsers of one person; a fourth takes the place of the first."""
POINT_BYTES, SECRET_BYTES = 65, 16
"""RFC 8291: `p256dh` is an uncompressed point of P-256, `auth` a secret."""
ENDPOINT = re.compile(r"(https?)://([a-z0-9.-]+)(:\d{1,5})?/[A-Za-z0-9_.~%:=+&?/-]*")


def read_subscription(text: str, services: Collection[str]) -> str:
    """The subscription with nothing but what is needed to send; empty where it is none, or not one of these
    push services.

    `services` are hosts and all beneath them: who fills in a form must not choose where the hub calls.
    """
    try:
        said: Any = json.loads(text) if len(text) <= LONGEST else None
        endpoint, keys = said["endpoint"], said["keys"]
        known = {name: keys[name] for name in ("auth", "p256dh")}
        fits = len(_bytes(known["auth"])) == SECRET_BYTES and _is_point(_bytes(known["p256dh"]))
        found = ENDPOINT.fullmatch(endpoint)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ""
    if not fits or not found:
        return ""
    scheme, host, port = found.groups()
    here = host in LOCAL_HOSTS and host in services
    if not here and (scheme != "https" or port or not is_beneath(host, services)):
        return ""
    return json.dumps({"endpoint": endpoint, "keys": known})


def is_beneath(host: str, services: Collection[str]) -> bool:
    """Whether the host is one of these or belongs to one."""
    return any(host == one or host.endswith(f".{one}") for one in services)


def with_browser(browsers: tuple[str, ...], subscription: str) -> tuple[str, ...]:
    """The newest is last; the same browser stands there once."""
    endpoint = json.loads(subscription)["endpoint"]
    others = tuple(one for one in browsers if json.loads(one)["endpoint"] != endpoint)
    return (*others, subscription)[-MOST:]


def _bytes(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        return b""


def _is_point(point: bytes) -> bool:
    return len(point) == POINT_BYTES and point[0] == 4
