"""What the leader hears of Jobs, and what breaks of it alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from batchcompute.cloud.credential import Credential
from batchcompute.controllers.launch.directories import Directories
from batchcompute.controllers.launch.directory import NotJudged
from batchcompute.controllers.leadership import Leadership
from batchcompute.core.job.observed import Refusal
from batchcompute.kube.client import Page
from batchcompute.kube.errors import ApiError
from batchcompute.kube.resources import JOBS, TASK_TEMPLATES
from tests.support.leading import TASK, Leading, leading


async def leader_of(here: Leading) -> Leadership:
    leader = Leadership(
        here.ctx.settings, Credential("own", "key"), here.api, here.clock, here.ctx.metrics,  # type: ignore[arg-type]
        owner="owner", holder="a",
    )  # fmt: skip
    leader.ctx = here.ctx
    return leader


async def test_what_is_made_during_a_relist_stays_known() -> None:
    here = await leading()
    leader = await leader_of(here)
    pages = here.api.pages

    async def meanwhile(resource: Any, *args: Any, **options: Any) -> AsyncIterator[Page]:
        async for page in pages(resource, *args, **options):
            if resource is JOBS:
                await here.job("fresh")
            if resource is TASK_TEMPLATES:
                meta = {"namespace": "team-a", "name": "fresh", "resourceVersion": "9"}
                leader._templates.put({"metadata": meta, "spec": {"task": {}}})
            yield page

    here.api.pages = meanwhile  # type: ignore[method-assign]
    await leader._compare()
    assert here.ctx.store.job(("team-a", "fresh")) is not None
    assert leader._templates.keys() == {("team-a", "fresh")}


async def test_a_job_deleted_unheard_is_forgotten_and_its_machines_are_looked_at() -> None:
    here = await leading()
    leader = await leader_of(here)
    job = await here.job()
    (mid,) = await here.launched(job)
    await here.ctx.members.get()
    here.ctx.members.done(mid)
    await here.ctx.secrets.read("team-a", "missing", waiter=("team-a", "job"))
    del here.api.objects["jobs", "team-a", "job"]
    await leader._compare()
    assert here.ctx.store.job(("team-a", "job")) is None
    assert here.ctx.acceptances.known(job.uid) is None
    assert len(here.ctx.members) == 1
    assert not here.ctx.secrets._waiters


async def test_one_job_that_cannot_be_restored_does_not_keep_the_leader_from_the_others() -> None:
    here = await leading()
    leader = await leader_of(here)
    lost = {"name": "run", "templateRef": {"name": "gone"}}
    body = await here.body("lost", tasks=[lost])
    await here.body("good")
    await leader._list()
    good = here.ctx.store.job(("team-a", "good"))
    assert good is not None and good.adopted
    job = here.ctx.store.job(("team-a", "lost"))
    assert job is not None and job.view is not None
    refusal = await here.ctx.acceptances.judge(job.view)
    assert isinstance(refusal, Refusal) and refusal.lasting
    assert body["metadata"]["name"] in job.view.name


async def test_a_claim_that_cannot_be_made_again_does_not_keep_the_leader_from_starting() -> None:
    here = await leading()
    leader = await leader_of(here)
    job = await here.job()
    await here.launched(job)
    here.ctx.store.drop_job(("team-a", "job"), job.uid)
    here.ctx.store._by_uid.clear()
    del here.api.objects["taskinstances", "team-a", "job.run.0"]
    here.api.faults["create"].append(ApiError(403, "Forbidden", "the namespace is terminating"))
    await leader._list()
    assert here.ctx.store.job(("team-a", "job")) is not None


async def test_members_wait_until_their_job_was_judged() -> None:
    here = await leading()
    job = await here.job(tasks=[TASK | {"maxRetries": 1}])
    (mid,) = await here.launched(job)
    here.ctx.acceptances.forget(job.uid)
    here.cloud.add("ins-001000", "STOPPED")
    assert await here.members.reconcile(mid) == 1.0
    with pytest.raises(NotJudged):
        await Directories(here.ctx).reconcile(2)
