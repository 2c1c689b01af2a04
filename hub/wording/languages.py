"""Portuguese, Chinese and Vietnamese: `lifesafety/{lang}.yaml` has what saves lives, and no other message.

All else goes to these readers in easy Japanese, which more foreign residents understand than English. Below
every text of their own language stands its easy Japanese sentence too, to show to a neighbour, and because no
native speaker may have read the translation yet: `not_reviewed` says so, and `naruko check` with it.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct, convert

from hub.wording.files import read
from hub.wording.values import NAMES, clean, words

LIFE_SAFETY = ("pt", "zh", "vi")

_FOLDER = Path(__file__).parent / "lifesafety"


class Review(Struct, frozen=True, forbid_unknown_fields=True):
    by: str
    """Who must read it before it is relied on."""
    reviewed_by: str | None
    reviewed_on: str | None
    """ISO date."""


class Text(Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    body: str
    sms: str


class Language(Struct, frozen=True, forbid_unknown_fields=True):
    review: Review
    words: dict[str, dict[str, str]]
    """Group -> code -> text, of those in `words.yaml` that stand around or in these messages."""
    messages: dict[str, Text]


@cache
def language(lang: str) -> Language:
    """KeyError: `lang` is none of LIFE_SAFETY."""
    if lang not in LIFE_SAFETY:
        raise KeyError(lang)
    return convert(read(_FOLDER / f"{lang}.yaml"), Language)


def word(group: str, code: str, lang: str) -> str:
    """The form of `words.yaml` in `lang`; what a file of `lifesafety/` does not have is said in Japanese."""
    pair = words()[group][code]
    if lang in LIFE_SAFETY:
        return language(lang).words.get(group, {}).get(code, pair[0])
    return pair[lang == "en"]


def forms(group: str, lang: str) -> dict[str, str]:
    """A whole group: code -> text."""
    return {code: word(group, code, lang) for code in words()[group]}


def spelled_in(
    lang: str, values: Mapping[str, str], fields: Mapping[str, Any]
) -> tuple[dict[str, str], dict[str, str]]:
    """The `values` of a life-safety message, with the names in full and short.

    In full: as they stand on signs, with the English name behind. Short, for a title or an SMS: in letters
    that the reader can read aloud.
    """
    said = dict(values)
    for name, group in (("trend", "trend"), ("threshold_name", "threshold")):
        code = str(fields.get(name.removesuffix("_name")) or "")
        if code in words()[group]:
            said[name] = said[f"{name}_en"] = word(group, code, lang)
    if own := clean(fields.get("threshold_name") or ""):
        said["threshold_name"] = own
        said["threshold_name_en"] = clean(fields.get("threshold_name_en") or "") or own
    full, short = dict(said), dict(said)
    for name in (*NAMES, "threshold_name"):
        japanese, english = said.get(name), said.get(f"{name}_en")
        if japanese and english and japanese != english:
            full[name] = f"{japanese} ({english})"
            short[name] = japanese if lang == "zh" else english
    reached = word(
        "threshold_reached", "overflow" if fields.get("threshold") == "overflow" and not own else "own", lang
    )
    for given in (full, short):
        if "threshold_name" in given:
            given["threshold_reached"] = reached.format_map(given)
    return full, short


def not_reviewed(lang: str) -> str:
    """Which file nobody has reviewed, and who must; empty where it is reviewed or needs none."""
    if lang not in LIFE_SAFETY or (review := language(lang).review).reviewed_by:
        return ""
    return f"hub/wording/lifesafety/{lang}.yaml is not reviewed yet: {review.by}"
