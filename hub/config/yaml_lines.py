"""YAML, strictly: every value with its line, no duplicate keys, and no value that YAML readers disagree on.

Built on the parser's events: one pass, and no recursion that a hostile file could exhaust.
"""

import re
from typing import Any

import yaml

from hub.config.document import Document, KeyPath, Problem, UnreadableError

DEEPEST = 20
MISREAD_WORDS = frozenset({"yes", "no", "on", "off"})
INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+([eE][-+]?[0-9]+)?")
MISREAD_NUMBERS = re.compile(
    r"""[-+]?(
        [0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?   # 22:30 is 1350 in YAML 1.1
        | 0[0-9_]+ | 0[xX][0-9a-fA-F_]+ | 0o?[0-7_]+ | 0b[01_]+
        | [0-9][0-9_]*\.?[0-9_]*([eE][-+]?[0-9]+)?
        | \.[0-9_]+([eE][-+]?[0-9]+)?
        | \.(inf|Inf|INF)
    ) | \.(nan|NaN|NAN)""",
    re.VERBOSE,
)
FIRST_OF_NUMBER = frozenset("0123456789+-.")

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(text: str, file: str) -> tuple[Document, list[Problem]]:
    """The document with the lines of its values, and what is wrong in it as YAML.

    Raises UnreadableError where it is no YAML at all. An empty file is the value None.
    """
    builder = _Builder(file)
    try:
        for event in yaml.parse(text, Loader=_Loader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark, began = error.problem_mark or error.context_mark, error.context_mark
        text = f"is not YAML: {error.problem}"
        if began and error.context:
            text += f" {error.context} that begins in line {began.line + 1}"
        raise UnreadableError(Problem(file, mark.line + 1 if mark else 1, text)) from None
    except yaml.YAMLError:
        line = next((n for n, row in enumerate(text.split("\n"), 1) if not row.isprintable()), 1)
        raise UnreadableError(Problem(file, line, "is not YAML: it holds a control character")) from None
    except UnicodeError:
        raise UnreadableError(Problem(file, 1, "is not YAML: it holds half a character")) from None
    return Document(file, builder.root, builder.lines, unsure=builder.unsure), builder.problems


def plain(text: str) -> Any:
    """Value of an unquoted scalar. Raises ValueError where YAML readers disagree on what it is."""
    if text in ("", "~", "null"):
        return None
    if text[0] in FIRST_OF_NUMBER:
        return _number(text)
    lower = text.lower()
    if lower in ("true", "false"):
        return lower == "true"
    if lower in MISREAD_WORDS:
        raise ValueError("an unquoted yes, no, on or off is true or false to YAML: write it in quotes")
    if text == "=":
        raise ValueError("write it in quotes")
    return text


def _number(text: str) -> Any:
    if INTEGER.fullmatch(text):
        return int(text)
    if DECIMAL.fullmatch(text):
        return float(text)
    if not MISREAD_NUMBERS.fullmatch(text):
        return text
    if ":" in text:
        raise ValueError("an unquoted time is a number to YAML (22:30 is 1350): write it in quotes")
    if text.lower().lstrip("+-") in (".inf", ".nan"):
        raise ValueError("is not a finite number")
    raise ValueError(
        "an unquoted number with a leading zero, plus, `_`, exponent or too many digits is read in different "
        "ways: write it in quotes if it is a name or a telephone number, else as a plain number"
    )


class _Builder:
    """Turns events into values, keeping lines and problems."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.root: Any = None
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[Problem] = []
        self.unsure: set[KeyPath] = set()
        self.documents = 0
        self.open: list[tuple[KeyPath, dict[str, Any] | list[Any]]] = []
        self.key: list[str | None] = []
        """For each open mapping the key that waits for its value."""
        self.key_line = 1
        self.skipping = 0
        """Depth inside a key that is no scalar."""

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._start(event, {} if isinstance(event, yaml.MappingStartEvent) else [])
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._end()
        elif isinstance(event, yaml.AliasEvent):
            self._say(event, "anchors and aliases are not understood: write the value out")
            self._value(None, self._line(event))
        elif isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents == 2:
                here = Problem(self.file, self._line(event), "a second document: a file holds one")
                self.problems.append(here)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        if self.skipping:
            return
        if self._wants_key():
            self._take_key(event)
            return
        self._check_marks(event)
        value: Any = event.value
        if event.implicit[0] and not event.style:
            try:
                value = plain(value)
            except ValueError as error:
                self._say(event, str(error))
        self._value(value, self._line(event))

    def _take_key(self, event: yaml.ScalarEvent) -> None:
        self._check_marks(event)
        path, mapping = self.open[-1]
        key = event.value
        if key == "<<":
            self._say(event, "merge keys are not understood: write the values out", (*path, key))
        elif key in mapping:
            self._say(event, f"stands twice, first in line {self.lines.get((*path, key), 1)}", (*path, key))
        self.key[-1] = key
        self.key_line = self._line(event)

    def _start(self, event: yaml.NodeEvent, value: dict[str, Any] | list[Any]) -> None:
        if self.skipping or self._wants_key():
            if not self.skipping:
                self._say(event, "a key must be a plain word", (*self.open[-1][0], ""))
            self.skipping += 1
            return
        self._check_marks(event)
        if len(self.open) >= DEEPEST:
            raise UnreadableError(
                Problem(self.file, self._line(event), f"is nested deeper than {DEEPEST} levels")
            )
        path = self._next_path()
        self._value(value, self._line(event), closes_key=False)
        self.open.append((path, value))
        self.key.append(None)

    def _end(self) -> None:
        if self.skipping:
            self.skipping -= 1
            if not self.skipping:
                self.key[-1] = ""
            return
        self.open.pop()
        self.key.pop()
        if self.key:
            self.key[-1] = None

    def _value(self, value: Any, line: int, *, closes_key: bool = True) -> None:
        if self.skipping:
            return
        if self._wants_key():
            self.key[-1] = ""
            return
        path = self._next_path()
        if not self.open:
            if self.documents <= 1:
                self.root = value
                self.lines[path] = line
            return
        container = self.open[-1][1]
        if isinstance(container, list):
            container.append(value)
            self.lines[path] = line
            return
        key = str(path[-1])
        if key not in container:
            container[key] = value
            self.lines[path] = self.key_line
        if closes_key:
            self.key[-1] = None

    def _wants_key(self) -> bool:
        return bool(self.open) and isinstance(self.open[-1][1], dict) and self.key[-1] is None

    def _next_path(self) -> KeyPath:
        if not self.open:
            return ()
        path, container = self.open[-1]
        return (*path, len(container) if isinstance(container, list) else self.key[-1] or "")

    def _check_marks(self, event: yaml.NodeEvent) -> None:
        if getattr(event, "anchor", None):
            self._say(event, "anchors and aliases are not understood: write the value out")
        if getattr(event, "tag", None):
            self._say(event, "tags (`!`) are not understood")

    def _say(self, event: yaml.Event, message: str, path: KeyPath | None = None) -> None:
        """A problem at `path`, whose value is not to be judged any further."""
        here = Document(self.file, None, {(): self._line(event)})
        path = self._next_path() if path is None else path
        self.problems.append(here.problem(path, message))
        self.unsure.add(path)

    @staticmethod
    def _line(event: yaml.Event) -> int:
        return event.start_mark.line + 1 if event.start_mark else 1
