"""The API server as the bench sees it: a bare client, and its own counters of writes."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import aiohttp

from dev.cluster.cluster import ClientConfig

WRITES = frozenset({"POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"})
_SERIES = re.compile(r"^apiserver_request_total\{(.*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


class Api:
    """A plain HTTP client as admin. Use it as an async context manager."""

    def __init__(self, config: ClientConfig, connections: int = 32) -> None:
        self._url = config.server
        self._connector = aiohttp.TCPConnector(limit=connections, ssl=config.ssl_context())

    async def __aenter__(self) -> Api:
        self._session = aiohttp.ClientSession(self._url, connector=self._connector)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def call(
        self, method: str, path: str, body: Any = None, kind: str = "application/json"
    ) -> Any:
        """The decoded answer; None for 404. Raises for any other refusal."""
        headers = {"Content-Type": kind}
        async with self._session.request(method, path, json=body, headers=headers) as answer:
            if answer.status == 404:
                return None
            if answer.status >= 300:
                raise RuntimeError(f"{method} {path}: {answer.status} {await answer.text()}")
            return await answer.json()

    async def writes(self) -> Counter[str]:
        """Writes so far, by `VERB resource[/subresource]`, answered with success."""
        async with self._session.get("/metrics") as answer:
            return parse_writes(await answer.text())


def parse_writes(metrics: str) -> Counter[str]:
    """The successful writes in the text of /metrics."""
    found: Counter[str] = Counter()
    for labels, value in _SERIES.findall(metrics):
        label = dict(_LABEL.findall(labels))
        if label["verb"] in WRITES and label["code"].startswith("2"):
            resource = "/".join(filter(None, [label["resource"], label["subresource"]]))
            found[f"{label['verb']} {resource}"] += int(float(value))
    return found
