"""The hub as a process of its own, and the command line beside it."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

from firmware_sim.phones import Phones
from hub.notify import LINE_API_ENV
from tests.data import ROOT
from tests.waiting import wait_until


class HubProcess:
    """`naruko run` on a folder. A context manager: killed at the end where it still runs."""

    def __init__(self, folder: Path, phones: Phones | None = None) -> None:
        self.folder = folder
        self.ledger = folder / "naruko.db"
        self.log_file = folder / "log.txt"
        self._env = os.environ | ({LINE_API_ENV: phones.line_url} if phones else {})
        self.starts = 0
        self._connected_before = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self.kill()

    def start(self, *, connected: bool = True, module: str = "hub", **env: str) -> None:
        """Returns when it hears the broker, or with `connected=False` at once. `module`: what is run."""
        self._connected_before = self._connections()
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, "run", "-c", self.folder],
                cwd=ROOT,
                env=self._env | env,
                stdout=log,
                stderr=log,
            )
        self.starts += 1
        if connected:
            wait_until(lambda: self.connected() or not self.runs(), "the hub is connected")
            assert self.runs(), self.log()

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def connected(self) -> bool:
        """Whether it has heard the broker since its last start."""
        return self._connections() > self._connected_before

    def wait(self, within: float = 30.0) -> int:
        """Its exit code."""
        assert self._process
        return self._process.wait(within)

    def kill(self) -> None:
        """kill -9."""
        assert self._process
        self._process.kill()
        self._process.wait()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Its exit code after a signal, and how many seconds that took."""
        assert self._process
        began = time.monotonic()
        self._process.send_signal(number)
        return self._process.wait(60), time.monotonic() - began

    def log(self) -> str:
        return self.log_file.read_text() if self.log_file.exists() else ""

    def _connections(self) -> int:
        return sum(line.endswith((" connected", " is back")) for line in self.log().splitlines())


def naruko(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The command line, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "hub", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def rows(ledger: Path, sql: str) -> list[tuple[Any, ...]]:
    """A query to the ledger's file, from outside of the hub."""
    with contextlib.closing(sqlite3.connect(ledger, timeout=10)) as connection:
        return connection.execute(sql).fetchall()


def bodies(ledger: Path, table: str) -> list[dict[str, Any]]:
    """alert, notification or command: what is written of each, in order."""
    found = rows(ledger, f"SELECT body FROM {table} ORDER BY seq")  # noqa: S608 (a name of ours)
    return [json.loads(body) for (body,) in found]
