"""The work queue of client-go, for asyncio: each key at most once, never at two workers."""

from __future__ import annotations

import asyncio
import heapq
from typing import TYPE_CHECKING, Generic, TypeVar

from batchcompute.runtime.backoff import Backoff, TokenBucket

if TYPE_CHECKING:
    from collections.abc import Hashable

    from batchcompute.runtime.clock import Clock
    from batchcompute.runtime.metrics import QueueMetrics

K = TypeVar("K", bound="Hashable")

FIRST_RETRY_SECONDS = 0.005
LAST_RETRY_SECONDS = 300.0
RETRIES_PER_SECOND = 10.0  # over all keys, as client-go: a broken dependency must not become load
RETRY_BURST = 100.0


class WorkQueue(Generic[K]):
    """A FIFO of keys to look at.

    A key added while it waits is still one entry (``dirty``); added while a worker holds it, it is
    queued again when that worker calls :meth:`done` (``processing``). Of several delayed adds of a
    key the earliest counts.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        backoff: Backoff | None = None,
        metrics: QueueMetrics | None = None,
    ) -> None:
        self._clock = clock
        self._backoff = backoff or Backoff(FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS)
        self._retries = TokenBucket(RETRIES_PER_SECOND, RETRY_BURST, clock.monotonic())
        self._metrics = metrics
        self._ready: asyncio.Queue[K] = asyncio.Queue()
        self._dirty: dict[K, float] = {}
        self._processing: dict[K, float] = {}
        self._failures: dict[K, int] = {}
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._order = 0
        self._timer: asyncio.Task[None] | None = None
        self._timer_at = 0.0

    def __len__(self) -> int:
        """Keys that wait for a worker; delayed ones and those being worked on not counted."""
        return self._ready.qsize()

    @property
    def oldest_in_work(self) -> float:
        """Seconds since the longest running worker took its key; 0 when none works."""
        if not self._processing:
            return 0.0
        return self._clock.monotonic() - min(self._processing.values())

    def add(self, key: K) -> None:
        if key in self._dirty:
            return
        self._dirty[key] = self._clock.monotonic()
        if self._metrics:
            self._metrics.adds.inc()
        if key not in self._processing:
            self._push(key)

    def add_after(self, key: K, seconds: float) -> None:
        """Add the key when that many seconds have passed (at once for zero and less)."""
        if seconds <= 0:
            return self.add(key)
        due = self._clock.monotonic() + seconds
        if key in self._due and self._due[key] <= due:
            return
        self._due[key] = due
        self._order += 1
        heapq.heappush(self._heap, (due, self._order, key))
        self._arm()

    def add_rate_limited(self, key: K) -> None:
        """Add the key after its own growing wait, no faster than the bucket of all retries."""
        self._failures[key] = failures = self._failures.get(key, 0) + 1
        if self._metrics:
            self._metrics.retries.inc()
        wait = self._retries.reserve(self._clock.monotonic())
        self.add_after(key, max(self._backoff.delay(failures), wait))

    def forget(self, key: K) -> None:
        """The key went well: its next failure waits the shortest time again."""
        self._failures.pop(key, None)

    def failures(self, key: K) -> int:
        return self._failures.get(key, 0)

    async def get(self) -> K:
        """The next key; the caller must hand it back through :meth:`done`."""
        key = await self._ready.get()
        now = self._clock.monotonic()
        added = self._dirty.pop(key)
        self._processing[key] = now
        if self._metrics:
            self._metrics.depth.set(len(self))
            self._metrics.latency.observe(now - added)
        return key

    def done(self, key: K) -> None:
        started = self._processing.pop(key)
        if self._metrics:
            self._metrics.work.observe(self._clock.monotonic() - started)
        if key in self._dirty:
            self._push(key)

    def close(self) -> None:
        """Stop the timer of delayed keys; the queue is not used afterwards."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _push(self, key: K) -> None:
        self._ready.put_nowait(key)
        if self._metrics:
            self._metrics.depth.set(len(self))

    def _arm(self) -> None:
        """Keep one timer, set to the earliest delayed key."""
        if not self._heap:
            return
        due = self._heap[0][0]
        if self._timer and not self._timer.done():
            if self._timer_at <= due:
                return
            self._timer.cancel()
        self._timer_at = due
        self._timer = asyncio.get_running_loop().create_task(self._wait_until(due))

    async def _wait_until(self, due: float) -> None:
        await self._clock.sleep(due - self._clock.monotonic())
        now = self._clock.monotonic()
        while self._heap and self._heap[0][0] <= now:
            at, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == at:
                del self._due[key]
                self.add(key)
        self._timer = None
        self._arm()
