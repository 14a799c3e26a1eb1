"""What the front hands to a service and what it takes back.

Everything is as sent: signatures are computed over raw bytes, and some clients send a Host
header (`http://127.0.0.1:8080`) that no URL parser accepts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol


class Body(Protocol):
    """The request body as a stream (an `aiohttp.StreamReader` is one)."""

    async def read(self, n: int = -1) -> bytes:
        """Up to n bytes, all of it for -1; empty at the end."""

    async def readany(self) -> bytes:
        """What has arrived; empty at the end."""


class BodyTooLarge(Exception):
    """The body is longer than the service takes."""


@dataclass(slots=True)
class RawRequest:
    """One request.

    `target` is the request line's (absolute-form when sent to a proxy); `path` (percent-encoded,
    beginning with `/`) and `query` (no `?`) are cut out of it. `headers` is case-insensitive and
    multi-valued (`.getall(name)` of a CIMultiDictProxy works); `host` is the Host header, which
    may carry a port or even a scheme. `machine` is the instance id whose socket it came in by.
    """

    method: str
    target: str
    path: str
    query: str
    headers: Mapping[str, str]
    host: str
    body: Body
    machine: str | None = None

    async def read(self, limit: int) -> bytes:
        """The whole body; raises BodyTooLarge beyond `limit` bytes."""
        parts: list[bytes] = []
        size = 0
        while chunk := await self.body.readany():
            size += len(chunk)
            if size > limit:
                raise BodyTooLarge
            parts.append(chunk)
        return b"".join(parts)


@dataclass(slots=True)
class RawResponse:
    """One reply: a status, headers sent as given, and a body of bytes or a stream of them.

    For a stream give `Content-Length` among the headers, or the front sends it chunked. The
    front sends no body in answer to HEAD, but keeps a Content-Length that is given.
    `cut_after` breaks the connection after so many bytes of the body, `dropped` before any.
    """

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | AsyncIterator[bytes] = b""
    cut_after: int | None = None
    dropped: bool = False


class Service(Protocol):
    """One service behind the front."""

    async def handle(self, request: RawRequest) -> RawResponse: ...
