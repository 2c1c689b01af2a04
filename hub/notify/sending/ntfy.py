"""What an ntfy message has beside title and text: how it rings, its sign, and a button. Pure.

As JSON, not as headers: a Japanese label in a header is an error.
"""

from typing import Any

from hub import wording
from hub.model import Notification, Reason, Severity

SCHEMES = frozenset({"ntfy", "ntfys"})

PRIORITIES = {
    Severity.NOTICE: 3,
    Severity.CAUTION: 4,
    Severity.WARNING: 4,
    Severity.DANGER: 5,
    Severity.LIFE: 5,
}
"""ntfy's, by severity; an all clear that is a notice comes without a sound."""

QUIET = 2
MESSAGE_BYTES = 4_096
"""The server makes a file of more."""
OVER = frozenset({Reason.CLEARED, Reason.CANCELLED, Reason.DONE})
TAKE_WITHIN = 30
"""Minutes to the arrival, said by whoever takes a task by one tap."""
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def priority_of(notification: Notification) -> int:
    """1 to 5."""
    if notification.severity is Severity.NOTICE and notification.reason is Reason.CLEARED:
        return QUIET
    return PRIORITIES[notification.severity]


def fields(notification: Notification, lang: str, body: str = "") -> dict[str, Any]:
    """Of the JSON to the server (docs.ntfy.sh, publish as JSON). `body` as it is sent."""
    made: dict[str, Any] = {"priority": priority_of(notification), "tags": list(_tags(notification))}
    if len(body.encode()) > MESSAGE_BYTES:
        made["message"] = body.encode()[: MESSAGE_BYTES - 3].decode(errors="ignore") + "…"
    if notification.link:
        made["click"] = notification.link
        if wording.next_step(notification.template) == "take":
            made["actions"] = [_take(notification.link, lang)]
    return made


def _tags(notification: Notification) -> tuple[str, ...]:
    """Short names of emoji (docs.ntfy.sh/emojis): one sign before the title."""
    if notification.reason in OVER:
        return ("white_check_mark",)
    if notification.severity >= Severity.DANGER:
        return ("rotating_light",)
    return ("warning",) if notification.severity >= Severity.CAUTION else ()


def _take(link: str, lang: str) -> dict[str, Any]:
    """A button that answers from the notification itself: the page need not be opened."""
    return {
        "action": "http",
        "label": wording.button("take", lang, minutes=TAKE_WITHIN),
        "url": link,
        "method": "POST",
        "headers": FORM,
        "body": f"do=take&eta={TAKE_WITHIN}",
        "clear": True,
    }
