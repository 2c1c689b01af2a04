"""What LINE's Messaging API needs beside the text, and what it says when the month's messages are used up."""

import json
from uuid import UUID, uuid5

from hub.clock import monotonic
from hub.model import Notification
from hub.notify.sending.identity import identity
from hub.notify.sending.wire import Request

SCHEMES = frozenset({"line"})
OURS = UUID("6f4b2a52-1f5e-4a7e-9d0c-5f3b1e0a7c11")
ALREADY_TAKEN = 409
MONTHLY_LIMIT = "monthly limit"
"""`You have reached your monthly limit.`: the 429 that no waiting of minutes ends."""

ASKED_AGAIN_S = 3600.0
"""A new month, and a larger plan, are noticed within so long."""

USED_UP = "the messages that LINE gives this account a month are used up (error=429)"


def request(notification: Notification) -> Request:
    """With the key by which LINE knows a repeat, for 24 h: it is not delivered, nor counted, twice."""
    key = uuid5(OURS, identity(notification))
    return Request(headers={"X-Line-Retry-Key": str(key)}, taken_before=ALREADY_TAKEN)


def is_used_up(answer: str) -> bool:
    """Whether LINE's answer says so."""
    try:
        return MONTHLY_LIMIT in json.loads(answer)["message"].lower()
    except (ValueError, LookupError, TypeError, AttributeError):
        return False


class Allowance:
    """Which accounts have used up their month. `ticks`: seconds of the monotonic clock."""

    def __init__(self) -> None:
        self._used_up: dict[str, float] = {}

    def is_open(self, account: str) -> bool:
        """False: LINE need not be asked again yet."""
        since = self._used_up.get(account)
        return since is None or monotonic() - since >= ASKED_AGAIN_S

    def note(self, account: str, *, used_up: bool) -> None:
        if used_up:
            self._used_up[account] = monotonic()
        else:
            self._used_up.pop(account, None)


def endpoint(url: str) -> None:
    """Sends what is meant for LINE to `url`: for the demo and the tests."""
    from apprise.plugins.line import NotifyLine  # noqa: PLC0415

    NotifyLine.notify_url = url
