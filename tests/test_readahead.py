"""Reading ahead changes how often the system is asked, and not what is read."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.readahead import ReadAhead


@given(st.binary(min_size=1, max_size=2_000), st.lists(st.integers(1, 300), min_size=1, max_size=40))
def test_every_byte_comes_once_and_in_order(data: bytes, sizes: list[int]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        ahead = ReadAhead(ours)
        theirs.sendall(data)
        read = b""
        while len(read) < len(data):
            read += ahead.recv(sizes[len(read) % len(sizes)])
        assert read == data
        assert ahead.pending() == 0


def test_pending_is_what_has_been_read_and_not_asked_for() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ahead = ReadAhead(ours)
        theirs.sendall(b"abcdef")
        assert ahead.recv(2) == b"ab"
        assert ahead.pending() == 4


def test_a_socket_with_nothing_to_read_says_so_as_before() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        with pytest.raises(BlockingIOError):
            ReadAhead(ours).recv(1)


def test_the_end_of_the_connection_is_an_empty_read() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.close()
        assert ReadAhead(ours).recv(1) == b""


def test_everything_else_is_the_socket_s_own() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert ReadAhead(ours).fileno() == ours.fileno()
