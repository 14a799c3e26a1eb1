"""Collect single wishes into calls of at most ``size``: stops, terminations."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from batchcompute.controllers.rounds import attempt
from batchcompute.runtime.clock import Clock

T = TypeVar("T", bound=Hashable)


class Window(Generic[T]):
    """``flush(items)`` is called with at most ``size`` distinct items.

    It happens when there are that many, ``idle`` seconds after the last one came, ``longest``
    seconds after the first, or at once when ``nothing_to_come`` says so. An item that is being
    flushed is not taken in again. ``flush`` raising is logged; the items come again by their own
    next look.
    """

    def __init__(
        self,
        flush: Callable[[list[T]], Awaitable[None]],
        *,
        clock: Clock,
        size: int,
        idle: float,
        longest: float,
        nothing_to_come: Callable[[], bool] = lambda: False,
    ) -> None:
        self._flush = flush
        self._clock = clock
        self._size = size
        self._idle = idle
        self._longest = longest
        self._nothing_to_come = nothing_to_come
        self._items: dict[T, None] = {}
        self._flushing: frozenset[T] = frozenset()
        self._first = self._last = 0.0
        self._wake = asyncio.Event()

    def add(self, item: T) -> None:
        if item in self._flushing:
            return
        now = self._clock.monotonic()
        if not self._items:
            self._first = now
        if item not in self._items:
            self._items[item] = None
            self._last = now
        self._wake.set()

    def __contains__(self, item: T) -> bool:
        return item in self._items

    def nudge(self) -> None:
        """Look again whether there is anything to wait for."""
        self._wake.set()

    async def run(self) -> None:
        """Flush for ever."""
        while True:
            await self._wait()
            items = list(self._items)[: self._size]
            for item in items:
                del self._items[item]
            self._first = self._clock.monotonic()
            self._flushing = frozenset(items)
            await attempt(self._flush(items), f"a batch of {len(items)}")
            self._flushing = frozenset()

    async def _wait(self) -> None:
        while True:
            now = self._clock.monotonic()
            due = min(self._last + self._idle, self._first + self._longest)
            full = len(self._items) >= self._size
            if self._items and (full or now >= due or self._nothing_to_come()):
                return
            self._wake.clear()
            timeout = due - now if self._items else None
            try:
                async with asyncio.timeout(timeout):
                    await self._wake.wait()
            except TimeoutError:
                continue
