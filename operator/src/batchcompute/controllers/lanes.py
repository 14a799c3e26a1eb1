"""Write lanes (R20): what must not wait, what may, and what only goes when nothing else does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

IN_FLIGHT = 32
JOBS_IN_FLIGHT = 4


class Lanes:
    """Lane A: claims and finals. Lane B: conditions and phases. Lane C: counts and progress.

    A and C share ``IN_FLIGHT`` places; lane C takes one only while no write of A waits. Statuses
    of Jobs have ``JOBS_IN_FLIGHT`` of their own: a Job that queued behind hundreds of its own
    claims would not claim the next ones meanwhile.
    """

    def __init__(self, places: int = IN_FLIGHT, jobs: int = JOBS_IN_FLIGHT) -> None:
        self._places = asyncio.Semaphore(places)
        self._jobs = asyncio.Semaphore(jobs)
        self._urgent = 0
        self._calm = asyncio.Event()
        self._calm.set()

    @contextlib.asynccontextmanager
    async def urgent(self) -> AsyncIterator[None]:
        """A place for a write of lane A."""
        self._urgent += 1
        self._calm.clear()
        try:
            async with self._places:
                yield
        finally:
            self._urgent -= 1
            if self._urgent == 0:
                self._calm.set()

    @property
    def busy(self) -> bool:
        """Whether a write of lane A waits or is under way."""
        return self._urgent > 0

    @contextlib.asynccontextmanager
    async def job(self) -> AsyncIterator[None]:
        """A place for the status of a Job."""
        async with self._jobs:
            yield

    @contextlib.asynccontextmanager
    async def calm(self) -> AsyncIterator[None]:
        """A place for a write of lane C."""
        await self._calm.wait()
        async with self._places:
            yield
