"""The pages Now and of one alert in headless Chromium: live, by hand, without script, in every size."""

import asyncio
import os
import threading
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path

import pytest

from hub.console.users import ConsoleRole
from hub.model import Act, Alert
from tests.browser import Browser, Phone
from tests.consoles import PASSWORD
from tests.desks import desk, many, opened, says
from tests.timeline import CUT, SPRUNG

DESK, TABLET, PHONE = (1280, 800), (820, 1180), (390, 844)
PICTURES = os.environ.get("PICTURES", "")
"""Where pictures of the pages go, for people to look at."""


class Running:
    """A hub with a console in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.there, self.over = threading.Event(), asyncio.Event()
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(self._run(folder),))

    async def _run(self, folder: Path) -> None:
        roles = {"yamada": ConsoleRole.OPERATOR, "sato": ConsoleRole.OPERATOR, "kouhou": ConsoleRole.VIEWER}
        async with desk(folder, **roles) as self.visitor:
            self.place = f"http://127.0.0.1:{self.visitor.hub.web_port}"
            self.there.set()
            await self.over.wait()

    def does(self, what: Coroutine[object, object, object]) -> None:
        asyncio.run_coroutine_threadsafe(what, self.loop).result(30)

    def springs(self) -> str:
        """The id of the alert of the trap."""
        self.does(says(self.visitor, "trap-1", SPRUNG))
        return opened(self.visitor, "trap").id

    def puts(self, *alerts: Alert) -> None:
        async def put() -> None:
            for one in alerts:
                self.visitor.hub.pipeline.state.put_alert(one)

        self.does(put())

    def logged_in(
        self,
        browser: Browser,
        who: str = "yamada",
        lang: str = "en",
        size: tuple[int, int] = DESK,
        **more: object,
    ) -> Phone:
        said = {"en": ("User name", "Password", "Log in"), "ja": ("利用者名", "パスワード", "ログイン")}
        name, password, go = said[lang]
        phone = browser.phone(size, lang=lang, **more).opens(f"{self.place}/console")  # type: ignore[arg-type]
        return phone.types(name, who).types(password, PASSWORD).taps(go)


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr("hub.console.access.LOGINS_A_MINUTE", 1_000)
    hub = Running(tmp_path)
    hub.thread.start()
    assert hub.there.wait(30)
    yield hub
    hub.loop.call_soon_threadsafe(hub.over.set)
    hub.thread.join(30)
    hub.loop.close()


def sound(phone: Phone, name: str = "") -> None:
    """Nothing that a screen reader, a thumb or a narrow screen stumbles over."""
    if PICTURES and name:
        phone.picture(Path(PICTURES) / f"{name}.png")
    assert phone.violations() == []
    assert phone.overflow() == 0
    assert phone.too_small() == []


def test_an_alert_arrives_while_one_looks_and_is_seen_silenced_and_cancelled(
    running: Running, browser: Browser
) -> None:
    phone = running.logged_in(browser)
    assert "There is no open alert now" in phone.text
    phone.runs("window.mark = 1")
    running.springs()
    phone.waits_for("Trap 12 has sprung")
    assert phone.runs("window.mark") == 1
    phone.taps("I have seen it", "Trap 12")
    assert "Seen by: yamada" in phone.text
    phone.taps("Silence for 1 hour", "Trap 12")
    assert "Silenced until" in phone.text
    phone.taps("Let it speak again")
    assert "Silenced until" not in phone.text
    running.does(says(running.visitor, "wire", CUT))
    phone.waits_for("DEBRIS FLOW")
    phone.taps("Cancel", "DEBRIS FLOW")
    sound(phone, "now-cancel")
    phone.touches("Work or maintenance").taps("Cancel it and tell everybody")
    assert "Everybody who was told will hear" in phone.text
    assert "Cause: 工事・点検" in phone.text
    assert "DEBRIS FLOW" not in phone.text.partition("Over in the last 24 hours")[0]


def test_what_one_operator_does_the_other_sees_and_is_not_asked_again(
    running: Running, browser: Browser
) -> None:
    id = running.springs()
    yamada, sato = (running.logged_in(browser, who) for who in ("yamada", "sato"))
    yamada.taps("I have seen it")
    sato.waits_for("Seen by: yamada")
    for one in (yamada, sato):
        one.opens(f"{running.place}/console/alerts/{id}").touches("Close it")
    yamada.runs("document.querySelector('#close button').textContent = 'Away with it'")
    sato.runs("document.querySelector('#close button').textContent = 'Away with it'")
    yamada.taps_both(sato, "Away with it", "Away with it")
    said = [one.text for one in (yamada, sato)]
    assert sum("Closed." in text for text in said) == 1
    assert sum("It was over already" in text for text in said) == 1


def test_a_cause_that_is_being_typed_stays_while_the_page_goes_on(running: Running, browser: Browser) -> None:
    running.does(says(running.visitor, "wire", CUT))
    id = opened(running.visitor, "debris").id
    phone = running.logged_in(browser).opens(f"{running.place}/console/alerts/{id}?step=cancel")
    phone.types("Other cause", "a branch")
    running.does(running.visitor.sends("/console", do="acknowledge", alert=id))
    phone.waits_for("Seen by: yamada")
    assert phone.value("Other cause") == "a branch"


def test_a_card_stays_under_the_pointer_that_is_about_to_tap_on_it(
    running: Running, browser: Browser
) -> None:
    running.springs()
    phone = running.logged_in(browser).waits_for("Trap 12 has sprung")
    box = phone.runs("document.querySelector('.acts button').getBoundingClientRect().toJSON()")
    x, y = box["x"] + 5, box["y"] + 5
    phone.runs("document.addEventListener('naruko:swapped', () => (window.swapped = true))")
    phone.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    running.does(says(running.visitor, "wire", CUT))
    for moved in range(1_000):
        phone.call("Input.dispatchMouseEvent", type="mouseMoved", x=x + moved % 2, y=y)
        if phone.runs("window.swapped"):
            break
    assert phone.runs("window.swapped"), "other parts are swapped meanwhile"
    assert "DEBRIS FLOW" not in phone.text
    phone.waits_for("DEBRIS FLOW")


def test_who_has_no_session_any_more_comes_to_the_login(
    running: Running, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.console.api.stream.BEAT_S", 0.2)
    phone = running.logged_in(browser, "kouhou")
    running.does(running.visitor.hub.do(Act(0, 0, "ops", "cli", "user_remove", "kouhou")))
    end = time.monotonic() + 20
    while "/login" not in phone.url:
        assert time.monotonic() < end, "the page asks who it is for"


def test_a_page_that_gets_no_stream_says_so_and_still_goes_on(
    running: Running, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.console.live.MOST_LISTENERS", 0)
    phone = running.logged_in(browser).waits_for("Not connected")
    running.springs()
    phone.waits_for("Trap 12 has sprung")
    assert "Not connected" in phone.text


def test_a_stream_that_ends_as_planned_is_not_called_lost(
    running: Running, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.console.api.stream.BEAT_S", 0.2)
    monkeypatch.setattr("hub.console.api.stream.LASTS_S", 0.1)
    phone = running.logged_in(browser)
    phone.runs("window.changes = 0; window.flashed = false; "
               "document.addEventListener('naruko:changed', () => (window.changes += 1)); "
               "new MutationObserver(() => (window.flashed ||= !document.getElementById('lost').hidden))"
               ".observe(document.getElementById('lost'), { attributes: true })")  # fmt: skip
    end = time.monotonic() + 20
    while phone.runs("window.changes") < 2:
        assert time.monotonic() < end, "it connects again"
    assert phone.runs("window.flashed") is False


def test_without_script_all_of_it_works(running: Running, browser: Browser) -> None:
    id = running.springs()
    phone = running.logged_in(browser, size=PHONE, script=False)
    assert "Noted that you have seen it" in phone.taps("I have seen it").text
    phone.opens(f"{running.place}/console/alerts/{id}?step=take")
    phone.runs("document.querySelector('#person').value = 'yamane'")
    assert "山根 猛 is on the way" in phone.taps("Note it and tell everybody").text


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("size", [DESK, TABLET, PHONE], ids=["desk", "tablet", "phone"])
def test_with_nothing_a_little_and_much_open_the_page_can_be_read_and_used(
    running: Running, browser: Browser, lang: str, size: tuple[int, int]
) -> None:
    phone = running.logged_in(browser, lang=lang, size=size)
    sound(phone, f"now-0-{lang}-{size[0]}")
    now = running.visitor.hub.clock.now()
    id = running.springs()
    running.puts(*many(3, now)[1:])
    sound(phone.opens(f"{running.place}/console"), f"now-3-{lang}-{size[0]}")
    sound(phone.opens(f"{running.place}/console/alerts/{id}?step=cancel"), f"alert-{lang}-{size[0]}")
    running.does(running.visitor.hub.do(Act(0, 0, "bosai", "cli", "silence", "zone/paddy-1")))
    running.puts(*many(45, now))
    sound(phone.opens(f"{running.place}/console"), f"now-40-{lang}-{size[0]}")
    assert phone.runs("document.querySelectorAll('article').length") == 40
    assert phone.runs("(() => { const seen = [...document.querySelectorAll('[id]')].map(e => e.id); "
                      "return seen.length - new Set(seen).size; })()") == 0  # fmt: skip


def test_at_night_it_is_dark(running: Running, browser: Browser) -> None:
    running.springs()
    running.puts(*many(6, running.visitor.hub.clock.now()))
    sound(running.logged_in(browser, lang="ja", scheme="dark"), "now-dark")
