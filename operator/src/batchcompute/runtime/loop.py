"""The worker loop: take a key, reconcile it, say when to look again."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Generic

from batchcompute.runtime.workqueue import K

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from batchcompute.runtime.clock import Clock
    from batchcompute.runtime.metrics import Metrics
    from batchcompute.runtime.workqueue import WorkQueue

log = logging.getLogger(__name__)

RECONCILE_TIMEOUT_SECONDS = 60.0


class ReconcileLoop(Generic[K]):
    """``workers`` tasks over one queue, one key at a time each, no key at two of them.

    ``reconcile(key)`` reads what is and brings it nearer to what is wanted; it returns seconds
    until it wants to look again, or ``None``. When it raises or takes longer than ``timeout``
    seconds, the key comes back after a growing wait. Errors of the ``expected`` types (a conflict,
    a server that is away) are logged as one line, all others with their traceback; those of the
    ``fatal`` types end :meth:`run`.
    """

    def __init__(
        self,
        name: str,
        queue: WorkQueue[K],
        reconcile: Callable[[K], Awaitable[float | None]],
        *,
        clock: Clock,
        metrics: Metrics,
        workers: int = 8,
        timeout: float = RECONCILE_TIMEOUT_SECONDS,
        expected: tuple[type[Exception], ...] = (),
        fatal: tuple[type[Exception], ...] = (),
    ) -> None:
        self.name = name
        self._queue = queue
        self._reconcile = reconcile
        self._clock = clock
        self._metrics = metrics
        self._succeeded = metrics.reconciles.labels(name, "success")
        self._seconds = metrics.reconcile_seconds.labels(name)
        self._workers = workers
        self._timeout = timeout
        self._expected: tuple[type[Exception], ...] = (TimeoutError, *expected)
        self._fatal = fatal
        self._stopping = asyncio.Event()
        self._idle: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Work until :meth:`stop`; keys in work are finished, those that wait are left."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._work())
            await self._stopping.wait()
            for worker in self._idle:
                worker.cancel()

    def stop(self) -> None:
        self._stopping.set()

    @property
    def stuck_seconds(self) -> float:
        """How far the slowest reconcile is beyond its timeout; 0 when all is well."""
        return max(0.0, self._queue.oldest_in_work - self._timeout)

    async def _work(self) -> None:
        me = asyncio.current_task()
        assert me is not None
        while not self._stopping.is_set():
            self._idle.add(me)
            try:
                key = await self._queue.get()
            finally:
                self._idle.discard(me)
            try:
                await self._one(key)
            finally:
                self._queue.done(key)

    async def _one(self, key: K) -> None:
        started = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._timeout):
                delay = await self._reconcile(key)
        except self._fatal:
            raise
        except Exception as error:
            self._failed(key, error)
        else:
            self._queue.forget(key)
            if delay is not None:
                self._queue.add_after(key, delay)
            self._succeeded.inc()
        finally:
            took = self._clock.monotonic() - started
            self._seconds.observe(took)

    def _failed(self, key: K, error: Exception) -> None:
        self._metrics.reconciles.labels(self.name, "error").inc()
        self._metrics.reconcile_errors.labels(self.name).inc()
        self._queue.add_rate_limited(key)
        expected = isinstance(error, self._expected)
        log.log(
            logging.INFO if expected else logging.ERROR,
            "%s %s failed (%d in a row): %s: %s",
            self.name,
            key,
            self._queue.failures(key),
            type(error).__name__,
            error,
            exc_info=None if expected else error,
        )
