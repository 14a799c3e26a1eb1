"""The leader's loops outlive what breaks under them, and end when it is deposed."""

from __future__ import annotations

import asyncio

import pytest

from batchcompute.cloud import errors
from batchcompute.controllers.credentials import CredentialMissing
from batchcompute.controllers.members.describing import Describer
from batchcompute.controllers.members.listening import Listener
from batchcompute.controllers.windows import Window
from batchcompute.kube.errors import ApiError
from batchcompute.ledger.errors import Deposed
from batchcompute.runtime.loop import ReconcileLoop
from batchcompute.runtime.workqueue import WorkQueue
from tests.support.clock import FakeClock, settle
from tests.support.leading import Leading, MemoryCloud, leading


class FailingCloud(MemoryCloud):
    def __init__(self, clock: FakeClock, error: Exception) -> None:
        super().__init__(clock)
        self.failing = error


@pytest.fixture
async def here() -> Leading:
    return await leading()


BROKEN = {
    "the cloud is away": errors.UnknownOutcomeError("Transport.TimeoutError"),
    "a Secret and its copy are gone": CredentialMissing("Secret team-a/tencent is gone"),
    "the API server refuses a Secret": ApiError(403, "Forbidden", "secrets"),
    "an answer of another form": KeyError("InstanceState"),
}


@pytest.mark.parametrize("error", BROKEN.values(), ids=BROKEN)
async def test_describing_goes_on(here: Leading, error: Exception) -> None:
    job = await here.job()
    (mid,) = await here.launched(job)
    here.cloud.failing = error
    task = asyncio.create_task(Describer(here.ctx).run())
    await here.clock.advance(15.0)
    assert not task.done() and here.cloud.described
    here.cloud.failing = None
    await here.clock.advance(15.0)
    task.cancel()
    one = here.ctx.tracker.get(mid)
    assert one is not None and one.sightings.state == "PENDING"


async def test_an_account_that_hangs_holds_up_no_other(here: Leading) -> None:
    other = here.clouds["team-a", "bad"] = MemoryCloud(here.clock)
    bad = await here.job("bad", credentialsSecretRef={"name": "bad"})
    good = await here.job("good")
    await here.launched(bad)
    (mid,) = await here.launched(good)
    hanging = asyncio.Event()

    async def hang(_: object) -> list[object]:
        await hanging.wait()
        return []

    other.describe_instances = hang  # type: ignore[method-assign, assignment]
    task = asyncio.create_task(Describer(here.ctx).run())
    await here.clock.advance(60.0)
    task.cancel()
    one = here.ctx.tracker.get(mid)
    assert one is not None and one.described_at > here.clock.now() - 15.0


LISTENING = ["run_done", "run_live", "run_renewals"]


@pytest.mark.parametrize("loop", LISTENING)
@pytest.mark.parametrize("error", BROKEN.values(), ids=BROKEN)
async def test_listening_goes_on(here: Leading, loop: str, error: Exception) -> None:
    job = await here.job()
    (mid,) = await here.launched(job)
    one = here.ctx.tracker.get(mid)
    assert one is not None
    one.refresh_at = 0.0
    here.bucket.failing = error
    task = asyncio.create_task(getattr(Listener(here.ctx, here.members), loop)())
    await here.clock.advance(20.0)
    assert not task.done()
    task.cancel()


async def test_a_deposed_leader_ends_at_a_window() -> None:
    clock = FakeClock()

    async def flush(_: list[int]) -> None:
        raise Deposed("another leads")

    window: Window[int] = Window(flush, clock=clock, size=1, idle=1.0, longest=1.0)
    window.add(1)
    with pytest.raises(Deposed):
        await window.run()


async def test_a_deposed_leader_ends_at_a_reconcile(here: Leading) -> None:
    queue: WorkQueue[str] = WorkQueue(here.clock)

    async def reconcile(_: str) -> None:
        raise Deposed("another leads")

    loop = ReconcileLoop(
        "jobs", queue, reconcile, clock=here.clock, metrics=here.ctx.metrics, fatal=(Deposed,)
    )
    queue.add("job")
    task = asyncio.create_task(loop.run())
    await settle()
    assert task.done() and isinstance(task.exception(), ExceptionGroup)
