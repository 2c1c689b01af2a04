"""How a line of the log looks and where it goes: text or JSON, to standard error, in a thread of its own."""

import contextlib
import logging
import os
import queue
import select
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from hub.config.settings import LogSettings

OURS = "naruko"
MOST_WAITING = 10_000
"""Lines: some MB at most. What comes while so many wait for the reader is counted, not kept."""
GRACE_S = 2.0
"""At the end, what waits has so long to be written."""
STDERR = 2
PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
"""As syslog numbers them; below, 7."""
BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:+,")
"""Of what a value may be made that stands in text without quotes."""

LOST = {"name": "naruko.logs", "levelno": logging.WARNING, "levelname": "WARNING"}

_encode = msgspec.json.Encoder().encode


def say(log: logging.Logger, event: str, *, level: int = logging.INFO, **fields: object) -> None:
    """One line with an event's name and its fields. What is None or empty is left out."""
    found = {name: value for name, value in fields.items() if value is not None and value not in ("", ())}
    log.log(level, event, extra={"fields": found})


def fields_of(record: logging.LogRecord) -> dict[str, Any] | None:
    """Of a line of `say`; None of any other."""
    return getattr(record, "fields", None)


class Text(logging.Formatter):
    """`2026-11-21 21:07:03,412 INFO naruko.path alert.opened alert=animal-3f90 severity=warning`.

    `dated` False leaves out time and level: the journal has its own.
    """

    def __init__(self, *, dated: bool) -> None:
        super().__init__(
            "%(asctime)s %(levelname)s %(name)s %(message)s" if dated else "%(name)s: %(message)s"
        )

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (the name is logging's)
        line = super().formatMessage(record)
        return " ".join(
            [line, *(f"{name}={_value(value)}" for name, value in (fields_of(record) or {}).items())]
        )


class Json(logging.Formatter):
    """One JSON object a line. `event` and its fields for what the path says, else `message`."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        fields = fields_of(record)
        line |= {"message": record.getMessage()} if fields is None else {"event": record.msg} | fields
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _encode(line).decode()


class Behind(logging.Handler):
    """Writes in a thread of its own: a terminal, a pipe or a journal that does not read holds nobody up."""

    def __init__(self, fd: int, *, priorities: bool = False, most: int = MOST_WAITING) -> None:
        super().__init__()
        self._fd = fd
        self._priorities = priorities
        self._waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._most = most
        self._lost = 0
        self._thread = threading.Thread(target=self._write, name="naruko.logs", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        if self._waiting.qsize() >= self._most:
            self._lost += 1
            return
        self._say_lost()
        try:
            self._put(record.levelno, self.format(record))
        except Exception as error:  # noqa: BLE001 (a line that cannot be formed ends nothing)
            place = f"{Path(record.pathname).name}:{record.lineno}"
            self._warn(f"a line of {record.name} ({place}) has no form: {type(error).__name__}")

    def close(self) -> None:
        """Waits a little for what is not yet written."""
        self._say_lost()
        self._waiting.put(None)
        self._thread.join(GRACE_S)
        super().close()

    def _say_lost(self) -> None:
        if self._lost:
            lost, self._lost = self._lost, 0
            self._warn(f"{lost} lines were left out: nobody read them in time")

    def _warn(self, said: str) -> None:
        """A line of this handler's own."""
        self._put(logging.WARNING, self.format(logging.makeLogRecord(LOST | {"msg": said})))

    def _put(self, level: int, text: str) -> None:
        mark = f"<{priority(level)}>" if self._priorities else ""
        lines = "".join(f"{mark}{line}\n" for line in text.split("\n"))
        self._waiting.put(lines.encode("utf-8", "backslashreplace"))

    def _write(self) -> None:
        while (line := self._waiting.get()) is not None:
            with contextlib.suppress(OSError):  # closed or full: there is nobody to tell
                while line:
                    try:
                        line = line[os.write(self._fd, line) :]
                    except BlockingIOError:  # somebody who shares it has made it so
                        select.select([], [self._fd], [])


def priority(level: int) -> int:
    """sd-daemon(3)'s number of a level."""
    return next((number for least, number in PRIORITIES if level >= least), 7)


def is_journal(fd: int, env: Mapping[str, str] = os.environ) -> bool:
    """Whether systemd's journal reads what is written there (systemd.exec(5), JOURNAL_STREAM)."""
    try:
        device, inode = map(int, env.get("JOURNAL_STREAM", "").split(":"))
        found = os.fstat(fd)
    except (ValueError, OSError):
        return False
    return (found.st_dev, found.st_ino) == (device, inode)


@contextlib.contextmanager
def written(settings: LogSettings, fd: int = STDERR, env: Mapping[str, str] = os.environ) -> Iterator[None]:
    """While it lasts all loggers write to `fd`; at the end all has been written.

    `settings.level` is for the hub's own lines. Libraries say what they have to from INFO on.
    """
    journal = is_journal(fd, env)
    handler = Behind(fd, priorities=journal)
    handler.setFormatter(Json() if settings.format == "json" else Text(dated=not journal))
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    root, ours = logging.getLogger(), logging.getLogger(OURS)
    before = root.level, ours.level
    root.addHandler(handler)
    root.setLevel(max(level, logging.INFO))
    ours.setLevel(level)
    sys.stderr.flush()
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before[0])
        ours.setLevel(before[1])
        handler.close()


def _value(value: object) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return text if text and BARE.issuperset(text) else _encode(text).decode()
