"""Kubernetes events (events.k8s.io/v1): one object per thing said, counted, never a flood."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import aiohttp

from batchcompute.kube.errors import AlreadyExists, ApiError, NotFound, OutcomeUnknown
from batchcompute.kube.resources import EVENTS
from batchcompute.runtime.backoff import TokenBucket

if TYPE_CHECKING:
    from batchcompute.kube.client import Client
    from batchcompute.kube.resources import Resource
    from batchcompute.runtime.clock import Clock
    from batchcompute.runtime.metrics import Metrics

log = logging.getLogger(__name__)

CONTROLLER = "batchcompute.io/operator"
OBJECT_BURST = 25.0
OBJECT_RATE = 1 / 300.0  # client-go's spam filter: a burst of 25, then one in five minutes
TOTAL_BURST, TOTAL_RATE = 50.0, 10.0  # each costs the API server more than a millisecond
QUEUE = 1000
SERIES_SECONDS = 120.0  # a repetition is counted here and told at most this often
FORGET_SECONDS = 3600.0  # the API server keeps events for an hour
NOTE_BYTES = 1024  # the API's limit


@dataclass(frozen=True, slots=True)
class Regarding:
    """The object an event is about."""

    resource: Resource
    namespace: str
    name: str
    uid: str


@dataclass(slots=True)
class _Series:
    body: dict[str, Any]
    count: int
    last: float
    told: float
    told_count: int


class EventRecorder:
    """``record`` never blocks and never fails; ``run`` sends. What is too much is dropped and
    counted. The name is a hash of object, reason and note: a restart continues the same event."""

    def __init__(
        self, client: Client, *, instance: str, clock: Clock, metrics: Metrics | None = None
    ) -> None:
        self._client = client
        self._instance = instance
        self._clock = clock
        self._metrics = metrics
        self._queue: asyncio.Queue[str] = asyncio.Queue(QUEUE)
        self._series: dict[str, _Series] = {}
        self._buckets: dict[str, TokenBucket] = {}
        self._total = TokenBucket(TOTAL_RATE, TOTAL_BURST, clock.monotonic())

    def record(
        self,
        regarding: Regarding,
        reason: str,
        note: str,
        *,
        kind: Literal["Normal", "Warning"] = "Normal",
        action: str = "Reconcile",
    ) -> None:
        """Say that something happened. ``note`` must be free of secrets and counters: the same
        words are the same event."""
        note = note.encode()[:NOTE_BYTES].decode(errors="ignore")
        name = _event_name(regarding, reason, note)
        now = self._clock.monotonic()
        series = self._series.get(name)
        if series:
            series.count += 1
            series.last = self._clock.now()
            if now - series.told < SERIES_SECONDS:
                return
        if not self._allowed(regarding.uid, now):
            return self._dropped("spam")
        if series is None:
            body = self._body(name, regarding, reason, note, kind, action)
            self._series[name] = series = _Series(body, 1, self._clock.now(), now, 0)
        try:
            self._queue.put_nowait(name)
        except asyncio.QueueFull:
            return self._dropped("queue")
        series.told = now

    async def run(self) -> None:
        """Send what was recorded, for ever; a failed one is dropped and counted."""
        while True:
            name = await self._queue.get()
            await self._clock.sleep(self._total.reserve(self._clock.monotonic()))
            series = self._series.get(name)
            if series is None:
                continue
            try:
                await self._send(name, series)
            except (ApiError, OutcomeUnknown, aiohttp.ClientError, TimeoutError) as error:
                log.info("event %s not sent: %s", name, error)
                self._dropped("error")
            self._tidy()

    async def _send(self, name: str, series: _Series) -> None:
        count = series.count
        if series.told_count == 0:
            try:
                await self._client.create(EVENTS, series.body)
                series.told_count = count
                return
            except AlreadyExists:  # said before this process began
                series.count = count = count + 1
        namespace = series.body["metadata"]["namespace"]
        patch = {"series": {"count": max(2, count), "lastObservedTime": _micro_time(series.last)}}
        try:
            await self._client.merge_patch(EVENTS, namespace, name, patch)
        except NotFound:  # it has aged out on the server
            await self._client.create(EVENTS, series.body)
        series.told_count = count

    def _allowed(self, uid: str, now: float) -> bool:
        bucket = self._buckets.get(uid)
        if bucket is None:
            bucket = self._buckets[uid] = TokenBucket(OBJECT_RATE, OBJECT_BURST, now)
        return bucket.try_take(now)

    def _tidy(self) -> None:
        """Keep what is recent; done when the tables have grown, not at every event."""
        if len(self._series) + len(self._buckets) < 2 * QUEUE:
            return
        now = self._clock.monotonic()
        self._series = {
            name: one for name, one in self._series.items() if now - one.told < FORGET_SECONDS
        }
        self._buckets = {
            uid: bucket for uid, bucket in self._buckets.items() if not bucket.full(now)
        }

    def _dropped(self, why: str) -> None:
        if self._metrics:
            self._metrics.events_dropped.labels(why).inc()

    def _body(
        self, name: str, regarding: Regarding, reason: str, note: str, kind: str, action: str
    ) -> dict[str, Any]:
        return {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": name, "namespace": regarding.namespace or "default"},
            "eventTime": _micro_time(self._clock.now()),
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance,
            "action": action,
            "reason": reason,
            "note": note,
            "type": kind,
            "regarding": {
                "apiVersion": regarding.resource.api_version,
                "kind": regarding.resource.kind,
                "namespace": regarding.namespace,
                "name": regarding.name,
                "uid": regarding.uid,
            },
        }


def _event_name(regarding: Regarding, reason: str, note: str) -> str:
    words = "\0".join((regarding.uid, reason, note))
    return f"{regarding.name[:200]}.{hashlib.sha256(words.encode()).hexdigest()[:16]}"


def _micro_time(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
