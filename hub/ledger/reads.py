"""What is read from the ledger: at start, by the outboxes, by pages and the command line."""

import sqlite3
import threading
from collections.abc import Collection, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from devices.frame import Millis
from hub.clock import EARLIEST_SANE
from hub.ledger.gauges import Gauges, read_gauges
from hub.ledger.rows import AlertChange, Names
from hub.ledger.window import WINDOW
from hub.model import (
    Act,
    Alert,
    Command,
    Event,
    Flag,
    Freshness,
    Message,
    Notification,
    Reading,
    Receipt,
    Status,
    Verdict,
)

NEWEST = 500
NEWEST_OF_A_DAY = 20_000
NOT_DELIVERED = frozenset({Status.FAILED, Status.EXPIRED})
OVERTAKEN = "overtaken"
KEPT_AT_MOST: Millis = 86_400_000
"""The longest that a notification is kept for."""

CLOCK_STEPS: Millis = 60_000
"""The hub's clock may have been set back by so much within the messages that `messages_since` looks for."""
COLUMNS = "device, quantity, at, value, flag, tests, received_at, freshness"

_alert = msgspec.json.Decoder(Alert).decode
_change = msgspec.json.Decoder(AlertChange).decode
_command = msgspec.json.Decoder(Command).decode
_event = msgspec.json.Decoder(Event).decode
_notification = msgspec.json.Decoder(Notification).decode


class Address(Struct, frozen=True):
    """What waits for one channel of one person: how many, since when; `untried`: the oldest never tried."""

    person: str
    channel: int
    kind: str
    waiting: int
    oldest: Millis
    untried: Millis | None
    tried: bool
    """Something that waits has been tried and was not delivered."""


class _Row(Struct, frozen=True):
    """Of a notification what the hub's own health is judged by."""

    recipient: str
    channel: int
    channel_kind: str
    created_at: Millis
    attempts: int
    status: Status
    finished_at: Millis | None
    error: str


_row = msgspec.json.Decoder(_Row).decode


class Reader:
    """Reads through a connection of its own, so that it never waits for the writer's disk."""

    def __init__(self, connection: sqlite3.Connection, bulk: sqlite3.Connection) -> None:
        self._read = connection
        self._bulk = bulk
        """For long reads in a thread."""
        self._bulk_lock = threading.Lock()
        self._names = Names(connection)

    # --- at start -----------------------------------------------------------------------------

    def load_states(self) -> Iterator[tuple[str, str, bytes]]:
        """(room, key, JSON) of every state that decides."""
        return iter(self._read.execute("SELECT room, key, body FROM state ORDER BY room, key").fetchall())

    def open_alerts(self) -> list[Alert]:
        return [
            _alert(b) for (b,) in self._read.execute("SELECT body FROM alert WHERE open = 1 ORDER BY seq")
        ]

    def messages_since(self, received_at: Millis) -> Iterator[Message]:
        """The messages that were taken, in order of arrival. Reads as it goes: end it before the next."""
        first = 0
        for id, at in self._read.execute("SELECT id, received_at FROM message ORDER BY id DESC"):
            first = id
            if at < received_at - CLOCK_STEPS:
                break
        rows = self._read.execute(
            "SELECT topic, payload, received_at, retain FROM message "
            "WHERE id >= ? AND received_at >= ? AND quarantined = 0 ORDER BY id",
            (first, received_at),
        )
        for topic, payload, at, retain in rows:
            yield Message(topic, payload, at, bool(retain))

    def seen_blocks(self) -> Iterator[bytes]:
        """Fingerprints of the messages that came last, in blocks, the oldest first."""
        for (block,) in self._read.execute("SELECT fingerprints FROM seen ORDER BY last"):
            yield block

    def seen_since(self) -> list[int]:
        """Fingerprints of the messages after the last block; of a ledger without one the newest `WINDOW`."""
        rows = self._read.execute(
            "SELECT fingerprint FROM message WHERE fingerprint IS NOT NULL AND id > "
            "coalesce((SELECT max(last) FROM seen), (SELECT max(id) FROM message) - ?)",
            (WINDOW,),
        )
        return [number for (number,) in rows]

    def newest_message_at(self) -> Millis | None:
        """When the last message came that was noted by a clock that had been set; None: there is none."""
        newest = "SELECT received_at FROM message WHERE received_at >= ? ORDER BY id DESC LIMIT 1"
        found = self._read.execute(newest, (EARLIEST_SANE,)).fetchone()
        return int(found[0]) if found else None

    # --- outboxes -----------------------------------------------------------------------------

    def notifications_after(self, last: int = 0) -> tuple[int, list[Notification]]:
        """Those that wait and were written after number `last`, due or not; and what to ask with next."""
        newest = int(self._read.execute("SELECT coalesce(max(seq), 0) FROM notification").fetchone()[0])
        by = "NOT INDEXED" if last else "INDEXED BY notification_waiting"
        rows = self._read.execute(
            f"SELECT body FROM notification {by} "  # noqa: S608 (one of two words of ours)
            "WHERE waiting = 1 AND seq > ? AND seq <= ? ORDER BY seq",
            (last, newest),
        )
        return newest, [_notification(body) for (body,) in rows]

    def next_notification_at(self) -> Millis | None:
        """When the next one is due, None where none waits."""
        found = self._read.execute("SELECT min(next_at) FROM notification WHERE waiting = 1").fetchone()[0]
        return None if found is None else int(found)

    def waiting_by_address(self, limit: int = 5_000) -> list[Address]:
        """What has not been delivered yet, of the oldest `limit`. May run in a thread."""
        with self._bulk_lock:
            rows = self._bulk.execute(
                "SELECT body FROM notification INDEXED BY notification_waiting "
                "WHERE waiting = 1 ORDER BY seq LIMIT ?",
                (limit,),
            ).fetchall()
        by_address: dict[tuple[str, int, str], list[_Row]] = {}
        for (body,) in rows:
            row = _row(body)
            by_address.setdefault((row.recipient, row.channel, row.channel_kind), []).append(row)
        return [
            Address(
                *address,
                waiting=len(found),
                oldest=min(row.created_at for row in found),
                untried=min((row.created_at for row in found if not row.attempts), default=None),
                tried=any(row.attempts for row in found),
            )
            for address, found in by_address.items()
        ]

    def last_sent(self) -> dict[tuple[str, int], Millis]:
        """(person, channel) -> its last delivery, of the newest that are finished. May run in a thread."""
        with self._bulk_lock:
            rows = self._bulk.execute(
                "SELECT body FROM notification WHERE waiting = 0 ORDER BY seq DESC LIMIT ?", (NEWEST,)
            ).fetchall()
        found: dict[tuple[str, int], Millis] = {}
        for (body,) in rows:
            row = _row(body)
            if row.status is Status.SENT and row.finished_at is not None:
                address = row.recipient, row.channel
                found[address] = max(row.finished_at, found.get(address, 0))
        return found

    def outbox_since(self, since: Millis) -> tuple[dict[tuple[str, int, str], int], int]:
        """((person, channel, kind) -> notifications given up since then, how many were held). May run in a
        thread. One that a later message of its alert has overtaken is not among those given up.
        """
        with self._bulk_lock:
            rows = self._bulk.execute(
                "SELECT created_at, body FROM notification ORDER BY seq DESC LIMIT ?", (NEWEST_OF_A_DAY,)
            ).fetchall()
        found: dict[tuple[str, int, str], int] = {}
        held = 0
        for created_at, body in rows:
            if created_at < since - KEPT_AT_MOST:
                break
            row = _row(body)
            held += row.status is Status.HELD and created_at >= since
            if row.status in NOT_DELIVERED and (row.finished_at or 0) >= since and OVERTAKEN not in row.error:
                address = (row.recipient, row.channel, row.channel_kind)
                found[address] = found.get(address, 0) + 1
        return found, held

    def pending_commands(self, now: Millis) -> list[Command]:
        """Those decided by `now` and not yet handed to the broker, oldest first; some may have expired."""
        rows = self._read.execute(
            "SELECT body FROM command WHERE waiting = 1 AND created_at <= ? ORDER BY seq", (now,)
        )
        return [_command(body) for (body,) in rows]

    def acts_after(self, last: int = 0) -> list[Act]:
        """What people did and the pipeline has not yet applied, in order, with an id above `last`."""
        return self._acts("applied = 0 AND id > ? ORDER BY id", last)

    def acts_of(self, kinds: Collection[str], since: Millis, until: Millis) -> list[Act]:
        """What people did of these kinds, from `since` to before `until`, in the order of time."""
        marks = ", ".join("?" * len(kinds))
        return self._acts(f"kind IN ({marks}) AND at >= ? AND at < ? ORDER BY at, id", *kinds, since, until)

    def acts_on(self, target: str) -> list[Act]:
        """Everything that people did to one alert, device or person, in the order of time."""
        return self._acts("target = ? ORDER BY at, id", target)

    def _acts(self, where: str, *values: Any) -> list[Act]:
        rows = self._read.execute(
            f"SELECT id, at, who, source, kind, target, detail, form FROM act WHERE {where}",  # noqa: S608
            values,
        )
        return [
            Act(id, at, who, source, kind, target, detail, msgspec.json.decode(form, type=dict[str, str]))
            for id, at, who, source, kind, target, detail, form in rows
        ]

    # --- the forwarder ------------------------------------------------------------------------

    def cursor(self, name: str) -> str:
        """How far something has come, as `move_cursor` wrote it; empty at the beginning."""
        found = self._read.execute("SELECT value FROM cursor WHERE name = ?", (name,)).fetchone()
        return str(found[0]) if found else ""

    def readings_after(self, cursor: int, limit: int) -> tuple[int, list[Reading]]:
        """The next readings in order of arrival, and the cursor behind them. May run in a thread."""
        with self._bulk_lock:
            rows = self._bulk.execute(
                f"SELECT {COLUMNS}, id FROM reading WHERE id > ? ORDER BY id LIMIT ?",  # noqa: S608
                (cursor, limit),
            ).fetchall()
        return (rows[-1][-1] if rows else cursor), [self._reading(row) for row in rows]

    def oldest_after(self, cursor: int) -> Millis | None:
        """When the reading came that is next behind the cursor, None where none is. May run in a thread."""
        with self._bulk_lock:
            row = self._bulk.execute(
                "SELECT received_at FROM reading WHERE id > ? ORDER BY id LIMIT 1", (cursor,)
            ).fetchone()
        return int(row[0]) if row else None

    def alert_changes_after(self, cursor: int, limit: int) -> tuple[int, list[AlertChange]]:
        """As `readings_after`, for the life of alerts."""
        with self._bulk_lock:
            rows = self._bulk.execute(
                "SELECT seq, body FROM alert_change WHERE seq > ? ORDER BY seq LIMIT ?", (cursor, limit)
            ).fetchall()
        return (rows[-1][0] if rows else cursor), [_change(body) for _, body in rows]

    def gauges(self) -> Gauges:
        """What a monitoring system is told. May run in a thread."""
        with self._bulk_lock:
            return read_gauges(self._bulk)

    # --- pages and command line ---------------------------------------------------------------

    def readings(
        self, device: str, quantity: str, since: Millis, until: Millis, limit: int = 100_000
    ) -> list[Reading]:
        """One quantity of one device by its own time, `since` <= at < `until`. May run in a thread."""
        with self._bulk_lock:
            rows = self._bulk.execute(
                f"SELECT {COLUMNS} FROM reading WHERE at >= ? AND at < ? AND device = ? AND quantity = ? "  # noqa: S608
                "ORDER BY at LIMIT ?",
                (since, until, self._names.find(device), self._names.find(quantity), limit),
            ).fetchall()
        return [self._reading(row) for row in rows]

    def latest_reading(self, device: str, quantity: str, since: Millis = 0) -> Reading | None:
        """The newest by its own time. Walks back to it: name a `since` for a device that may be silent."""
        row = self._read.execute(
            f"SELECT {COLUMNS} FROM reading WHERE at >= ? AND device = ? AND quantity = ? "  # noqa: S608
            "ORDER BY at DESC LIMIT 1",
            (since, self._names.find(device), self._names.find(quantity)),
        ).fetchone()
        return self._reading(row) if row else None

    def events(self, since: Millis) -> list[Event]:
        """What happened since then, by its own time."""
        rows = self._read.execute("SELECT body FROM event WHERE at >= ? ORDER BY at, seq", (since,))
        return [_event(body) for (body,) in rows]

    def alerts(self, since: Millis) -> list[Alert]:
        """Open or closed, changed since then, in the order in which they were opened."""
        rows = self._read.execute("SELECT body FROM alert WHERE updated_at >= ? ORDER BY seq", (since,))
        return [_alert(body) for (body,) in rows]

    def notifications_of(self, alert_id: str) -> list[Notification]:
        rows = self._read.execute("SELECT body FROM notification WHERE alert = ? ORDER BY seq", (alert_id,))
        return [_notification(body) for (body,) in rows]

    def notification(self, id: str) -> Notification | None:
        """By its id."""
        found = self._read.execute("SELECT body FROM notification WHERE id = ?", (id,)).fetchone()
        return _notification(found[0]) if found else None

    def alert(self, id: str) -> Alert | None:
        """By its id, open or not."""
        found = self._read.execute("SELECT body FROM alert WHERE id = ?", (id,)).fetchone()
        return _alert(found[0]) if found else None

    def events_of(self, incident: str, since: Millis) -> list[Event]:
        """What happened in one incident since `since`, in the order of time."""
        rows = self._read.execute(
            "SELECT body FROM event WHERE incident = ? AND at >= ? ORDER BY at, seq", (incident, since)
        )
        return [_event(body) for (body,) in rows]

    def summaries(self) -> list[Notification]:
        """What summed up the storms: it belongs to no one alert."""
        rows = self._read.execute("SELECT body FROM notification WHERE alert GLOB 'storm-*' ORDER BY seq")
        return [_notification(body) for (body,) in rows]

    def quarantined(self, limit: int = 100) -> list[Receipt]:
        """The newest of what could not be read, with the raw bytes and the reason."""
        rows = self._read.execute(
            "SELECT topic, payload, received_at, retain, reason, fingerprint FROM message "
            "WHERE quarantined = 1 ORDER BY id DESC LIMIT ?",
            (limit,),
        )
        return [
            Receipt(
                Message(topic, payload, received_at, bool(retain)),
                Verdict.QUARANTINED,
                fingerprint=fingerprint or 0,
                reason=reason or "",
            )
            for topic, payload, received_at, retain, reason, fingerprint in rows
        ]

    def counts(self) -> dict[str, int]:
        """What this ledger has seen since its first day, also of what was shed since.

        `messages` is all that came: stored, quarantined, duplicates and shed. `unforwarded` are readings
        that were shed before InfluxDB had them.
        """
        counted = dict(self._read.execute("SELECT name, sum(count) FROM counter GROUP BY name").fetchall())
        newest = {
            table: self._read.execute(f"SELECT coalesce(max({key}), 0) FROM {table}").fetchone()[0]  # noqa: S608
            for table, key in (("message", "id"), ("reading", "id"), ("event", "seq"))
        }
        duplicates, shed = counted.get(Verdict.DUPLICATE, 0), counted.get(Verdict.SHED, 0)
        kept = self._read.execute("SELECT count(*) FROM message WHERE quarantined = 1").fetchone()[0]
        return {
            "messages": newest["message"] + duplicates + shed,
            "readings": newest["reading"],
            "events": newest["event"],
            "quarantined": kept + counted.get("quarantined_gone", 0),
            "duplicates": duplicates,
            "shed": shed,
            "unforwarded": counted.get("unforwarded", 0),
        }

    def _reading(self, row: tuple[int, ...]) -> Reading:
        device, quantity, at, value, flag, tests, received_at, freshness = row[:8]
        return Reading(
            device=self._names.text(device),
            quantity=self._names.text(quantity),
            at=at,
            value=value,
            flag=Flag(flag),
            received_at=received_at,
            tests=tuple(str(tests).split(",")) if tests else (),
            freshness=Freshness(freshness),
        )
