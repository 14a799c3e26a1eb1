"""Machines end in calls that one account, one machine or one charge type does not spoil (R24)."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from batchcompute.cloud import errors
from batchcompute.cloud.port import MachineView
from batchcompute.controllers.housekeeping import Housekeeping
from batchcompute.controllers.jobs import JobController
from batchcompute.vocabulary import TagKey
from tests.support.leading import Leading, MemoryCloud, leading


async def test_secrets_of_one_name_in_two_namespaces_are_two_accounts() -> None:
    here = await leading()
    here.clouds["team-a", "tencent"] = MemoryCloud(here.clock)
    first = await here.job("a", credentialsSecretRef={"name": "tencent"})
    (mid_a,) = await here.launched(first)
    one = here.ctx.tracker.get(mid_a)
    assert one is not None
    here.clouds["team-b", "tencent"] = MemoryCloud(here.clock)
    here.terminator.add(one)
    other = SimpleNamespace(
        mid="other", instance_id="ins-b", launch=SimpleNamespace(
            namespace="team-b", credential="tencent", region=one.launch.region,
            charge_type=one.launch.charge_type,
        ),
    )  # fmt: skip
    here.terminator.add(other)  # type: ignore[arg-type]
    await here.terminator._flush(list(here.terminator.window._items))
    assert here.clouds["team-a", "tencent"].terminated == [[one.instance_id]]
    assert here.clouds["team-b", "tencent"].terminated == [["ins-b"]]


async def test_an_account_that_fails_keeps_no_other_account_s_machines() -> None:
    here = await leading()
    for name in ("bad", "good"):
        here.clouds["team-a", name] = MemoryCloud(here.clock)
        job = await here.job(name, credentialsSecretRef={"name": name})
        (mid,) = await here.launched(job)
        one = here.ctx.tracker.get(mid)
        assert one is not None
        here.terminator.add(one)
    here.clouds["team-a", "bad"].refusals.append(KeyError("a bug"))
    await here.terminator._flush(list(here.terminator.window._items))
    assert here.clouds["team-a", "good"].terminated


async def test_a_stranger_that_cannot_be_ended_keeps_no_other_stranger() -> None:
    here = await leading()
    await here.launched(await here.job())
    tags = {str(TagKey.OWNER): "owner", str(TagKey.LAUNCH): "0000000001-abcdef"}
    for name, state, charge in (
        ("ins-a", "RUNNING", "POSTPAID_BY_HOUR"),
        ("ins-b", "TERMINATING", "POSTPAID_BY_HOUR"),
        ("ins-c", "RUNNING", "SPOTPAID"),
    ):
        here.cloud.add(name, state, charge_type=charge, tags=tags)
    house = Housekeeping(here.ctx, SimpleNamespace())  # type: ignore[arg-type]
    await house._sweep()
    here.clock.jump(601.0)
    await house._sweep()
    assert sorted(here.cloud.terminated) == [["ins-a"], ["ins-c"]]


async def test_a_refused_call_for_strangers_is_taken_apart() -> None:
    here = await leading()
    await here.launched(await here.job())
    tags = {str(TagKey.OWNER): "owner", str(TagKey.LAUNCH): "0000000001-abcdef"}
    for name in ("ins-a", "ins-b"):
        here.cloud.add(name, "RUNNING", tags=tags)
    here.cloud.refusals.append(errors.CloudError("InvalidInstanceId.NotFound"))
    house = Housekeeping(here.ctx, SimpleNamespace())  # type: ignore[arg-type]
    await house._sweep()
    here.clock.jump(601.0)
    await house._sweep()
    assert here.cloud.terminated == [["ins-a", "ins-b"], ["ins-a"], ["ins-b"]]


async def swept(here: Leading, seconds: float) -> int:
    """How often the cloud was listed within so many seconds."""
    listed = 0
    answer = here.cloud.list_instances

    async def count(tags: object = None) -> list[MachineView]:
        nonlocal listed
        listed += 1
        return await answer(tags)

    here.cloud.list_instances = count  # type: ignore[method-assign]
    house = Housekeeping(here.ctx, CLOUDS)  # type: ignore[arg-type]
    loops = [asyncio.create_task(house.run_sweep()), asyncio.create_task(house.run_ledger())]
    await here.clock.advance(seconds / 2)
    for one in list(here.ctx.tracker):
        here.ctx.ledger.close([one.mid])
        here.ctx.tracker.drop(one.mid)
    here.ctx.closed.set()
    await here.clock.advance(seconds / 2)
    assert not any(loop.done() for loop in loops)
    for loop in loops:
        loop.cancel()
    return listed


async def none_unused(_: object) -> set[str]:
    return set()


CLOUDS = SimpleNamespace(unused=none_unused)


async def test_the_last_sweeps_come_after_the_last_machine_and_then_none() -> None:
    here = await leading()
    await here.launched(await here.job())
    day = await swept(here, 2 * 86_400.0)
    assert day <= 2 + 86_400 / 300 + 2


async def test_after_a_void_launch_nothing_is_asked_of_the_cloud() -> None:
    here = await leading()
    here.cloud.answers.append(errors.UserError("InvalidImageId.NotFound"))
    await here.launched(await here.job())
    assert await swept(here, 86_400.0) == 2


BROKEN_SWEEPS = {
    "the API server is away": OSError("connection refused"),
    "the cloud is away": errors.UnknownOutcomeError("Transport.TimeoutError"),
}


@pytest.mark.parametrize("error", BROKEN_SWEEPS.values(), ids=BROKEN_SWEEPS)
async def test_a_sweep_that_fails_ends_no_leader(error: Exception) -> None:
    here = await leading()
    await here.launched(await here.job())
    here.cloud.failing = error
    assert await swept(here, 1200.0) > 2


def strangers(cloud: MemoryCloud, *names: str) -> None:
    tags = {str(TagKey.OWNER): "owner", str(TagKey.LAUNCH): "0000000001-abcdef"}
    for name in names:
        cloud.add(name, "RUNNING", tags=tags)


async def test_strangers_of_every_account_that_was_launched_with_are_ended() -> None:
    here = await leading()
    theirs = here.clouds["team-a", "tencent"] = MemoryCloud(here.clock)
    await here.launched(await here.job(credentialsSecretRef={"name": "tencent"}))
    strangers(here.cloud, "ins-own")
    strangers(theirs, "ins-theirs")
    house = Housekeeping(here.ctx, SimpleNamespace())  # type: ignore[arg-type]
    await house._sweep()
    here.clock.jump(601.0)
    await house._sweep()
    assert here.cloud.terminated == [["ins-own"]]
    assert theirs.terminated == [["ins-theirs"]]


async def test_an_account_that_cannot_be_listed_keeps_no_other_from_its_sweep() -> None:
    here = await leading()
    theirs = here.clouds["team-a", "tencent"] = MemoryCloud(here.clock)
    await here.launched(await here.job(credentialsSecretRef={"name": "tencent"}))
    theirs.failing = errors.AuthError("AuthFailure.SecretIdNotFound")
    strangers(here.cloud, "ins-own")
    house = Housekeeping(here.ctx, SimpleNamespace())  # type: ignore[arg-type]
    await house._sweep()
    here.clock.jump(601.0)
    await house._sweep()
    assert here.cloud.terminated == [["ins-own"]]


async def test_an_abandoned_machine_of_another_account_is_never_a_stranger() -> None:
    here = await leading()
    theirs = here.clouds["team-a", "tencent"] = MemoryCloud(here.clock)
    job = await here.job(credentialsSecretRef={"name": "tencent"})
    (mid,) = await here.launched(job)
    one = here.ctx.tracker.get(mid)
    assert one is not None
    launcher = JobController(here.ctx, here.launcher)
    await launcher._abandon(job)
    await here.launched(await here.job("later"))
    house = Housekeeping(here.ctx, SimpleNamespace())  # type: ignore[arg-type]
    for _ in range(4):
        await here.ctx.ledger.settle()
        await house._sweep()
        await house._follow_abandoned()
        here.clock.jump(601.0)
    assert here.ctx.ledger.index.abandoned_ids() == {one.instance_id}
    assert ("team-a", "tencent") in here.ctx.ledger.index.credentials()
    assert theirs.terminated == []
    theirs.machines.clear()
    for _ in range(2):
        await house._follow_abandoned()
        here.clock.jump(601.0)
    await here.ctx.ledger.settle()
    assert not here.ctx.ledger.index.abandoned_ids()
