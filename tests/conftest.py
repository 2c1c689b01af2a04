"""Servers shared by the tests of one run, and a last line that says what was left out."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests import servers

_left_out: Counter[str] = Counter()


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


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and isinstance(report.longrepr, tuple):
        _left_out[report.longrepr[2].removeprefix("Skipped: ")] += 1


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and _left_out:
        said = "; ".join(f"{reason} (tests: {number})" for reason, number in sorted(_left_out.items()))
        reporter.write_line(f"Not run: {said}")
