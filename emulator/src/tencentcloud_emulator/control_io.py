"""Requests and replies of the control API: JSON objects, JSON lines, refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any

import orjson
from aiohttp import web

from .record import MachineRecord

LINES = {"Content-Type": "application/x-ndjson"}


class Refused(Exception):
    """Answered with a status and `{"error": ...}`."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def reply(value: object) -> web.Response:
    """A value as JSON."""
    return web.Response(body=orjson.dumps(value) + b"\n", content_type="application/json")


def whole(value: str) -> int:
    """A number of the query."""
    if not value.isdecimal():
        raise Refused(400, f"since cannot be {value!r}")
    return int(value)


async def body_of(request: web.Request) -> Mapping[str, Any]:
    """The JSON object of the body, empty when there is none."""
    body = await request.read()
    try:
        found = orjson.loads(body) if body.strip() else {}
    except orjson.JSONDecodeError as error:
        raise Refused(400, "the body is not JSON") from error
    if not isinstance(found, dict):
        raise Refused(400, "the body is not a JSON object")
    return found


async def send_lines(request: web.Request, items: Iterable[object]) -> web.StreamResponse:
    """Each item as a line of JSON."""
    response = web.StreamResponse(headers=LINES)
    await response.prepare(request)
    part = bytearray()
    for item in items:
        part += orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE)
        if len(part) > 128 * 1024:
            await response.write(bytes(part))
            part.clear()
    await response.write(bytes(part))
    return response


async def send_follow(
    request: web.Request, changes: AsyncIterator[list[MachineRecord]]
) -> web.StreamResponse:
    response = web.StreamResponse(headers=LINES)
    await response.prepare(request)
    async for records in changes:
        lines = [
            orjson.dumps(record.as_json(), option=orjson.OPT_APPEND_NEWLINE) for record in records
        ]
        await response.write(b"".join(lines))
    return response


@web.middleware
async def refusals(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refusal:
        return web.Response(
            status=refusal.status,
            body=orjson.dumps({"error": str(refusal)}) + b"\n",
            content_type="application/json",
        )
