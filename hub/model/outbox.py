"""What leaves the hub: notifications to people, commands to devices."""

from enum import StrEnum

from msgspec import Struct

from devices.frame import Millis
from hub.model.alert import Severity


class Status(StrEnum):
    """Where a notification or a command stands."""

    PENDING = "pending"
    SENT = "sent"
    TIMEOUT = "timeout"
    """Handed over without an answer: it may have arrived, and may be repeated under the same id."""
    FAILED = "failed"
    EXPIRED = "expired"
    MERGED = "merged"
    """Told within the message of another notification: `error` names it."""
    DONE = "done"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    """Decided in a replay: nothing leaves the house."""
    HELD = "held"
    """Written down and not sent for itself: too much at once, in quiet hours, or on a channel that has only
    its reserve left. A summary counts it, or a digest tells it; `error` says which it was."""


class Reason(StrEnum):
    """Why a notification was sent."""

    OPENED = "opened"
    ESCALATED = "escalated"
    SPREAD = "spread"
    UPDATED = "updated"
    FALLING = "falling"
    CLEARED = "cleared"
    CANCELLED = "cancelled"
    UNVERIFIED = "unverified"
    REPEATED = "repeated"
    REPORTED = "reported"
    """Told at its hour and without cause: the morning's report, the monthly test."""
    SUMMARY = "summary"
    """What was held in a storm, as one count."""
    TAKEN = "taken"
    DONE = "done"
    OVERDUE = "overdue"
    """Nobody has taken it."""


class Notification(Struct, frozen=True):
    """One alert told to one recipient on one channel, with the reason it was sent."""

    id: str
    alert_id: str
    recipient: str
    channel: int
    """Index of the channel in the recipient's list."""
    channel_kind: str
    """mail, ntfy, line, sms, telegram, push or other: what limits its text."""
    reason: Reason
    template: str
    severity: Severity
    title: str
    body: str
    created_at: Millis
    event_received_at: Millis
    expires_at: Millis
    status: Status = Status.PENDING
    attempts: int = 0
    next_at: Millis = 0
    finished_at: Millis | None = None
    error: str = ""
    link: str = ""
    """To the page of this message; empty where there is none."""
    rule: str = ""
    """By which the recipient is told: `animal_detected: farmer of paddy-ueda`, or a rule of the town's."""


class Command(Struct, frozen=True):
    """What a device is told. Always with an end; never retained."""

    id: str
    device: str
    alert_id: str
    action: str
    """deter, warn or stop."""
    created_at: Millis
    until: Millis
    """The device switches off at this instant, and ignores a command that comes after it."""
    sound: bool = False
    light: bool = False
    pattern: str = ""
    reason: str = ""
    status: Status = Status.PENDING
    finished_at: Millis | None = None
    result: str = ""
