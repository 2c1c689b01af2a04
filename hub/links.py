"""Links in messages: signed, of one purpose, and with an end. Pure.

A link holds what it is about and a mark that only this hub can make. Nothing is stored for it: what belongs
to a notification names its row, which says to whom it went, about which alert and when.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from enum import StrEnum
from hashlib import sha256

from msgspec import Struct

from devices.frame import Millis

MARK_BYTES = 12
"""96 bits: no guess succeeds against a hub that answers some hundred a second."""
MINUTE: Millis = 60_000


class Purpose(StrEnum):
    """What a link is for; the first part of its path, short for a text message."""

    ALERT = "a"
    """One alert, for the person who was told of it. Names the notification."""
    HEARD = "h"
    """「鳴りました」: the answer to a test message. Names the notification."""
    PATROL = "p"
    """The daily round of the traps, for one person."""
    OFFICE = "o"
    """All open alerts, for one official."""
    JOIN = "j"
    """An invitation. Names it by its id."""
    MINE = "m"
    """What the hub knows of one person, and the way out."""


OF_NOTIFICATIONS = frozenset({Purpose.ALERT, Purpose.HEARD})


class LinkError(ValueError):
    """A link that this hub has not made, or that was changed on its way."""


class Subject(Struct, frozen=True):
    """What a link names: the id of a notification, a person or an invitation.

    `until` is None where the end follows from the notification.
    """

    purpose: Purpose
    id: str
    until: Millis | None = None


class Links:
    """Makes and reads the links of one hub. `base` is where phones reach its pages: `https://naruko.town.jp`."""

    def __init__(self, secret: bytes, base: str) -> None:
        self._secret = secret
        self.base = base.rstrip("/")

    def of_notification(self, purpose: Purpose, id: str) -> str:
        """27 signs after the path: they fit a text message. `id` is 8 bytes in hexadecimal."""
        return self._url(purpose, bytes.fromhex(id))

    def of(self, purpose: Purpose, id: str, until: Millis) -> str:
        """For a person or an invitation, to the minute."""
        return self._url(purpose, (until // MINUTE).to_bytes(5, "big") + id.encode())

    def read(self, purpose: str, token: str) -> Subject:
        """What the link names. LinkError: not a link of ours. Whether its time is over the caller decides."""
        try:
            known = Purpose(purpose)
            data = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            text, mark = data[:-MARK_BYTES], data[-MARK_BYTES:]
            genuine = len(text) > 0 and hmac.compare_digest(mark, self._mark(known, text))
            # Of two spellings of the same bytes only ours is read.
            if not genuine or urlsafe_b64encode(data).decode().rstrip("=") != token:
                raise LinkError("this link is not one of ours")
            if known in OF_NOTIFICATIONS:
                return Subject(known, text.hex())
            return Subject(known, text[5:].decode(), int.from_bytes(text[:5], "big") * MINUTE)
        except (Base64Error, ValueError) as error:
            raise LinkError("this link is not one of ours") from error

    def _url(self, purpose: Purpose, text: bytes) -> str:
        token = urlsafe_b64encode(text + self._mark(purpose, text)).decode().rstrip("=")
        return f"{self.base}/{purpose}/{token}"

    def _mark(self, purpose: Purpose, text: bytes) -> bytes:
        return hmac.digest(self._secret, f"naruko {purpose} ".encode() + text, sha256)[:MARK_BYTES]
