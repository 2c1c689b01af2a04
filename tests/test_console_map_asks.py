"""The map and the hub: what no answer came to, what is asked again, and how a drill is marked."""

import msgspec

from hub.model import Mode
from tests.browser import Browser
from tests.test_console_map import Running, running

__all__ = ["running"]

DEAF = """
const real = window.fetch;
window.deaf = true;
window.fetch = (url, ...more) =>
  window.deaf && String(url).endsWith("/api/v1/alerts")
    ? Promise.reject(new TypeError())
    : real(url, ...more);
"""
"""A browser whose questions for the alerts come to nothing, until it hears again."""


def test_alerts_that_were_not_answered_are_not_called_none_and_come_when_the_hub_answers(
    running: Running, browser: Browser
) -> None:
    phone = running.map_of(browser)
    phone.call("Page.addScriptToEvaluateOnNewDocument", source=DEAF)
    phone.reloads().waits_for("The present state cannot be loaded").waits_for("Community hall rain gauge")
    running.says("cam-ueda-1", ago=0)
    assert "No open alerts" not in phone.text
    assert "Loading" in phone.text
    assert "The present state cannot be loaded" in phone.text, "an answer about devices is none about alerts"
    phone.runs("window.deaf = false")
    phone.waits_for("Trap 5 has sprung")
    assert "The present state cannot be loaded" not in phone.text
    assert "Loading" not in phone.text


def test_what_was_closed_can_be_opened_again(running: Running, browser: Browser) -> None:
    phone = running.map_of(browser)
    trap = f"document.querySelector('[data-for=\"alert {running.alert('trap').id}\"]').click()"
    for _ in range(2):
        phone.runs(trap)
        phone.waits_for("Act on it").touches("Close")
        assert "Act on it" not in phone.text


def test_the_flag_of_a_drill_says_so_first(running: Running, browser: Browser) -> None:
    async def put() -> None:
        drill = msgspec.structs.replace(
            running.alert("trap"),
            id="battery-0000000002",
            incident="battery/drill",
            kind="battery",
            mode=Mode.EXERCISE,
        )
        running.visitor.hub.pipeline.state.put_alert(drill)

    running.does(put())
    phone = running.map_of(browser)
    flags = phone.runs("[...document.querySelectorAll('.flag')].map((one) => one.textContent)")
    assert sum(one.startswith("[EXERCISE] ") for one in flags) == 1
    titles = phone.runs("[...document.querySelectorAll('.flag-at[role=button]')].map((one) => one.title)")
    assert sum(one.startswith("[EXERCISE] ") for one in titles) == 1
