"""What the pages of the devices read: messages, quarantine, batteries, the readings of one device."""

import sqlite3
from collections.abc import Collection, Mapping
from typing import NamedTuple

from msgspec import Struct

from devices.frame import Millis
from hub.model import Flag, Freshness

MOST_MESSAGES = 20_000
"""Of the last hour: a hub that hears more counts those, and over how long they came."""
MOST_WALKED = 50_000
"""Messages among which those of one device are looked for."""
MOST_AT_ONCE = 1_000
"""Messages that came in the same moment."""
MOST_QUARANTINED = 2_000
MOST_BYTES = 4_096
"""Of one payload that is shown."""
MOST_READINGS = 5_000


class Traffic(Struct, frozen=True):
    """What came from `since` on: device -> (messages, id of the newest)."""

    since: Millis
    devices: dict[str, tuple[int, int]]


class Kept(Struct, frozen=True):
    """One message as it came. `size` in bytes, of which `payload` holds the first `MOST_BYTES`."""

    id: int
    at: Millis
    topic: str
    payload: bytes
    size: int
    retain: bool
    reason: str = ""


class Reason(NamedTuple):
    """Why one message was put aside."""

    id: int
    at: Millis
    topic: str
    reason: str


class Measured(Struct, frozen=True):
    """One reading. `tests` names the quality tests it did not pass."""

    quantity: str
    at: Millis
    value: float | None
    flag: Flag
    freshness: Freshness
    tests: tuple[str, ...] = ()


_KEPT = "id, received_at, topic, substr(payload, 1, ?), length(payload), retain, coalesce(reason, '')"
_NUMBER = "(SELECT id FROM name WHERE text = ?)"


def traffic(connection: sqlite3.Connection, since: Millis) -> Traffic:
    """Of the newest messages, up to `MOST_MESSAGES`, those since then."""
    newest = _newest(connection)
    first = max(_id_at(connection, since, newest), newest - MOST_MESSAGES)
    oldest = connection.execute("SELECT min(received_at) FROM message WHERE id > ?", (first,)).fetchone()[0]
    rows = connection.execute(
        "SELECT name.text, found.many, found.newest FROM "
        "(SELECT device, count(*) AS many, max(id) AS newest FROM message "
        "WHERE id > ? AND device IS NOT NULL GROUP BY device) AS found JOIN name ON name.id = found.device",
        (first,),
    )
    devices = {device: (many, id) for device, many, id in rows}
    cut = newest - first >= MOST_MESSAGES and oldest is not None
    return Traffic(max(since, oldest) if cut else since, devices)


def payloads(connection: sqlite3.Connection, ids: Collection[int]) -> dict[int, bytes]:
    """By the id of the message."""
    found = {}
    for id in ids:
        if row := connection.execute("SELECT payload FROM message WHERE id = ?", (id,)).fetchone():
            found[id] = row[0]
    return found


def messages_of(connection: sqlite3.Connection, device: str, heard_at: Millis, limit: int) -> list[Kept]:
    """The newest messages of one device, which was last heard at `heard_at`; the newest first.

    Looked for among the `MOST_WALKED` messages up to then.
    """
    last = _id_at(connection, heard_at + 1, _newest(connection))
    rows = connection.execute(
        f"SELECT {_KEPT} FROM message WHERE id <= ? AND id > ? AND device = {_NUMBER} "  # noqa: S608
        "ORDER BY id DESC LIMIT ?",
        (MOST_BYTES, last, last - MOST_WALKED, device, limit),
    )
    return [_kept(row) for row in rows]


def last_word(connection: sqlite3.Connection, device: str, heard_at: Millis) -> list[tuple[int, bytes]]:
    """(id, payload) of the message that came from it at `heard_at`, empty where it is kept no more."""
    last = _id_at(connection, heard_at + 1, _newest(connection))
    return connection.execute(
        f"SELECT id, payload FROM message WHERE id <= ? AND id > ? AND device = {_NUMBER} "  # noqa: S608
        "ORDER BY id DESC LIMIT 1",
        (last, last - MOST_AT_ONCE, device),
    ).fetchall()


def quarantine(connection: sqlite3.Connection, before: int | None, limit: int) -> list[Kept]:
    """What could not be read, the newest first; of ids below `before` where that is given."""
    rows = connection.execute(
        f"SELECT {_KEPT} FROM message WHERE quarantined = 1 AND id < ? ORDER BY id DESC LIMIT ?",  # noqa: S608
        (MOST_BYTES, before if before is not None else 1 << 62, limit),
    )
    return [_kept(row) for row in rows]


def quarantine_reasons(connection: sqlite3.Connection) -> list[Reason]:
    """Of the newest `MOST_QUARANTINED`, the newest first."""
    rows = connection.execute(
        "SELECT id, received_at, topic, coalesce(reason, '') FROM message WHERE quarantined = 1 "
        "ORDER BY id DESC LIMIT ?",
        (MOST_QUARANTINED,),
    )
    return [Reason(*row) for row in rows]


def quarantined(connection: sqlite3.Connection, ids: Collection[int]) -> list[Kept]:
    """These of the quarantine, the newest first."""
    found = []
    for id in sorted(ids, reverse=True):
        one = f"SELECT {_KEPT} FROM message WHERE id = ? AND quarantined = 1"  # noqa: S608
        if row := connection.execute(one, (MOST_BYTES, id)).fetchone():
            found.append(_kept(row))
    return found


def readings_of(connection: sqlite3.Connection, device: str, since: Millis, until: Millis) -> list[Measured]:
    """All readings of one device with `since` <= at < `until`, the newest first, `MOST_READINGS` at most."""
    rows = connection.execute(
        "SELECT name.text, reading.at, reading.value, reading.flag, reading.freshness, reading.tests "  # noqa: S608
        "FROM reading JOIN name ON name.id = reading.quantity "
        f"WHERE reading.at >= ? AND reading.at < ? AND reading.device = {_NUMBER} "
        "ORDER BY reading.at DESC LIMIT ?",
        (since, until, device, MOST_READINGS),
    )
    return [
        Measured(quantity, at, value, Flag(flag), Freshness(fresh), tuple(tests.split(",")) if tests else ())
        for quantity, at, value, flag, fresh, tests in rows
    ]


def charges(
    connection: sqlite3.Connection, quantities: Mapping[str, str], since: Millis, until: Millis
) -> dict[str, tuple[Millis, float]]:
    """Device -> mean time and mean value of its battery within `since` <= at < `until`.

    `quantities`: the devices that are asked for, with the quantity of their battery.
    """
    names = dict(connection.execute("SELECT text, id FROM name"))
    asked = {names[d]: (d, names[q]) for d, q in quantities.items() if d in names and q in names}
    kinds = sorted({quantity for _, quantity in asked.values()})
    rows = connection.execute(
        "SELECT device, quantity, avg(at), avg(value) FROM reading WHERE at >= ? AND at < ? "  # noqa: S608
        f"AND quantity IN ({_marks(kinds)}) AND device IN ({_marks(asked)}) "
        "AND flag <= ? AND value IS NOT NULL GROUP BY device, quantity",
        (since, until, *kinds, *asked, int(Flag.SUSPECT)),
    )
    return {
        asked[device][0]: (round(at), value)
        for device, quantity, at, value in rows
        if asked[device][1] == quantity
    }


def _marks(values: Collection[int]) -> str:
    return ", ".join("?" * len(values))


def _newest(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM message").fetchone()[0])


def _id_at(connection: sqlite3.Connection, at: Millis, newest: int) -> int:
    """The id of the last message before `at`, as they came in the order of time; 0 where there is none."""
    low, high = 0, newest
    while low < high:
        middle = (low + high + 1) // 2
        row = connection.execute(
            "SELECT received_at FROM message WHERE id <= ? ORDER BY id DESC LIMIT 1", (middle,)
        ).fetchone()
        if row is None or row[0] < at:
            low = middle
        else:
            high = middle - 1
    return low


def _kept(row: tuple[int, Millis, str, bytes, int, int, str]) -> Kept:
    id, at, topic, payload, size, retain, reason = row
    return Kept(id, at, topic, bytes(payload), size, bool(retain), reason)
