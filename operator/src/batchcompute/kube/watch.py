"""The events of a watch: one JSON object a line, cut anywhere by the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from batchcompute.kube.errors import from_status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import aiohttp


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """``type`` is ADDED, MODIFIED, DELETED or BOOKMARK (its object has a resourceVersion alone)."""

    type: str
    object: dict[str, Any]


async def read_events(content: aiohttp.StreamReader) -> AsyncIterator[WatchEvent]:
    """Every complete line of the stream; what follows the last newline was cut and is dropped.

    Raises the matching ApiError for an ERROR event and ValueError for a line that is no event.
    """
    rest = b""
    async for chunk in content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n") if rest else chunk.split(b"\n")
        for line in lines:
            if line:
                yield _event(line)


def _event(line: bytes) -> WatchEvent:
    event = orjson.loads(line)
    if not isinstance(event, dict) or not isinstance(event.get("object"), dict):
        raise ValueError("a watch line that is no event")
    body = event["object"]
    if event.get("type") == "ERROR":
        raise from_status(
            int(body.get("code") or 500),
            str(body.get("reason") or ""),
            str(body.get("message") or ""),
        )
    return WatchEvent(str(event.get("type")), body)
