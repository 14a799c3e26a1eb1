"""The front: one HTTP server for every service, and one socket for every machine.

Requests are routed by what only that service's clients send. Neither `request.url` nor
`request.host` is ever used: the Host header of tccli (`http://127.0.0.1:8080`) is no URL's host.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from aiohttp import web

from .http import RawRequest, RawResponse, Service
from .record import MachineRecord

METADATA_HOSTS = frozenset({"metadata.tencentyun.com", "169.254.0.23"})
MAX_LINE = 64 * 1024  # presigned URLs carry tokens of 4 KiB and policies

Metadata = Callable[[RawRequest, MachineRecord], Awaitable[RawResponse]]


class Front:
    """Takes requests in and hands each to its service.

    `record_of` gives the machine of an instance id, or None once it is gone.
    """

    def __init__(
        self,
        api3: Service,
        cos: Service,
        metadata: Metadata,
        record_of: Callable[[str], MachineRecord | None],
    ) -> None:
        self._api3 = api3
        self._cos = cos
        self._metadata = metadata
        self._record_of = record_of
        self._sockets: dict[str, tuple[asyncio.AbstractServer, web.Server]] = {}

    async def serve_tcp(self, host: str, port: int) -> int:
        """Listens on a TCP port (0: a free one), which it returns."""
        server = self._server(None)
        listener = await asyncio.get_running_loop().create_server(
            server, host, port, backlog=1024, reuse_address=True
        )
        self._sockets["tcp"] = (listener, server)
        return int(listener.sockets[0].getsockname()[1])

    async def serve_unix(self, path: str | Path, instance_id: str) -> None:
        """Listens on a unix socket; what comes in by it comes from this machine."""
        server = self._server(instance_id)
        listener = await asyncio.get_running_loop().create_unix_server(
            server, str(path), backlog=128
        )
        self._sockets[instance_id] = (listener, server)

    async def close_unix(self, instance_id: str) -> None:
        """Ends a machine's socket and its open connections. Twice is once."""
        if found := self._sockets.pop(instance_id, None):
            await _close(*found)

    async def close(self) -> None:
        """Ends every listener and open connection."""
        for name in list(self._sockets):
            await _close(*self._sockets.pop(name))

    def _server(self, machine: str | None) -> web.Server:
        return web.Server(
            partial(self._handle, machine),
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=75,
            max_line_size=MAX_LINE,
            max_field_size=MAX_LINE,
            lingering_time=2.0,
        )

    async def _handle(self, machine: str | None, request: web.BaseRequest) -> web.StreamResponse:
        raw = _raw(request, machine)
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return await _reply(request, await self.route(raw))

    async def route(self, request: RawRequest) -> RawResponse:
        """Gives the request to its service."""
        headers, host = request.headers, request.host
        if "X-TC-Action" in headers or headers.get("Authorization", "").startswith("TC3-"):
            return await self._api3.handle(request)
        if host.partition(":")[0] in METADATA_HOSTS:
            record = self._record_of(request.machine) if request.machine else None
            if record is None:
                return RawResponse(404, [("Content-Type", "text/plain")], b"not a machine\n")
            return await self._metadata(request, record)
        if ".tencentcloudapi.com" in host:
            return await self._api3.handle(request)
        if request.method == "CONNECT":
            return RawResponse(501, [("Content-Type", "text/plain")], b"no TLS here: use http\n")
        return await self._cos.handle(request)


def _raw(request: web.BaseRequest, machine: str | None) -> RawRequest:
    target = request.raw_path
    path, _, query = target.partition("?")
    if not path.startswith("/") and "://" in path:
        path = "/" + path.partition("://")[2].partition("/")[2]
    headers = request.headers
    return RawRequest(
        method=request.method,
        target=target,
        path=path,
        query=query,
        headers=headers,
        host=headers.get("Host", ""),
        body=request.content,
        machine=machine,
    )


async def _reply(request: web.BaseRequest, reply: RawResponse) -> web.StreamResponse:
    if reply.dropped:
        _hang_up(request)
        return web.Response()
    if isinstance(reply.body, bytes) and reply.cut_after is None and request.method != "HEAD":
        return web.Response(status=reply.status, headers=reply.headers, body=reply.body)
    return await _stream(request, reply)


async def _stream(request: web.BaseRequest, reply: RawResponse) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    if isinstance(reply.body, bytes) and "Content-Length" not in response.headers:
        response.content_length = len(reply.body)
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    if reply.cut_after is not None and isinstance(reply.body, bytes):
        await response.write(reply.body[: reply.cut_after])
        _hang_up(request)
    elif isinstance(reply.body, bytes):
        await response.write(reply.body)
    else:
        async for chunk in reply.body:
            await response.write(chunk)
    return response


def _hang_up(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.close()


async def _close(listener: asyncio.AbstractServer, server: web.Server) -> None:
    listener.close()
    server.pre_shutdown()  # idle connections end now, not after the timeout
    await server.shutdown(timeout=0.5)
