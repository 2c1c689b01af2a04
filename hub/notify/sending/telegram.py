"""What Telegram's bot is given: the text as it stands, without a markup that could be taken wrongly. Pure."""

from hub.notify.sending.wire import Request
from hub.wording.values import shorten

SCHEMES = frozenset({"tgram"})
TEXT_CHARS = 4_096


def request(title: str, body: str) -> Request:
    """Apprise would send it as HTML."""
    text = f"{title}\n{body}" if title else body
    return Request(fields={"text": shorten(text, TEXT_CHARS), "parse_mode": None})
