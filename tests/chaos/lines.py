"""The lines to the phones' servers: relays on loopback that fail as they are told, at any time."""

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from enum import StrEnum
from types import TracebackType
from typing import NamedTuple, Self

from firmware_sim.phones import Phones

AT_A_TIME = 65_536
END_OF_MAIL = b"\r\n.\r\n"
SLOW_S = 0.05
"""Before each piece that a slow server answers."""


class Fault(StrEnum):
    """How a line fails. From `DIES` on the phone has the message, and the hub cannot know."""

    GONE = "gone"
    """Nobody listens: connection refused."""
    HANGS = "hangs"
    """Takes the connection and says nothing."""
    SLAMS = "slams"
    """Takes the connection and closes it."""
    BUSY = "busy"
    """Mail 421, push 429."""
    BROKEN = "broken"
    """Mail 451 to everything, push 500."""
    LOCKED = "locked"
    """Mail 535 (login), push 503."""
    SLOW = "slow"
    """All arrives, and the answers come drop by drop."""
    DIES = "dies"
    """Takes the message and closes before the answer."""
    MUTE = "mute"
    """Takes the message and does not answer."""
    HALF = "half"
    """Takes the message, and closes within the answer."""


ANSWERS = {
    Fault.BUSY: (b"421 too busy\r\n", b"429 Too Many Requests"),
    Fault.BROKEN: (b"451 local error\r\n", b"500 Internal Server Error"),
    Fault.LOCKED: (b"535 no login\r\n", b"503 Service Unavailable"),
}
UNCERTAIN = (Fault.DIES, Fault.MUTE, Fault.HALF)


class Line:
    """One relay to the server at `target`, the same `port` for ever. A context manager."""

    def __init__(self, target: int, *, mail: bool) -> None:
        self.target = target
        self.mail = mail
        self.port = 0
        self.tried = 0
        """Connections that were made, or would have been."""
        self._fault: Fault | None = None
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._hang_up()

    def fails(self, fault: Fault | None) -> None:
        """From now on so; None: it works. What is connected is cut."""
        self._hang_up()
        self._fault = fault
        if fault is not Fault.GONE:
            self._listen()

    def _hang_up(self) -> None:
        if self._listener:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for connection in list(self._open):
            _cut(connection)

    def _listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.tried += 1
            self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection, self._fault), daemon=True).start()

    def _serve(self, near: socket.socket, fault: Fault | None) -> None:
        with near, contextlib.suppress(OSError):
            if fault in ANSWERS:
                self._say(near, fault)
            elif fault is Fault.HANGS:
                self._ended.wait(60)
            elif fault is not Fault.SLAMS:
                with socket.create_connection(("127.0.0.1", self.target)) as far:
                    self._open.add(far)
                    self._relay(near, far, fault)
        self._open.discard(near)

    def _say(self, near: socket.socket, fault: Fault) -> None:
        """Answers by itself: a mail server that greets well, and then says this to all."""
        by_mail, by_http = ANSWERS[fault]
        if not self.mail:
            near.recv(AT_A_TIME)
            near.sendall(b"HTTP/1.1 %s\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}" % by_http)
            return
        near.sendall(by_mail if fault is Fault.BUSY else b"220 phones\r\n")
        while said := near.recv(AT_A_TIME):
            greets = said[:4].upper() in (b"EHLO", b"HELO") or said[:4].upper() == b"RSET"
            near.sendall(b"250 ok\r\n" if greets else by_mail)

    def _relay(self, near: socket.socket, far: socket.socket, fault: Fault | None) -> None:
        handed_over = False
        heard = b""
        with selectors.DefaultSelector() as ready:
            for end in (near, far):
                ready.register(end, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select():
                    said = key.fileobj.recv(AT_A_TIME)  # type: ignore[union-attr]
                    if not said:
                        return
                    if key.fileobj is near:
                        far.sendall(said)
                        heard = (heard + said)[-2 * AT_A_TIME :]
                        handed_over = handed_over or self._is_whole(heard)
                    elif not handed_over or fault not in UNCERTAIN:
                        self._pass_on(near, said, slow=fault is Fault.SLOW)
                    elif fault is Fault.MUTE:
                        self._ended.wait(60)
                        return
                    else:
                        near.sendall(said[: len(said) // 2 if fault is Fault.HALF else 0])
                        return

    def _is_whole(self, heard: bytes) -> bool:
        """Whether the far end has all of a mail, or of a request."""
        if self.mail:
            return END_OF_MAIL in heard
        head, _, body = heard.partition(b"\r\n\r\n")
        lengths = [
            line.partition(b":")[2]
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        ]
        return bool(lengths) and len(body) >= int(lengths[0])

    def _pass_on(self, near: socket.socket, said: bytes, *, slow: bool) -> None:
        if not slow:
            near.sendall(said)
            return
        for start in range(0, len(said), 20):
            time.sleep(SLOW_S)
            near.sendall(said[start : start + 20])


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class Lines(NamedTuple):
    """Lines to both of the phones' servers, with the names by which towns and hubs know the phones."""

    mail: Line
    http: Line

    @property
    def mail_port(self) -> int:
        return self.mail.port

    @property
    def http_port(self) -> int:
        return self.http.port

    @property
    def line_url(self) -> str:
        return f"http://127.0.0.1:{self.http.port}/v2/bot/message/push"

    def fail(self, fault: Fault | None) -> None:
        self.mail.fails(fault)
        self.http.fails(fault)


@contextlib.contextmanager
def lines_to(phones: Phones) -> Iterator[Lines]:
    """Both lines, open."""
    with Line(phones.mail_port, mail=True) as mail, Line(phones.http_port, mail=False) as http:
        yield Lines(mail, http)
