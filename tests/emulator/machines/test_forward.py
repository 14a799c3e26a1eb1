"""The forwarder's pair of sockets: what goes in at one end comes out at the other."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from tencentcloud_emulator.machines.guest.forward import Pair

MEGABYTES = bytes(range(256)) * 16384


class Joined:
    """A client and a front, joined by a Pair that is served by `until`."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.client, near_client = socket.socketpair()
        self.front, near_front = socket.socketpair()
        for end in (self.client, self.front):
            end.setblocking(False)
        self.inner = (near_client, near_front)
        self.pair = Pair(self.selector, near_client, near_front)

    def until(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, what
            for key, events in self.selector.select(0.01):
                key.data(events)

    def read(self, end: socket.socket, count: int) -> bytes:
        """Until `count` bytes have come, or the end for 0."""
        got = bytearray()
        ended: list[bool] = []

        def more() -> bool:
            try:
                data = end.recv(65536)
            except BlockingIOError:
                return False
            got.extend(data)
            ended.extend([True] * (not data))
            return bool(ended) or 0 < count <= len(got)

        self.until(more, f"{len(got)} bytes of {count} came")
        return bytes(got)

    def close(self) -> None:
        for end in (self.client, self.front, *self.inner):
            end.close()
        self.selector.close()


@pytest.fixture
def joined() -> Iterator[Joined]:
    made = Joined()
    yield made
    made.close()


def ends(joined: Joined, towards: str) -> tuple[socket.socket, socket.socket]:
    both = (joined.client, joined.front)
    return both if towards == "front" else both[::-1]


@pytest.mark.parametrize("towards", ["front", "client"])
def test_bytes_go_through(joined: Joined, towards: str) -> None:
    sender, receiver = ends(joined, towards)
    sender.send(b"hello")
    assert joined.read(receiver, 5) == b"hello"


@pytest.mark.parametrize("towards", ["front", "client"])
def test_the_end_of_one_direction_is_passed_on_and_the_other_stays_open(
    joined: Joined, towards: str
) -> None:
    sender, receiver = ends(joined, towards)
    sender.send(b"request")
    sender.shutdown(socket.SHUT_WR)
    assert joined.read(receiver, 0) == b"request"
    receiver.send(b"reply")
    assert joined.read(sender, 5) == b"reply"


@pytest.mark.parametrize("towards", ["front", "client"])
def test_a_slow_reader_gets_everything_and_no_more_is_read_than_fits(
    joined: Joined, towards: str
) -> None:
    sender, receiver = ends(joined, towards)
    left = memoryview(MEGABYTES)
    full = 0
    while full < 3:  # nobody reads yet: it must stop taking
        try:
            left = left[sender.send(left) :]
            full = 0
        except BlockingIOError:
            full += 1
        for key, events in joined.selector.select(0.02):
            key.data(events)
    assert len(left) > len(MEGABYTES) // 2
    got = bytearray()

    def pump() -> bool:
        nonlocal left
        try:
            left = left[sender.send(left) :] if left else left
        except BlockingIOError:
            pass
        try:
            got.extend(receiver.recv(65536))
        except BlockingIOError:
            pass
        return len(got) == len(MEGABYTES)

    joined.until(pump, "all has come")
    assert bytes(got) == MEGABYTES


def test_both_ended_is_closed(joined: Joined) -> None:
    joined.client.shutdown(socket.SHUT_WR)
    joined.front.shutdown(socket.SHUT_WR)
    joined.until(lambda: not joined.selector.get_map(), "nothing is waited for")
    assert [end.fileno() for end in joined.inner] == [-1, -1]


def test_a_front_that_is_gone_is_the_clients_end(joined: Joined) -> None:
    joined.front.close()
    joined.client.send(b"hello")
    joined.until(lambda: joined.inner[0].fileno() == -1, "closed")
