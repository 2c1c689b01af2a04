"""Points on their way to InfluxDB: a town, its forwarder at a pace for tests, and servers that misbehave."""

import asyncio
import dataclasses
import json
import math
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from hub.clock import SetClock
from hub.config.settings import Influx
from hub.config.shapes import Kind, Profile
from hub.config.town import Town
from hub.influx import Pace, forward
from hub.influx.target import BadLinesError
from hub.ledger import Ledger
from hub.model import Alert, Flag, Reading, Severity
from tests import towns

NOW = towns.at("2026-11-21 21:07:03")
NS = 1_000_000
FAST = Pace(batch=500, idle=0.01, most_per_s=math.inf, retry_first=0.01, retry_last=0.05)
TRACKER = Profile(model="tracker", name="collar", kind=Kind.TRACKER, decoder="json", heartbeat="1h")


def town(url: str, version: int = 1, bucket: str = "naruko", **more: Any) -> Town:
    made = towns.town(
        devices=[
            towns.gauge("river-1", {"caution": 5.0}, 10, 10),
            towns.trap("trap-1", 20, 20),
            towns.pir("pir-1", 500, 0),
            towns.device("collar-1", "tracker", 0, 0),
        ],
        zones=[towns.square("valley", "flood", size=200), towns.square("field", "paddy", size=60)],
        profiles=[TRACKER],
    )
    settings = Influx(url=url, version=version, bucket=bucket, **more)
    return dataclasses.replace(made, hub=made.hub.model_copy(update={"influx": settings}))


def reading(at: int = NOW, value: float | None = 1.5, **more: Any) -> Reading:
    fields = {"device": "river-1", "quantity": "water_level_m", "flag": Flag.PASS, "received_at": at} | more
    return Reading(at=at, value=value, **fields)


def alert(device: str = "river-1", kind: str = "river", **more: Any) -> Alert:
    fields: dict[str, Any] = {
        "incident": f"{kind}/{device}",
        "severity": Severity.CAUTION,
        "opened_at": NOW,
        "updated_at": NOW,
        "lat": 36.123456,
        "lon": 137.654321,
        "place": "田中さんの畑",
        "place_en": "Tanaka's field",
        "told": {"tanaka": 1},
        "level": "caution",
        "count": 2,
    } | more
    return Alert(id=f"{kind}/{device}/{NOW}", kind=kind, device=device, **fields)


@asynccontextmanager
async def forwarding(
    ledger: Ledger,
    town: Town,
    report: Callable[[bool, str], None] = lambda up, reason: None,
    pace: Pace = FAST,
) -> Any:
    """The forwarder at work, at a pace for tests."""
    task = asyncio.create_task(forward(ledger, town, SetClock(NOW), pace=pace, report=report))
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool]) -> None:
    """Returns when it holds: the test's time limit is the limit."""
    while not await asyncio.to_thread(condition):  # noqa: ASYNC110 (other processes set no event)
        await asyncio.sleep(0.01)


def forwarded(ledger: Ledger) -> Callable[[], bool]:
    """Nothing is left behind either cursor."""
    return lambda: (
        not ledger.readings_after(int(ledger.cursor("influx") or 0), 1)[1]
        and not ledger.alert_changes_after(int(ledger.cursor("influx_alert") or 0), 1)[1]
    )


class Recorder:
    """A target that takes what `refuses` does not, and remembers it."""

    def __init__(self, refuses: Callable[[str], bool] = lambda line: False) -> None:
        self.refuses = refuses
        self.lines: list[str] = []
        self.calls = 0

    def write(self, lines: list[str]) -> None:
        self.calls += 1
        if any(self.refuses(line) for line in lines):
            raise BadLinesError("unable to parse")
        self.lines += lines

    def close(self) -> None:
        pass


GOOD = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Fake(ThreadingHTTPServer):
    """Answers each POST with the next of `answers` and hangs up, then with 204.

    An answer is (status, body, headers), or bytes as they go over the wire. `takes_s` tells how long it needs
    for so many lines. `seen` holds (path, headers, body) of each.
    """

    daemon_threads = True

    def __init__(
        self,
        answers: tuple[tuple[int, str, dict[str, str]] | bytes, ...],
        port: int,
        takes_s: Callable[[int], float],
    ) -> None:
        super().__init__(("127.0.0.1", port), Answering)
        self.answers = list(answers)
        self.takes_s = takes_s
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        self.at: list[float] = []
        """When each came, by the monotonic clock."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def lines(self) -> list[list[str]]:
        """What each request held."""
        return [body.decode().split("\n") for _, _, body in self.seen]

    def handle_error(self, *_: Any) -> None:
        """Quiet: the client has hung up."""


class Answering(BaseHTTPRequestHandler):
    server: Fake

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.path, dict(self.headers), body))
        self.server.at.append(time.monotonic())
        time.sleep(self.server.takes_s(body.count(b"\n") + 1))
        answer = self.server.answers.pop(0) if self.server.answers else GOOD
        self.wfile.write(answer if isinstance(answer, bytes) else written(*answer))
        self.close_connection = True

    def do_GET(self) -> None:
        """Where a redirected write would arrive, without its lines."""
        self.wfile.write(GOOD)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def written(status: int, body: str = "", headers: dict[str, str] | None = None) -> bytes:
    """An answer as it goes over the wire."""
    fields = {"Content-Length": str(len(body.encode())), "Connection": "close"} | (headers or {})
    head = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*head, "", body]).encode()


@contextmanager
def fake(
    *answers: tuple[int, str, dict[str, str]] | bytes,
    port: int = 0,
    takes_s: Callable[[int], float] = lambda lines: 0.0,
) -> Iterator[Fake]:
    server = Fake(answers, port, takes_s)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ask_influx(url: str, database: str, query: str) -> list[list[Any]]:
    asked = urllib.parse.urlencode({"db": database, "q": query, "epoch": "ms"})
    with urllib.request.urlopen(f"{url}/query?{asked}", timeout=10) as answer:  # noqa: S310
        (result,) = json.load(answer)["results"]
    return [row for series in result.get("series", []) for row in series["values"]]


def ask_victoria(url: str, metric: str) -> list[tuple[int, float]]:
    """All raw samples of one metric, as (ms, value)."""
    query = urllib.parse.urlencode({"match[]": metric, "start": "0"})
    with urllib.request.urlopen(f"{url}/api/v1/export?{query}", timeout=10) as answer:  # noqa: S310
        series = [json.loads(line) for line in answer]
    return sorted((at, value) for s in series for at, value in zip(s["timestamps"], s["values"], strict=True))
