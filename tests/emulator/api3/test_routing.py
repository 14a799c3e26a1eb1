"""The front alone, with services that tell what they were given."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from tencentcloud_emulator.http import RawRequest, RawResponse
from tencentcloud_emulator.record import MachineRecord
from tencentcloud_emulator.server import Front

MACHINE = "ins-aaaaaaaa"


class Echo:
    """Answers what it was given; or `reply`, if there is one."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.reply: RawResponse | None = None

    async def handle(self, request: RawRequest) -> RawResponse:
        body = await request.read(1 << 20)
        if self.reply is not None:
            return self.reply
        told = {
            "service": self.name, "path": request.path, "query": request.query,
            "host": request.host, "machine": request.machine, "body": body.hex(),
        }  # fmt: skip
        return RawResponse(200, [("Content-Type", "application/json")], json.dumps(told).encode())


class World:
    """A front on a TCP port and on a machine's socket."""

    def __init__(self, directory: Path) -> None:
        self.cos = Echo("cos")
        self.record = cast(MachineRecord, object())
        self.front = Front(Echo("api3"), self.cos, self._metadata, self._record_of)
        self.socket = directory / "front"
        self.port = 0

    async def _metadata(self, request: RawRequest, record: MachineRecord) -> RawResponse:
        assert record is self.record
        return await Echo("metadata").handle(request)

    def _record_of(self, instance_id: str) -> MachineRecord | None:
        return self.record if instance_id == MACHINE else None

    async def send(self, head: str, body: bytes = b"", *, inside: bool = False) -> bytes:
        """The whole reply to one request on a connection of its own."""
        if inside:
            reader, writer = await asyncio.open_unix_connection(self.socket)
        else:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        lines = head.replace("\n", "\r\n") + f"\r\nContent-Length: {len(body)}\r\n"
        writer.write((lines + "Connection: close\r\n\r\n").encode() + body)
        reply = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return reply

    async def told(self, head: str, body: bytes = b"", *, inside: bool = False) -> Any:
        return json.loads((await self.send(head, body, inside=inside)).partition(b"\r\n\r\n")[2])


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path)
    world.port = await world.front.serve_tcp("127.0.0.1", 0)
    await world.front.serve_unix(world.socket, MACHINE)
    yield world
    await world.front.close()


BUCKET = "b-1250000000.cos.ap-guangzhou.myqcloud.com"

ROUTES: dict[str, tuple[str, bool, dict[str, Any]]] = {
    "an action is API 3.0": (
        "POST / HTTP/1.1\nHost: h\nX-TC-Action: A", False, {"service": "api3", "host": "h"},
    ),
    "so is a TC3 signature": (
        "POST / HTTP/1.1\nHost: h\nAuthorization: TC3-HMAC-SHA256 x", False, {"service": "api3"},
    ),
    "so is its true name": (
        "POST / HTTP/1.1\nHost: cvm.tencentcloudapi.com", False, {"service": "api3"},
    ),
    "a host with a scheme in it": (
        "POST / HTTP/1.1\nHost: http://127.0.0.1:8080\nX-TC-Action: A", False,
        {"service": "api3", "host": "http://127.0.0.1:8080"},
    ),
    "the rest is COS, its path and query as sent": (
        f"GET /a%2Fb%20c/?prefix=x%2Fy&list HTTP/1.1\nHost: {BUCKET}:80", False,
        {"service": "cos", "path": "/a%2Fb%20c/", "query": "prefix=x%2Fy&list",
         "host": f"{BUCKET}:80", "machine": None},
    ),
    "through a proxy the path is cut out": (
        f"GET http://{BUCKET}/a%20b?c=d HTTP/1.1\nHost: {BUCKET}", False,
        {"service": "cos", "path": "/a%20b", "query": "c=d", "host": BUCKET},
    ),
    "through a proxy without a path": (
        f"GET http://{BUCKET} HTTP/1.1\nHost: {BUCKET}", False, {"path": "/", "query": ""},
    ),
    "a path that begins with two slashes": (
        f"GET //a HTTP/1.1\nHost: {BUCKET}", False, {"service": "cos", "path": "//a"},
    ),
    "a long query": (
        f"GET /?{'t' * 40_000} HTTP/1.1\nHost: {BUCKET}", False, {"query": "t" * 40_000},
    ),
    "metadata for a machine": (
        "GET /latest/meta-data/ HTTP/1.1\nHost: metadata.tencentyun.com", True,
        {"service": "metadata", "machine": MACHINE},
    ),
    "metadata by its address": (
        "GET / HTTP/1.1\nHost: 169.254.0.23:80", True, {"service": "metadata"},
    ),
    "COS for a machine": (
        f"GET /a HTTP/1.1\nHost: {BUCKET}", True, {"service": "cos", "machine": MACHINE},
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("head", "inside", "expected"), [pytest.param(*case, id=name) for name, case in ROUTES.items()]
)
async def test_routes(world: World, head: str, inside: bool, expected: dict[str, Any]) -> None:
    told = await world.told(head, inside=inside)
    assert {name: told[name] for name in expected} == expected


async def test_a_compressed_body_is_left_as_it_is(world: World) -> None:
    body = gzip.compress(b"hello")
    told = await world.told("PUT /a HTTP/1.1\nHost: b\nContent-Encoding: gzip", body)
    assert bytes.fromhex(told["body"]) == body


async def test_a_head_has_its_length_and_no_body(world: World) -> None:
    world.cos.reply = RawResponse(200, [("Content-Length", "5"), ("ETag", '"x"')])
    head, _, body = (await world.send("HEAD /a HTTP/1.1\nHost: b")).partition(b"\r\n\r\n")
    assert b"Content-Length: 5" in head
    assert body == b""


async def stream() -> AsyncIterator[bytes]:
    for _ in range(3):
        yield b"x" * 100_000


async def test_a_stream_is_sent_whole(world: World) -> None:
    world.cos.reply = RawResponse(200, [("Content-Length", "300000")], stream())
    reply = await world.send("GET /a HTTP/1.1\nHost: b")
    assert len(reply.partition(b"\r\n\r\n")[2]) == 300_000


async def test_a_reply_that_is_cut(world: World) -> None:
    world.cos.reply = RawResponse(200, [], b"0123456789", cut_after=4)
    head, _, body = (await world.send("GET /a HTTP/1.1\nHost: b")).partition(b"\r\n\r\n")
    assert b"Content-Length: 10" in head
    assert body == b"0123"


async def test_a_reply_that_is_dropped(world: World) -> None:
    world.cos.reply = RawResponse(dropped=True)
    assert await world.send("GET /a HTTP/1.1\nHost: b") == b""


async def test_a_closed_socket_takes_no_more(world: World) -> None:
    await world.front.close_unix(MACHINE)
    await world.front.close_unix(MACHINE)
    with pytest.raises(ConnectionRefusedError):
        await world.send("GET /a HTTP/1.1\nHost: b", inside=True)
