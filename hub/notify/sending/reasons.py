"""Why a message was not taken, in words that hold no address and no token. Pure."""

import re
from collections.abc import Iterable
from urllib.parse import unquote

from hub.wording.values import clean

MAX_REASON = 200

SAID_OF_FAILURE = ("Socket Exception", "Notification Exception")
"""Lines of Apprise's debug log that tell why; the others hold tokens and texts."""

ESSENCE = re.compile(r"\[(?:Errno|SSL)[^'\")]*")
"""What the system said, within the wrappings of requests and urllib3."""

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
