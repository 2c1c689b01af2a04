"""Reading ahead: what is published is taken out, every other packet goes to paho as it came."""

import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.readahead import Published, ReadAhead

PINGRESP, SUBACK = b"\xd0\x00", b"\x90\x03\x00\x01\x01"


def packet(first: int, body: bytes) -> bytes:
    """MQTT 3.1.1, 2.2: first byte, remaining length in seven bits a byte, body."""
    left, length = len(body), b""
    while True:
        left, byte = left >> 7, left & 127
        length += bytes([byte | (128 if left else 0)])
        if not left:
            return bytes([first]) + length + body


def publish(message: Published) -> bytes:
    first = 0x30 | message.dup << 3 | message.qos << 1 | message.retain
    mid = message.mid.to_bytes(2, "big") if message.qos else b""
    return packet(first, len(message.topic).to_bytes(2, "big") + message.topic + mid + message.payload)


def messages() -> st.SearchStrategy[Published]:
    numbered = st.builds(
        Published, st.binary(max_size=40), st.binary(max_size=400), st.integers(1, 65_535), st.just(1),
        st.booleans(), st.booleans(),
    )  # fmt: skip
    plain = st.builds(
        Published, st.binary(max_size=40), st.binary(max_size=400), st.just(0), st.just(0), st.booleans(),
        st.just(False),
    )  # fmt: skip
    return numbered | plain


others = st.builds(packet, st.sampled_from([0x20, 0x40, 0x90, 0xB0, 0xD0, 0x34]), st.binary(max_size=300))


class Wire:
    """A connected pair: bytes in at one end, what paho reads and what is taken at the other."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.ours.setblocking(False)
        self.taken: list[Published] = []
        self.ahead = ReadAhead(self.ours, self.taken.append)

    def read(self, size: int = 1) -> bytes:
        """What paho gets of what has come, `size` bytes at a time."""
        read = b""
        while True:
            try:
                read += self.ahead.recv(size)
            except BlockingIOError:
                if not self.ahead.pending():
                    return read

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


@given(
    st.lists(messages() | others, max_size=12), st.lists(st.integers(1, 200), min_size=1), st.integers(1, 90)
)
def test_every_message_is_taken_and_every_other_packet_read_however_the_stream_is_cut(
    sent: list[Published | bytes], cuts: list[int], size: int
) -> None:
    stream = b"".join(publish(s) if isinstance(s, Published) else s for s in sent)
    wire, read, at = Wire(), b"", 0
    while at < len(stream):
        cut = cuts[at % len(cuts)]
        wire.theirs.sendall(stream[at : at + cut])
        at += cut
        read += wire.read(size)
    wire.close()
    assert wire.taken == [s for s in sent if isinstance(s, Published)]
    assert read == b"".join(s for s in sent if isinstance(s, bytes))


def test_order_holds_between_messages_and_other_packets(wire: Wire) -> None:
    first, second = (Published(b"t", bytes([n]), n, 1, False, False) for n in (1, 2))
    wire.theirs.sendall(publish(first) + SUBACK + publish(second) + PINGRESP)
    assert wire.ahead.recv(1) == SUBACK[:1]
    assert wire.taken == [first]
    assert wire.ahead.pending() == len(SUBACK) - 1
    assert wire.read() == SUBACK[1:] + PINGRESP
    assert wire.taken == [first, second]


def test_a_message_of_two_megabytes_comes_whole(wire: Wire) -> None:
    big = Published(b"camera/1", b"x" * 2_000_000, 7, 1, False, False)
    stream = publish(big)
    for at in range(0, len(stream), 50_000):
        wire.theirs.sendall(stream[at : at + 50_000])
        assert wire.read() == b""
    assert wire.taken == [big]


@pytest.mark.parametrize(
    "stream", [packet(0x32, b"\x00\x09abc"), b"\x30\xff\xff\xff\xff\x01", b"\x20\xff\xff\xff\xff\x01"]
)
def test_a_packet_that_cannot_be_ends_the_connection(wire: Wire, stream: bytes) -> None:
    wire.theirs.sendall(stream)
    with pytest.raises(ConnectionError, match="the broker sent"):
        wire.ahead.recv(1)


def test_a_socket_with_nothing_to_read_says_so_as_before(wire: Wire) -> None:
    with pytest.raises(BlockingIOError):
        wire.ahead.recv(1)


def test_the_end_of_the_connection_is_an_empty_read(wire: Wire) -> None:
    wire.theirs.close()
    assert wire.ahead.recv(1) == b""


def test_everything_else_is_the_socket_s_own(wire: Wire) -> None:
    assert wire.ahead.fileno() == wire.ours.fileno()
