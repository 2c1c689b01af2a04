"""The words of the pages, from `hub/wording/pages.yaml`: Japanese, English and easy Japanese; those of the
console, from the files in `console/` beside it, without the last.

`group.key: [Japanese, English]`, with easy Japanese as a third where it differs. `[漢字|かんじ]` is
read aloud in small signs above.
"""

import re
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from hub.wording.files import read
from hub.wording.values import words

LANGS = ("ja", "ja-easy", "en")
FURIGANA = re.compile(r"\[([^\[\]|]+)\|([^\[\]|]+)\]")

PHONE = re.compile(r"\+?[0-9][0-9()\- ]{6,}[0-9]|\b1(?:10|19)\b")

_WORDING = Path(__file__).parents[1] / "wording"
FILES = (_WORDING / "pages.yaml", *sorted(_WORDING.glob("console/*.yaml")))


def load() -> None:
    """What is else read at the first word."""
    _texts()


@cache
def _texts() -> dict[str, dict[str, list[str]]]:
    texts: dict[str, dict[str, list[str]]] = {}
    for file in FILES:
        texts |= read(file)
    return texts


def known(key: str) -> bool:
    """Whether there are words of this name, `group.key`."""
    group, _, name = key.partition(".")
    return name in _texts().get(group, {})


def says(lang: str, key: str, **values: Any) -> Markup:
    """The words of `group.key` with `values` in the place of `{names}`, safe for HTML.

    KeyError: there are no such words, or one of their values is missing.
    """
    group, _, name = key.partition(".")
    texts = _texts()[group][name]
    text = texts[1] if lang == "en" else texts[-1] if lang == "ja-easy" and len(texts) > 2 else texts[0]
    return Markup(FURIGANA.sub(_ruby, str(escape(text)))).format(**values)  # noqa: S704 (escaped one by one)


def plain(lang: str, key: str, **values: Any) -> str:
    """The same for where there is no HTML: the title of a page, a label read aloud."""
    return bare(says(lang, key, **values))


def bare(said: Markup) -> str:
    """What `says` gave, without what HTML needs."""
    return unescape(re.sub(r"<rp>.*?</rp>|<rt>.*?</rt>|</?ruby>", "", said))


def word(lang: str, group: str, code: str) -> str:
    """A word that messages use too, from `hub/wording/words.yaml`: `word("en", "species", "boar")`."""
    return words()[group][code][lang == "en"]


def phone(contact: str) -> str:
    """The first telephone number in a text, as a `tel:` link wants it; empty where there is none."""
    found = PHONE.search(contact)
    return re.sub(r"[^+0-9]", "", found[0]) if found else ""


def telephone(contact: str) -> Markup:
    """The text with its number kept on one line."""
    found = PHONE.search(contact)
    if not found:
        return escape(contact)
    number = Markup('<span class="tel">{}</span>').format(found[0])
    return escape(contact[: found.start()]) + number + escape(contact[found.end() :])


def _ruby(found: re.Match[str]) -> str:
    return f"<ruby>{found[1]}<rp>(</rp><rt>{found[2]}</rt><rp>)</rp></ruby>"
