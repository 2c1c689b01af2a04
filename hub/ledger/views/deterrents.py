"""What sirens and flashes were told, which alerts it was for, and which animals were back."""

import sqlite3

import msgspec
from msgspec import Struct

from devices.frame import Millis
from hub.ledger.reads import CLOCK_STEPS
from hub.model import Alert, Command, Event, EventKind

MOST = 20_000
"""Commands that are looked at, the newest."""

_alert = msgspec.json.Decoder(Alert).decode
_command = msgspec.json.Decoder(Command).decode
_event = msgspec.json.Decoder(Event).decode


class Record(Struct, frozen=True):
    """`commands` deter and warn, the oldest first; `alerts` by id, as far as they are kept; `returns`: events
    of kind RETURNED, the oldest first."""

    commands: tuple[Command, ...] = ()
    alerts: dict[str, Alert] = {}
    returns: tuple[Event, ...] = ()


def read(connection: sqlite3.Connection, since: Millis) -> Record:
    """What was decided from `since` on."""
    commands: list[Command] = []
    rows = connection.execute("SELECT created_at, body FROM command ORDER BY seq DESC LIMIT ?", (MOST,))
    for at, body in rows:
        if at < since - CLOCK_STEPS:
            break
        if at >= since and (command := _command(body)).action != "stop":
            commands.append(command)
    commands.reverse()
    alerts: dict[str, Alert] = {}
    for id in {command.alert_id for command in commands}:
        row = connection.execute("SELECT body FROM alert WHERE id = ?", (id,)).fetchone()
        if row:
            alerts[id] = _alert(row[0])
    return Record(tuple(commands), alerts, returns(connection, since))


def returns(connection: sqlite3.Connection, since: Millis) -> tuple[Event, ...]:
    """By the time of the event, which stands in its id with its kind."""
    rows = connection.execute(
        "SELECT body FROM event WHERE at >= ? AND id GLOB ? ORDER BY at, seq",
        (since, f"*/{EventKind.RETURNED}/*"),
    )
    events = (_event(body) for (body,) in rows)
    return tuple(event for event in events if event.kind is EventKind.RETURNED)
