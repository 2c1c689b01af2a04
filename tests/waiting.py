"""Waiting for what must come, with a deadline: no sleep that hopes."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

WITHIN_S = 30.0
LOOK_EVERY_S = 0.01

T = TypeVar("T")


def wait_until(so: Callable[[], object], what: str = "", within: float = WITHIN_S) -> None:
    """Returns when `so()` is true; fails where it is not true in time."""
    end = time.monotonic() + within
    while not so():
        if time.monotonic() > end:
            raise AssertionError(f"not within {within:g} s: {what or so}")
        time.sleep(LOOK_EVERY_S)


async def until(so: Callable[[], object], what: str = "", within: float = WITHIN_S) -> None:
    """As `wait_until`, while the event loop runs."""
    end = time.monotonic() + within
    while not so():
        if time.monotonic() > end:
            raise AssertionError(f"not within {within:g} s: {what or so}")
        await asyncio.sleep(LOOK_EVERY_S / 5)


async def within(work: Awaitable[T], seconds: float) -> T:
    """What `work` returns; TimeoutError where it takes longer."""
    async with asyncio.timeout(seconds):
        return await work


async def let_all_run(rounds: int = 200) -> None:
    """Gives every ready task its turn, many times over: what has not happened then waits for something."""
    for _ in range(rounds):
        await asyncio.sleep(0)
