"""A cache of one kind, kept current by list and watch, holding small structs, not raw objects."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from random import Random
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import aiohttp

from batchcompute.kube.errors import ApiError, Gone
from batchcompute.runtime.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client import Counter, Gauge

    from batchcompute.kube.client import Client, Page
    from batchcompute.kube.resources import Resource
    from batchcompute.kube.watch import WatchEvent
    from batchcompute.runtime.clock import Clock
    from batchcompute.runtime.metrics import Metrics

log = logging.getLogger(__name__)

T = TypeVar("T")
FAILURES = (ApiError, aiohttp.ClientError, TimeoutError, ValueError)
PAGE = 500
WATCH_SECONDS = (240, 360)  # a spread, so that the watches of a process do not end together
SHORTEST_WATCH_SECONDS = 1.0  # a server that ends streams at once must not be asked in a circle
RELIST_BACKOFF = (0.2, 30.0)


class Key(NamedTuple):
    """``name`` with its ``namespace`` (empty for a cluster-wide kind)."""

    namespace: str
    name: str


class _Entry(NamedTuple, Generic[T]):
    version: int
    value: T


class _Gauges(NamedTuple):
    objects: Gauge
    event_time: Gauge
    relists: Counter
    projection_errors: Counter


def _gauges(metrics: Metrics, kind: str) -> _Gauges:
    """The series of one kind, looked up once: a lookup costs as much as half an event."""
    return _Gauges(
        metrics.cache_objects.labels(kind),
        metrics.watch_event_time.labels(kind),
        metrics.relists.labels(kind),
        metrics.projection_errors.labels(kind),
    )


class Informer(Generic[T]):
    """``project(object)`` makes the struct that is kept.

    ``changed(key, old, new)`` is called in the event loop after every difference, also for those
    found only by a relist (an object deleted while the watch was broken); ``None`` is absence. An
    object deleted and made again meanwhile is one change: compare uids.
    ``run`` never ends by an error: it lists again after a growing wait.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        project: Callable[[dict[str, Any]], T],
        *,
        clock: Clock,
        changed: Callable[[Key, T | None, T | None], None],
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        metrics: Metrics | None = None,
        rng: Random | None = None,
    ) -> None:
        self._client = client
        self._resource = resource
        self._project = project
        self._clock = clock
        self._changed = changed
        self._namespace = namespace
        self._selectors = {"label_selector": label_selector, "field_selector": field_selector}
        self._gauges = _gauges(metrics, resource.plural) if metrics else None
        self._rng = rng or Random()  # noqa: S311 - jitter
        self._backoff = Backoff(*RELIST_BACKOFF, self._rng)
        self._entries: dict[Key, _Entry[T]] = {}
        self._position = 0  # every change up to this resourceVersion has been seen
        self.last_event = float("-inf")
        self.synced = asyncio.Event()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key) -> T | None:
        entry = self._entries.get(key)
        return entry.value if entry else None

    def items(self) -> Iterator[tuple[Key, T]]:
        return ((key, entry.value) for key, entry in self._entries.items())

    def put(self, body: dict[str, Any]) -> None:
        """Take in the answer of an own write, unless the watch has already gone past it.

        The object must be one that the selectors match; nobody checks.
        """
        key, version = _identity(body)
        entry = self._entries.get(key)
        newest = entry.version if entry else self._position
        if version > newest:
            self._store(key, version, body)

    async def run(self) -> None:
        """List and watch for ever."""
        failures = 0
        fresh = False
        while True:
            try:
                if not fresh:
                    await self._relist()
                    fresh = True
                started = self._clock.monotonic()
                await self._watch()
                failures = 0
                if self._clock.monotonic() - started < SHORTEST_WATCH_SECONDS:
                    await self._clock.sleep(SHORTEST_WATCH_SECONDS)
            except FAILURES as error:
                failures += 1
                fresh = fresh and not isinstance(error, (ApiError, ValueError))
                wait = self._backoff.delay(failures)
                level = logging.INFO if isinstance(error, Gone) else logging.WARNING
                kind = self._resource.plural
                log.log(level, "%s: %s: %s; again in %.1f s", kind, _name(error), error, wait)
                await self._clock.sleep(wait)

    async def _relist(self) -> None:
        """Read all pages, then drop what none of them had. A Gone page starts again (in run)."""
        seen: set[Key] = set()
        version = 0
        async for page in self._client.pages(
            self._resource, self._namespace, limit=PAGE, **self._selectors
        ):
            version = int(page.resource_version)
            self._take_page(page, seen)
        for key in [key for key in self._entries if key not in seen]:
            if self._entries[key].version <= version:
                self._drop(key)
        self._position = version
        self._heard()
        if self._gauges:
            self._gauges.relists.inc()
        self.synced.set()

    def _take_page(self, page: Page, seen: set[Key]) -> None:
        for body in page.items:
            key, version = _identity(body)
            seen.add(key)
            entry = self._entries.get(key)
            if entry is None or version > entry.version:
                self._store(key, version, body)

    async def _watch(self) -> None:
        seconds = self._rng.randint(*WATCH_SECONDS)
        events = self._client.watch(
            self._resource,
            self._namespace,
            resource_version=str(self._position),
            timeout_seconds=seconds,
            **self._selectors,
        )
        async with aclosing(events):  # an error in here must not leave the stream open
            async for event in events:
                self._take(event)

    def _take(self, event: WatchEvent) -> None:
        key, version = _identity(event.object)
        if event.type in ("ADDED", "MODIFIED"):
            entry = self._entries.get(key)
            if entry is None or version > entry.version:
                self._store(key, version, event.object)
        elif event.type == "DELETED":
            entry = self._entries.get(key)
            if entry and version >= entry.version:
                self._drop(key)
        self._position = max(self._position, version)
        self._heard()

    def _store(self, key: Key, version: int, body: dict[str, Any]) -> None:
        old = self._entries.get(key)
        try:
            value = self._project(body)
        except Exception:
            # one unreadable object must not blind the operator for all the others of its kind
            log.exception("%s %s/%s cannot be read", self._resource.plural, *key)
            if self._gauges:
                self._gauges.projection_errors.inc()
            return
        self._entries[key] = _Entry(version, value)
        self._changed(key, old.value if old else None, value)

    def _drop(self, key: Key) -> None:
        old = self._entries.pop(key)
        self._changed(key, old.value, None)

    def _heard(self) -> None:
        self.last_event = self._clock.monotonic()
        if self._gauges:
            self._gauges.objects.set(len(self._entries))
            self._gauges.event_time.set(self._clock.now())


def _identity(body: dict[str, Any]) -> tuple[Key, int]:
    meta = body["metadata"]
    return Key(meta.get("namespace") or "", meta.get("name") or ""), int(meta["resourceVersion"])


def _name(error: Exception) -> str:
    return type(error).__name__
