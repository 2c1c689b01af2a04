"""One line of the doctor's, in English and Japanese: the words stand in `hub/wording/doctor.yaml`."""

from collections.abc import Mapping
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from hub.wording.files import read
from hub.wording.values import clean

WORDS = Path(__file__).parents[1] / "wording" / "doctor.yaml"
LONGEST = 300
"""Characters of one value, which may be the word of a server."""


class Level(IntEnum):
    OK = 0
    WARN = 1
    BAD = 2


class Finding(NamedTuple):
    """What was looked at, how it is, and what to do about it. Carries no name, address or secret.

    `code` is the same for ever: `acl.unheard`. `do` is empty where nothing is to be done.
    """

    what: str
    level: Level
    said: str
    do: str = ""
    said_ja: str = ""
    do_ja: str = ""
    code: str = ""


def ok(code: str, what: str = "", **values: object) -> Finding:
    """`what` is the first part of the code where it is not given. A pair among the values is (ja, en)."""
    return _finding(Level.OK, code, what, values)


def warn(code: str, what: str = "", **values: object) -> Finding:
    return _finding(Level.WARN, code, what, values)


def bad(code: str, what: str = "", **values: object) -> Finding:
    return _finding(Level.BAD, code, what, values)


@cache
def words() -> dict[str, Any]:
    """`findings`: code -> ja, en -> [said, do]; `what` and `level`: id -> [Japanese, English]; `summary`;
    `reason`: what the system says -> Japanese."""
    return dict(read(WORDS))


def label(group: str, id: str, lang: str) -> str:
    """The word for what was looked at, or for a level."""
    pair = words()[group].get(id)
    return str(pair[lang == "en"]) if pair else id


def _finding(level: Level, code: str, what: str, values: Mapping[str, object]) -> Finding:
    ja, en = (
        [text.format_map({name: _spelled(value, lang) for name, value in values.items()}) for text in texts]
        for lang, texts in ((lang, words()["findings"][code][lang]) for lang in ("ja", "en"))
    )
    (said_ja, do_ja), (said, do) = ([*texts, ""][:2] for texts in (ja, en))
    return Finding(what or code.partition(".")[0], level, said, do, said_ja, do_ja, code)


def _spelled(value: object, lang: str) -> object:
    if isinstance(value, tuple):
        value = value[lang == "en"]
    elif lang == "ja":
        value = words()["reason"].get(str(value), value)
    return value if isinstance(value, int | float) else clean(value, LONGEST)
