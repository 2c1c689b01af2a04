"""A file of the town as read: its values, and the line of each of them."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KeyPath = tuple[str | int, ...]
"""Where a value stands in its file: `("devices", 3, "lat")`."""

LARGEST_FILE = 16 * 1024 * 1024
LONGEST_SHOWN = 40


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong and where. `line` counts from 1; `message` never holds a secret."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class ConfigError(Exception):
    """The town cannot be loaded: `problems` holds everything that is wrong in all of its files."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("\n".join(map(str, self.problems)))


class UnreadableError(Exception):
    """One file cannot be read at all."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


@dataclass(frozen=True)
class Document:
    """Values of one file with their lines.

    `columns` names the header a key came from, in a table. `unsure` are the places whose value could not be
    told, with the reason reported: whatever stands there is no second error.
    """

    file: str
    value: Any
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    columns: Mapping[KeyPath, str] = field(default_factory=dict)
    unsure: Set[KeyPath] = frozenset()

    def line(self, path: KeyPath) -> int:
        """Line of the value, else of the nearest that encloses it."""
        for end in range(len(path), -1, -1):
            if (found := self.lines.get(path[:end])) is not None:
                return found
        return 1

    def is_unsure(self, path: KeyPath) -> bool:
        return any(path[:end] in self.unsure for end in range(len(path) + 1)) if self.unsure else False

    def label(self, path: KeyPath) -> str:
        """`devices[3].lat`; in a table the header of the column."""
        if self.columns:
            inner = path[2:]
            for end in range(len(inner), 0, -1):
                if inner[:end] in self.columns:
                    return self.columns[inner[:end]]
            return render(inner)
        return render(path)

    def problem(self, path: KeyPath, message: str) -> Problem:
        label = self.label(path)
        return Problem(self.file, self.line(path), f"{label}: {message}" if label else message)


def render(path: KeyPath) -> str:
    text = ""
    for part in path:
        word = f"[{part}]" if isinstance(part, int) else shown(part)
        text += word if isinstance(part, int) or not text else f".{word}"
    return text


def shown(text: str) -> str:
    """A word of a file as it may stand in a message: short, printable, and no address."""
    if "://" in text:
        return "…"
    if not text.isprintable():
        text = ascii(text)[1:-1]
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def read_bytes(path: Path, name: str) -> bytes:
    """The content of a file.

    Raises UnreadableError where it is missing, not a file, not readable, or larger than 16 MB.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise UnreadableError(Problem(name, 1, "is larger than 16 MB: not a file of a town"))
        return path.read_bytes()
    except OSError as error:
        raise UnreadableError(
            Problem(name, 1, f"cannot be read: {error.strerror or 'unknown reason'}")
        ) from None


def decode_utf8(raw: bytes, name: str) -> str:
    """Text of a YAML or JSON file, with or without BOM. Raises UnreadableError naming the line."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UnreadableError(Problem(name, line, "is not UTF-8: save the file as UTF-8")) from None
