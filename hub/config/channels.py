"""Apprise URLs, checked before the night they are needed. Nothing here says any part of a URL.

Apprise itself accepts `ntfy://hub` (a topic of the public server) and `line://token` (nobody), and skips a
URL it does not understand without an error; so what each scheme needs is written down here.
"""

import json
import re
from collections.abc import Iterator
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from hub.config.validate import suggestion

SCHEMES = {
    "mail": (
        "mailto", "mailtos", "ses", "sendgrid", "mailgun", "mailersend", "smtp2go", "sparkpost", "postmark",
        "brevo", "resend", "o365",
    ),
    "ntfy": ("ntfy", "ntfys"),
    "line": ("line",),
    "telegram": ("tgram",),
    "sms": (
        "twilio", "vonage", "nexmo", "sns", "sinch", "infobip", "clicksend", "plivo", "telnyx", "msgbird",
        "smseagle", "smseagles", "httpsms", "smpp", "smpps", "bulksms", "clickatell", "d7sms", "telesign",
        "46elks", "elks", "kaleyra", "voipms", "seven", "bulkvs", "msg91", "exotel", "kavenegar",
    ),
}  # fmt: skip
"""Schemes of Apprise 2.2 by the kind of channel they are."""
KIND_OF = {scheme: kind for kind, schemes in SCHEMES.items() for scheme in schemes}
READ_BY_OTHERS = frozenset({"line", "telegram"})
"""Kinds whose company reads along: no personal data and no place of a trap there (guideline of 2021-04-30 for
public bodies on LINE). Of a push it sees nothing: that is encrypted for the browser."""

PLACEHOLDER = "{address}"
SCHEME = re.compile(r"[a-z0-9][a-z0-9+.-]*\Z")
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
EXAMPLE = re.compile(r"EXAMPLE|\.invalid\b|\.example\b")


def faults(kind: str, url: str) -> Iterator[str]:
    """Why Apprise would not, or would wrongly, tell anybody at this URL."""
    if kind == "push":
        yield from _push_faults(url)
        return
    scheme, separator, _ = url.partition("://")
    scheme = scheme.lower()
    if not separator or not SCHEME.fullmatch(scheme):
        yield "is no Apprise URL: it begins like mailtos:// or ntfys://"
        return
    if kind != "other" and scheme not in KIND_OF:
        yield f"unknown scheme for {kind}{suggestion(scheme, SCHEMES[kind])}"
        return
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        yield "is no URL: its host or port is not one"
        return
    if not parts.netloc:
        yield "names no host or account"
    elif scheme in ("mailto", "mailtos"):
        yield from _mail_faults(parts, host)
    elif scheme in ("ntfy", "ntfys") and not _segments(parts):
        yield (
            "names no topic: write ntfys://host/topic (ntfys://topic alone is a topic of the public server, "
            "which anybody can read)"
        )
    elif scheme == "line" and not _segments(parts):
        yield "names no user: write line://token/user"
    elif scheme == "tgram" and not _segments(parts):
        yield "names no chat: write tgram://bot-token/chat"
    elif KIND_OF.get(scheme) == "sms" and not _segments(parts) and "to" not in parse_qs(parts.query):
        yield "names no telephone number"


def oddities(kind: str, url: str) -> Iterator[str]:
    """What is legal and foolish in a URL that has no faults."""
    if kind == "push":
        return
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    belongs = KIND_OF.get(scheme, "other")
    if belongs != kind:
        yield f"is told with the text length of {kind}, but {scheme}:// is {belongs}"
    targets = len(_targets(parts))
    if targets > 1 and belongs in SCHEMES:
        yield f"holds {targets} addresses: give each person a URL, so that one dead phone delays nobody"
    numbers = [one for one in _targets(parts) if re.fullmatch(r"[1-9][0-9]{8,9}", one)]
    if belongs == "sms" and numbers:
        yield "a telephone number begins with 0 or +: did Excel drop the zero?"


def is_example(url: str) -> bool:
    """An address of the example town: nobody is behind it."""
    return bool(EXAMPLE.search(url))


def endpoint_of(subscription: str) -> str:
    """Where a browser's push service takes messages for it; empty where this is no subscription."""
    try:
        endpoint = json.loads(subscription)["endpoint"]
        return endpoint if urlsplit(endpoint).hostname else ""
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""


def _push_faults(subscription: str) -> Iterator[str]:
    endpoint = endpoint_of(subscription)
    if not endpoint:
        yield "is no subscription of a browser: JSON with endpoint and keys"
        return
    if not endpoint.startswith("https://") and urlsplit(endpoint).hostname not in LOCAL_HOSTS:
        yield "has an endpoint that is not https"
    keys = json.loads(subscription).get("keys")
    if not isinstance(keys, dict) or not all(isinstance(keys.get(name), str) for name in ("p256dh", "auth")):
        yield "has no keys p256dh and auth"


def _mail_faults(parts: SplitResult, host: str) -> Iterator[str]:
    to = _targets(parts)
    if not host:
        yield "names no mail server"
    elif not to and not parts.username:
        yield "names no recipient: add ?to=address"
    elif not parts.username and "from" not in parse_qs(parts.query):
        yield "names no sender: add ?from=address"
    elif bad := [one for one in to if "@" not in one]:
        yield f"{len(bad)} of its recipients {'is' if len(bad) == 1 else 'are'} no mail address"


def _targets(parts: SplitResult) -> list[str]:
    listed = [
        one for text in parse_qs(parts.query).get("to", []) for one in text.replace(" ", "+").split(",")
    ]
    segments = _segments(parts)
    if parts.scheme.lower() in ("sns", "twilio", "vonage", "nexmo"):
        segments = segments[-1:]
    return [one for one in listed + segments if one]


def _segments(parts: SplitResult) -> list[str]:
    return [unquote(one) for one in parts.path.split("/") if one]
