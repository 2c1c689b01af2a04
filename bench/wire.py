"""MQTT 3.1.1 over a bare socket: the load and the ears of the benchmark must cost next to nothing."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Self

CONNECT, PUBLISH_QOS_1, SUBSCRIBE = 0x10, 0x32, 0x82
PUBLISH = 3
"""The kind of a packet: the upper half of its first byte."""
PACKET_IDS = 65_535
AT_ONCE = 65_536
PUBACK_BYTES = 4
CLEAN_SESSION = 0x02
ANSWERED_WITHIN_S = 120.0


class Wire:
    """One connection with a clean session and without keep-alive."""

    def __init__(self, port: int, name: str) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port))
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read = self._sock.makefile("rb")
        self._sock.sendall(packet(CONNECT, text("MQTT") + bytes([4, CLEAN_SESSION, 0, 0]) + text(name)))
        if self._read.read(4)[3:] != b"\0":
            raise ConnectionError("the broker refuses the benchmark")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Also ends a read that waits in another thread."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._read.close()
        self._sock.close()


class Mouth(Wire):
    """Publishes at QoS 1 without waiting. `finish` returns when the broker has acknowledged everything."""

    def __init__(self, port: int, name: str) -> None:
        super().__init__(port, name)
        self.sent = 0
        self._answered = 0
        threading.Thread(target=self._count, daemon=True).start()

    def publish(self, messages: list[tuple[str, bytes]]) -> None:
        """All in one write."""
        packets = []
        for topic, payload in messages:
            self.sent += 1
            number = struct.pack("!H", self.sent % PACKET_IDS + 1)
            packets.append(packet(PUBLISH_QOS_1, text(topic) + number + payload))
        self._sock.sendall(b"".join(packets))

    def finish(self) -> None:
        end = time.monotonic() + ANSWERED_WITHIN_S
        while self._answered < self.sent * PUBACK_BYTES:
            if time.monotonic() > end:
                raise TimeoutError("the broker does not acknowledge")
            time.sleep(0.001)

    def _count(self) -> None:
        """To a publisher comes nothing but its acknowledgements."""
        while more := self._read.read1(AT_ONCE):
            self._answered += len(more)


class Ear(Wire):
    """Hears the topics of one filter, at QoS 0."""

    def __init__(self, port: int, name: str, topics: str) -> None:
        super().__init__(port, name)
        self._sock.sendall(packet(SUBSCRIBE, b"\0\1" + text(topics) + b"\0"))
        self._read.read(5)

    def heard(self) -> Iterator[tuple[str, bytes]]:
        """(topic, payload) as they come, until the connection is closed."""
        while first := self._read.read(1):
            body = self._read.read(self._length())
            if first[0] >> 4 == PUBLISH:
                end = 2 + int.from_bytes(body[:2])
                yield body[2:end].decode(), body[end:]

    def _length(self) -> int:
        """Remaining length (MQTT 3.1.1, 2.2.3): seven bits a byte, the least first."""
        size = shift = 0
        while True:
            byte = self._read.read(1)[0]
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return size


def packet(head: int, body: bytes) -> bytes:
    size, left = b"", len(body)
    while True:
        left, byte = left >> 7, left & 0x7F
        size += bytes([byte | 0x80 if left else byte])
        if not left:
            return bytes([head]) + size + body


def text(words: str) -> bytes:
    encoded = words.encode()
    return struct.pack("!H", len(encoded)) + encoded
