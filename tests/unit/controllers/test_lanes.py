"""Who waits for whom (R20)."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, suppress

import pytest

from batchcompute.controllers.lanes import CLAIMS_IN_FLIGHT, IN_FLIGHT, Lanes
from tests.support.clock import settle


class Writes:
    """Writes that hold their places until `end`."""

    def __init__(self) -> None:
        self.running: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._go = asyncio.Event()

    def start(self, name: str, place: AbstractAsyncContextManager[None]) -> None:
        async def write() -> None:
            async with place:
                self.running.append(name)
                await self._go.wait()

        self._tasks.append(asyncio.create_task(write()))

    async def end(self) -> None:
        self._go.set()
        await asyncio.gather(*self._tasks)


@pytest.fixture
async def writes():
    made = Writes()
    yield made
    with suppress(asyncio.CancelledError):
        await made.end()


async def test_a_final_does_not_stand_behind_hundreds_of_claims(writes):
    lanes = Lanes()
    for _ in range(500):
        writes.start("claim", lanes.claim())
    writes.start("final", lanes.final())
    await settle()
    assert writes.running.count("claim") == CLAIMS_IN_FLIGHT
    assert "final" in writes.running


async def test_no_more_than_so_many_writes_are_under_way(writes):
    lanes = Lanes()
    for _ in range(100):
        writes.start("claim", lanes.claim())
        writes.start("final", lanes.final())
    await settle()
    assert len(writes.running) == IN_FLIGHT


async def test_a_jobs_status_does_not_stand_behind_claims_and_finals(writes):
    lanes = Lanes()
    for _ in range(100):
        writes.start("claim", lanes.claim())
        writes.start("final", lanes.final())
    writes.start("job", lanes.job())
    await settle()
    assert "job" in writes.running


@pytest.mark.parametrize("lane", ["claim", "final"])
async def test_progress_waits_until_no_claim_or_final_is_left(writes, lane):
    lanes = Lanes()
    writes.start(lane, getattr(lanes, lane)())
    await settle()
    assert lanes.busy
    progress = Writes()
    progress.start("progress", lanes.calm())
    await settle()
    assert progress.running == []
    await writes.end()
    await settle()
    assert progress.running == ["progress"]
    assert not lanes.busy
    await progress.end()
