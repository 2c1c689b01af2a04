"""The outboxes after the clock was set: what waits, and what it is compared with, are as long ago as ever."""

import sqlite3
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from devices.frame import Millis
from hub.clock import Step
from hub.ledger import rows
from hub.model import Command, Notification

_notification = msgspec.json.Decoder(Notification).decode
_command = msgspec.json.Decoder(Command).decode

OF_LIVING_ALERTS = (
    "SELECT id, body FROM notification WHERE waiting = 1 "
    "OR alert IN (SELECT alert FROM notification WHERE waiting = 1) "
    "OR alert IN (SELECT id FROM alert WHERE open = 1)"
)
"""Also what has been told of them: whether one text overtakes another is told by their times."""


def move_outboxes(
    connection: sqlite3.Connection,
    step: Step,
    notification: Callable[[Notification, Step], Notification],
    command: Callable[[Command, Step], Command],
) -> dict[str, Millis]:
    """Within the open transaction. `notification` and `command` move one of each.

    Returns when each notification that was moved is said to have been decided now, by its id.
    """
    moved: dict[str, Millis] = {}
    for id, body in connection.execute(OF_LIVING_ALERTS).fetchall():
        before = _notification(body)
        after = notification(before, step)
        if after != before:
            moved[id] = after.created_at
            connection.execute(
                "UPDATE notification SET next_at = ?, created_at = ?, body = ? WHERE id = ?",
                (after.next_at, after.created_at, rows.encode(after), id),
            )
    for id, body in connection.execute("SELECT id, body FROM command WHERE waiting = 1").fetchall():
        order = command(_command(body), step)
        connection.execute(
            "UPDATE command SET created_at = ?, body = ? WHERE id = ?",
            (order.created_at, rows.encode(order), id),
        )
    connection.execute(
        "UPDATE act SET at = at + ? WHERE applied = 0 AND at BETWEEN ? AND ?",
        (step.by, step.since, step.until),
    )
    return moved


def caught_up(notification: Notification, created_at: Millis) -> Notification:
    """One that somebody held in memory while its row was moved, so that it was decided at `created_at`."""
    by = created_at - notification.created_at
    return replace(
        notification,
        created_at=created_at,
        event_received_at=notification.event_received_at + by,
        expires_at=notification.expires_at + by,
        next_at=notification.next_at + by,
    )
