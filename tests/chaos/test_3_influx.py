"""InfluxDB away, slow, in error: every reading is in it once in the end, and no alert is late for it."""

import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub.influx import Pace
from tests.chaos.audit import ask, audit
from tests.chaos.fleet import Cast
from tests.chaos.stage import Stage
from tests.points import written
from tests.waiting import wait_until

TOLD_WITHIN_S = 5.0
"""Generous, as the machine may have other work; the benchmark measures how long it takes."""
QUANTITIES = 50
TOWN = Cast(cameras=20, traps=1_000, paddies=2, streams=1, gauges=1)
Due = list[bytes | tuple[str, Any] | None]
NO_STORM = {"storm": {"within": "1s", "first": 100}}
"""Every trap is told by itself, however many spring."""


# --- away, and back after many points -------------------------------------------------------------------


@pytest.mark.parametrize("points", [10_000, pytest.param(100_000, marks=pytest.mark.chaos)])
def test_a_backlog_is_caught_up_in_order_at_the_bounded_rate_while_traps_spring(
    tmp_path: Path, points: int
) -> None:
    with Stage(tmp_path / "town", cast=TOWN, policy=NO_STORM) as stage:
        assert stage.influx
        stage.influx.stop()
        stage.hub.start()
        for number in range(points // QUANTITIES):
            measures = {f"probe_{n}_m": number + n / 100 for n in range(QUANTITIES)}
            stage.fleet.says(f"cam-{number % TOWN.cameras}", **measures)
        wait_until(lambda: stage.stored() == points // QUANTITIES, "the backlog is in the ledger", 60)
        wait_until(lambda: "readings wait in the ledger" in stage.hub.log(), "InfluxDB was missed")
        assert forwarded(stage) == (0, points)
        stage.influx.start()
        wait_until(lambda: forwarded(stage)[0] > 0, "it is being caught up", 90)
        curve = [(time.monotonic(), forwarded(stage)[0])]
        told: list[float] = []
        while curve[-1][1] < points:
            told.append(springs(stage, len(told)))
            curve.append((time.monotonic(), forwarded(stage)[0]))
        assert told
        assert max(told) < TOLD_WITHIN_S
        assert curve[1][1] < points, "the first trap was told before InfluxDB had caught up"
        assert_bounded(curve)
        audit(stage)


def springs(stage: Stage, trap: int) -> float:
    """One trap: seconds from the word of its sensor until its owner has been told on all three channels."""
    began = time.monotonic()
    device = stage.fleet.springs(trap)
    told = (
        "SELECT json_extract(a.body, '$.device') FROM notification n JOIN alert a ON a.id = n.alert "
        "WHERE n.waiting = 0"
    )
    wait_until(lambda: stage.rows(told).count((device,)) == 3, f"{device} is told")
    return time.monotonic() - began


def forwarded(stage: Stage) -> tuple[int, int]:
    """How far InfluxDB has come: (cursor, last reading)."""
    ((done, last),) = stage.rows(
        "SELECT (SELECT coalesce(max(CAST(value AS INTEGER)), 0) FROM cursor WHERE name = 'influx'), "
        "(SELECT coalesce(max(id), 0) FROM reading)"
    )
    return done, last


def assert_bounded(curve: list[tuple[float, int]]) -> None:
    """Between any two looks no more than the rate allows, and the batch that was under way at each."""
    pace = Pace()
    for began, before in curve:
        for ended, after in curve:
            if ended > began:
                assert after - before <= (ended - began) * pace.most_per_s + 2 * pace.batch


# --- a server that answers what it should not ---------------------------------------------------------------


class Between(ThreadingHTTPServer):
    """Stands between the hub and InfluxDB: hands each request on, unless something else is due.

    `due` holds what the next requests get, one each. None: InfluxDB's own answer. bytes: these, and InfluxDB
    hears nothing. ("late", s): its own answer after s. ("cut", bytes): it has heard, and the hub gets these.
    """

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), Passing)
        self.onward = f"http://127.0.0.1:{port}"
        self.due: Due = []
        self.passed = 0

    def handle_error(self, *_: Any) -> None:
        """Quiet: the hub has hung up."""


class Passing(BaseHTTPRequestHandler):
    server: Between

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        due = self.server.due.pop(0) if self.server.due else None
        self.close_connection = True
        if isinstance(due, bytes):
            self.wfile.write(due)
            return
        how, what = due or ("late", 0.0)
        answer = self.hand_on(body)
        if how == "late":
            time.sleep(what)
        self.wfile.write(what if how == "cut" else answer)
        self.server.passed += 1

    def hand_on(self, body: bytes) -> bytes:
        kind = {"Content-Type": self.headers["Content-Type"]}
        path, _, query = self.path.partition("?")
        wanted = urllib.parse.parse_qs(query)
        if path == "/api/v2/write":  # as 1.8 does, which Debian does not have
            query = urllib.parse.urlencode({"db": wanted["bucket"][0], "precision": "ns"})
            path = "/write"
        request = urllib.request.Request(f"{self.server.onward}{path}?{query}", body, kind)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return written(answer.status, answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return written(error.code, error.read().decode())

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@contextmanager
def between(stage: Stage) -> Iterator[Between]:
    assert stage.influx
    server = Between(stage.influx.port)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answers_as(version: int, stage: Stage, server: Between) -> None:
    """The hub shall go through `server`, and take it for an InfluxDB of this version."""
    ask(server.onward, "", f'CREATE DATABASE "{stage.site}"')
    path = stage.folder / "hub.yaml"
    settings = yaml.safe_load(path.read_text("utf-8"))
    url = f"http://127.0.0.1:{server.server_port}"
    settings["influx"] = {"url": url, "version": version, "bucket": stage.site}
    path.write_text(yaml.safe_dump(settings, allow_unicode=True), "utf-8")


GOOD = b"HTTP/1.1 204 No Content\r\n\r\n"
SOME: Due = [
    written(503, "engine: cache maximum memory size exceeded"),
    None,
    ("cut", GOOD[:11]),
    None,
    written(200, "<html>log in to the hotel's network</html>"),
    None,
    written(400, "unable to parse: the whole batch"),
    None,
]
ALL: Due = [
    *SOME,
    written(429, "slow down", {"Retry-After": "3"}),
    None,
    ("cut", b""),
    None,
    ("cut", b"HTTP/1.1 503 X\r\nContent-Length: 900\r\n\r\n{"),
    None,
    written(302, headers={"Location": "/login"}),
    None,
    *[("late", 4.0)] * 5,
    *[("late", 12.0), None] * 2,
]
"""Late by 4 s: within the time limit of a request. By 12 s: InfluxDB has the lines, the hub does not know."""


@pytest.mark.parametrize(
    ("version", "due"),
    [
        pytest.param(1, SOME, id="some"),
        pytest.param(1, ALL * 2, id="all by /write", marks=[pytest.mark.chaos, pytest.mark.timeout(300)]),
        pytest.param(2, ALL * 2, id="all by /api/v2", marks=[pytest.mark.chaos, pytest.mark.timeout(300)]),
    ],
)
def test_errors_half_answers_and_a_slow_server_leave_every_reading_once_and_no_alert_late(
    tmp_path: Path, version: int, due: Due
) -> None:
    with Stage(tmp_path / "town", cast=TOWN, policy=NO_STORM) as stage, between(stage) as passing:
        answers_as(version, stage, passing)
        passing.due = list(due)
        stage.hub.start()
        told = []
        with stage.fleet.load(per_second=100):
            while passing.due:
                assert stage.hub.runs(), stage.hub.log()
                due_now = len(passing.due)
                told.append(springs(stage, TOWN.traps - 1 - len(told)))
                wait_until(lambda n=due_now: len(passing.due) < n, "the next request", 90)
        assert max(told) < TOLD_WITHIN_S
        assert passing.passed > 0
        audit(stage)


# --- killed -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kills", [2, pytest.param(15, marks=pytest.mark.chaos)])
def test_an_influxdb_that_dies_again_and_again_has_every_reading_once_in_the_end(
    tmp_path: Path, kills: int
) -> None:
    with Stage(tmp_path / "town", cast=TOWN, policy=NO_STORM) as stage:
        assert stage.influx
        stage.hub.start()
        with stage.fleet.load(per_second=100):
            for _ in range(kills):
                before, _ = forwarded(stage)
                wait_until(lambda n=before: forwarded(stage)[0] > n, "InfluxDB is written to", 90)
                stage.influx.stop(kill=True)
                stage.influx.start()
        audit(stage)
