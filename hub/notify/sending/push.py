"""Notifications to browsers (RFC 8030, 8291, 8292). The only file that imports pywebpush.

Not through Apprise: its vapid:// keeps a message for 60 s at most, so that a phone which was off for two
minutes never hears of a flood, and it knows no urgency. An address is the subscription of one browser.
"""

import json
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import requests
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from py_vapid import Vapid, VapidException
from pywebpush import WebPushException, webpush

from devices.frame import Millis
from hub.config.channels import endpoint_of
from hub.config.settings import WebPush
from hub.model import Notification, Severity, Status
from hub.notify.outbox import Answer
from hub.notify.sending.reasons import MAY_HAVE_ARRIVED, OF_SERVICE, UnusableError, reason_of

WITHIN_S = (4.0, 15.0)
"""To connect, and to answer."""

NO_SUBSCRIPTION = "it is no subscription of a browser"
GONE = frozenset({404, 410})
AS_POINT = (Encoding.X962, PublicFormat.UncompressedPoint)
PAYLOAD_BYTES = 3_900
"""A push service takes 4,096, with what encryption adds (RFC 8291, 4)."""


class Push:
    """Sends to browsers, in the name of one hub. UnusableError: its key cannot be used."""

    def __init__(self, settings: WebPush) -> None:
        self._subject = settings.subject
        self._key = Vapid(_private_key(settings.key_file))

    def send(self, subscription: str, notification: Notification, body: str, now: Millis) -> Answer:
        """One attempt; blocks. A phone that is off is told as long as the message is news.

        UnusableError: it is no subscription.
        """
        endpoint = endpoint_of(subscription)
        if not endpoint:
            raise UnusableError(NO_SUBSCRIPTION)
        try:
            webpush(
                json.loads(subscription),
                payload(notification, body),
                vapid_private_key=self._key,
                vapid_claims={"sub": self._subject},
                ttl=max(0, notification.expires_at - now) // 1000,
                headers={"Urgency": urgency(notification)},
                timeout=WITHIN_S,
            )
        except WebPushException as error:
            if error.status_code is None:
                raise UnusableError(NO_SUBSCRIPTION) from None
            return _refused(error.status_code)
        except requests.RequestException as error:
            return _lost(reason_of([("DEBUG", f"Socket Exception: {error}")], endpoint))
        except VapidException:
            raise UnusableError("the subject of web_push is no address to write to") from None
        except (ValueError, LookupError, TypeError, AttributeError):
            raise UnusableError(NO_SUBSCRIPTION) from None
        return Answer(Status.SENT)


def public_key(settings: WebPush) -> str:
    """What a browser is told of the hub before it subscribes: base64url, as `applicationServerKey` takes it.

    UnusableError: the key cannot be used.
    """
    point = _private_key(settings.key_file).public_key().public_bytes(*AS_POINT)
    return urlsafe_b64encode(point).decode().rstrip("=")


def payload(notification: Notification, body: str) -> str:
    """What the service worker shows: JSON {title, body, link, id, tag}. Of one tag the newest takes the place
    of what stood there before."""
    said = {
        "title": notification.title,
        "body": body,
        "link": notification.link,
        "id": notification.id,
        "tag": notification.alert_id,
    }
    text = json.dumps(said, ensure_ascii=False)
    while body and (over := len(text.encode()) - PAYLOAD_BYTES) > 0:
        body = body[: -(over // 4 + 1)]
        text = json.dumps(said | {"body": f"{body}…"}, ensure_ascii=False)
    return text


def urgency(notification: Notification) -> str:
    """RFC 8030, 5.3: from high on a sleeping phone is woken."""
    return "high" if notification.severity >= Severity.CAUTION else "normal"


def _refused(status: int) -> Answer:
    if status in GONE:
        return Answer(Status.FAILED, f"the browser takes no more messages, it must subscribe anew ({status})")
    reason = f"the push service refuses it: error={status}"
    return Answer(Status.PENDING, reason, OF_SERVICE.search(reason) is not None)


def _lost(reason: str) -> Answer:
    unknown = MAY_HAVE_ARRIVED.search(reason) is not None
    return Answer(Status.TIMEOUT if unknown else Status.PENDING, reason, of_service=True)


def _private_key(file: Path) -> Any:
    """Not by pywebpush: that makes a new key where the file is missing, and no browser would know the hub."""
    try:
        return load_pem_private_key(file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise UnusableError(f"the key of web_push cannot be used ({type(error).__name__})") from None
