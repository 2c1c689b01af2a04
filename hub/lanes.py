"""Threads for calls that may hang: a few to a lane, and no lane waits for another."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class Call:
    """One call of a lane."""

    def __init__(self) -> None:
        self.abandoned = False


class Lane(Generic[T]):
    """At most `size` calls at a time.

    The threads are daemons: a call that hangs does not keep the process from ending, which is right only
    because what was not written down as done is done again.
    """

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self.free = size
        self._size = size
        self._lost = 0
        """Threads of calls that were abandoned and have not come back."""
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = 0
        self._loop = asyncio.get_running_loop()

    def submit(self, call: Callable[[], T], done: Callable[[T | BaseException], None]) -> Call:
        """Runs `call` in a thread, then `done` with its result or its error in the event loop.

        Only while `free` is above zero.
        """
        submitted = Call()

        def job() -> None:
            try:
                result: T | BaseException = call()
            except BaseException as error:  # noqa: BLE001 (handed over: the loop decides)
                result = error
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits for the answer
                self._loop.call_soon_threadsafe(self._finish, submitted, done, result)

        if self._size - self.free == self._threads - self._lost:
            self._threads += 1
            threading.Thread(target=self._work, name=self.name, daemon=True).start()
        self.free -= 1
        self._jobs.put(job)
        return submitted

    def abandon(self, call: Call) -> bool:
        """Waits no longer for a call that hangs: its answer is not heard, and another thread takes its place.

        False where as many threads as the lane has are lost already: then it must be waited for.
        """
        if call.abandoned or self._lost == self._size:
            return False
        call.abandoned = True
        self._lost += 1
        self.free += 1
        return True

    def close(self) -> None:
        """Lets the threads end when they have finished what they do."""
        for _ in range(self._threads):
            self._jobs.put(None)

    def _finish(
        self, call: Call, done: Callable[[T | BaseException], None], result: T | BaseException
    ) -> None:
        if call.abandoned:
            self._lost -= 1
            self._threads -= 1
            self._jobs.put(None)  # one thread too many now
            return
        self.free += 1
        done(result)

    def _work(self) -> None:
        while job := self._jobs.get():
            job()
