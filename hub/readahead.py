"""A socket that reads ahead, and takes the messages out by itself.

paho asks for a byte, a byte and the rest of each packet and passes it through eight functions: a third of all
the work of a message. What is no PUBLISH (a few packets a minute) paho reads as ever.
"""

import socket
import ssl
from collections.abc import Callable
from typing import Any, NamedTuple

AHEAD = 65_536
PUBLISH = 3
"""MQTT 3.1.1, 2.2.1: packet type, the upper four bits of the first byte."""


class Published(NamedTuple):
    """One PUBLISH of QoS 0 or 1. `mid` is 0 where `qos` is."""

    topic: bytes
    payload: bytes
    mid: int
    qos: int
    retain: bool
    dup: bool


class ReadAhead:
    """Stands before a connected socket: what is published goes to `take`, every other packet to paho, whole.

    `pending` is what paho can have at once: aiomqtt goes on reading while it is above zero.
    """

    def __init__(self, sock: socket.socket, take: Callable[[Published], None]) -> None:
        self._sock = sock
        self._take = take
        self._read = b""
        self._at = 0
        self._whole = 0
        """Up to here `_read` is of packets that paho may have."""

    def recv(self, size: int) -> bytes:
        """As `socket.recv`; BlockingIOError where paho gets nothing, also where messages were taken."""
        if self._at == self._whole:
            more = self._sock.recv(AHEAD)
            if not more:
                return b""
            self._read = self._read[self._at :] + more
            self._at = self._whole = 0
            self._sort()
            if self._at == self._whole:
                raise BlockingIOError
        data = self._read[self._at : min(self._at + size, self._whole)]
        self._at += len(data)
        if self._at == self._whole:
            self._sort()
        return data

    def pending(self) -> int:
        """Bytes that can be had without asking the network."""
        inner = self._sock.pending() if isinstance(self._sock, ssl.SSLSocket) else 0
        return self._whole - self._at + inner

    def _sort(self) -> None:
        """From a packet's beginning on: takes every message up to the next whole packet of another kind."""
        read, at = self._read, self._at
        try:
            while True:
                first, body, length = read[at], at + 2, read[at + 1]
                if length > 127:
                    length, body = _length(read, at + 1)
                end = body + length
                if end > len(read):
                    break
                if first >> 4 != PUBLISH or first & 0x04:
                    self._at, self._whole = at, end
                    return
                self._take(_published(read, first, body, end))
                at = end
        except IndexError:  # not even the length of the next packet has come
            pass
        self._at = self._whole = at

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def _length(read: bytes, at: int) -> tuple[int, int]:
    """MQTT 3.1.1, 2.2.3: (remaining length, where it ends). Seven bits a byte, four bytes at most."""
    length = shift = 0
    while shift < 28:
        byte = read[at]
        length |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return length, at
    raise ConnectionError("the broker sent a packet without an end")


def _published(read: bytes, first: int, body: int, end: int) -> Published:
    """MQTT 3.1.1, 3.3: length of the topic, topic, packet id where the QoS is above 0, payload."""
    qos = first >> 1 & 3
    name = body + 2 + (read[body] << 8 | read[body + 1])
    start = name + 2 if qos else name
    if start > end:
        raise ConnectionError("the broker sent a message that is cut short")
    mid = read[name] << 8 | read[name + 1] if qos else 0
    return Published(read[body + 2 : name], read[start:end], mid, qos, bool(first & 1), bool(first & 8))
