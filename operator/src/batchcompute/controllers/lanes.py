"""Write lanes (R20): what must not wait, what may, and what only goes when nothing else does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

IN_FLIGHT = 32
CLAIMS_IN_FLIGHT = 24
JOBS_IN_FLIGHT = 4


class Lanes:
    """Lane A: claims and finals. Lane B: conditions and phases. Lane C: counts and progress.

    A and C share ``IN_FLIGHT`` places; lane C takes one only while no write of A waits. Hundreds
    of claims come at once, so some places are not for them: a final never stands behind them.
    Statuses of Jobs have ``JOBS_IN_FLIGHT`` places of their own: a Job that waited for its own
    claims would not make the next ones meanwhile.
    """

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(IN_FLIGHT)
        self._claims = asyncio.Semaphore(CLAIMS_IN_FLIGHT)
        self._jobs = asyncio.Semaphore(JOBS_IN_FLIGHT)
        self._urgent = 0
        self._calm = asyncio.Event()
        self._calm.set()

    @contextlib.asynccontextmanager
    async def final(self) -> AsyncIterator[None]:
        """A place for a final status, lane A."""
        with self._counted():
            async with self._places:
                yield

    @contextlib.asynccontextmanager
    async def claim(self) -> AsyncIterator[None]:
        """A place for a claim, lane A."""
        with self._counted():
            async with self._claims, self._places:
                yield

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

    @property
    def busy(self) -> bool:
        """Whether a write of lane A waits or is under way."""
        return self._urgent > 0

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        self._urgent += 1
        self._calm.clear()
        try:
            yield
        finally:
            self._urgent -= 1
            if self._urgent == 0:
                self._calm.set()
