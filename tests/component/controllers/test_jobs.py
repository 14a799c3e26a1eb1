"""Acts on a whole Job that the world may have overtaken."""

from __future__ import annotations

import asyncio

from batchcompute.controllers.jobs import JobController
from batchcompute.core.breaker import Breaker
from batchcompute.kube.resources import JOBS
from batchcompute.ledger.records import Abandon
from tests.support.clock import settle
from tests.support.leading import Leading, leading


async def abandoned(here: Leading) -> None:
    patch = {
        "metadata": {
            "annotations": {"batchcompute.io/abandon-resources": "true"},
            "deletionTimestamp": "2027-01-15T08:00:10Z",
        }
    }
    await here.heard(await here.api.merge_patch(JOBS, "team-a", "job", patch))
    await JobController(here.ctx, here.launcher).reconcile(("team-a", "job"))


async def test_an_abandoned_job_whose_launch_is_under_way_ends_no_leader() -> None:
    here = await leading()
    job = await here.job()
    asked = asyncio.Event()
    run = here.cloud.run_instances

    async def slow(request: bytes) -> object:
        await asked.wait()
        return await run(request)

    here.cloud.run_instances = slow  # type: ignore[method-assign, assignment]
    here.enlist(job, (0, 0))
    here.clock.jump(2.0)
    loop = asyncio.create_task(here.launcher.run())
    await settle(50)
    await abandoned(here)
    await here.ctx.ledger.settle()
    asked.set()
    await settle(50)
    assert not loop.done()
    loop.cancel()
    assert len(here.ctx.tracker) == 1
    assert not any(isinstance(e.record, Abandon) for e in here.ctx.ledger.index.entries.values())


async def test_an_abandoned_probe_is_followed_by_another() -> None:
    here = await leading()
    job = await here.job()
    (mid,) = await here.launched(job)
    one = here.ctx.tracker.get(mid)
    assert one is not None
    group = one.launch.definition
    here.launcher.breakers[group] = Breaker(failures=3, probe=one.launch.launch_id)
    await abandoned(here)
    assert here.launcher.breakers[group].room == 1
    assert here.ctx.tracker.get(mid) is None


async def test_a_job_that_is_gone_before_its_finalizer_is_on_starts_nothing() -> None:
    here = await leading()
    body = await here.body()
    body["metadata"]["finalizers"] = []
    job = await here.heard(body)
    del here.api.objects["jobs", "team-a", "job"]
    await JobController(here.ctx, here.launcher).reconcile(("team-a", "job"))
    assert not job.enlisted
