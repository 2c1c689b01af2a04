"""Installs Node-RED from npm, once, and runs the flow that stands beside this file."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from bench.stage import wait_for
from tests.servers import free_port

HERE = Path(__file__).parent
PACKAGES = ("package.json", "package-lock.json", ".npmrc")
SESSION = "bench-node-red"
"""Client id of the flow at the broker: in flows.json."""


class MissingError(Exception):
    """Node.js is not there, or npm could not install the peer."""


def installed() -> Path:
    """The folder with `node_modules`, by what the lock says; installs where there is none."""
    if not (shutil.which("node") and shutil.which("npm")):
        raise MissingError("the peer needs Node.js 18.5 or newer with npm: apt install nodejs npm")
    content = b"".join((HERE / name).read_bytes() for name in PACKAGES)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "naruko-bench" / f"node-red-{hashlib.sha256(content).hexdigest()[:12]}"
    if not (folder / "node_modules" / "node-red" / "red.js").exists():
        print("installing Node-RED (once)", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        for name in PACKAGES:
            shutil.copy(HERE / name, folder)
        done = subprocess.run(["npm", "ci"], cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise MissingError(f"npm ci failed: {done.stderr[-1_000:]}")
    return folder


@contextlib.contextmanager
def running(mqtt_port: int, influx_write: str, told: str = "http://127.0.0.1:9/") -> Iterator[psutil.Process]:
    """The flow, connected to the broker. Its session stays there when it ends.

    `influx_write` takes line protocol by POST, `told` what somebody must be told.
    """
    program = installed() / "node_modules" / "node-red" / "red.js"
    with tempfile.TemporaryDirectory(prefix="naruko-node-red-") as name:
        user = Path(name)
        shutil.copy(HERE / "flows.json", user)
        environment = os.environ | {
            "BENCH_MQTT_PORT": str(mqtt_port),
            "BENCH_INFLUX_WRITE": influx_write,
            "BENCH_TOLD": told,
            "BENCH_UI_PORT": str(free_port()),
            "NODE_ENV": "production",
        }
        command = ["node", str(program), "--userDir", name, "--settings", str(HERE / "settings.js")]
        with (user / "log.txt").open("wb") as log:
            child = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            _wait_until_connected(user / "log.txt", child)
            yield psutil.Process(child.pid)
        finally:
            child.terminate()
            child.wait(30)


def _wait_until_connected(log: Path, child: "subprocess.Popen[bytes]") -> None:
    wait_for(
        lambda: "Connected to broker" in log.read_text(errors="replace") or child.poll() is not None,
        60,
        0.005,
    )
    if child.poll() is not None:
        raise MissingError(f"Node-RED ended: {log.read_text(errors='replace')[-2_000:]}")
