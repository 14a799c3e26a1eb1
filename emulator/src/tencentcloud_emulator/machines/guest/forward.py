"""Forwards TCP connections to a unix socket in one thread.

No thread and no process per connection: the machine's limit on processes may be used up.
"""

from __future__ import annotations

import functools
import selectors
import socket

CHUNK = 65536
BACKLOG = 256


class Forwarder:
    """Accepts at `port` of `address` and joins each connection to the socket at `target`."""

    def __init__(
        self, selector: selectors.BaseSelector, address: str, port: int, target: str
    ) -> None:
        self._selector = selector
        self._target = target
        self._listener = socket.create_server((address, port), backlog=BACKLOG)
        self._listener.setblocking(False)
        selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def _accept(self, _events: int) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:  # gone again, or no descriptor is free
            return
        front = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        front.setblocking(False)
        try:
            front.connect(self._target)
        except OSError:
            client.close()
            front.close()
            return
        Pair(self._selector, client, front)


class Pair:
    """Two sockets whose bytes go to each other; each is half closed when the other has ended."""

    def __init__(self, selector: selectors.BaseSelector, *ends: socket.socket) -> None:
        self._selector = selector
        self._ends = ends
        self._pending = [b"", b""]  # read from the other end, to be written to this one
        self._ended = [False, False]  # this end sends nothing more
        self._open = True
        for side, end in enumerate(ends):
            end.setblocking(False)
            self._watch(side)

    def _ready(self, side: int, events: int) -> None:
        if not self._open:
            return
        try:
            if events & selectors.EVENT_READ:
                self._read(side)
            if events & selectors.EVENT_WRITE:
                self._write(side)
        except BlockingIOError:
            pass
        except OSError:
            self._close()
            return
        if all(self._ended) and not any(self._pending):
            self._close()
            return
        self._watch(0)
        self._watch(1)

    def _read(self, side: int) -> None:
        data = self._ends[side].recv(CHUNK)
        self._ended[side] = not data
        self._pending[1 - side] = data
        self._write(1 - side)

    def _write(self, side: int) -> None:
        if self._pending[side]:
            sent = self._ends[side].send(self._pending[side])
            self._pending[side] = self._pending[side][sent:]
        if self._ended[1 - side] and not self._pending[side]:
            self._ends[side].shutdown(socket.SHUT_WR)

    def _watch(self, side: int) -> None:
        wanted = 0
        if not self._ended[side] and not self._pending[1 - side]:
            wanted |= selectors.EVENT_READ
        if self._pending[side]:
            wanted |= selectors.EVENT_WRITE
        end = self._ends[side]
        known = self._selector.get_map().get(end)
        if known is None and wanted:
            self._selector.register(end, wanted, functools.partial(self._ready, side))
        elif known is not None and not wanted:
            self._selector.unregister(end)
        elif known is not None and known.events != wanted:
            self._selector.modify(end, wanted, known.data)

    def _close(self) -> None:
        self._open = False
        for end in self._ends:
            if end in self._selector.get_map():
                self._selector.unregister(end)
            end.close()
