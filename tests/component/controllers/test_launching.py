"""From the windows to the cloud: what may go on at once, and what becomes of it."""

from __future__ import annotations

import asyncio

import orjson

from batchcompute.cloud import errors
from batchcompute.controllers.store import JobState
from batchcompute.core.breaker import Breaker
from batchcompute.core.member_facts import Wish
from batchcompute.kube.errors import ApiError
from batchcompute.vocabulary import Reason
from tests.support.clock import settle
from tests.support.leading import TASK, Leading, leading


def group_of(here: Leading) -> str:
    (group,) = here.launcher._definitions
    return group


async def open_breaker(here: Leading, instances: int = 3) -> tuple[JobState, str]:
    """A definition whose machines do not boot, and instances that wait for one."""
    job = await here.job(instances=instances, instanceCreationFailurePolicy="Wait")
    here.enlist(job, *((n, 0) for n in range(instances)))
    group = group_of(here)
    here.launcher.breakers[group] = Breaker(failures=3)
    return job, group


async def test_an_open_breaker_lets_one_probe_out_at_a_time() -> None:
    here = await leading()
    _, group = await open_breaker(here)
    now = here.clock.now() + 2.0
    assert len(here.launcher._take(group, now)) == 1
    assert here.launcher._take(group, now) == []


async def test_a_probe_that_came_to_nothing_is_followed_by_another() -> None:
    here = await leading()
    _, group = await open_breaker(here)
    here.cloud.answers.append(errors.StockError("ResourceInsufficient"))
    await here.launch()
    assert here.launcher.breakers[group].room == 1


async def test_a_blocked_group_does_not_keep_the_loop_turning() -> None:
    here = await leading()
    _, group = await open_breaker(here)
    here.launcher.breakers[group] = Breaker(failures=3, probe="0000000009-abcdef")
    turns = 0
    closed = here.launcher._pool.closed

    def counted(now: float) -> list[str]:
        nonlocal turns
        turns += 1
        return closed(now)

    here.launcher._pool.closed = counted  # type: ignore[method-assign]
    here.clock.jump(2.0)
    task = asyncio.create_task(here.launcher.run())
    await asyncio.sleep(0.2)
    task.cancel()
    assert turns <= 3


async def test_machines_that_fail_to_launch_use_the_creation_budget_up() -> None:
    here = await leading()
    job = await here.job(tasks=[TASK | {"resourceMaxRetries": 1}])
    for number in range(2):
        if number == 0:
            here.enlist(job, (0, 0))
        await here.launch()
        (one,) = (one for one in here.ctx.tracker if not one.settled)
        one.sightings = one.sightings.with_reply("LAUNCH_FAILED", here.clock.now())
        await here.look(one.mid)
        await here.members._record_stops(list(here.members.stops._items))
        await here.look(one.mid)
        here.clock.jump(601.0)
    assert len(here.cloud.ran) == 2
    assert here.instance(job)["status"]["phase"] == "Failed"
    assert here.instance(job)["status"]["reason"] == "CreationFailed"


async def test_a_job_that_is_to_end_while_it_is_claimed_asks_for_no_machine() -> None:
    here = await leading()
    job = await here.job()
    claim = here.ctx.instances.claim

    async def meanwhile(*args: object) -> object:
        job.wish = Wish(Reason.TERMINATED, here.clock.now())
        return await claim(*args)  # type: ignore[arg-type]

    here.ctx.instances.claim = meanwhile  # type: ignore[method-assign, assignment]
    here.enlist(job, (0, 0))
    await here.launch()
    assert here.cloud.ran == [] and here.ctx.ledger.head == 1
    assert job.idle == {("run", 0): 0} and not job.enlisted


async def test_a_launch_of_unknown_outcome_holds_no_place() -> None:
    here = await leading()
    here.cloud.answers.extend([errors.UnknownOutcomeError("HTTP.502")] * 100)
    here.enlist(await here.job(), (0, 0))
    here.clock.jump(2.0)
    task = asyncio.create_task(here.launcher.run())
    await settle(50)
    assert here.launcher.under_way == 1
    await here.clock.advance(60.0)
    assert here.launcher.under_way == 0
    assert len(here.ctx.ledger.index.unsettled()) == 1
    task.cancel()


async def test_nothing_is_kept_of_jobs_whose_launches_are_over() -> None:
    here = await leading()
    for n in range(5):
        image = {"imageId": f"img-{n}", "instanceType": "S5.MEDIUM4"}
        await here.launched(await here.job(f"job{n}", tasks=[TASK | {"compute": image}]))
    assert not here.launcher._definitions


async def test_a_batch_closes_before_its_directory_is_too_large() -> None:
    here = await leading()
    for n in range(4):
        env = [{"name": f"V{k}", "value": "x" * 32_000} for k in range(12)]
        here.enlist(await here.job(f"job{n}", tasks=[TASK | {"env": env}]), (0, 0))
    await here.launch()
    await here.launch()
    assert sorted(orjson.loads(request)["InstanceCount"] for request in here.cloud.ran) == [2, 2]


async def test_who_comes_while_a_sold_out_offering_is_probed_waits_for_the_probe() -> None:
    here = await leading()
    job = await here.job()
    here.enlist(job, (0, 0))
    definition = here.launcher._definitions[group_of(here)]
    (offering,) = definition.offerings
    here.launcher.offerings.refused(definition, offering, errors.StockError("ResourceInsufficient"))
    here.clock.jump(200.0)
    assert here.launcher.offerings.choose(definition) is not None
    await here.launch()
    assert job.enlisted and here.launcher.refusals.count(job.uid, "run", 0) == 0
    here.launcher.offerings.delivered(definition, offering)
    here.clock.jump(6.0)
    await here.launch()
    assert len(here.cloud.ran) == 1


async def test_an_instance_that_has_ended_is_launched_no_more() -> None:
    """Ends of two were asked for, one could not be written: both come again."""
    here = await leading()
    job = await here.job(instances=2)
    here.cloud.answers.append(errors.StockError("ResourceInsufficient"))
    here.enlist(job, (0, 0), (1, 0))
    await here.launch()
    here.ctx.store.of_uid(job.uid)
    here.api.faults["patch"].append(ApiError(403, "Forbidden", "not now"))
    await here.launch()
    here.clock.jump(200.0)
    await here.launch()
    ended = [n for n in (0, 1) if here.instance(job, n)["status"]["phase"] == "Failed"]
    launched = [one.open.member.index for one in here.ctx.tracker]
    assert len(ended) == 1 and launched == [1 - ended[0]]
    assert not job.enlisted


async def test_waiting_of_the_others_outlasts_an_end_that_could_not_be_written() -> None:
    here = await leading()
    patient = await here.job("patient", tasks=[TASK | {"resourceMaxRetries": 3}])
    hasty = await here.job("hasty")
    here.cloud.answers.append(errors.StockError("ResourceInsufficient"))
    here.api.faults["patch"].append(ApiError(403, "Forbidden", "not now"))
    here.enlist(patient, (0, 0))
    here.enlist(hasty, (0, 0))
    await here.launch()
    await here.launch()
    (waiting,) = (one for one in here.launcher._pool if one.job == "patient")
    assert waiting.not_before > here.clock.now() + 500.0


async def test_a_terminated_instance_is_not_launched() -> None:
    here = await leading()
    job = await here.job()
    await here.ctx.instances.claim(job.view, "run", 0)  # type: ignore[arg-type]
    here.changed(job, terminate=True)
    here.enlist(job, (0, 0))
    await here.launch()
    assert here.cloud.ran == []
    assert here.instance(job)["status"]["reason"] == "TaskInstanceTerminated"


async def test_a_terminated_instance_does_not_wait_for_stock() -> None:
    here = await leading()
    job = await here.job(instanceCreationFailurePolicy="Wait")
    here.cloud.answers.append(errors.StockError("ResourceInsufficient"))
    here.enlist(job, (0, 0))
    await here.launch()
    await here.launch()
    here.changed(job, terminate=True)
    here.launcher.hasten(job.uid, "run", 0)
    await here.launch()
    assert here.instance(job)["status"]["reason"] == "TaskInstanceTerminated"


async def test_a_member_that_was_not_served_waits_while_an_older_machine_may_run() -> None:
    here = await leading()
    job = await here.job()
    (mid,) = await here.launched(job)
    one = here.ctx.tracker.get(mid)
    assert one is not None
    accepted = here.ctx.acceptances.known(job.uid)
    assert accepted is not None
    second = here.launcher.candidate(job, accepted, accepted.tasks["run"], 0, 1)
    here.launcher.back([second])
    assert [waiting.attempt for waiting in here.launcher._pool] == [1]
    assert job.enlisted == {("run", 0): 1}
