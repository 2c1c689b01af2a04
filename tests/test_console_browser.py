"""The console's pages in headless Chromium: read, filled in, and checked with axe. They have no script."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from hub.console.users import ConsoleRole
from tests.browser import Browser, Phone
from tests.consoles import PASSWORD, standing
from tests.data import ROOT

PHONE, DESK = (390, 844), (1280, 800)
PICTURES = os.environ.get("PICTURES", "")
"""Where pictures of the pages go, for people to look at."""
TEXT = {
    "ja": {"name": "利用者名", "password": "パスワード", "go": "ログイン", "out": "ログアウト"},
    "en": {"name": "User name", "password": "Password", "go": "Log in", "out": "Log out"},
}
HOME = {"ja": "いま開いているお知らせはありません", "en": "There is no open alert now"}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a running hub. All tests log in from one address."""
    roles = {
        "yamada": ConsoleRole.ADMIN,
        "bosai-tanaka": ConsoleRole.OPERATOR,
        "kouhou": ConsoleRole.VIEWER,
    }
    with standing(tmp_path_factory.mktemp("console"), **roles) as found:
        yield found


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
    for path in ("/console", "/console/me", "/console/acts"):
        sound(phone.opens(f"{address}{path}"), f"{path[1:].replace('/', '-')}-{tag}")
        assert phone.status == 200
    assert HOME[lang] in phone.opens(f"{address}/console").text
    phone.taps(said["out"])
    assert "/login" in phone.url


def test_an_operator_who_may_not_is_told_so_on_a_page_that_leads_back(address: str, browser: Browser) -> None:
    phone = browser.phone(PHONE, lang="en").opens(f"{address}/console/users")
    phone.types("User name", "kouhou").types("Password", PASSWORD).taps("Log in")
    assert phone.status == 403
    sound(phone, "notice")
    assert HOME["en"] in phone.taps("To the console").text
    assert phone.opens(f"{address}/console?lang=ja").text.count("閲覧")


MADE = re.compile(r"(\w+_|\w+\.)(?:['\"]\s*(?:~|\+)|\$?\{)")
"""The beginning of a key whose end is a code: `'now.do_' ~ kind`, `'messages.reason_' ~ reason`."""


def test_every_word_of_the_console_is_used() -> None:
    sources = [file for kind in ("py", "html", "js") for file in (ROOT / "hub/console").rglob(f"*.{kind}")]
    code = "\n".join(file.read_text("utf-8") for file in sources if "uplot" not in file.name)
    made = tuple(set(MADE.findall(code)) - {"_"})
    for file in (ROOT / "hub/wording/console").glob("*.yaml"):
        for group, keys in yaml.safe_load(file.read_text("utf-8")).items():
            for key in () if f"{group}." in made else keys:
                is_used = key.startswith(made) or re.search(rf"\b{key.removesuffix('_do')}\b", code)
                assert is_used, f"{group}.{key}"
