"""The words of the hub as frozen values. All times are UTC epoch milliseconds, all durations milliseconds."""

from hub.model.alert import Alert, AlertState, Mode, Severity, Stage, Task
from hub.model.event import Event, EventKind
from hub.model.message import Flag, Freshness, Message, Reading, Receipt, Uplink, Verdict
from hub.model.outbox import Command, Notification, Reason, Status
from hub.model.outcome import Act, Erased, Outcome

__all__ = [
    "Act",
    "Alert",
    "AlertState",
    "Command",
    "Erased",
    "Event",
    "EventKind",
    "Flag",
    "Freshness",
    "Message",
    "Mode",
    "Notification",
    "Outcome",
    "Reading",
    "Reason",
    "Receipt",
    "Severity",
    "Stage",
    "Status",
    "Task",
    "Uplink",
    "Verdict",
]
