"""Write lanes (R20): what must not wait, what may, and what only goes when nothing else does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

IN_FLIGHT = 32


class Lanes:
    """Lane A: claims and finals. Lane B: conditions and phases. Lane C: counts and progress.

    All share ``IN_FLIGHT`` places; lane C takes one only while no write of A or B waits.
    """

    def __init__(self, places: int = IN_FLIGHT) -> None:
        self._places = asyncio.Semaphore(places)
        self._urgent = 0
        self._calm = asyncio.Event()
        self._calm.set()

    @contextlib.asynccontextmanager
    async def urgent(self) -> AsyncIterator[None]:
        """A place for a write of lane A or B."""
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
        """Whether a write of lane A or B waits or is under way."""
        return self._urgent > 0

    @contextlib.asynccontextmanager
    async def calm(self) -> AsyncIterator[None]:
        """A place for a write of lane C."""
        await self._calm.wait()
        async with self._places:
            yield
