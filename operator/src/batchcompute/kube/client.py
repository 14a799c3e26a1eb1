"""A thin client of the Kubernetes API: dicts in, dicts out, typed errors, no hidden state.

    async with Client(config.load(), clock) as client:
        job = await client.get(JOBS, "team-a", "wordcount")
        job["status"]["phase"] = "Running"
        await client.replace(JOBS, job, subresource="status")     # Conflict if it changed
        async for page in client.pages(TASK_INSTANCES, label_selector="batchcompute.io/job"):
            ...

Reads are repeated on transport errors and 5xx. Writes are sent once, and again only when they were
certainly not executed (no connection, 429); a lost answer is :class:`OutcomeUnknown`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from batchcompute.kube.errors import Conflict, Invalid
from batchcompute.kube.transport import Call, Transport
from batchcompute.kube.watch import WatchEvent, read_events

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping

    from batchcompute.kube.config import ClusterConfig
    from batchcompute.kube.resources import Resource
    from batchcompute.runtime.clock import Clock
    from batchcompute.runtime.metrics import Metrics

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: its objects, the list's resourceVersion, the token of the next page."""

    items: list[Object]
    resource_version: str
    next: str | None


class Client:
    """Reads and writes of any :class:`Resource`. Use as an async context manager."""

    def __init__(
        self, config: ClusterConfig, clock: Clock, *, metrics: Metrics | None = None
    ) -> None:
        self.namespace = config.namespace
        self._transport = Transport(config, clock, metrics=metrics)

    async def __aenter__(self) -> Self:
        await self._transport.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._transport.close()

    async def get(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        subresource: str | None = None,
        resource_version: str | None = None,
    ) -> Object:
        """The object; raises NotFound. Without a resourceVersion the read is linearizable."""
        path = resource.path(namespace, name, subresource)
        return await self._send("get", "GET", resource, path, {"resourceVersion": resource_version})

    async def page(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        limit: int = 500,
        next_page: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        resource_version: str | None = None,
    ) -> Page:
        """One page of a list; Gone when ``next_page`` is too old.

        ``resource_version=None`` is the latest, read through a quorum (R2); ``"0"`` whatever the
        server has cached.
        """
        body = await self._send(
            "list",
            "GET",
            resource,
            resource.path(namespace),
            {
                "limit": limit,
                "continue": next_page,
                "labelSelector": label_selector,
                "fieldSelector": field_selector,
                "resourceVersion": None if next_page else resource_version,
            },
        )
        meta = body["metadata"]
        return Page(body["items"] or [], meta["resourceVersion"], meta.get("continue") or None)

    async def pages(
        self, resource: Resource, namespace: str | None = None, **options: Any
    ) -> AsyncIterator[Page]:
        """Every page of a list, of one moment; options as :meth:`page`."""
        page = await self.page(resource, namespace, **options)
        yield page
        while page.next:
            page = await self.page(resource, namespace, next_page=page.next, **options)
            yield page

    async def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        resource_version: str,
        label_selector: str | None = None,
        field_selector: str | None = None,
        timeout_seconds: int = 300,
    ) -> AsyncGenerator[WatchEvent]:
        """Changes after ``resource_version``, with bookmarks, until the server ends the stream.

        Raises Gone when that version is too old, another ApiError, TimeoutError on silence, or
        ``aiohttp.ClientError``.
        """
        query: dict[str, str | int | None] = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "labelSelector": label_selector,
            "fieldSelector": field_selector,
            "timeoutSeconds": timeout_seconds,
        }
        call = Call("watch", "GET", resource.plural, resource.path(namespace), query)
        async with self._transport.stream(call) as content:
            async for event in read_events(content):
                yield event

    async def create(self, resource: Resource, body: Object, *, strict: bool = False) -> Object:
        """The object as stored; raises AlreadyExists, Invalid, NotFound (its namespace)."""
        path = resource.path(body["metadata"].get("namespace"))
        query = {"fieldValidation": "Strict" if strict else None}
        return await self._send("create", "POST", resource, path, query, body)

    async def replace(
        self, resource: Resource, body: Object, *, subresource: str | None = None
    ) -> Object:
        """Compare and swap: Conflict unless ``metadata.resourceVersion`` is still the latest."""
        meta = body["metadata"]
        path = resource.path(meta.get("namespace"), meta["name"], subresource)
        return await self._send("update", "PUT", resource, path, {}, body)

    async def merge_patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        patch: Object,
        *,
        subresource: str | None = None,
        resource_version: str | None = None,
        uid: str | None = None,
    ) -> Object:
        """RFC 7386. Conflict when a given ``resource_version`` or ``uid`` is not its own."""
        expected = {"resourceVersion": resource_version, "uid": uid}
        meta = {field: value for field, value in expected.items() if value is not None}
        if meta:
            patch = {**patch, "metadata": {**patch.get("metadata", {}), **meta}}
        path = resource.path(namespace, name, subresource)
        try:
            return await self._send(
                "patch", "PATCH", resource, path, {}, patch, "application/merge-patch+json"
            )
        except Invalid as error:
            # the server has no uid precondition for a patch: another uid is an "immutable field"
            if uid and "metadata.uid" in error.message:
                raise Conflict(409, "Conflict", error.message) from None
            raise

    async def json_patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        operations: list[Object],
        *,
        subresource: str | None = None,
    ) -> Object:
        """RFC 6902; Invalid when a ``test`` operation fails."""
        path = resource.path(namespace, name, subresource)
        return await self._send(
            "patch", "PATCH", resource, path, {}, operations, "application/json-patch+json"
        )

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: str | None = None,
    ) -> None:
        """Delete; NotFound when it is gone, Conflict when uid or resourceVersion differ.

        ``propagation``: Foreground, Background or Orphan.
        """
        expected = {"uid": uid, "resourceVersion": resource_version}
        conditions = {field: value for field, value in expected.items() if value is not None}
        body: Object = {"kind": "DeleteOptions", "apiVersion": "v1"}
        if conditions:
            body["preconditions"] = conditions
        if propagation:
            body["propagationPolicy"] = propagation
        path = resource.path(namespace, name)
        await self._send("delete", "DELETE", resource, path, {}, body)

    async def version(self) -> Object:
        """The server's ``/version``."""
        call = Call("get", "GET", "version", "/version", {})
        result: Object = await self._transport.send(call)
        return result

    async def _send(
        self,
        verb: str,
        method: str,
        resource: Resource,
        path: str,
        query: Mapping[str, str | int | None],
        body: Any = None,
        content_type: str = "application/json",
    ) -> Object:
        kind = resource.plural
        call = Call(verb, method, kind, path, query, body, content_type)
        result: Object = await self._transport.send(call)
        return result
