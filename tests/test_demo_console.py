"""The console of `naruko demo` in Chromium: an alert arrives while one looks, and is dealt with."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import Browser, Phone
from tests.test_demo import Demo
from tests.waiting import wait_until

LOGIN = re.compile(r"console: (\S+)/console  user (\S+)  password (\S+)")
DESK = (1280, 800)


def demo_of(folder: Path, scenario: str, speed: int) -> Iterator[Demo]:
    run = Demo(folder / "demo", "--scenario", scenario, "--speed", speed, "--for", "110s")
    yield run
    run.process.kill()
    run.process.wait()


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Demo]:
    """Two minutes of the story are twenty seconds: time enough to log in before the trap."""
    yield from demo_of(tmp_path, "sprung_trap", 6)


@pytest.fixture
def typhoon(tmp_path: Path) -> Iterator[Demo]:
    yield from demo_of(tmp_path, "typhoon", 600)


def logged_in(browser: Browser, demo: Demo, page: str = "") -> Phone:
    """By what the demo prints."""
    wait_until(lambda: LOGIN.search(demo.text()) or demo.process.poll() is not None, "the login is printed")
    found = LOGIN.search(demo.text())
    assert found, demo.text()
    desk = browser.phone(DESK, lang="en").opens(f"{found[1]}/console{page}")
    return desk.types("User name", found[2]).types("Password", found[3]).taps("Log in")


def test_an_alert_arrives_live_is_seen_and_silenced_and_the_page_outlives_a_cut_network(
    trap: Demo, browser: Browser
) -> None:
    desk = logged_in(browser, trap)
    assert "There is no open alert now" in desk.text
    seen = desk.runs("performance.timeOrigin")
    wait_until(lambda: "With nobody on it: 1" in desk.text, "the trap is on the page", within=60)
    assert desk.runs("performance.timeOrigin") == seen, "without a reload"
    desk.taps("I have seen it")
    assert "It is not told again" in desk.text
    desk.taps("Silence for 1 hour")
    assert "Silenced until" in desk.text

    desk.offline()
    desk.waits_for("Not connected")
    assert "Silenced until" in desk.text, "what is there can still be read"
    desk.online()
    wait_until(lambda: "Not connected" not in desk.text, "the page is connected again", within=60)
    assert "Traceback" not in trap.text()


def test_the_river_rises_on_its_chart_while_one_looks(typhoon: Demo, browser: Browser) -> None:
    desk = logged_in(browser, typhoon, "/rivers")
    wait_until(lambda: desk.runs("document.querySelectorAll('canvas').length") > 0, "the chart is drawn")
    assert "reached" not in desk.text
    wait_until(lambda: "rising" in desk.text, "it rises", within=60)
    wait_until(lambda: "reached" in desk.text, "it is above a threshold", within=60)


def test_the_map_is_there_without_the_network_of_the_world(trap: Demo, browser: Browser) -> None:
    desk = logged_in(browser, trap, "/map")
    desk.waits_for("Ueda")
    wait_until(lambda: desk.runs("document.querySelectorAll('canvas, svg path').length") > 0, "it is drawn")
