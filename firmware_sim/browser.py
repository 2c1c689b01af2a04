"""A browser that is subscribed to the hub's notifications, as its push service and its keys are seen."""

import json
import os
from base64 import urlsafe_b64encode
from typing import Any

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


class Browser:
    """One subscription (W3C Push API), with the keys to read what comes."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._auth = os.urandom(16)

    def subscription(self, endpoint: str) -> str:
        """What the page hands to the hub: JSON, in one line."""
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return json.dumps({"endpoint": endpoint, "keys": {"p256dh": _text(point), "auth": _text(self._auth)}})

    def read(self, body: bytes) -> dict[str, Any]:
        """The message (RFC 8291). ValueError: it is not for this browser."""
        try:
            text = http_ece.decrypt(body, private_key=self._key, auth_secret=self._auth, version="aes128gcm")
        except http_ece.ECEException as error:
            raise ValueError(str(error)) from error
        found: dict[str, Any] = json.loads(text)
        return found


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
