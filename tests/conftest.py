"""Servers shared by the tests of one run, and a last line that says what was left out."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_sim.phones import Phones
from hub.notify import AppriseSender
from tests import servers
from tests.browser import Browser, chromium

_left_out: Counter[str] = Counter()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger of a test is."""
    return tmp_path / "naruko.db"


@pytest.fixture(scope="module")
def sender() -> AppriseSender:
    """With all of Apprise loaded; for people and channels of your own."""
    loaded = AppriseSender()
    loaded.load()
    return loaded


@pytest.fixture
def phones() -> Iterator[Phones]:
    """A mail server and a web server, as they stand behind people's phones."""
    with Phones() as running:
        yield running


@pytest.fixture(scope="session")
def influx_server() -> Iterator[servers.Server]:
    """InfluxDB 1.x for tests which never stop it: choose a database of your own."""
    with servers.influxd() as server:
        yield server


@pytest.fixture(scope="session")
def victoria_server() -> Iterator[servers.Server]:
    """VictoriaMetrics for tests which never stop it: choose a site of your own."""
    with servers.victoria_metrics() as server:
        yield server


@pytest.fixture(scope="session")
def broker() -> Iterator[servers.Server]:
    """Mosquitto for tests which never stop it: choose a site and client ids of your own."""
    with servers.mosquitto() as server:
        yield server


@pytest.fixture(scope="session")
def started_browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def browser(started_browser: Browser) -> Iterator[Browser]:
    """Headless Chromium: `browser.phone()` is a phone for this test."""
    yield started_browser
    started_browser.put_away()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Workers tell tests apart by ids. Under pytest 9.2 schemathesis 4.32 gives all endpoints the same."""
    for item in items:
        if label := getattr(item, "operation_label", None):
            item._id = item.id.with_params(label)
    twice = [id for id, times in Counter(item.nodeid for item in items).items() if times > 1]
    if twice:
        raise pytest.UsageError(f"of tests with the same id a worker runs only one: {', '.join(twice)}")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and isinstance(report.longrepr, tuple):
        _left_out[report.longrepr[2].removeprefix("Skipped: ")] += 1


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and _left_out:
        said = "; ".join(f"{reason} (tests: {number})" for reason, number in sorted(_left_out.items()))
        reporter.write_line(f"Not run: {said}")
