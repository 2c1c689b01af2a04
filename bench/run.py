"""The measurements, each a function that returns its figures by name."""

import contextlib
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
from shapely.geometry import shape

from bench import town as towns
from firmware_sim.phones import Phones, Received
from hub.config.policy import Policy
from hub.config.settings import Hub, Site
from hub.config.shapes import Zone
from hub.config.town import Town
from hub.geofence import Geofence
from tests.servers import Server, mosquitto

PYTHON = sys.executable
QUEUE = "max_inflight_messages 1000\nmax_queued_messages 1000000\n"
BURST = 60_000
DEVICES, ZONES = 1_000, 500

Figures = dict[str, float]


@contextlib.contextmanager
def hub_process(folder: Path) -> Iterator[psutil.Process]:
    """`naruko run` as a town runs it, its log in `folder/log.txt`."""
    with (folder / "log.txt").open("ab") as log:
        child = subprocess.Popen(
            [PYTHON, "-m", "hub", "run", "-c", str(folder)], stdout=log, stderr=log, cwd=towns_root()
        )
        try:
            yield psutil.Process(child.pid)
        finally:
            child.terminate()
            child.wait(30)


def towns_root() -> Path:
    return Path(__file__).resolve().parents[1]


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the benchmark waited in vain")
        time.sleep(0.02)


def logged(folder: Path, text: str) -> bool:
    log = folder / "log.txt"
    return log.exists() and text in log.read_text(errors="replace")


def stored(folder: Path) -> int:
    """Messages that the ledger holds on disk."""
    with contextlib.closing(sqlite3.connect(f"file:{folder / 'naruko.db'}?mode=ro", uri=True)) as ledger:
        return int(ledger.execute("SELECT coalesce(max(id), 0) FROM message").fetchone()[0])


def load(*arguments: object) -> list[str]:
    return [PYTHON, "-m", "bench.load", *map(str, arguments)]


def make_town(
    root: Path,
    server: Server,
    name: str,
    mail_url: str = "mailto://127.0.0.1:9?from=hub@localhost&to=owner@localhost",
) -> Path:
    return towns.write(
        root / name,
        devices=DEVICES,
        zones=ZONES,
        mqtt_port=server.port,
        mail_url=mail_url,
        mqtt_id=f"bench-{name}",
    )


def throughput() -> Figures:
    """The same messages, waiting at the same broker, taken by a bare subscriber and by the whole hub."""
    with mosquitto(QUEUE) as server, tempfile.TemporaryDirectory() as temporary:
        folder = make_town(Path(temporary), server, "throughput")
        bare = [PYTHON, "-m", "bench.bare", "--port", str(server.port), "--count", str(BURST)]
        subprocess.run([*bare, "--only-subscribe"], check=True, cwd=towns_root())
        with hub_process(folder):
            wait_for(lambda: logged(folder, "connected"))
        subprocess.run(
            load("burst", "--port", server.port, "--count", BURST, "--devices", DEVICES),
            check=True,
            cwd=towns_root(),
        )
        said = subprocess.run(bare, check=True, capture_output=True, text=True, cwd=towns_root())
        with hub_process(folder):
            wait_for(lambda: stored(folder) > 0)
            began, had = time.perf_counter(), stored(folder)
            wait_for(lambda: stored(folder) >= BURST)
            rate = (BURST - had) / (time.perf_counter() - began)
    return {"durable_msgs_per_s": rate, "bare_paho_msgs_per_s": float(said.stdout)}


def mail_latency(rate: float = 200, seconds: float = 40, alarms: float = 4) -> Figures:
    """From the publish of a sprung trap to the mail in the hands of an SMTP server, under routine traffic."""
    arrived: dict[str, float] = {}

    def note(received: Received) -> None:
        arrived.setdefault(received.title.split()[0].partition("】")[2], time.time())

    with (
        mosquitto(QUEUE) as server,
        Phones(arrived=note) as phones,
        tempfile.TemporaryDirectory() as temporary,
    ):
        mail = f"mailto://127.0.0.1:{phones.mail_port}?from=hub@localhost&to=owner@localhost"
        folder = make_town(Path(temporary), server, "latency", mail)
        with hub_process(folder):
            wait_for(lambda: logged(folder, "connected"))
            time.sleep(1)
            traffic = load("steady", "--port", server.port, "--rate", rate, "--seconds", seconds)
            traffic += ["--alarms", str(alarms)]
            said = subprocess.run(traffic, check=True, capture_output=True, text=True, cwd=towns_root())
            published = {trap: float(at) for trap, at in (line.split() for line in said.stdout.splitlines())}
            wait_for(lambda: len(arrived) >= len(published), 30)
    took = sorted((arrived[trap] - at) * 1000 for trap, at in published.items())
    name = f"{rate:.0f}"
    return {
        f"smtp_p50_ms_{name}": statistics.median(took),
        f"smtp_p99_ms_{name}": took[int(len(took) * 0.99)],
        f"smtp_mails_{name}": len(took),
    }


def footprint(seconds: float = 60) -> Figures:
    """Memory, start and idling with a message a minute from each of 1,000 devices."""
    with mosquitto(QUEUE) as server, tempfile.TemporaryDirectory() as temporary:
        folder = make_town(Path(temporary), server, "footprint")
        began = time.perf_counter()
        with hub_process(folder) as hub:
            wait_for(lambda: logged(folder, "connected"))
            ready = time.perf_counter() - began
            rate = DEVICES / 60
            traffic = load(
                "steady", "--port", server.port, "--rate", rate, "--seconds", seconds + 8, "--alarms", 0
            )
            with subprocess.Popen(traffic, stdout=subprocess.DEVNULL, cwd=towns_root()):
                time.sleep(5)
                before = hub.cpu_times()
                time.sleep(seconds)
                after = hub.cpu_times()
            rss = hub.memory_info().rss / 1e6
    cpu = (after.user + after.system - before.user - before.system) / seconds * 100
    return {"rss_mb_1000_devices": rss, "ready_s_1000_devices": ready, "idle_cpu_pct_1000_devices": cpu}


def geofence() -> Figures:
    """Which zones a point lies in, among 1 and among 10,000."""
    return {f"geofence_us_{count}": _locate(count) for count in (1, 10_000)}


def _locate(count: int) -> float:
    features = [towns.zone(i) for i in range(count)]
    zones = {f["properties"]["id"]: Zone(**f["properties"]) for f in features}
    site = Site(id="bench", name="b", name_en="b", lat=towns.CENTRE[0], lon=towns.CENTRE[1], radius_km=20,
                contact="c", info_url="u")  # fmt: skip
    fence = Geofence(
        Town(
            Hub(site=site),
            Policy(),
            {},
            {},
            zones,
            {f["properties"]["id"]: shape(f["geometry"]) for f in features},
            {},
        )
    )
    points = [towns.position(i * 13) for i in range(500)]

    def locate() -> None:
        for lat, lon in points:
            fence.zones_at(lat, lon)

    return min(timeit.repeat(locate, number=1, repeat=15)) / len(points) * 1e6


MEASUREMENTS = (geofence, throughput, mail_latency, footprint)
