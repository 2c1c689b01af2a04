"""All looks at the same time, each with a time limit: one that hangs keeps neither the others nor the end."""

import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import NamedTuple, TypeVar

from hub.clock import monotonic
from hub.doctor.finding import Finding, bad

WITHIN_S = 14.0

T = TypeVar("T")
R = TypeVar("R")


class Look(NamedTuple):
    """`within_s`, from the beginning of all; None: it ends by itself, however long it takes."""

    what: str
    findings: Callable[[], Iterator[Finding]]
    within_s: float | None = WITHIN_S


def all_at_once(looks: Sequence[Look]) -> Iterator[Finding]:
    """The findings of each look, in the order of the looks; what was found before a time limit counts."""
    begun = monotonic()
    queues = [_started(look) for look in looks]
    for look, heard in zip(looks, queues, strict=True):
        yield from _heard(look, heard, begun)


def each(do: Callable[[T], R], items: Sequence[T], within_s: float) -> list[R | None]:
    """`do` for each of the items at the same time; None for what has not ended within so many seconds.

    What `do` raises is raised here.
    """
    begun = monotonic()
    answers: list[SimpleQueue[R | BaseException]] = [SimpleQueue() for _ in items]

    def work(item: T, answer: "SimpleQueue[R | BaseException]") -> None:
        try:
            answer.put(do(item))
        except BaseException as error:  # noqa: BLE001 (handed over)
            answer.put(error)

    for item, answer in zip(items, answers, strict=True):
        threading.Thread(target=work, args=(item, answer), name="naruko.doctor", daemon=True).start()
    found: list[R | None] = []
    for answer in answers:
        try:
            result = answer.get(timeout=max(0.001, begun + within_s - monotonic()))
        except Empty:
            found.append(None)
            continue
        if isinstance(result, BaseException):
            raise result
        found.append(result)
    return found


def _started(look: Look) -> "SimpleQueue[Finding | None]":
    heard: SimpleQueue[Finding | None] = SimpleQueue()

    def work() -> None:
        try:
            for finding in look.findings():
                heard.put(finding)
        except Exception as error:  # noqa: BLE001 (one look that fails is a finding, and the others go on)
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            heard.put(bad("doctor.failed", look.what, error=type(error).__name__, where=where))
        finally:
            heard.put(None)

    threading.Thread(target=work, name=f"naruko.doctor.{look.what}", daemon=True).start()
    return heard


def _heard(look: Look, heard: "SimpleQueue[Finding | None]", begun: float) -> Iterator[Finding]:
    while True:
        left = None if look.within_s is None else max(0.001, begun + look.within_s - monotonic())
        try:
            finding = heard.get(timeout=left)
        except Empty:
            yield bad("doctor.slow", look.what, seconds=f"{look.within_s:g}")
            return
        if finding is None:
            return
        yield finding
