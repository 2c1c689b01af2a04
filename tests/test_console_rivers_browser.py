"""`/console/rivers` in headless Chromium: charts that are read with pointer, finger and keys, and live."""

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from hub.app import Hub
from hub.console.users import ConsoleRole
from hub.model import Message
from tests.browser import Browser, Phone
from tests.consoles import PASSWORD, console
from tests.data import needs_data
from tests.flooded import feed, valley
from tests.hubs import up

PICTURES = os.environ.get("PICTURES", "")
"""Where pictures of the page go, for people to look at."""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hub, asyncio.AbstractEventLoop]]:
    """A running hub in a loop of its own thread."""
    loop, hubs, there, over = asyncio.new_event_loop(), [], threading.Event(), asyncio.Event()

    async def run() -> None:
        folder = tmp_path_factory.mktemp("rivers")
        async with console(folder, valley(), yamada=ConsoleRole.VIEWER) as browser:
            await feed(browser.hub)
            hubs.append(browser.hub)
            there.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hub.console.access.LOGINS_A_MINUTE", 1_000)
        thread.start()
        assert there.wait(60)
    yield hubs[0], loop
    loop.call_soon_threadsafe(over.set)
    thread.join(30)
    loop.close()


def page(
    hub, browser: Browser, size=(1280, 900), query: str = "", *, zone="America/New_York", **how
) -> Phone:
    """The page, with its charts drawn."""
    phone = browser.phone(size, **how)
    phone.call("Emulation.setTimezoneOverride", timezoneId=zone)
    japanese = how.get("lang", "ja") == "ja"
    phone.opens(f"http://127.0.0.1:{hub[0].web_port}/console/rivers{query}")
    phone.types("利用者名" if japanese else "User name", "yamada")
    phone.types("パスワード" if japanese else "Password", PASSWORD).taps("ログイン" if japanese else "Log in")
    if how.get("script", True):
        for device in ("koto", "top", "sawa"):
            phone.runs(f"document.getElementById('river-{device}').scrollIntoView()")
            waits(phone, f"document.querySelector('.graph[data-device={device}] .line-name')")
        phone.runs("scrollTo(0, 0)")
    return phone


def waits(phone: Phone, script: str) -> None:
    """Until this is true on the page."""
    phone.runs(
        "new Promise((so, not) => { const end = Date.now() + 15000; const look = () => "
        f"({script}) ? so() : Date.now() > end ? not(new Error('never')) : setTimeout(look, 20); look(); }})"
    )


def painted(phone: Phone, device: str, colour: str = "--water") -> int:
    """Pixels of the chart in this colour of the style."""
    return int(
        phone.runs(
            f"""(() => {{
              const canvas = document.querySelector('.graph[data-device={device}] canvas');
              const ink = canvas.ownerDocument.createElement('canvas').getContext('2d');
              ink.fillStyle = getComputedStyle(document.documentElement).getPropertyValue('{colour}').trim();
              ink.fillRect(0, 0, 1, 1);
              const [r, g, b] = ink.getImageData(0, 0, 1, 1).data;
              const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
              let found = 0;
              for (let i = 0; i < data.length; i += 4)
                found += data[i + 3] > 250 && [r, g, b].every((c, n) => Math.abs(data[i + n] - c) < 5);
              return found;
            }})()"""
        )
    )


def readout(phone: Phone, device: str) -> str:
    return str(phone.runs(f"document.querySelector('.graph[data-device={device}] .readout').textContent"))


def key(phone: Phone, name: str) -> None:
    for kind in ("keyDown", "keyUp"):
        phone.call(
            "Input.dispatchKeyEvent",
            type=kind,
            key=name,
            code=name,
            windowsVirtualKeyCode={"ArrowLeft": 37, "Home": 36, "End": 35}[name],
        )


@needs_data
def test_the_chart_shows_the_water_the_rain_and_every_threshold_by_its_name(hub, browser: Browser) -> None:
    phone = page(hub, browser)
    assert painted(phone, "koto") > 500
    assert painted(phone, "koto", "--rain") > 500
    names = phone.runs(
        "[...document.querySelectorAll('.graph[data-device=koto] .line-name')].map(e => e.innerText)"
    )
    assert names == [
        "3.80 m 水防団待機水位",
        "5.00 m 氾濫注意水位",
        "5.10 m 避難判断水位",
        "5.50 m 氾濫危険水位",
    ]
    boxes = phone.runs(
        "[...document.querySelectorAll('.graph[data-device=koto] .line-name')]"
        ".map(e => e.getBoundingClientRect()).map(b => [b.top, b.bottom]).sort((a, b) => a[0] - b[0])"
    )
    assert all(above[1] <= below[0] for above, below in pairwise(boxes)), "two names cover one another"
    for word in ("7.47 m", "氾濫危険水位", "警戒レベル4相当の水位", "m/h", "厚東雨量計"):
        assert word in phone.text
    assert "避難指示" not in phone.text
    assert "町が決めた基準です" in phone.text


@needs_data
def test_doubtful_failed_and_missing_levels_are_drawn_and_said(hub, browser: Browser) -> None:
    phone = page(hub, browser)
    assert painted(phone, "top", "--doubt") > 20
    assert painted(phone, "top", "--wrong") > 20
    phone.touches("数値の表", "").runs(
        "document.querySelectorAll('details').forEach(d => { d.open = true; })"
    )
    assert "-" in readout(phone, "top")
    assert "疑わしい" in phone.text
    low = phone.runs("document.querySelector('#table-top td').textContent")
    assert low.startswith("-")


@needs_data
def test_arrow_keys_read_the_chart_in_the_time_of_the_site(hub, browser: Browser) -> None:
    phone = page(hub, browser)
    last = readout(phone, "koto")
    assert "7.47 m" in last
    phone.runs("document.querySelector('.graph[data-device=koto] input[type=range]').focus()")
    key(phone, "ArrowLeft")
    before = readout(phone, "koto")
    assert before != last
    key(phone, "End")
    assert readout(phone, "koto") == last
    newest = phone.runs("document.querySelector('#now-koto .nowrap').textContent")
    assert newest.split()[-1] in last
    said = phone.runs(
        "document.querySelector('.graph[data-device=koto] input').getAttribute('aria-valuetext')"
    )
    assert said == last


@needs_data
def test_a_pointer_on_the_chart_reads_it_too(hub, browser: Browser) -> None:
    phone = page(hub, browser)
    x, y = phone.runs(
        "(() => { const e = document.querySelector('.graph[data-device=koto] .u-over');"
        " e.scrollIntoView({block: 'center'});"
        " const b = e.getBoundingClientRect(); return [b.left + b.width * .4, b.top + b.height / 2]; })()"
    )
    newest = readout(phone, "koto")
    phone.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    waits(
        phone,
        f"document.querySelector('.graph[data-device=koto] .readout').textContent !== {json.dumps(newest)}",
    )
    phone.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x + 60, "y": y}])
    touched = readout(phone, "koto")
    phone.call("Input.dispatchTouchEvent", type="touchMove", touchPoints=[{"x": x + 120, "y": y}])
    waits(
        phone,
        f"document.querySelector('.graph[data-device=koto] .readout').textContent !== {json.dumps(touched)}",
    )
    phone.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])


@needs_data
def test_a_new_level_is_on_the_page_and_the_chart_by_itself(hub, browser: Browser) -> None:
    phone = page(hub, browser)
    running, loop = hub
    now = running.clock.now()
    message = Message("naruko/test/sawa/up", up(1, now, m={"level_m": 0.31}), now)
    asyncio.run_coroutine_threadsafe(running.handle([message]), loop).result(20)
    waits(phone, "document.querySelector('#now-sawa .level').textContent.includes('0.31 m')")
    waits(phone, "document.querySelector('.graph[data-device=sawa] .readout').textContent.includes('0.31 m')")


@needs_data
def test_a_chart_that_could_not_be_loaded_says_so_and_is_asked_for_again(hub, browser: Browser) -> None:
    phone = page(hub, browser)
    phone.call("Network.setBlockedURLs", urls=["*/api/v1/readings*"])
    phone.reloads().waits_for("グラフを読み込めませんでした")
    assert "7.47 m" in phone.text
    phone.call("Network.setBlockedURLs", urls=[])
    phone.touches("もう一度")
    waits(phone, "document.querySelector('.graph[data-device=koto] .line-name')")
    assert "7.47 m" in readout(phone, "koto")


@needs_data
def test_without_script_the_numbers_are_in_a_table_and_the_periods_are_links(hub, browser: Browser) -> None:
    phone = page(hub, browser, (390, 844), script=False)
    phone.touches("数値の表")
    assert "7.47 m" in phone.text
    assert "JavaScript" in phone.text
    phone.taps("3日")
    assert "hours=72" in phone.url


@needs_data
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 900), (820, 1100), (390, 844)], ids=["desk", "tablet", "phone"])
@pytest.mark.parametrize("lang", ["ja", "en"])
def test_the_page_can_be_read_and_used(
    hub, browser: Browser, lang: str, size: tuple[int, int], scheme: str
) -> None:
    phone = page(hub, browser, size, "?hours=72", lang=lang, scheme=scheme)
    if PICTURES:
        phone.picture(Path(PICTURES) / f"rivers-{lang}-{size[0]}-{scheme}.png")
    assert phone.violations() == []
    assert phone.overflow() == 0
    assert phone.too_small() == []
    assert painted(phone, "koto") > 300


@needs_data
@pytest.mark.parametrize("hours", [6, 24, 720])
def test_every_period_has_its_chart(hub, browser: Browser, hours: int) -> None:
    phone = page(hub, browser, query=f"?hours={hours}")
    if PICTURES:
        phone.picture(Path(PICTURES) / f"rivers-{hours}h.png")
    assert painted(phone, "koto") > 100
    assert "7.47 m" in readout(phone, "koto")
