"""What every measurement stands on: a town, the hub as its own process, and how to see how far it is."""

import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

from bench import town
from tests.servers import Server, mosquitto

ROOT = Path(__file__).resolve().parents[1]
PYTHON = sys.executable
QUEUE = "max_inflight_messages 1000\nmax_queued_messages 1000000\nset_tcp_nodelay true\n"
"""As `config/mosquitto/` has it, with room for every message that waits."""

Figures = dict[str, float]


class Stage:
    """One broker, and one folder for the towns that listen to it."""

    def __init__(self, broker: Server, folder: Path) -> None:
        self.broker = broker
        self.folder = folder

    def town(self, name: str, **shape: object) -> Path:
        """A config folder of this name, with a persistent session of its own."""
        return town.write(self.folder / name, town.Shape(**shape), mqtt_port=self.broker.port)  # type: ignore[arg-type]

    def load(self, what: str, **options: object) -> list[str]:
        """The command that makes traffic: see `bench.load`."""
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        return [PYTHON, "-m", "bench.load", what, "--port", str(self.broker.port), *words]


@contextlib.contextmanager
def stage() -> Iterator[Stage]:
    os.sync()  # what an installation has left to be written
    with mosquitto(QUEUE) as broker, tempfile.TemporaryDirectory(prefix="naruko-bench-") as folder:
        yield Stage(broker, Path(folder))


@contextlib.contextmanager
def hub(folder: Path, module: str = "hub") -> Iterator[psutil.Process]:
    """`naruko run` as a town runs it, its log in `folder/log.txt`."""
    with (folder / "log.txt").open("ab") as log:
        command = [PYTHON, "-m", module, "run", "-c", str(folder)]
        child = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)
        try:
            yield psutil.Process(child.pid)
        except BaseException as error:
            error.add_note((folder / "log.txt").read_text(errors="replace")[-2_000:])
            raise
        finally:
            child.terminate()
            child.wait(60)


@contextlib.contextmanager
def connected_hub(folder: Path, module: str = "hub") -> Iterator[psutil.Process]:
    """As `hub`, when it hears the broker."""
    before = connections(folder)
    with hub(folder, module) as process:
        wait_for(lambda: connections(folder) > before, every=0.005)
        yield process


def introduce(folder: Path) -> None:
    """Leaves the hub's session at the broker: what is published from now on waits for it."""
    with connected_hub(folder):
        pass


def run(command: list[str]) -> str:
    """What it printed. CalledProcessError where it failed."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout


def wait_for(condition: Callable[[], bool], seconds: float = 180, every: float = 0.02) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the benchmark waited in vain")
        time.sleep(every)


def connections(folder: Path) -> int:
    """How often the hub has come to hear the broker."""
    log = folder / "log.txt"
    return log.read_text(errors="replace").count(" connected\n") if log.exists() else 0


def stored(folder: Path) -> int:
    """Messages that the ledger holds on disk."""
    return _newest(folder, "message")


def readings(folder: Path) -> int:
    return _newest(folder, "reading")


def _newest(folder: Path, table: str) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{folder / 'naruko.db'}?mode=ro", uri=True)) as ledger:
        return int(ledger.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0])  # noqa: S608


class Pace(NamedTuple):
    """How fast something was done: a second, and what each took of the processor in us."""

    per_s: float
    cpu_us: float


def pace(process: psutil.Process, done: Callable[[], int], count: int) -> Pace:
    """From now to the last of `count`. Called when the process has just been connected."""
    began, first, cpu = time.perf_counter(), done(), cpu_s(process)
    wait_for(lambda: done() >= count)
    took, used = time.perf_counter() - began, cpu_s(process) - cpu
    return Pace((count - first) / took, used / (count - first) * 1e6)


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
