"""Threads for calls that may hang: a few to a lane, and no lane waits for another."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class Lane(Generic[T]):
    """At most `size` calls at a time.

    The threads are daemons: a call that hangs does not keep the process from ending, which is right only
    because what was not written down as done is done again.
    """

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self.free = size
        self._size = size
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._loop = asyncio.get_running_loop()

    def submit(self, call: Callable[[], T], done: Callable[[T | BaseException], None]) -> None:
        """Runs `call` in a thread, then `done` with its result or its error in the event loop.

        Only while `free` is above zero.
        """

        def job() -> None:
            try:
                result: T | BaseException = call()
            except BaseException as error:  # noqa: BLE001 (handed over: the loop decides)
                result = error
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits for the answer
                self._loop.call_soon_threadsafe(self._finish, done, result)

        if self._size - self.free == len(self._threads):
            thread = threading.Thread(target=self._work, name=self.name, daemon=True)
            self._threads.append(thread)
            thread.start()
        self.free -= 1
        self._jobs.put(job)

    def close(self) -> None:
        """Lets the threads end when they have finished what they do."""
        for _ in self._threads:
            self._jobs.put(None)

    def _finish(self, done: Callable[[T | BaseException], None], result: T | BaseException) -> None:
        self.free += 1
        done(result)

    def _work(self) -> None:
        while job := self._jobs.get():
            job()
