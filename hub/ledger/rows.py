"""From the values of `hub.model` to rows: what one transaction writes."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis
from hub.ledger.erasing import erase
from hub.model import (
    Act,
    Alert,
    AlertState,
    Command,
    Event,
    Notification,
    Outcome,
    Reading,
    Receipt,
    Status,
    Verdict,
)

DAY_MS = 86_400_000
ROWS_A_STATEMENT = 32
"""Rows in one INSERT: 6.5 us a message with three readings, 10 us with one row a statement (measured)."""

encode = msgspec.json.Encoder().encode

MESSAGE = "message (received_at, topic, payload, retain, device, quarantined, reason, fingerprint)"
READING = "reading (device, quantity, at, value, flag, tests, received_at, freshness)"
EVENT = "event (id, incident, at, received_at, body)"
STATE = "state (room, key, body)"
NOTIFICATION = "notification (id, alert, waiting, severity, next_at, created_at, body)"
COMMAND = "command (id, waiting, created_at, body)"
ACT = "act (at, who, source, kind, target, detail, form, applied)"
SAME_STATE = "ON CONFLICT (room, key) DO UPDATE SET body = excluded.body WHERE state.body <> excluded.body"
ONCE = "ON CONFLICT DO NOTHING"


class AlertChange(Struct, frozen=True):
    """What a chart shows of an alert after one change: no person and no position."""

    alert: str
    kind: str
    device: str
    at: Millis
    severity: int
    state: str
    mode: str
    level: str
    species: str
    count: int
    confirmed: bool


class Names:
    """Device ids and quantities by number. New ones are written in the transaction that needs them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.numbers: dict[str, int] = {}
        self.texts: dict[int, str] = {}
        self.load()

    def load(self) -> None:
        self.texts = dict(self._connection.execute("SELECT id, text FROM name"))
        self.numbers = {text: number for number, text in self.texts.items()}

    def number(self, text: str) -> int:
        found = self.numbers.get(text)
        if found is None:
            cursor = self._connection.execute("INSERT INTO name (text) VALUES (?)", (text,))
            found = int(cursor.lastrowid or 0)
            self.numbers[text] = found
            self.texts[found] = text
        return found

    def find(self, text: str) -> int | None:
        """The number of a name which another process may have written since."""
        if text not in self.numbers:
            self.load()
        return self.numbers.get(text)

    def text(self, number: int) -> str:
        if number not in self.texts:
            self.load()
        return self.texts[number]


def write(connection: sqlite3.Connection, names: Names, outcome: Outcome) -> None:
    """Every row of `outcome`, within the transaction that is open."""
    if outcome.receipts:
        _receipts(connection, names, outcome.receipts)
    if outcome.readings:
        _readings(connection, names, outcome.readings)
    if outcome.states:
        _states(connection, outcome.states)
    if outcome.events:
        _many(connection, EVENT, ONCE, 5, _event_values(outcome.events))
    for alert in outcome.alerts:
        _alert(connection, alert)
    if outcome.notifications:
        _many(connection, NOTIFICATION, ONCE, 7, _notification_values(outcome.notifications))
    if outcome.commands:
        _many(connection, COMMAND, ONCE, 4, _command_values(outcome.commands))
    for at, number in outcome.shed.items():
        count(connection, Verdict.SHED, at, number)
    for command, result, at in outcome.commands_done:
        _command_done(connection, command, result, at)
    if outcome.acts or outcome.acts_applied:
        _acts(connection, outcome)
    for gone in outcome.erased:
        erase(connection, gone)


def _acts(connection: sqlite3.Connection, outcome: Outcome) -> None:
    """Those done on a page, and what became of those that waited in the ledger."""
    if outcome.acts:
        _many(connection, ACT, "", 8, _act_values(outcome.acts))
    applied = [(number,) for number in outcome.acts_applied]
    connection.executemany("UPDATE act SET applied = 1 WHERE id = ?", applied)
    for act in outcome.acts_bared:
        connection.execute("UPDATE act SET form = ? WHERE id = ?", (encode(act.form).decode(), act.id))


def count(connection: sqlite3.Connection, name: str, at: Millis, by: int) -> None:
    """Adds to what is counted of one day."""
    connection.execute(
        "INSERT INTO counter (name, day, count) VALUES (?, ?, ?) "
        "ON CONFLICT (name, day) DO UPDATE SET count = counter.count + excluded.count",
        (name, at // DAY_MS, by),
    )


def _many(connection: sqlite3.Connection, into: str, conflict: str, width: int, values: list[Any]) -> None:
    """`values` holds row after row, `width` a row. Many go in one statement, which SQLite keeps ready."""
    row = f"({', '.join('?' * width)})"
    step = width * ROWS_A_STATEMENT
    for start in range(0, len(values), step):
        part = values[start : start + step]
        rows = ", ".join([row] * (len(part) // width))
        connection.execute(f"INSERT INTO {into} VALUES {rows} {conflict}", part)  # noqa: S608


def _receipts(connection: sqlite3.Connection, names: Names, receipts: Sequence[Receipt]) -> None:
    numbers = names.numbers
    values: list[Any] = []
    not_kept: dict[tuple[str, Millis], int] = {}
    for receipt in receipts:
        message = receipt.message
        verdict = receipt.verdict
        if verdict is Verdict.DUPLICATE or verdict is Verdict.SHED:
            day = (verdict.value, message.received_at)
            not_kept[day] = not_kept.get(day, 0) + 1
            continue
        device = receipt.device
        values += (
            message.received_at,
            message.topic,
            message.payload,
            1 if message.retain else 0,
            (numbers.get(device) or names.number(device)) if device else None,
            1 if verdict is Verdict.QUARANTINED else 0,
            receipt.reason or None,
            receipt.fingerprint or None,
        )
    _many(connection, MESSAGE, "", 8, values)
    for (name, at), number in not_kept.items():
        count(connection, name, at, number)


def _readings(connection: sqlite3.Connection, names: Names, readings: Sequence[Reading]) -> None:
    numbers = names.numbers
    values: list[Any] = []
    for reading in readings:
        values += (
            numbers.get(reading.device) or names.number(reading.device),
            numbers.get(reading.quantity) or names.number(reading.quantity),
            reading.at,
            reading.value,
            reading.flag,
            ",".join(reading.tests) if reading.tests else None,
            reading.received_at,
            reading.freshness,
        )
    _many(connection, READING, ONCE, 8, values)


def _states(connection: sqlite3.Connection, states: dict[tuple[str, str], Any]) -> None:
    values: list[Any] = []
    for (room, key), state in states.items():
        if state is None:
            connection.execute("DELETE FROM state WHERE room = ? AND key = ?", (room, key))
        else:
            values += (room, key, encode(state))
    _many(connection, STATE, SAME_STATE, 3, values)


def _event_values(events: Iterable[Event]) -> list[Any]:
    values: list[Any] = []
    for event in events:
        values += (event.id, event.incident, event.at, event.received_at, encode(event))
    return values


def _act_values(acts: Iterable[Act]) -> list[Any]:
    values: list[Any] = []
    for act in acts:
        values += (act.at, act.who, act.source, act.kind, act.target, act.detail, encode(act.form), 1)
    return values


def _alert(connection: sqlite3.Connection, alert: Alert) -> None:
    """Updates the alert, and adds a line to its life where what a chart shows of it has changed."""
    change = _shown(alert)
    last = connection.execute(
        "SELECT body FROM alert_change WHERE alert = ? ORDER BY seq DESC LIMIT 1", (alert.id,)
    ).fetchone()
    if last is None or replace(msgspec.json.decode(last[0], type=AlertChange), at=change.at) != change:
        connection.execute(
            "INSERT INTO alert_change (alert, at, body) VALUES (?, ?, ?)",
            (alert.id, change.at, encode(change)),
        )
    connection.execute(
        "INSERT INTO alert (id, incident, open, updated_at, body) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET "
        "open = excluded.open, updated_at = excluded.updated_at, body = excluded.body",
        (
            alert.id,
            alert.incident,
            1 if alert.state is AlertState.OPEN else 0,
            alert.updated_at,
            encode(alert),
        ),
    )


def _shown(alert: Alert) -> AlertChange:
    return AlertChange(
        alert=alert.id,
        kind=alert.kind,
        device=alert.device,
        at=alert.updated_at,
        severity=int(alert.severity),
        state=alert.state.value,
        mode=alert.mode.value,
        level=alert.level,
        species=alert.species,
        count=alert.count,
        confirmed=alert.confirmed,
    )


def waits(item: Notification | Command) -> int:
    """1 while something is still to be done: not yet tried, or handed over without an answer."""
    return int(item.finished_at is None and item.status in (Status.PENDING, Status.TIMEOUT))


def _notification_values(notifications: Iterable[Notification]) -> list[Any]:
    values: list[Any] = []
    for item in notifications:
        values += (
            item.id,
            item.alert_id,
            waits(item),
            int(item.severity),
            item.next_at,
            item.created_at,
            encode(item),
        )
    return values


def _command_values(commands: Iterable[Command]) -> list[Any]:
    values: list[Any] = []
    for item in commands:
        values += (item.id, waits(item), item.created_at, encode(item))
    return values


def _command_done(connection: sqlite3.Connection, command: str, result: str, at: Millis) -> None:
    found = connection.execute("SELECT body FROM command WHERE id = ?", (command,)).fetchone()
    if found is None:
        return
    status = Status(result) if result in (Status.REFUSED, Status.EXPIRED) else Status.DONE
    done = replace(msgspec.json.decode(found[0], type=Command), status=status, result=result, finished_at=at)
    connection.execute("UPDATE command SET waiting = 0, body = ? WHERE id = ?", (encode(done), command))
