"""A Kubernetes API server small enough to misbehave on command: lists, watches, writes, faults."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from batchcompute.kube.config import ClusterConfig

Object = dict[str, Any]
Fault = Callable[[web.Request], "web.StreamResponse | None"]


@dataclass
class FakeApiServer:
    """Objects by (collection path, name); every write takes the next resourceVersion.

    ``faults[verb]`` holds functions for the next requests of a verb (GET, POST, ..): each may
    answer in the server's place. ``lose`` counts writes whose effect happens and whose answer
    does not. ``calls`` is what was asked.
    """

    version: int = 100
    objects: dict[tuple[str, str], Object] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))
    lose: int = 0
    calls: list[tuple[str, str]] = field(default_factory=list)
    watchers: set[asyncio.Queue[bytes | None]] = field(default_factory=set)
    oldest: int = 0
    history: list[tuple[int, bytes]] = field(default_factory=list)
    url: str = ""
    born: str | None = None  # creationTimestamp of what is written from now on

    @property
    def config(self) -> ClusterConfig:
        return ClusterConfig(self.url)

    def put(self, collection: str, name: str, **content: Any) -> Object:
        """Write an object as some other client would."""
        known = self.objects.get((collection, name))
        self.version += 1
        meta: Object = {"name": name, "resourceVersion": str(self.version)}
        meta["uid"] = known["metadata"]["uid"] if known else str(uuid.uuid4())
        if "/namespaces/" in collection:
            meta["namespace"] = collection.split("/namespaces/")[1].split("/")[0]
        if self.born:
            meta["creationTimestamp"] = self.born
        meta |= content.pop("metadata", {})
        body = {"metadata": meta, **content}
        self.objects[collection, name] = body
        self._tell("MODIFIED" if known else "ADDED", body)
        return body

    def remove(self, collection: str, name: str, *, silently: bool = False) -> None:
        """Delete an object; ``silently`` leaves no trace in any watch."""
        body = self.objects.pop((collection, name))
        self.version += 1
        if not silently:
            gone = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
            self._tell("DELETED", gone)

    def say(self, line: bytes) -> None:
        """Write raw bytes into every open watch."""
        for queue in self.watchers:
            queue.put_nowait(line)

    def cut(self) -> None:
        """End every open watch."""
        for queue in self.watchers:
            queue.put_nowait(None)

    def compact(self) -> None:
        """Forget history: a watch from before now is answered 410."""
        self.oldest = self.version
        self.history.clear()

    def _tell(self, kind: str, body: Object) -> None:
        line = json.dumps({"type": kind, "object": body}).encode() + b"\n"
        self.history.append((self.version, line))
        self.say(line)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.calls.append((request.method, request.path))
        if self.faults[request.method]:
            answer = self.faults[request.method].pop(0)(request)
            if answer is not None:
                return answer
        answer = await self._serve(request)
        if request.method != "GET" and self.lose:
            self.lose -= 1
            assert request.transport
            request.transport.close()
        return answer

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if request.method == "POST":
            return await self._create(request)
        if request.method == "GET" and (path.count("/") < 7 and not self._is_object(path)):
            if request.query.get("watch"):
                return await self._watch(request)
            return self._list(request)
        collection, _, name = path.removesuffix("/status").rpartition("/")
        body = self.objects.get((collection, name))
        if body is None:
            return status(404, "NotFound", f'"{name}" not found')
        if request.method == "GET":
            return web.json_response(body)
        sent = await request.json()
        meta = sent.get("preconditions" if request.method == "DELETE" else "metadata", {})
        for what in ("uid", "resourceVersion"):
            if meta.get(what) not in (None, body["metadata"][what]):
                return status(409, "Conflict", "the object has been modified")
        if request.method == "DELETE":
            self.remove(collection, name)
            return web.json_response({"kind": "Status", "status": "Success"})
        merged = sent if request.method == "PUT" else merge(body, sent)
        merged["metadata"].pop("resourceVersion", None)
        return web.json_response(self.put(collection, name, **merged))

    def _is_object(self, path: str) -> bool:
        last = path.rsplit("/", 1)[1]
        return last not in PLURALS

    async def _create(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        name = body["metadata"]["name"]
        if (request.path, name) in self.objects:
            return status(409, "AlreadyExists", f'"{name}" already exists')
        return web.json_response(self.put(request.path, name, **body), status=201)

    def _list(self, request: web.Request) -> web.StreamResponse:
        items = [
            body
            for (path, _), body in sorted(self.objects.items(), key=lambda entry: entry[0])
            if path == request.path or path.rsplit("/", 1)[1] == request.path.rsplit("/", 1)[1]
        ]
        start, limit = int(request.query.get("continue") or 0), int(request.query["limit"])
        end = start + limit
        meta = {"resourceVersion": str(self.version)}
        if end < len(items):
            meta["continue"] = str(end)
        return web.json_response({"metadata": meta, "items": items[start:end]})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        since = int(request.query["resourceVersion"])
        if since < self.oldest:
            return status(410, "Expired", "too old resource version")
        response = web.StreamResponse()
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        for version, line in self.history:
            if version > since:
                queue.put_nowait(line)
        self.watchers.add(queue)
        try:
            await response.prepare(request)
            while (line := await queue.get()) is not None:
                await response.write(line)
        finally:
            self.watchers.discard(queue)
        return response


PLURALS = {"jobs", "taskinstances", "secrets", "leases", "events", "namespaces"}


def status(
    code: int, reason: str, message: str = "", headers: dict[str, str] | None = None
) -> web.Response:
    """A Status object as the real server sends it."""
    body = {"kind": "Status", "code": code, "reason": reason, "message": message}
    return web.json_response(body, status=code, headers=headers)


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge(result.get(name), value)
    return result


@contextlib.asynccontextmanager
async def fake_api_server() -> AsyncIterator[FakeApiServer]:
    """One on a free port of the loopback interface."""
    server = FakeApiServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        server.cut()
        await runner.cleanup()
