"""What Apprise's plugins leave out of a request to a web service, put in on its way.

The plugins for LINE and ntfy take neither headers nor fields of one message, and Telegram's knows no plain
text. In place of `requests` they find one that adds what belongs to the message which its thread sends; all
the rest stays theirs.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from msgspec import Struct


class Request(Struct):
    """What is added to the request of one message, and what came back."""

    headers: Mapping[str, str] = {}
    fields: Mapping[str, Any] = {}
    """Of its JSON; None takes one out."""
    taken_before: int | None = None
    """The HTTP status which says that an earlier attempt had been taken."""
    said: str = ""
    """What a service that refused it answered."""


_request: ContextVar[Request | None] = ContextVar("request", default=None)
"""Of the message that this thread sends."""


@contextmanager
def adding(request: Request) -> Iterator[None]:
    """Within it this thread's requests carry what `request` holds, and leave their answer there."""
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


def current() -> Request:
    """Of the message that this thread sends; an empty one where it sends none."""
    return _request.get() or Request()
