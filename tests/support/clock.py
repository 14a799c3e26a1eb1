"""A clock that moves only when a test says so."""

from __future__ import annotations

import asyncio
import heapq


class FakeClock:
    """``now`` and ``monotonic`` advance together; sleepers wake in order of their time.

    ``tick``: seconds that pass between two questions for the time.
    """

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._start = now
        self._elapsed = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = 0
        self.tick = 0.0

    def now(self) -> float:
        self._elapsed += self.tick
        return self._start + self._elapsed

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return await asyncio.sleep(0)
        self._order += 1
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, self._order, future))
        await future

    @property
    def sleepers(self) -> int:
        """How many tasks are asleep."""
        return sum(not future.done() for _, _, future in self._sleepers)

    def jump(self, seconds: float) -> None:
        """Move time without running anything (for tests with no event loop)."""
        self._elapsed += seconds

    async def advance(self, seconds: float) -> None:
        """Move time on, waking each sleeper at its own moment and letting it run."""
        until = self._elapsed + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= until:
            at, _, future = heapq.heappop(self._sleepers)
            self._elapsed = max(self._elapsed, at)
            if not future.done():
                future.set_result(None)
                await settle()
        self._elapsed = until


async def settle(turns: int = 10) -> None:
    """Let every task that can run do so (tasks that wait for real I/O may need more)."""
    for _ in range(turns):
        await asyncio.sleep(0)
