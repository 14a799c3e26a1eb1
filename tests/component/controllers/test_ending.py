"""How an attempt ends and the next one begins, whatever breaks in between."""

from __future__ import annotations

import asyncio
import json

from batchcompute.cloud import errors
from batchcompute.controllers.mailbox import attempt_path
from batchcompute.controllers.store import JobState, instance_view
from batchcompute.core.member_facts import Look
from batchcompute.kube.errors import ApiError
from batchcompute.vocabulary import Reason
from tests.support.clock import settle
from tests.support.leading import TASK, Leading, leading


async def failed_with(here: Leading, mid: str, code: int) -> None:
    """The runner of a machine has written its result."""
    one = here.ctx.tracker.get(mid)
    assert one is not None
    body = {
        "v": 1, "mid": mid, "n": 0, "A": attempt_path(one.open.member), "outcome": "Failed",
        "reason": "NonZeroExit", "exit": {"code": code}, "elapsed": {},
        "outputs": {"state": "Skipped"}, "log": {},
    }  # fmt: skip
    key = here.ctx.mailbox.layout.done(one.rid)
    await here.bucket.put(key, json.dumps(body).encode())


def watched(here: Leading, job: JobState, index: int = 0) -> None:
    """The informer shows the TaskInstance as it is."""
    job.put(instance_view(here.instance(job, index)))


async def test_a_terminated_instance_that_has_not_booted_is_stopped() -> None:
    here = await leading()
    job = await here.job()
    (mid,) = await here.launched(job)
    here.changed(job, terminate=True)
    here.clock.tick = 0.001
    await here.look(mid)
    assert list(here.members.stops._items) == [(mid, Reason.TASK_INSTANCE_TERMINATED)]


async def test_a_retry_whose_status_write_was_cut_off_is_launched_all_the_same() -> None:
    here = await leading()
    job = await here.job(tasks=[TASK | {"maxRetries": 1}])
    (mid,) = await here.launched(job)
    await failed_with(here, mid, 3)
    one = here.ctx.tracker.get(mid)
    assert one is not None
    await here.members._perform(one, Look())
    here.api.lost["patch"].append(TimeoutError())
    try:
        await here.look(mid)
    except TimeoutError:
        watched(here, job)
    await here.look(mid)
    assert here.instance(job)["status"]["attempt"] == 1
    assert job.idle == {("run", 0): 1}


async def test_members_of_a_void_launch_are_free_when_their_end_could_not_be_written() -> None:
    here = await leading()
    job = await here.job()
    here.cloud.answers.append(errors.UserError("InvalidImageId.NotFound"))
    here.api.faults["patch"].append(ApiError(403, "Forbidden", "not now"))
    here.enlist(job, (0, 0))
    await here.launch()
    await asyncio.gather(*here.spawned)
    assert job.idle == {("run", 0): 0}


async def test_members_that_a_resumed_launch_did_not_serve_are_free() -> None:
    here = await leading()
    job = await here.job(instances=3)
    here.cloud.answers.extend([RuntimeError("a bug"), 1])
    await here.launched(job, 3)
    await asyncio.gather(*here.spawned)
    await settle()
    assert len(here.ctx.tracker) == 1
    assert job.idle == {("run", 1): 0, ("run", 2): 0}


async def test_an_end_that_no_record_tells_is_fenced_first() -> None:
    """An old leader must not fail an instance that its successor launches (decision 0005)."""
    here = await leading()
    job = await here.job()
    here.cloud.answers.append(errors.from_code("InvalidImageId.NotFound", "no such image"))
    await here.launched(job)
    kinds = [type(entry.record).__name__ for entry in here.ctx.ledger.index.entries.values()]
    assert kinds[-1] == "Lead", kinds
    assert here.instance(job)["status"]["reason"] == "ImageInvalid"
