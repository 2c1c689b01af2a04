"""The console's pages in headless Chromium: read, filled in, and checked with axe. They have no script."""

import asyncio
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.console.users import ConsoleRole
from tests.browser import Browser, Phone
from tests.consoles import PASSWORD, console
from tests.data import ROOT

PHONE, DESK = (390, 844), (1280, 800)
PICTURES = os.environ.get("PICTURES", "")
"""Where pictures of the pages go, for people to look at."""
TEXT = {
    "ja": {"name": "利用者名", "password": "パスワード", "go": "ログイン", "out": "ログアウト"},
    "en": {"name": "User name", "password": "Password", "go": "Log in", "out": "Log out"},
}
HOME = {"ja": "としてログイン", "en": "logged in as"}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a running hub, in a loop of its own thread. All tests log in from one address."""
    loop, place, there = asyncio.new_event_loop(), [""], threading.Event()
    over = asyncio.Event()

    async def run() -> None:
        roles = {
            "yamada": ConsoleRole.ADMIN,
            "bosai-tanaka": ConsoleRole.OPERATOR,
            "kouhou": ConsoleRole.VIEWER,
        }
        async with console(tmp_path_factory.mktemp("console"), **roles) as browser:
            place[0] = f"http://127.0.0.1:{browser.hub.web_port}"
            there.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hub.console.access.LOGINS_A_MINUTE", 1_000)
        thread.start()
        assert there.wait(30)
    yield place[0]
    loop.call_soon_threadsafe(over.set)
    thread.join(30)
    loop.close()


def sound(phone: Phone, name: str) -> None:
    """Nothing that a screen reader, a thumb or a narrow screen stumbles over."""
    if PICTURES:
        phone.picture(Path(PICTURES) / f"{name}.png")
    assert phone.violations() == []
    assert phone.overflow() == 0
    assert phone.too_small() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("lang", ["ja", "en"])
def test_every_page_can_be_read_and_used(
    address: str, browser: Browser, lang: str, size: tuple[int, int], scheme: str
) -> None:
    said, tag = TEXT[lang], f"{lang}-{size[0]}-{scheme}"
    phone = browser.phone(size, scheme=scheme, lang=lang)  # type: ignore[arg-type]
    phone.opens(f"{address}/console/users")
    sound(phone, f"login-{tag}")
    if scheme == "light":
        phone.types(said["name"], "yamada").types(said["password"], "wrong password").taps(said["go"])
        assert phone.status == 401
        sound(phone, f"wrong-{tag}")
    phone.opens(f"{address}/console/users")
    phone.types(said["name"], "yamada").types(said["password"], PASSWORD).taps(said["go"])
    assert phone.url.endswith("/console/users")
    sound(phone, f"users-{tag}")
    for path in ("/console", "/console/me"):
        sound(phone.opens(f"{address}{path}"), f"{path[1:].replace('/', '-')}-{tag}")
    assert HOME[lang] in phone.opens(f"{address}/console").text
    phone.taps(said["out"])
    assert "/login" in phone.url


def test_an_operator_who_may_not_is_told_so_on_a_page_that_leads_back(address: str, browser: Browser) -> None:
    phone = browser.phone(PHONE, lang="en").opens(f"{address}/console/users")
    phone.types("User name", "kouhou").types("Password", PASSWORD).taps("Log in")
    assert phone.status == 403
    sound(phone, "notice")
    assert "logged in as" in phone.taps("To the console").text
    assert phone.opens(f"{address}/console?lang=ja").text.count("閲覧")


def test_every_word_of_the_console_is_used() -> None:
    groups = {"role", "fault", "did"}
    texts = re.findall(r"^  (\w+):", (ROOT / "hub/wording/console.yaml").read_text("utf-8"), re.MULTILINE)
    sources = [*(ROOT / "hub/console").rglob("*.py"), *(ROOT / "hub/console").rglob("*.html")]
    code = "\n".join(file.read_text("utf-8") for file in sources)
    for key in texts:
        if key.partition("_")[0] not in groups:
            assert re.search(rf"\b{key.removesuffix('_do')}\b", code), key
