"""A crowd at a hub's pages, as a process of its own: `python -m tests.crowd PORT COOKIE`, paths on the input.

It holds streams open, asks all paths again and again, begins to read and stops, and asks half questions. It
says `there` once all of it stands, and at the end, when its input is closed, what it got as JSON.
"""

import asyncio
import contextlib
import json
import sys
import time
from collections import Counter
from typing import Any

STREAMS = 40
ASKING = 8
STUCK = 10
HALVES = 10
A_CALL_S = 60.0


class Crowd:
    def __init__(self, port: int, cookie: str, paths: list[str]) -> None:
        self.port = port
        self.cookie = cookie
        self.paths = paths
        self.statuses: Counter[int] = Counter()
        self.bad: dict[str, int] = {}
        self.changed = 0
        self.longest: dict[str, float] = {}
        self.streams = 0
        self.held: list[asyncio.StreamWriter] = []

    async def ask(self, path: str, keep: str = "close") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 14)
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: x\r\nCookie: naruko={self.cookie}\r\nAccept-Encoding: gzip\r\n"
            f"Connection: {keep}\r\n\r\n".encode()
        )
        await writer.drain()
        return reader, writer

    async def stream(self) -> None:
        reader, writer = await self.ask("/api/v1/stream", "keep-alive")
        self.held.append(writer)
        line = await reader.readline()
        self.streams += b" 200 " in line
        while line := await reader.readline():
            self.changed += line.startswith(b"event: changed")

    async def asking(self, first: int) -> None:
        number = first
        while True:
            path = self.paths[number % len(self.paths)]
            number += 3
            began = time.monotonic()
            try:
                reader, writer = await self.ask(path)
                status = int((await reader.readline()).split()[1])
                while await reader.read(1 << 16):
                    pass
                writer.close()
            except (OSError, IndexError):
                status = 0
            self.statuses[status] += 1
            if status != 200:
                self.bad[path] = status
            self.longest[path] = max(self.longest.get(path, 0), time.monotonic() - began)

    async def stuck(self, path: str) -> None:
        """Reads one byte of the answer, and no more."""
        reader, writer = await self.ask(path, "keep-alive")
        self.held.append(writer)
        await reader.readexactly(1)
        with contextlib.suppress(RuntimeError):  # it is already
            writer.transport.pause_reading()  # type: ignore[attr-defined]

    async def half(self) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.held.append(writer)
        writer.write(b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nname=")
        await writer.drain()

    async def stand(self) -> dict[str, Any]:
        tasks = [asyncio.create_task(self.stream()) for _ in range(STREAMS)]
        while self.streams < STREAMS:  # noqa: ASYNC110 (a count of many)
            await asyncio.sleep(0.01)
        await asyncio.gather(*(self.stuck("/api/v1/devices") for _ in range(STUCK)))
        await asyncio.gather(*(self.half() for _ in range(HALVES)))
        tasks += [asyncio.create_task(self.asking(number * 7)) for number in range(ASKING)]
        print("there", flush=True)  # noqa: T201 (what it is for)
        await asyncio.to_thread(sys.stdin.read)
        for task in tasks:
            task.cancel()
        return {
            "statuses": {str(status): count for status, count in self.statuses.items()},
            "bad": self.bad,
            "changed": self.changed,
            "longest": self.longest,
        }


if __name__ == "__main__":
    asked = sys.stdin.readline().split()
    print(json.dumps(asyncio.run(Crowd(int(sys.argv[1]), sys.argv[2], asked).stand())), flush=True)  # noqa: T201
