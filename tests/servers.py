"""Real servers for the integration tests: each on free loopback ports, in a folder of its own.

`with influxd() as server:` starts one and waits until it answers; `stop()` and `start()` take it away for a
while and bring it back with its data. Where the program is not installed the test is left out, and fails with
`CI=true`.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

READY_WITHIN_S = 30.0
LEFT_OUT = "real servers left out"


class Server:
    """One process of ours. `port` is where clients go, `folder` keeps its data over `stop` and `start`.

    `starts`: how often it began.
    """

    def __init__(
        self, name: str, command: list[str], port: int, folder: Path, ready: Callable[[int], bool]
    ) -> None:
        self.name = name
        self.port = port
        self.folder = folder
        self.starts = 0
        self._command = command
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it and returns when it answers."""
        self.starts += 1
        log = self.folder / "log.txt"
        with log.open("ab") as out:
            self._process = subprocess.Popen(self._command, cwd=self.folder, stdout=out, stderr=out)
        end = time.monotonic() + READY_WITHIN_S
        while not self._ready(self.port):
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise RuntimeError(f"{self.name} does not answer:\n{log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.02)

    def stop(self, *, kill: bool = False) -> None:
        """Ends it, politely or, with `kill`, as a power cut does."""
        process, self._process = self._process, None
        if process is None:
            return
        if kill:
            process.kill()
        else:
            process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def installed(program: str) -> str:
    """Path of a server program; leaves the test out where there is none, fails it with `CI=true`."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        reason = f"{LEFT_OUT}: {program} is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@contextlib.contextmanager
def influxd() -> Iterator[Server]:
    """InfluxDB 1.x, the one in Debian and Raspberry Pi OS."""
    program = installed("influxd")
    with _folder() as folder:
        port, rpc = free_port(), free_port()
        config = folder / "influxdb.conf"
        config.write_text(
            f'reporting-disabled = true\nbind-address = "127.0.0.1:{rpc}"\n'
            f'[meta]\ndir = "{folder}/meta"\n'
            f'[data]\ndir = "{folder}/data"\nwal-dir = "{folder}/wal"\n'
            f'[http]\nbind-address = "127.0.0.1:{port}"\nlog-enabled = false\n'
            "[monitor]\nstore-enabled = false\n"
        )
        yield from _running(
            Server("influxd", [program, "-config", str(config)], port, folder, answers("/ping"))
        )


@contextlib.contextmanager
def victoria_metrics() -> Iterator[Server]:
    """VictoriaMetrics: what answers `/api/v2/write` in Debian. Keeps old times, and each sample once."""
    program = installed("victoria-metrics")
    with _folder() as folder:
        port = free_port()
        command = [
            program,
            f"-storageDataPath={folder}/data",
            f"-httpListenAddr=127.0.0.1:{port}",
            "-retentionPeriod=100y",
            "-dedup.minScrapeInterval=1ms",
            "-search.latencyOffset=0s",
            "-memory.allowedPercent=10",
        ]
        yield from _running(Server("victoria-metrics", command, port, folder, answers("/health")))


@contextlib.contextmanager
def mosquitto(conf: str = "") -> Iterator[Server]:
    """Mosquitto without password on one listener, with `conf` added to its settings."""
    program = installed("mosquitto")
    with _folder() as folder:
        port = free_port()
        config = folder / "mosquitto.conf"
        user = "user root\n" if os.geteuid() == 0 else ""
        config.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
            f"persistence_location {folder}/\n{user}{conf}\n"
        )
        yield from _running(Server("mosquitto", [program, "-c", str(config)], port, folder, _listens))


def _running(server: Server) -> Iterator[Server]:
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="naruko-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def answers(path: str) -> Callable[[int], bool]:
    """Whether the server on a port answers a GET of `path` well."""

    def ready(port: int) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=1) as answer:
                return bool(answer.status < 300)
        except OSError:
            return False

    return ready
