from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from batchcompute.controllers.windows import Window
from tests.support.clock import settle


class Frozen:
    """Time stands still: windows close by size alone."""

    def monotonic(self) -> float:
        return 0.0


@asynccontextmanager
async def window(flush):
    made: Window[str] = Window(flush, clock=Frozen(), size=2, idle=60, longest=60)
    running = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        running.cancel()


async def test_an_item_is_not_flushed_again_while_its_flush_is_under_way():
    flushed: list[list[str]] = []
    answer = asyncio.Event()

    async def flush(items: list[str]) -> None:
        flushed.append(items)
        await answer.wait()

    async with window(flush) as made:
        for item in ("a", "b"):
            made.add(item)
        await settle()
        for item in ("a", "b", "c"):
            made.add(item)
        answer.set()
        await settle()
        made.add("d")
        await settle()
    assert flushed == [["a", "b"], ["c", "d"]]


async def test_an_item_comes_again_after_its_flush_has_failed():
    flushed: list[list[str]] = []

    async def flush(items: list[str]) -> None:
        flushed.append(items)
        raise OSError("away")

    async with window(flush) as made:
        for _ in range(2):
            for item in ("a", "b"):
                made.add(item)
            await settle()
    assert flushed == [["a", "b"], ["a", "b"]]
