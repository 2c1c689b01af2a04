"""What a mail needs that Apprise's plugin does not do: an id of its own, a thread for each alert, one reading
of the certificate authorities, and a word on whether the text was handed over.
"""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from email.utils import make_msgid
from functools import cache
from hashlib import blake2b
from typing import Any

from hub.model import Notification, Reason
from hub.notify.sending.identity import identity
from hub.notify.sending.reasons import TEXT_HANDED_OVER

SCHEMES = frozenset({"mailto", "mailtos"})
ID_HEADER = "X-Naruko-Id"

_message_id: ContextVar[str] = ContextVar("message_id", default="")
"""Of the mail that this thread sends."""


def prepare() -> None:
    """Puts what stands below into Apprise's plugin."""
    from apprise.plugins.email import base, smtp  # noqa: PLC0415

    base.make_msgid = _made_id  # type: ignore[attr-defined]
    smtp.ssl = _Ssl  # type: ignore[attr-defined, assignment]
    smtp.smtplib = _Smtplib  # type: ignore[attr-defined, assignment]


# --- its headers ----------------------------------------------------------------------------------


def headers(notification: Notification, domain: str, unsubscribe: str) -> dict[str, str]:
    """Beside From, To, Subject and Date. `unsubscribe`: the page on which the recipient can leave, if any.

    All mails of one alert to one person answer to one id that no mail has: so they are one thread in a mail
    program, whichever of them arrived.
    """
    made = {ID_HEADER: notification.id, "Auto-Submitted": "auto-generated"}  # RFC 3834
    if notification.reason is not Reason.SUMMARY:
        thread = blake2b(f"{notification.alert_id}\n{notification.recipient}".encode(), digest_size=8)
        made["In-Reply-To"] = made["References"] = f"<alert.{thread.hexdigest()}@{domain}>"
    if unsubscribe:
        made["List-Unsubscribe"] = f"<{unsubscribe}>"  # RFC 2369
    return made


OURS = (ID_HEADER, "Auto-Submitted", "In-Reply-To", "References", "List-Unsubscribe")


def message_id(notification: Notification, domain: str) -> str:
    """A repeat has the same: whoever had the first may leave it out."""
    return f"<{identity(notification)}@{domain}>"


@contextmanager
def sent_as(message_id: str) -> Iterator[None]:
    """Within it this thread's mail has this id; empty: one that Apprise makes."""
    token = _message_id.set(message_id)
    try:
        yield
    finally:
        _message_id.reset(token)


def _made_id(*args: Any, **kwargs: Any) -> str:
    return _message_id.get() or make_msgid(*args, **kwargs)


# --- without reading the certificate authorities for each: 24 of the 28 ms of a mail --------------


@cache
def _trust(*, verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class _SharedTrust:
    """Stands in for an SSLContext until a connection is really to be secured."""

    check_hostname = True
    verify_mode = ssl.CERT_REQUIRED

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        return _trust(verify=self.verify_mode != ssl.CERT_NONE).wrap_socket(*args, **kwargs)


class _Ssl:
    """What Apprise's mail plugin uses of the module `ssl`."""

    CERT_NONE = ssl.CERT_NONE

    @staticmethod
    def create_default_context() -> _SharedTrust:
        return _SharedTrust()


# --- that may have arrived: `timed out` alone may be a connection that was never made -------------


class _TextFirst:
    """Says of a mail that was lost whether the server already had its text."""

    def data(self, msg: Any) -> tuple[int, bytes]:
        try:
            return super().data(msg)  # type: ignore[misc, no-any-return]
        except smtplib.SMTPResponseException:
            raise
        except OSError as error:  # of smtplib's own too
            raise smtplib.SMTPServerDisconnected(f"{TEXT_HANDED_OVER}: {error}") from error


class _Mail(_TextFirst, smtplib.SMTP):
    pass


class _MailOverTls(_TextFirst, smtplib.SMTP_SSL):
    pass


class _Smtplib:
    """What Apprise's mail plugin uses of the module `smtplib`."""

    SMTP = _Mail
    SMTP_SSL = _MailOverTls
    SMTPException = smtplib.SMTPException
