"""How findings are told: on a terminal, wide or narrow, in Japanese or English; and as JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from hub.doctor.finding import Finding, Level, label
from hub.wording.columns import columns, is_wide

Lang = Literal["ja", "en"]
LEVEL, WHAT = 6, 12
"""Columns of the level and of what was looked at."""
NARROW = 60
"""A terminal of fewer columns: no columns, and what was said below."""


def language(environ: Mapping[str, str]) -> Lang:
    """That of the terminal, by the rules of POSIX for messages."""
    said = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    return "ja" if said.startswith("ja") else "en"


def lines(finding: Finding, lang: Lang = "en", width: int = 0) -> Iterator[str]:
    """The finding, and below it what to do about it. `width`: columns of the terminal; 0: no end."""
    said, do = (finding.said_ja, finding.do_ja) if lang == "ja" else (finding.said, finding.do)
    level, what = label("level", finding.level.name.lower(), lang), label("what", finding.what, lang)
    if 0 < width < NARROW:
        first, indent = f"{padded(level, LEVEL)}{what}", "  "
        yield first
        yield from wrapped(said, indent, indent, width)
    else:
        gap = WHAT + (2 if lang == "ja" else 0)
        indent = " " * (LEVEL + gap)
        yield from wrapped(said, f"{padded(level, LEVEL)}{padded(what, gap)}", indent, width)
    if do:
        yield from wrapped(do, f"{indent}→ ", f"{indent}  ", width)


def summary(findings: Sequence[Finding], lang: Lang = "en") -> str:
    wrong = sum(finding.level is Level.BAD for finding in findings)
    doubtful = sum(finding.level is Level.WARN for finding in findings)
    well = len(findings) - wrong - doubtful
    text = label("summary", "else" if wrong or doubtful else "well", lang)
    return text.format(wrong=wrong, doubtful=doubtful, well=well)


def as_json(findings: Sequence[Finding], at: int) -> str:
    """`at`: epoch ms."""
    told = [finding._asdict() | {"level": finding.level.name.lower()} for finding in findings]
    return json.dumps({"at": at, "findings": told}, ensure_ascii=False, indent=1)


def padded(text: str, width: int) -> str:
    return text + " " * max(1, width - columns(text))


def wrapped(text: str, first: str, rest: str, width: int) -> Iterator[str]:
    """Lines that fit, broken between words and anywhere in Japanese; a word too long for a line is broken."""
    if not width:
        yield first + text
        return
    line, empty = first, True
    for word in _words(text):
        if columns(line + word.rstrip()) > width and not empty:
            yield line.rstrip()
            line, empty = rest, True
        for sign in word:
            if columns(line + sign) > width and columns(line) > columns(rest) and sign != " ":
                yield line.rstrip()
                line = rest
            line += sign
        empty = False
    yield line.rstrip()


NEVER_FIRST = "。、）」』】：？！％ーっゃゅょ,.;:)"
"""Signs with which no line begins."""
NEVER_LAST = "（「『【("
"""And with which none ends."""


def _words(text: str) -> Iterator[str]:
    """What stays together, with the spaces behind it."""
    word = ""
    for sign in text:
        wide = is_wide(sign)
        after_space = word.endswith(" ") and sign != " "
        after_wide = bool(word) and is_wide(word[-1])
        held = sign in NEVER_FIRST or sign == " " or word[-1:] in NEVER_LAST
        if word and not held and (after_space or wide or after_wide):
            yield word
            word = ""
        word += sign
    if word:
        yield word
