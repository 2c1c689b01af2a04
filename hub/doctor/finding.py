"""One line of the doctor's."""

from enum import IntEnum
from typing import NamedTuple


class Level(IntEnum):
    OK = 0
    WARN = 1
    BAD = 2


class Finding(NamedTuple):
    """What was looked at, how it is, and what to do about it. Carries no name, address or secret."""

    what: str
    level: Level
    said: str
    do: str = ""


def ok(what: str, said: str) -> Finding:
    return Finding(what, Level.OK, said)


def warn(what: str, said: str, do: str) -> Finding:
    return Finding(what, Level.WARN, said, do)


def bad(what: str, said: str, do: str) -> Finding:
    return Finding(what, Level.BAD, said, do)
