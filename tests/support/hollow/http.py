"""A small HTTP/1.1 client for one server: a third of what a general one costs in CPU.

The machines of a bench share two cores with what is measured. Answers must carry a
Content-Length, which those of the emulated cloud do.
"""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit


class Broken(Exception):
    """The server closed the connection within an answer, or gave one that is not understood."""


class Pool:
    """At most `size` connections to the server of `url`, each kept for the next request."""

    def __init__(self, url: str, size: int) -> None:
        parts = urlsplit(url)
        assert parts.hostname and parts.port, url
        self._host, self._port = parts.hostname, parts.port
        self._idle: list[_Connection] = []
        self._places = asyncio.Semaphore(size)

    async def request(
        self, method: str, url: str, body: bytes | None = None, headers: str = ""
    ) -> tuple[int, bytes]:
        """Status and body. `url` names the host that is meant, `headers` end in CR LF each.

        Raises Broken and OSError.
        """
        host, _, path = url.partition("://")[2].partition("/")
        length = "" if body is None else f"Content-Length: {len(body)}\r\n"
        head = f"{method} /{path} HTTP/1.1\r\nHost: {host}\r\n{length}{headers}\r\n"
        async with self._places:
            connection = await self._connection()
            answer = await connection.send(head.encode() + (body or b""))
            if not connection.closed:
                self._idle.append(connection)
            return answer

    async def _connection(self) -> _Connection:
        while self._idle:
            if not (found := self._idle.pop()).closed:
                return found
        loop = asyncio.get_running_loop()
        return (await loop.create_connection(_Connection, self._host, self._port))[1]

    def close(self) -> None:
        for connection in self._idle:
            connection.transport.close()


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.closed = False
        self._pieces: list[bytes] = []
        self._missing = 0  # bytes of the body that are still to come; 0: still in the head
        self._status = 0
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    def send(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        self.closed = True
        self._fail("the connection was closed")

    def data_received(self, data: bytes) -> None:
        if not self._missing and not (data := self._head(data)):
            return
        self._pieces.append(data)
        self._missing -= len(data)
        if self._missing <= 0:
            self._done()

    def _head(self, data: bytes) -> bytes:
        """Reads the head once it is there; what follows it, empty when there is nothing."""
        whole = b"".join([*self._pieces, data])
        head, end, rest = whole.partition(b"\r\n\r\n")
        self._pieces = [] if end else [whole]
        if not end:
            return b""
        self._status = int(head[9:12])
        _, named, after = head.lower().partition(b"\r\ncontent-length:")
        if not named and self._status != 204:
            self._fail("an answer without Content-Length")
            self.transport.close()
            return b""
        self._missing = int(after.partition(b"\r\n")[0]) if named else 0
        if not self._missing:
            self._done()
        return rest

    def _done(self) -> None:
        answer, body = self._answer, b"".join(self._pieces)
        self._pieces, self._missing, self._answer = [], 0, None
        if answer is not None and not answer.done():
            answer.set_result((self._status, body))

    def _fail(self, why: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Broken(why))
