"""Enrolment and leaving on a phone, in headless Chromium: no script, an old small screen, WCAG 2.2 AA."""

import asyncio
from pathlib import Path

import pytest

from hub.links import Purpose
from tests.browser import SMALL, USUAL, Browser
from tests.test_join_page import Visitor, visiting

MOST_BYTES = 60_000
JA = (
    "登録する",
    "メールアドレス",
    "上の内容を読み、お知らせを受け取ることに同意します",
    "鳴りました",
    "お知らせをやめる",
    "やめる",
)
EN = (
    "Sign up",
    "E-mail address",
    "I have read this and agree to be told",
    "It rang",
    "Stop all alerts",
    "Stop",
)


def at(visitor: Visitor, path: str) -> str:
    return f"http://127.0.0.1:{visitor.hub.web_port}{path}"


@pytest.mark.parametrize(("lang", "words", "size"), [("ja", JA, SMALL), ("en", EN, USUAL)])
async def test_one_scans_says_yes_says_that_it_rang_and_leaves_without_any_script(
    lang: str, words: tuple[str, ...], size: tuple[int, int], tmp_path: Path, browser: Browser
) -> None:
    go, mail, agree, rang, leave, stop = words

    def enrols(url: str) -> None:
        phone.opens(url).taps(go)
        assert phone.status == 422
        phone.types(mail, "usui.emi@example.jp").touches(agree).taps(go)
        assert "us…@example.jp" in phone.text

    def answers() -> None:
        phone.taps(rang)
        assert not phone.shows(rang)

    def leaves() -> None:
        phone.touches(leave).taps(stop)
        assert phone.status == 200

    phone = browser.phone(size, script=False, lang=lang)
    async with visiting(tmp_path) as visitor:
        rooms = visitor.hub.pipeline.state.rooms
        path = await visitor.invited(name="薄井えみ")
        await asyncio.to_thread(enrols, at(visitor, path))
        (person,) = rooms["person"]
        await asyncio.to_thread(answers)
        assert rooms["said"][person].heard_at
        await asyncio.to_thread(leaves)
        assert rooms["person"] == rooms["said"] == {}


@pytest.mark.parametrize("lang", ["ja", "ja-easy", "en"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_pages_are_readable_for_everybody_and_light(
    lang: str, scheme: str, tmp_path: Path, browser: Browser
) -> None:
    def looks(paths: list[str]) -> None:
        phone = browser.phone(SMALL, scheme=scheme)
        for path in paths:
            phone.opens(at(visitor, f"{path}?lang={lang}"))
            assert phone.violations() == []
            assert (phone.overflow(), phone.too_small()) == (0, [])
            assert phone.weight() < MOST_BYTES

    async with visiting(tmp_path) as visitor:
        join = await visitor.invited()
        await asyncio.to_thread(looks, [join, visitor.path(Purpose.MINE, "farmer")])
