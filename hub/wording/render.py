"""A template, a language and a channel give a title and a body."""

import re
import zlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any
from unicodedata import east_asian_width

from msgspec import Struct

from hub.model import Mode
from hub.wording.files import read
from hub.wording.languages import LIFE_SAFETY, forms, language, spelled_in, word
from hub.wording.values import MAX_TEXT, SHORTENED, URLS, shorten, spell, words

LANGS = ("ja", "ja-easy", "en")
"""Those of every message; in those of LIFE_SAFETY there are some."""
ROOMS = ("animal", "trap", "river", "slope", "device", "hub")
"""The files of messages."""

SMS_CHARS = 70
"""One segment of a Japanese (UCS-2) text message."""

BODY_CHARS = {"ntfy": 1_200, "line": 5_000, "telegram": 3_900, "push": 900, "other": 1_900}
"""ntfy: the server takes 4,096 bytes, and Apprise, which escapes a kana to 6 bytes, makes a file of more than
8,000. line: the limit of its text message. telegram: 4,096 with the title. push: 4,096 bytes, encrypted and
with all that goes with the text. other: below the smallest common one (Discord, 2,000)."""

TITLE_COLUMNS = {"ja": 30, "zh": 30, "en": 50, "pt": 50, "vi": 50}
"""15 full-width signs are read at a glance, 25 fit a carrier mail's subject; the mode's mark not counted."""

NAME_CHARS = (MAX_TEXT, *range(24, 4, -1))
"""Lengths tried for the names in what is too long, until it fits."""

OFFICIAL_WORDS = re.compile(
    r"（警戒レベル\d相当の水位）| \(Level \d equivalent\)"
    r"| \(equivale ao nível de alerta \d\)|（相当于警戒级别\d的水位）| \(tương đương mức cảnh báo \d\)"
)
"""For thresholds of the river's manager only."""

ALWAYS_NEEDED = frozenset(
    [
        *("time", "place", "river", "station", "stream", "trap_no", "sensor_name", "hub", "threshold_name"),
        *("held", "verdict"),
    ]
)
"""A template that names one of these cannot be rendered without it."""

NOT_KNOWN = "not known"
"""In place of a time that nobody can tell."""

NEVER_MISSING = frozenset(
    name + suffix for name in ("species", "trouble", "trouble_do", "trouble_area") for suffix in ("", "_en")
)


class Segment(Struct, frozen=True):
    """Literals with the placeholder that follows each. Optional: left out where a value is missing."""

    parts: tuple[tuple[str, str | None], ...]
    optional: bool

    def fill(self, values: Mapping[str, str]) -> str | None:
        if any(name and name not in values for _, name in self.parts):
            return None
        return "".join(literal + (values[name] if name else "") for literal, name in self.parts)

    @property
    def names(self) -> Iterator[str]:
        return (name for _, name in self.parts if name)


class Line(Struct, frozen=True):
    segments: tuple[Segment, ...]

    def fill(self, values: Mapping[str, str], *, whole: bool = True) -> str:
        """Empty where a value is missing that the line cannot do without. Not `whole`: its core alone."""
        filled = []
        for segment in self.segments:
            text = segment.fill(values) if whole or not segment.optional else ""
            if text is None and not segment.optional:
                return ""
            filled.append(text or "")
        return "".join(filled).strip()

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name for segment in self.segments for name in segment.names)

    @property
    def core_names(self) -> frozenset[str]:
        return frozenset(name for s in self.segments if not s.optional for name in s.names)


class Text(Struct, frozen=True):
    """One template in one language."""

    title: Line
    body: tuple[Line, ...]
    sms: Line
    lang: str
    needed: frozenset[str]


def parse_line(text: str) -> Line:
    """`いま{level}m<（{trend}）>。` ValueError: unpaired < >, or an optional part without a placeholder."""
    segments = []
    for number, piece in enumerate(re.split(r"[<>]", text)):
        parts = tuple((literal, name) for literal, name, _, _ in Formatter().parse(piece))
        optional = number % 2 == 1
        if optional and not any(name for _, name in parts):
            raise ValueError(f"an optional part needs a placeholder: {text!r}")
        segments.append(Segment(parts, optional))
    if len(segments) % 2 == 0:
        raise ValueError(f"unpaired < or >: {text!r}")
    return Line(tuple(segments))


@cache
def _messages() -> dict[str, Any]:
    folder = Path(__file__).parent / "messages"
    found: dict[str, Any] = {}
    for room in ROOMS:
        found |= read(folder / f"{room}.yaml")
    return found


def load() -> None:
    """Reads all texts, which takes a tenth of a second: the first alarm need not wait for it."""
    _messages()
    words()
    for lang in LIFE_SAFETY:
        language(lang)


def templates() -> tuple[str, ...]:
    """The names of all messages."""
    return tuple(_messages())


def next_step(template: str) -> str:
    """What a person who reads it may do at once, by one tap: `take`, or nothing."""
    return str(_messages().get(template, {}).get("next", ""))


def button(step: str, lang: str, *, minutes: int) -> str:
    """What stands on the button of a `next_step`."""
    return word("button", step, lang).format(minutes=minutes)


def required(template: str) -> frozenset[str]:
    """The fields without which `template` cannot be rendered (`threshold` or `threshold_name`: either)."""
    return _text(template, "ja", official=True).needed


@cache
def _text(template: str, lang: str, *, official: bool) -> Text:
    """KeyError: no such template. ValueError: it could not be told when a value is missing."""
    entry = _messages()[template]
    easy = entry.get("ja-easy", {})
    own = language(lang).messages.get(template) if lang in LIFE_SAFETY else None
    spoken = lang if own or lang == "en" else "ja"
    base = {"title": own.title, "body": own.body, "sms": own.sms} if own else entry[spoken]

    def line(text: str) -> Line:
        return parse_line(text if official else OFFICIAL_WORDS.sub("", text))

    title = line(base["title"])
    body = [line(text) for text in base["body"].splitlines()]
    if own:
        body += [line(text) for text in (easy.get("lead"),) if text]
    elif spoken == "ja" and lang != "ja":
        body[:0] = [line(text) for text in (easy.get("lead"),) if text]
        base = base | easy
    sms = line(base["sms"])
    used = title.names.union(sms.names, *(text.names for text in body))
    needed = frozenset(name.removesuffix("_en") for name in used) & ALWAYS_NEEDED
    for text in (title, sms):
        loose = {n.removesuffix("_en") for n in text.core_names - NEVER_MISSING} - ALWAYS_NEEDED
        if loose:
            raise ValueError(
                f"{template}, {lang}: title and SMS cannot lose a line, mark as optional: {loose}"
            )
    return Text(title, tuple(body), sms, spoken, needed)


def render(
    template: str,
    lang: str,
    channel_kind: str,
    fields: Mapping[str, Any],
    mode: Mode = Mode.ACTUAL,
    *,
    official: bool = True,
) -> tuple[str, str]:
    """Title and body of one message for one channel; the fields are those of `values.spell`.

    Mode comes first on everything that is not actual. An SMS has no title and at most 70 characters.
    `official` False: the threshold is the town's own, and 警戒レベル○相当 is not said of it.
    `time` may be NOT_KNOWN: the hub's clock was not set, and the text says so.
    KeyError: no such template, or a field it cannot do without is missing.
    """
    text = _text(template, lang, official=official)
    values = spell(fields, channel_kind)
    if fields.get("time") == NOT_KNOWN:
        values["time"] = word("time", "unknown", text.lang)
    if values.get("trap_no", "").isdecimal():
        values["trap_no"] = word("trap_no", "number", text.lang).format_map(values)
    if lacking := text.needed - values.keys():
        raise KeyError(f"{template} needs {', '.join(sorted(lacking))}")
    short = values
    if text.lang in LIFE_SAFETY:
        values, short = spelled_in(text.lang, values, fields)
    mark = "" if mode is Mode.ACTUAL else word("mode", mode.value, lang)
    if channel_kind == "sms":
        return "", _sms(text.sms, values, short, mark)
    lines = [filled for line in text.body if (filled := line.fill(values))] or [text.title.fill(values)]
    if channel_kind == "mail":
        lines += _footer(values, lines, lang)
    title = _within_columns(text.title, values, short, TITLE_COLUMNS[text.lang])
    body = "\n".join([_marked(mark, lines[0]), *lines[1:]])
    return _marked(mark, title), shorten(body, BODY_CHARS.get(channel_kind, len(body)))


def _marked(mark: str, text: str) -> str:
    """The message `test` says of itself what it is: not twice."""
    return text if text.startswith(mark.strip()) else mark + text


def _footer(values: Mapping[str, str], lines: list[str], lang: str) -> list[str]:
    contact = values.get("contact")
    if not contact or any(contact in line for line in lines):
        return []
    return [word("mail_footer", "contact", lang).replace("{contact}", contact)]


def _with_short_names(values: Mapping[str, str], limit: int) -> dict[str, str]:
    return {n: shorten(text, limit) if n in SHORTENED else text for n, text in values.items()}


def _sms(line: Line, values: Mapping[str, str], short: Mapping[str, str], mark: str) -> str:
    """Names give way first, then a link, then what is optional: what happened and what to do remain."""
    unlinked = {name: text for name, text in short.items() if name not in URLS}
    usual = [limit for limit in NAME_CHARS if limit >= 12]
    steps = [(values, True, MAX_TEXT)]
    steps += [(given, True, limit) for given in (short, unlinked) for limit in usual]
    steps += [(short, False, limit) for limit in NAME_CHARS]
    for given, whole, limit in steps:
        text = _marked(mark, line.fill(_with_short_names(given, limit), whole=whole))
        if len(text) <= SMS_CHARS:
            return text
    return shorten(text, SMS_CHARS)


def _within_columns(line: Line, values: Mapping[str, str], short: Mapping[str, str], columns: int) -> str:
    for given, limit in [(values, MAX_TEXT), *((short, limit) for limit in NAME_CHARS)]:
        text = line.fill(_with_short_names(given, limit))
        if _columns(text) <= columns:
            return text
    return text


def _columns(text: str) -> int:
    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


def number_of(notification_id: str) -> str:
    """Six digits by which a person knows a message that came twice: the same id, the same number."""
    return f"{zlib.crc32(notification_id.encode()) % 1_000_000:06d}"


def with_way_out(body: str, lang: str, url: str) -> str:
    """The body with the page on which its reader can change what comes, or leave; as it is without one.

    Whom to ask then stands without the unsubscribing: that is said once.
    """
    if not url:
        return body
    footer = {code: text.partition("{")[0] for code, text in forms("mail_footer", lang).items()}
    *lines, last = body.split("\n")
    if last.startswith(footer["contact"]):
        last = footer["ask"] + last.removeprefix(footer["contact"])
    return "\n".join([*lines, last, f"{footer['mine']}{url}"])


def numbered(body: str, lang: str, channel_kind: str, notification_id: str, *, again: bool = False) -> str:
    """The body with its number as last line. `again`: it may have arrived before, and says so.

    An SMS carries the number where there is room for it.
    """
    repeat = word("repeat", "again", lang) if again else ""
    sign = f"No. {number_of(notification_id)}{repeat}"
    if channel_kind != "sms":
        return f"{body}\n{sign}"
    return f"{body} {sign}" if len(body) + 1 + len(sign) <= SMS_CHARS else body
