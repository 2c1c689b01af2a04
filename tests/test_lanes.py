"""Threads for calls that may hang: bounded, also where none of them ever comes back."""

import threading

import pytest

from hub.lanes import Lane
from tests.waiting import let_all_run, until


class Hangs:
    """A call that ends when it is told to."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.end = threading.Event()

    def __call__(self) -> str:
        self.begun.release()
        assert self.end.wait(20)
        return "after all"


def threads(name: str) -> int:
    return sum(thread.name == name for thread in threading.enumerate())


async def test_a_call_that_is_abandoned_leaves_its_place_to_another_and_is_not_heard_any_more() -> None:
    lane, hangs = Lane[str]("lane-1", 1), Hangs()
    heard: list[str | BaseException] = []
    call = lane.submit(hangs, heard.append)
    assert lane.free == 0
    assert lane.abandon(call)
    assert lane.free == 1
    lane.submit(lambda: "at once", heard.append)
    await until(lambda: heard == ["at once"])
    hangs.end.set()
    await until(lambda: threads("lane-1") == 1, "one thread is enough again")
    await let_all_run()
    assert heard == ["at once"]
    lane.close()
    await until(lambda: threads("lane-1") == 0)


@pytest.mark.parametrize("size", [1, 3])
async def test_however_many_hang_there_are_never_more_threads_than_twice_the_size(size: int) -> None:
    lane, hangs = Lane[str](f"lane-of-{size}", size), Hangs()
    calls = []
    for _ in range(5 * size):
        if lane.free:
            calls.append(lane.submit(hangs, lambda _: None))
        else:
            lane.abandon(calls[0]) if not calls[0].abandoned else lane.abandon(calls.pop(0))
            calls = calls[1:] or calls
    assert threads(f"lane-of-{size}") <= 2 * size
    assert not lane.abandon(lane.submit(hangs, lambda _: None)) if lane.free else True
    hangs.end.set()
    lane.close()
    await until(lambda: threads(f"lane-of-{size}") == 0)


async def test_a_call_is_abandoned_once() -> None:
    lane, hangs = Lane[str]("lane-once", 2), Hangs()
    call = lane.submit(hangs, lambda _: None)
    assert lane.abandon(call)
    assert not lane.abandon(call)
    assert lane.free == 2
    hangs.end.set()
    lane.close()
    await until(lambda: threads("lane-once") == 0)
