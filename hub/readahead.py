"""A socket that reads ahead. paho asks for a byte, a byte and the rest of each packet: three system calls."""

import socket
import ssl
from typing import Any

AHEAD = 65_536


class ReadAhead:
    """Stands before a connected socket.

    `pending` is what has been read and not yet asked for: aiomqtt goes on reading while it is above zero, so
    that one wake-up of the loop serves every packet that has come.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._read = b""
        self._at = 0

    def recv(self, size: int) -> bytes:
        """As `socket.recv`; raises what the socket raises, BlockingIOError where nothing has come."""
        if self._at == len(self._read):
            self._read = self._sock.recv(AHEAD)
            self._at = 0
        data = self._read[self._at : self._at + size]
        self._at += len(data)
        return data

    def pending(self) -> int:
        """Bytes that can be had without asking the network."""
        inner = self._sock.pending() if isinstance(self._sock, ssl.SSLSocket) else 0
        return len(self._read) - self._at + inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)
