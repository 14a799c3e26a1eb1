"""Time, as a thing that is passed in, and things that happen at a time."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Unix seconds, and seconds that never go back."""

    def now(self) -> float: ...

    def monotonic(self) -> float: ...


class SystemClock:
    """The host's clock."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that moves only by `advance`, for tests."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds


def iso(at: float) -> str:
    """`2026-01-31T12:00:00Z`, the form of the cloud's times."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Timers:
    """Calls things when their time has come; `run_due` is driven by the loop or by a test."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.TimerHandle | None = None

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (self._clock.monotonic() + seconds, next(self._order), call))
        if self._heap[0][2] is call:
            self._arm()

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on the loop calls what is due."""
        self._loop = loop
        self._arm()

    def clear(self) -> None:
        """Forgets all that was planned."""
        self._heap.clear()
        self._arm()

    def run_due(self) -> None:
        """Calls all that is due. What one of them raises is raised; the rest stays planned."""
        try:
            while self._heap and self._heap[0][0] <= self._clock.monotonic():
                heapq.heappop(self._heap)[2]()
        finally:
            self._arm()

    def _arm(self) -> None:
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        if self._loop is not None and self._heap:
            delay = max(0.0, self._heap[0][0] - self._clock.monotonic())
            self._wake = self._loop.call_later(delay, self.run_due)
