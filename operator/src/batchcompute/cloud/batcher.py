"""Many callers, one call: requests of the same key are collected for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from batchcompute.cloud import timing

if TYPE_CHECKING:
    from batchcompute.runtime.clock import Clock

K = TypeVar("K", bound=Hashable)
I = TypeVar("I")  # noqa: E741 - item
R = TypeVar("R")


@dataclass(slots=True, eq=False)
class _Window(Generic[I, R]):
    opened: float
    changed: float
    size: int = 0
    items: list[I] = field(default_factory=list)
    waiting: list[asyncio.Future[R]] = field(default_factory=list)
    full: asyncio.Event = field(default_factory=asyncio.Event)


class Batcher(Generic[K, I, R]):
    """``execute(key, items)`` gives a result, or an exception, for each item in its place.

    A window closes after ``idle`` seconds without a new item, ``longest`` seconds after its first,
    at ``max_items`` items, or before an item that would take it over ``max_size`` (in the unit of
    ``size``). An exception that ``execute`` raises goes to every caller of the window.
    """

    def __init__(
        self,
        execute: Callable[[K, Sequence[I]], Awaitable[Sequence[R | Exception]]],
        clock: Clock,
        *,
        idle: float = timing.BATCH_IDLE,
        longest: float = timing.BATCH_LONGEST,
        max_items: int = timing.BATCH_ITEMS,
        max_size: int | None = None,
        size: Callable[[I], int] = lambda _: 1,
    ) -> None:
        self._execute = execute
        self._clock = clock
        self._idle = idle
        self._longest = longest
        self._max_items = max_items
        self._max_size = max_size
        self._size = size
        self._open: dict[K, _Window[I, R]] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def submit(self, key: K, item: I) -> R:
        """The item's own result. A caller that is cancelled leaves its item in the call."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        size = self._size(item)
        window = self._window(key, size)
        window.items.append(item)
        window.waiting.append(future)
        window.size += size
        window.changed = self._clock.monotonic()
        if len(window.items) >= self._max_items:
            self._close(key)
        return await future

    async def drain(self) -> None:
        """Send what was collected at once and wait for all calls."""
        for key in list(self._open):
            self._close(key)
        while self._running:
            await asyncio.gather(*self._running)

    def _window(self, key: K, size: int) -> _Window[I, R]:
        window = self._open.get(key)
        if window and self._max_size is not None and window.size + size > self._max_size:
            self._close(key)
            window = None
        if window is None:
            now = self._clock.monotonic()
            window = self._open[key] = _Window(now, now)
            task = asyncio.get_running_loop().create_task(self._serve(key, window))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return window

    def _close(self, key: K) -> None:
        self._open.pop(key).full.set()

    async def _serve(self, key: K, window: _Window[I, R]) -> None:
        await self._collect(window)
        if self._open.get(key) is window:
            del self._open[key]
        try:
            results: Sequence[R | Exception] = await self._execute(key, window.items)
        except Exception as error:
            results = [error] * len(window.items)
        for future, result in zip(window.waiting, results, strict=True):
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

    async def _collect(self, window: _Window[I, R]) -> None:
        full = asyncio.ensure_future(window.full.wait())
        try:
            while not full.done():
                now = self._clock.monotonic()
                closes = min(window.changed + self._idle, window.opened + self._longest)
                if now >= closes:
                    return
                nap = asyncio.ensure_future(self._clock.sleep(closes - now))
                await asyncio.wait({full, nap}, return_when=asyncio.FIRST_COMPLETED)
                nap.cancel()
        finally:
            full.cancel()
