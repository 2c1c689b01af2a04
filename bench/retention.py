"""The cost of a message, of opening and of a start, by how many readings the ledger keeps.

A ledger's cost follows from its size and not from its age: it is filled by SQL, in the tables that the hub
has made, with what 1,000 devices send in so many days. The largest takes 7 GB of the disk and two minutes.
"""

import contextlib
import os
import sqlite3
import statistics
import time
from pathlib import Path

from bench.load import message
from bench.stage import Figures, Stage, connected_hub, stage
from hub.app import resume
from hub.clock import SystemClock
from hub.config.load import load
from hub.ledger import Ledger
from hub.model import Message, Outcome
from hub.state import LATER, Saved

READINGS = (100_000, 1_000_000, 10_000_000, 100_000_000)
DEVICES = 1_000
KEPT_DAYS, MESSAGES_KEPT_DAYS = 400, 7
"""`ledger.keep_readings` and `ledger.keep_messages`: the share of messages that is still there."""
DAY_MS = 86_400_000
BATCH, BATCHES, WARM = 50, 200, 40
ROOM_MB = 100_000

MADE = "WITH RECURSIVE made(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM made WHERE n < :count - 1) "
FILL_NAMES = MADE + "INSERT INTO name (text) SELECT printf('stock-%05d', n) FROM made"  # noqa: S608
FILL_READINGS = (
    MADE  # noqa: S608
    + "INSERT INTO reading (device, quantity, at, value, flag, tests, received_at, freshness) "
    "SELECT 1 + n / 2 % 1000, 1 + n % 2, :since + n / 2 * :step, 3.0 + n % 97 / 100.0, 1, NULL, "
    ":since + n / 2 * :step + 40, 0 FROM made"
)
FILL_MESSAGES = (
    MADE  # noqa: S608
    + "INSERT INTO message (received_at, topic, payload, retain, device, quarantined, reason, "
    "fingerprint) "
    "SELECT :since + n * :step, 'naruko/bench/stock-00001/up', zeroblob(90), 0, 1 + n % 1000, 0, NULL, "
    "(n * 2654435761) & 0x7FFFFFFFFFFFFFF FROM made"
)


def retention(sizes: tuple[int, ...] = READINGS) -> Figures:
    figures: Figures = {}
    with stage() as at:
        for count in sizes:
            figures |= _of_size(at, count)
    return figures


def _of_size(at: Stage, count: int) -> Figures:
    folder = at.town(f"kept-{count}", devices=DEVICES, limit_mb=ROOM_MB)
    path = folder / "naruko.db"
    fill(folder, count)
    forget(path)
    began = time.perf_counter()
    with contextlib.closing(Ledger.open(path, load(folder, {}).hub.ledger)):
        opened = time.perf_counter() - began
    forget(path)
    began = time.perf_counter()
    with connected_hub(folder):
        ready = time.perf_counter() - began
    inserted = insert_us(folder)
    size = path.stat().st_size / 1e6
    path.unlink()
    return {
        f"insert_us_{count}_readings": inserted,
        f"open_s_{count}_readings": opened,
        f"ready_s_{count}_readings": ready,
        f"ledger_mb_{count}_readings": size,
    }


def fill(folder: Path, readings: int) -> None:
    """So many readings of the last 400 days, and the messages of the last seven."""
    path = folder / "naruko.db"
    Ledger.open(path, load(folder, {}).hub.ledger).close()
    now = SystemClock().now()
    step = max(KEPT_DAYS * DAY_MS // (readings // 2 + 1), 1)
    messages = readings // 2 * MESSAGES_KEPT_DAYS // KEPT_DAYS
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(FILL_NAMES, {"count": DEVICES})
        whole = {"count": readings, "since": now - readings // 2 * step, "step": step}
        connection.execute(FILL_READINGS, whole)
        connection.execute(FILL_MESSAGES, {"count": messages, "since": now - messages * step, "step": step})
        connection.commit()
    with contextlib.closing(Ledger.open(path, load(folder, {}).hub.ledger)) as ledger:
        ledger.insert(Outcome(states={("saved", LATER): Saved(now)}))  # nothing is to be recalled
        ledger.commit()


def forget(path: Path) -> None:
    """The file's pages leave the memory: it is opened from the disk, as after a power cut."""
    with path.open("rb") as opened:
        os.fsync(opened.fileno())
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def insert_us(folder: Path) -> float:
    """us a message of the path behind the broker, with its commit: the median batch."""
    town = load(folder, {})
    with contextlib.closing(Ledger.open(folder / "naruko.db", town.hub.ledger)) as ledger:
        pipeline = resume(town, ledger)
        now = SystemClock().now()
        took = []
        for number in range(BATCHES):
            batch = _batch(number, now + number)
            began = time.perf_counter()
            ledger.insert(pipeline.run(batch, now + number))
            ledger.commit()
            took.append(time.perf_counter() - began)
        return statistics.median(took[WARM:]) / BATCH * 1e6


def _batch(number: int, at: int) -> list[Message]:
    first = number * BATCH
    made = [message(i % DEVICES, i // DEVICES, at / 1_000) for i in range(first, first + BATCH)]
    return [Message(topic, payload, at) for topic, payload in made]
