"""Sends one message to one address through Apprise. The only file that imports it."""

import logging
import os
import re
import smtplib
import ssl
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from hub.config.shapes import Channel, Person
from hub.model import Notification, Reason, Severity, Status
from hub.notify.outbox import Answer, unanswered
from hub.wording import numbered
from hub.wording.values import clean

if TYPE_CHECKING:
    import apprise

READ_TIMEOUT_S = 15
"""Apprise's 4 s would make a slow server one that never answers."""

MAX_REASON = 200
LINE_API_ENV = "NARUKO_LINE_API"
ID_HEADER = "X-Naruko-Id"

PRIORITIES = {
    Severity.NOTICE: "default",
    Severity.CAUTION: "high",
    Severity.WARNING: "high",
    Severity.DANGER: "max",
    Severity.LIFE: "max",
}
"""ntfy's, by severity; an all clear that is a notice comes without a sound."""

SAID_OF_FAILURE = ("Socket Exception", "Notification Exception")
"""Lines of Apprise's debug log that tell why; the others hold tokens and texts."""

ESSENCE = re.compile(r"\[(?:Errno|SSL)[^'\")]*")
"""What the system said, within the wrappings of requests and urllib3."""

SMTP = frozenset({"mailto", "mailtos"})
TEXT_HANDED_OVER = "no answer to the text"
"""Before that a mail server has nothing that it could deliver."""

MAY_HAVE_ARRIVED = re.compile(
    r"read timed out|(^|: )timed out|connection aborted|connection broken|incompleteread"
    r"|closed connection without response|connection reset|broken pipe|write operation timed out",
    re.IGNORECASE,
)
"""A web server had been reached, and was then not heard to the end."""

OF_SERVICE = re.compile(
    r"\[(errno|ssl)|timed out|connection (refused|aborted|broken|reset|unexpectedly closed)|incompleteread"
    r"|closed connection|broken pipe|failed to resolve|error=(429|5\d\d)\b|: \(421,"
    r"|(^|; )\((421|4\d\d|53[0458]|5[05]\d), b['\"].*, ['\"]|(^|; )\((4\d\d|53[0458]), b['\"]",
    re.IGNORECASE,
)
"""Not reached, too busy, broken, or (mail) no recipient was asked about yet: not this address's fault. HTTP
429 and 5xx; SMTP 421, and 4xx, 530 to 538 (login) and a refused sender outside of the answer about a
recipient, which stands in braces."""

LOOKS_SECRET = re.compile(r"[^\s<>'\"]+@[^\s<>'\"]+|\+?\d{7,}|[A-Za-z0-9_+/=-]{32,}")
"""Mail addresses, telephone numbers, tokens."""


class UnusableError(ValueError):
    """A channel that cannot be loaded. The text carries no part of its URL."""


class AppriseSender:
    """Sends through Apprise: one object for each address and priority, made once."""

    def __init__(self) -> None:
        self._services: dict[tuple[str, int, str], apprise.Apprise] = {}

    def load(self) -> None:
        """Imports Apprise and all its plugins, which takes 0.3 s: not in the event loop."""
        import apprise  # noqa: PLC0415 (30 MB: only where something is sent)

        quiet_apprise()
        apprise.Apprise.instantiate("json://localhost")  # the first URL loads the plugins
        load_authorities_once()
        tell_when_the_text_is_handed_over()
        if url := os.environ.get(LINE_API_ENV):
            line_endpoint(url)

    def send(self, person: Person, notification: Notification) -> Answer:
        """One attempt. Blocks for as long as the service does; raises nothing that a service could cause."""
        import apprise  # noqa: PLC0415

        channel = person.channels[notification.channel]
        try:
            service = self._service(person.id, notification, channel)
        except UnusableError as error:
            return Answer(Status.FAILED, f"channel {notification.channel} cannot be used: {error}")
        for server in service:
            headers = getattr(server, "headers", None)
            if isinstance(headers, dict):
                headers[ID_HEADER] = notification.id
        result = service.notify(
            title=notification.title,
            body=numbered(
                notification.body,
                person.lang,
                notification.channel_kind,
                notification.id,
                again=unanswered(notification) > 0,
            ),
            body_format=apprise.NotifyFormat.TEXT,
            log_level=logging.DEBUG,
        )
        if result.status == apprise.AppriseResultStatus.SUCCESS:
            return Answer(Status.SENT)
        reason = reason_of(((entry.level, entry.message) for entry in result.logs()), url_of(channel))
        if url_of(channel).partition("://")[0].lower() in SMTP:
            unknown = TEXT_HANDED_OVER in reason
        else:
            unknown = (
                result.status == apprise.AppriseResultStatus.TIMEOUT
                or MAY_HAVE_ARRIVED.search(reason) is not None
            )
        of_service = unknown or OF_SERVICE.search(reason) is not None
        return Answer(Status.TIMEOUT if unknown else Status.PENDING, reason, of_service)

    def _service(self, person: str, notification: Notification, channel: Channel) -> "apprise.Apprise":
        priority = priority_of(notification)
        key = (person, notification.channel, priority)
        if key not in self._services:
            self._services[key] = open_channel(channel, priority)
        return self._services[key]


def priority_of(notification: Notification) -> str:
    if notification.severity is Severity.NOTICE and notification.reason is Reason.CLEARED:
        return "low"
    return PRIORITIES[notification.severity]


def url_of(channel: Channel) -> str:
    """UnusableError: its file cannot be read, or there is none."""
    if channel.url is not None:
        return channel.url.get_secret_value()
    if channel.url_file is None:
        raise UnusableError("it has neither url nor url_file")
    try:
        return channel.url_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableError(f"its url_file cannot be read ({type(error).__name__})") from None


def open_channel(channel: Channel, priority: str) -> "apprise.Apprise":
    """An Apprise object for one address: no waiting between requests, no retries of its own, one message a
    text. UnusableError: what is wrong with the URL."""
    import apprise  # noqa: PLC0415

    url = url_of(channel)
    asset = apprise.AppriseAsset(service_timeout=0, app_id="Naruko", app_desc="Naruko", app_url="")
    try:
        server = apprise.Apprise.instantiate(
            _with_settings(url, channel.kind, priority), asset=asset, suppress_exceptions=False
        )
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        raise UnusableError(redact(str(error), url) or "its URL is not understood") from None
    if not isinstance(server, apprise.NotifyBase):
        raise UnusableError("its URL is of no known kind, or incomplete")
    if not len(server):
        raise UnusableError("its URL names nobody to send to")
    if getattr(server, "mode", "") == "cloud" and "/" not in url.partition("://")[2].partition("?")[0].strip(
        "/"
    ):
        raise UnusableError("its URL has no topic; write ntfys://SERVER/TOPIC, also for ntfy.sh")
    server.request_rate_per_sec = 0
    service = apprise.Apprise(asset=asset)
    service.add(server)
    return service


def _with_settings(url: str, kind: str, priority: str) -> str:
    """Of two equal keys Apprise takes the last: these hold whatever the URL says, but for the time limit."""
    settings = ["overflow=truncate", "format=text", "retry=0", "optional=no"]
    if kind in ("ntfy", "line"):
        settings.append("image=no")
    if kind == "ntfy":
        settings.append(f"priority={priority}")
    if "rto=" not in url:
        settings.append(f"rto={READ_TIMEOUT_S}")
    return f"{url}{'&' if '?' in url else '?'}{'&'.join(settings)}"


def reason_of(entries: Iterable[tuple[str, str]], url: str) -> str:
    """Why it failed, from the log of one attempt of (level, text); without any part of `url`."""
    why: list[str] = []
    for level, text in entries:
        if text.startswith(SAID_OF_FAILURE):
            said = text.partition(":")[2].strip()
            essence = ESSENCE.search(said)
            why.append(essence[0].strip() if essence else said)
        elif level in ("WARNING", "ERROR", "CRITICAL"):
            why.append(text)
    exact = [text for text in why if "onnection error" not in text] or why
    return redact("; ".join(dict.fromkeys(exact)), url) or "the service gave no reason"


def redact(text: str, url: str) -> str:
    """`text` without what `url` is made of, and without whatever looks like an address or a token."""
    rest = url.partition("://")[2] or url
    address, _, query = rest.partition("?")
    pieces = re.split(r"[/:@,]+", address) + [p.partition("=")[2] for p in re.split("[&;]", query)]
    secrets = {form for piece in pieces for form in (piece, unquote(piece)) if len(form) > 3}
    for secret in sorted(secrets, key=len, reverse=True):
        text = re.sub(re.escape(secret), "***", text, flags=re.IGNORECASE)
    return clean(LOOKS_SECRET.sub("***", text), MAX_REASON)


def quiet_apprise() -> None:
    """Its lines carry tokens, addresses and texts: they reach nothing but the result of the call."""
    logger = logging.getLogger("apprise")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # below, it writes down URLs


def line_endpoint(url: str) -> None:
    """Sends what is meant for LINE to `url`: for the demo and the tests (or by NARUKO_LINE_API)."""
    from apprise.plugins.line import NotifyLine  # noqa: PLC0415

    NotifyLine.notify_url = url


# --- mail without reading the certificate authorities for each ------------------------------------


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


def load_authorities_once() -> None:
    """Apprise 2.2 reads the authorities anew for each mail, also for one without TLS: 24 of its 28 ms."""
    from apprise.plugins.email import smtp  # noqa: PLC0415

    smtp.ssl = _Ssl  # type: ignore[attr-defined, assignment]


# --- mail that may have arrived -------------------------------------------------------------------


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


def tell_when_the_text_is_handed_over() -> None:
    """`timed out` alone may be a connection that was never made, or a mail that has long been delivered."""
    from apprise.plugins.email import smtp  # noqa: PLC0415

    smtp.smtplib = _Smtplib  # type: ignore[attr-defined, assignment]
