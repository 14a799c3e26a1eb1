"""When a Job's status is written (R20)."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from batchcompute.controllers.jobs import JobController
from batchcompute.controllers.lanes import Lanes
from batchcompute.controllers.store import JobState, JobView, Store, job_view
from tests.support.clock import FakeClock


class Server:
    """Takes every status and counts them."""

    def __init__(self) -> None:
        self.patched = 0

    async def merge_patch(self, *_: Any, **__: Any) -> dict[str, Any]:
        self.patched += 1
        return body(version=1 + self.patched)


def body(version: int) -> dict[str, Any]:
    meta = {"namespace": "default", "name": "job", "uid": "u", "resourceVersion": str(version)}
    return {"metadata": {**meta, "creationTimestamp": "2026-01-01T00:00:00Z"}}


class Case:
    def __init__(self) -> None:
        self.clock, self.lanes, self.server = FakeClock(), Lanes(), Server()
        self.clock.jump(1000)
        self.ctx = SimpleNamespace(
            clock=self.clock, lanes=self.lanes, client=self.server, store=Store()
        )
        self.jobs = JobController(self.ctx, SimpleNamespace())
        view: JobView = job_view(body(version=1))
        self.ctx.store.put_job(view)
        self.job: JobState = self.ctx.store.of_uid("u")

    async def write(self, *, urgent: bool = False) -> float | None:
        return await self.jobs._write(self.job, {"message": "1/2 done"}, urgent, ())


async def test_counts_give_way_to_claims_without_waiting_for_them():
    case = Case()
    await case.write()
    async with case.lanes.claim():
        case.clock.jump(2)
        assert await asyncio.wait_for(case.write(), 1)
        assert case.server.patched == 1


async def test_counts_are_written_in_the_end_however_long_claims_go_on():
    case = Case()
    await case.write()
    async with case.lanes.claim():
        case.clock.jump(6)
        assert await case.write() is None
    assert case.server.patched == 2


async def test_a_phase_does_not_give_way():
    case = Case()
    await case.write()
    async with case.lanes.claim():
        case.clock.jump(2)
        assert await case.write(urgent=True) is None
    assert case.server.patched == 2


@pytest.mark.parametrize("urgent", [True, False])
async def test_a_job_is_written_once_a_second(urgent):
    case = Case()
    assert await case.write(urgent=urgent) is None
    case.clock.jump(0.4)
    assert await case.write(urgent=urgent) == pytest.approx(0.6)
    assert case.server.patched == 1


async def test_counts_of_all_jobs_together_are_thirty_a_second():
    case = Case()
    for _ in range(60):
        case.job.status_at = -1e9  # another job
        await case.write()
    assert case.server.patched == 30
