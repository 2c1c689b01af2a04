"""`naruko demo` as a newcomer runs it: a process, its terminal and its report."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from firmware_sim.scenarios import scenario
from tests.data import ROOT
from tests.fleets import example_town
from tests.processes import naruko
from tests.waiting import wait_until

LINK = "https://www.google.com/maps/search/?api=1&query="
SEED = 7


class Demo:
    """A running `naruko demo`; what it prints is in `text()` as it comes."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        folder.mkdir()
        self.report_file = folder / "report.json"
        self._out = folder / "out.txt"
        self.began = time.monotonic()
        with self._out.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "hub", "demo", "--report", self.report_file, *map(str, arguments)],
                cwd=ROOT,
                env=os.environ | {"COLUMNS": "200", "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"},
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def text(self) -> str:
        return self._out.read_text("utf-8")

    def wait(self) -> "Demo":
        self.code = self.process.wait(100)
        self.seconds = time.monotonic() - self.began
        return self

    def report(self) -> dict[str, Any]:
        return dict(json.loads(self.report_file.read_text("utf-8")))


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Demo, Demo]]:
    """The story of one seed, twice, at once."""
    folder = tmp_path_factory.mktemp("demo")
    runs = [Demo(folder / name, "--once", "--speed", "max", "--seed", SEED) for name in "ab"]
    yield runs[0].wait(), runs[1].wait()
    for run in runs:
        run.process.kill()


@pytest.fixture(scope="module")
def told(twins: tuple[Demo, Demo]) -> dict[str, Any]:
    assert twins[0].code == 0, twins[0].text()
    return twins[0].report()


def test_the_story_ends_well_and_warns_of_nothing(twins: tuple[Demo, Demo]) -> None:
    for run in twins:
        assert run.code == 0, run.text()
        assert not [line for line in run.text().splitlines() if line.startswith(("WARNING", "ERROR"))]
        assert "Traceback" not in run.text()


def test_the_report_has_the_shape_that_others_read(told: dict[str, Any]) -> None:
    assert set(told) == {"counts", "alerts", "notifications"}
    assert {"messages", "readings", "events", "quarantined", "duplicates", "lost"} <= set(told["counts"])
    for alert in told["alerts"]:
        assert {"id", "kind", "severity", "place", "opened_at", "closed_at", "map_url", "mode"} <= set(alert)
        assert datetime.fromisoformat(alert["opened_at"]).utcoffset() == timedelta(hours=9)
        assert alert["mode"] == "actual"
    ids = [alert["id"] for alert in told["alerts"]]
    assert len(set(ids)) == len(ids)
    for notification in told["notifications"]:
        assert {"alert_id", "recipient", "channel", "reason", "status", "latency_ms"} <= set(notification)
        assert notification["alert_id"] in ids


def test_nothing_is_lost_quarantined_or_taken_twice(told: dict[str, Any]) -> None:
    counts = told["counts"]
    assert (counts["lost"], counts["quarantined"], counts["duplicates"]) == (0, 0, 0)
    assert counts["messages"] > 1_000
    assert counts["readings"] > counts["messages"]


def test_every_alert_of_the_plot_is_told_and_none_of_another_kind(told: dict[str, Any]) -> None:
    expected = Counter(scenario("story", example_town(), SEED).expect)
    kinds = Counter(alert["kind"] for alert in told["alerts"])
    assert expected <= kinds
    assert set(kinds) == set(expected)
    assert {n["alert_id"] for n in told["notifications"]} == {alert["id"] for alert in told["alerts"]}


def test_every_notification_is_sent_within_seconds(told: dict[str, Any]) -> None:
    assert {n["status"] for n in told["notifications"]} == {"sent"}
    assert {n["channel"] for n in told["notifications"]} == {"mail", "ntfy", "line", "sms"}
    assert max(n["latency_ms"] for n in told["notifications"]) < 10_000


def test_every_map_link_is_of_the_place_of_a_device(told: dict[str, Any]) -> None:
    places = {f"{LINK}{d.lat:.5f}%2C{d.lon:.5f}" for d in example_town().devices.values()}
    assert {alert["map_url"] for alert in told["alerts"]} <= places


def test_one_seed_is_one_story(twins: tuple[Demo, Demo]) -> None:
    first, second = (run.report() for run in twins)
    assert first["alerts"] == second["alerts"]
    assert first["counts"] == second["counts"]
    sent = [
        sorted((n["alert_id"], n["recipient"], n["channel"], n["reason"]) for n in report["notifications"])
        for report in (first, second)
    ]
    assert sent[0] == sent[1]


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_terminal_tells_who_was_told_with_the_map_link(tmp_path: Path, lang: str) -> None:
    run = Demo(
        tmp_path / "demo", "--once", "--speed", "max", "--scenario", "boar_night", "--lang", lang
    ).wait()
    assert run.code == 0, run.text()
    plot = scenario("boar_night", example_town(), SEED)
    assert (plot.title_ja if lang == "ja" else plot.title_en) in run.text()
    assert run.text().count(LINK) >= 2
    for recipient in {n["recipient"] for n in run.report()["notifications"]}:
        assert example_town().people[recipient].name in run.text()


def test_for_some_seconds_at_a_speed_it_ends_by_itself(tmp_path: Path) -> None:
    run = Demo(tmp_path / "demo", "--for", "3s", "--speed", 60).wait()
    assert run.code == 0, run.text()
    assert 3 <= run.seconds < 20
    assert run.report()["counts"]["messages"] > 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=str)
def test_ctrl_c_ends_it_cleanly_with_what_there_is_to_report(tmp_path: Path, number: signal.Signals) -> None:
    run = Demo(tmp_path / "demo", "--speed", 600)
    wait_until(lambda: LINK in run.text() or run.process.poll() is not None, "somebody was told")
    run.process.send_signal(number)
    asked = time.monotonic()
    run.wait()
    assert run.code in (0, 130), run.text()
    assert time.monotonic() - asked < 8
    assert "Traceback" not in run.text()
    assert run.report()["alerts"]


def test_a_port_that_is_taken_is_named_and_ends_it_with_code_4() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = naruko("demo", "--once", "--port", port)
    assert refused.returncode == 4
    assert str(port) in refused.stderr
    assert "Traceback" not in refused.stderr


def test_two_demos_run_beside_each_other(twins: tuple[Demo, Demo]) -> None:
    """Each on ports of its own: the twins did."""
    assert [run.code for run in twins] == [0, 0]
