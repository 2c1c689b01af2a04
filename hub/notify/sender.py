"""Sends one message to one address: through Apprise, or to a browser."""

import logging
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hub.clock import Clock, SystemClock
from hub.config.settings import WebPush
from hub.config.shapes import Channel, Person
from hub.links import Links, Purpose
from hub.model import Notification, Status
from hub.notify.outbox import Answer, unanswered
from hub.notify.sending import line, mail, ntfy, telegram
from hub.notify.sending.reasons import (
    MAY_HAVE_ARRIVED,
    OF_SERVICE,
    TEXT_HANDED_OVER,
    UnusableError,
    reason_of,
    redact,
)
from hub.notify.sending.wire import Request, adding
from hub.notify.waiting import Address
from hub.wording import numbered, with_way_out

if TYPE_CHECKING:
    import apprise

    from hub.notify.sending import push

READ_TIMEOUT_S = 15
"""Apprise's 4 s would make a slow server one that never answers."""

LINE_API_ENV = "NARUKO_LINE_API"
LEAVING_LASTS = 30 * 86_400_000
"""For so long the way out in a mail is open."""

HELD_BACK = {
    "line": ("image=no",),
    "ntfy": ("image=no", "priority=default", "xtags=", "actions=", "click=", "delay=", "email="),
    "tgram": ("image=no", "detect=no", "preview=no"),
}
"""What the URL cannot ask for, by scheme: it belongs to the message, or is fetched from elsewhere."""


class AppriseSender:
    """Sends through Apprise: one object for each address, made once. To browsers with the key of `web_push`.

    `links` makes the way out that each mail names.
    """

    def __init__(
        self, *, clock: Clock | None = None, links: Links | None = None, web_push: WebPush | None = None
    ) -> None:
        self._clock = clock or SystemClock()
        self._links = links
        self._web_push = web_push
        self._push: push.Push | None = None
        self._services: dict[Address, tuple[str, apprise.Apprise]] = {}
        """With the URL of which each was made."""
        self._allowance = line.Allowance()

    def load(self) -> None:
        """Imports Apprise and all its plugins, which takes 0.3 s: not in the event loop."""
        import apprise  # noqa: PLC0415 (30 MB: only where something is sent)

        quiet_apprise()
        apprise.Apprise.instantiate("json://localhost")  # the first URL loads the plugins
        from hub.notify.sending import post  # noqa: PLC0415

        mail.prepare()
        post.prepare()
        if url := os.environ.get(LINE_API_ENV):
            line.endpoint(url)

    def send(self, person: Person, notification: Notification) -> Answer:
        """One attempt. Blocks for as long as the service does; raises nothing that a service could cause."""
        channel = person.channels[notification.channel]
        way_out = self._way_out(notification) if channel.kind == "mail" else ""
        body = numbered(
            with_way_out(notification.body, person.lang, way_out),
            person.lang,
            notification.channel_kind,
            notification.id,
            again=unanswered(notification) > 0,
        )
        try:
            if channel.kind == "push":
                return self._to_browser(channel, notification, body)
            return self._through_apprise(person, channel, notification, body)
        except UnusableError as error:
            return Answer(Status.FAILED, f"channel {notification.channel} cannot be used: {error}")

    # --- a browser ------------------------------------------------------------------------------

    def _to_browser(self, channel: Channel, notification: Notification, body: str) -> Answer:
        if self._push is None:
            if self._web_push is None:
                raise UnusableError("hub.yaml has no web_push")
            try:
                from hub.notify.sending import push  # noqa: PLC0415 (an extra, and 9 MB)
            except ImportError:
                raise UnusableError("the package pywebpush is not installed") from None
            self._push = push.Push(self._web_push)
        return self._push.send(url_of(channel), notification, body, self._clock.now())

    # --- Apprise --------------------------------------------------------------------------------

    def _through_apprise(
        self, person: Person, channel: Channel, notification: Notification, body: str
    ) -> Answer:
        import apprise  # noqa: PLC0415

        url = url_of(channel)
        scheme = scheme_of(url)
        service = self._service((person.id, notification.channel), channel, url)
        server: Any = next(iter(service))
        account = server.token if scheme in line.SCHEMES else ""
        if not self._allowance.is_open(account):
            return Answer(Status.PENDING, line.USED_UP, of_service=True)
        request = request_of(scheme, person, notification, body)
        message_id = self._put_headers(server, scheme, notification)
        with adding(request), mail.sent_as(message_id):
            result = service.notify(
                title=notification.title,
                body=body,
                body_format=apprise.NotifyFormat.TEXT,
                log_level=logging.DEBUG,
            )
        used_up = bool(account) and line.is_used_up(request.said)
        self._allowance.note(account, used_up=used_up)
        if result.status == apprise.AppriseResultStatus.SUCCESS:
            return Answer(Status.SENT)
        if used_up:
            return Answer(Status.PENDING, line.USED_UP, of_service=True)
        said = ((entry.level, entry.message) for entry in result.logs())
        return answer_of(reason_of(said, url), scheme)

    def _service(self, address: Address, channel: Channel, url: str) -> "apprise.Apprise":
        known = self._services.get(address)
        if known is None or known[0] != url:
            known = self._services[address] = url, open_channel(channel)
        return known[1]

    def _put_headers(self, server: Any, scheme: str, notification: Notification) -> str:
        """What a mail and a webhook say beside the text. Returns the id of a mail, or nothing."""
        headers = getattr(server, "headers", None)
        if isinstance(headers, dict):
            headers[mail.ID_HEADER] = notification.id
        if scheme not in mail.SCHEMES:
            return ""
        domain = server.from_addr[1].rpartition("@")[2]
        for name in mail.OURS:
            server.headers.pop(name, None)
        server.headers.update(mail.headers(notification, domain, self._way_out(notification)))
        return mail.message_id(notification, domain)

    def _way_out(self, notification: Notification) -> str:
        if self._links is None:
            return ""
        until = notification.created_at + LEAVING_LASTS
        return self._links.of(Purpose.MINE, notification.recipient, until)


def request_of(scheme: str, person: Person, notification: Notification, body: str) -> Request:
    """What the plugin would leave out, by the scheme of the URL."""
    if scheme in ntfy.SCHEMES:
        return Request(fields=ntfy.fields(notification, person.lang, body))
    if scheme in line.SCHEMES:
        return line.request(notification)
    if scheme in telegram.SCHEMES:
        return telegram.request(notification.title, body)
    return Request()


def answer_of(reason: str, scheme: str) -> Answer:
    """What a failure means: not sent, or perhaps arrived; the address's, or the service's."""
    if scheme in mail.SCHEMES:
        unknown = TEXT_HANDED_OVER in reason
    else:
        unknown = MAY_HAVE_ARRIVED.search(reason) is not None
    of_service = unknown or OF_SERVICE.search(reason) is not None
    return Answer(Status.TIMEOUT if unknown else Status.PENDING, reason, of_service)


def scheme_of(url: str) -> str:
    return url.partition("://")[0].lower()


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


def open_channel(channel: Channel) -> "apprise.Apprise":
    """An Apprise object for one address: no waiting between requests, no retries of its own, one message a
    text. UnusableError: what is wrong with the URL."""
    import apprise  # noqa: PLC0415

    url = url_of(channel)
    asset = apprise.AppriseAsset(service_timeout=0, app_id="Naruko", app_desc="Naruko", app_url="")
    try:
        server = apprise.Apprise.instantiate(
            "".join((url, "&" if "?" in url else "?", "&".join(_settings(url)))),
            asset=asset,
            suppress_exceptions=False,
        )
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        raise UnusableError(redact(str(error), url) or "its URL is not understood") from None
    if not isinstance(server, apprise.NotifyBase):
        raise UnusableError("its URL is of no known kind, or incomplete")
    if not len(server) or (scheme_of(url) in telegram.SCHEMES and not getattr(server, "targets", ())):
        raise UnusableError("its URL names nobody to send to")
    if getattr(server, "mode", "") == "cloud" and "/" not in url.partition("://")[2].partition("?")[0].strip(
        "/"
    ):
        raise UnusableError("its URL has no topic; write ntfys://SERVER/TOPIC, also for ntfy.sh")
    server.request_rate_per_sec = 0
    service = apprise.Apprise(asset=asset)
    service.add(server)
    return service


def _settings(url: str) -> Iterator[str]:
    """Of two equal keys Apprise takes the last: these hold whatever the URL says, but for the time limit."""
    yield from ("overflow=truncate", "format=text", "retry=0", "optional=no")
    yield from HELD_BACK.get(scheme_of(url).removesuffix("s"), ())
    if "rto=" not in url:
        yield f"rto={READ_TIMEOUT_S}"


def quiet_apprise() -> None:
    """Its lines carry tokens, addresses and texts: they reach nothing but the result of the call."""
    logger = logging.getLogger("apprise")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # below, it writes down URLs
