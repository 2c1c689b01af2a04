"""What one reading costs the card: bytes by the kernel's count of the process, and by SQLite's own pages."""

import contextlib
import sqlite3
import struct
import subprocess
import threading
from pathlib import Path
from typing import NamedTuple

import psutil

from bench.stage import ROOT, Figures, Stage, connected_hub, readings, stage, stored, wait_for

PAGE = 4_096
FRAME = PAGE + 24
"""SQLite, "WAL-mode File Format" 3: a frame of the log is a page with a header of 24 bytes."""
INDEX_HEADER = struct.Struct("=III BBH II 2I 2I 2I")
"""The same, "The WAL-Index Format": the first 48 bytes of the file `-shm`."""
LOOK_EVERY_S = 0.02


class Index(NamedTuple):
    """Of the log at one instant: commits so far, frames since it was begun anew, and which log it is."""

    commits: int
    frames: int
    salt: tuple[int, int]


class Pages(threading.Thread):
    """Follows the head of the log's index: `commits` and `frames` since the start."""

    def __init__(self, ledger: Path) -> None:
        super().__init__(daemon=True)
        self._file = Path(f"{ledger}-shm")
        self._ended = threading.Event()
        self._last = index(self._file)
        self.commits = self.frames = 0

    def run(self) -> None:
        while not self._ended.wait(LOOK_EVERY_S):
            self.look()

    def look(self) -> None:
        now, last = index(self._file), self._last
        self.commits += (now.commits - last.commits) % 2**32
        self.frames += now.frames - last.frames if now.salt == last.salt else now.frames
        self._last = now

    def end(self) -> None:
        self._ended.set()
        self.join()
        self.look()


def index(file: Path) -> Index:
    """Read again until both copies agree: the hub may be writing it."""
    while True:
        with file.open("rb") as opened:
            first, second = opened.read(INDEX_HEADER.size), opened.read(INDEX_HEADER.size)
        if first == second:
            words = INDEX_HEADER.unpack(first)
            return Index(words[2], words[6], (words[10], words[11]))


def checkpoint(ledger: Path) -> int:
    """Copies the log into the file from outside of the hub; the pages that this wrote."""
    with contextlib.closing(sqlite3.connect(ledger, isolation_level=None)) as connection:
        before = written(psutil.Process())
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        return (written(psutil.Process()) - before) // PAGE


def written(process: psutil.Process) -> int:
    """Bytes that the process has given to `write`: files alone, as sockets are sent to."""
    return int(process.io_counters().write_chars)


class Cost(NamedTuple):
    """Of one run under a steady load. All bytes are those of one reading."""

    given: float
    """To `write`: the log and the file, with what a checkpoint of the rest of the log would write."""
    reached: float
    """That the kernel counts for the disk (`write_bytes`): pages made dirty, again after each fsync."""
    frames: float
    """In frames of SQLite's log."""
    readings_a_commit: float


def cost(at: Stage, name: str, rate: float, seconds: float, devices: int = 1_000) -> Cost:
    """The first messages are no part of it: a device's first word writes its state."""
    folder = at.town(name, devices=devices)
    ledger = folder / "naruko.db"
    with connected_hub(folder) as hub:
        settle = devices / rate if rate < devices else 1.0
        traffic = at.load("steady", rate=rate, seconds=settle + seconds + 5, devices=devices)
        with subprocess.Popen(traffic, stdout=subprocess.DEVNULL, cwd=ROOT) as load:
            hub_is_warm(folder, int(rate * settle))
            checkpoint(ledger)
            pages = Pages(ledger)
            had, given, reached = readings(folder), written(hub), hub.io_counters().write_bytes
            pages.start()
            with contextlib.suppress(subprocess.TimeoutExpired):
                load.wait(seconds)
            pages.end()
            given, reached = written(hub) - given, hub.io_counters().write_bytes - reached
            count = readings(folder) - had
            left = checkpoint(ledger) * PAGE
    return Cost(
        (given + left) / count, (reached + left) / count, pages.frames * FRAME / count, count / pages.commits
    )


def hub_is_warm(folder: Path, messages: int) -> None:
    wait_for(lambda: stored(folder) >= messages, 120, every=0.2)


def bytes_written(seconds: float = 60) -> Figures:
    """At the load of a town of 1,000 devices, a message a minute each, and at 200 messages/s."""
    with stage() as at:
        town, busy = cost(at, "bytes", 1_000 / 60, seconds * 2), cost(at, "bytes-200", 200, seconds)
    return {
        "bytes_written_per_reading": town.given,
        "bytes_written_per_reading_200": busy.given,
        "bytes_dirtied_per_reading": town.reached,
        "bytes_dirtied_per_reading_200": busy.reached,
        "wal_bytes_per_reading": town.frames,
        "wal_bytes_per_reading_200": busy.frames,
        "readings_per_commit": town.readings_a_commit,
        "readings_per_commit_200": busy.readings_a_commit,
    }
