"""The rate limits of the vendor, kept with room to spare."""

from __future__ import annotations

import asyncio

import pytest

from batchcompute.cloud.limiter import RateLimiter
from tests.support.clock import FakeClock


async def calls(limiter: RateLimiter, clock: FakeClock, count: int, action: str) -> list[float]:
    times: list[float] = []

    async def one() -> None:
        await limiter.acquire("acc", "r", action)
        times.append(clock.monotonic())

    tasks = [asyncio.create_task(one()) for _ in range(count)]
    while not all(task.done() for task in tasks):
        await clock.advance(0.05)
    return times


RATES = {"RunInstances": 10, "TerminateInstances": 10, "DescribeInstances": 40, "DescribeZones": 20}


@pytest.mark.parametrize(("action", "documented"), RATES.items())
async def test_no_second_has_more_calls_than_the_vendor_allows(
    action: str, documented: int
) -> None:
    clock = FakeClock()
    limiter = RateLimiter(clock)
    clock.jump(100.0)
    times = await calls(limiter, clock, 6 * documented, action)
    clock.jump(1000.0)
    times += await calls(limiter, clock, 3 * documented, action)
    worst = max(sum(at <= other < at + 1.0 for other in times) for at in times)
    assert documented // 2 <= worst <= documented


async def test_a_new_leader_starts_with_empty_buckets() -> None:
    clock = FakeClock()
    times = await calls(RateLimiter(clock), clock, 10, "RunInstances")
    assert times == pytest.approx([0.2 * number for number in range(1, 11)], abs=0.06)


async def test_accounts_and_actions_have_buckets_of_their_own() -> None:
    clock = FakeClock()
    limiter = RateLimiter(clock)
    clock.jump(1.0)
    await calls(limiter, clock, 1, "RunInstances")
    for account, action in (("acc", "DescribeZones"), ("other", "RunInstances")):
        task = asyncio.create_task(limiter.acquire(account, "r", action))
        await clock.advance(0.25)
        assert task.done()


async def test_a_throttled_action_rests_for_a_second() -> None:
    clock = FakeClock()
    limiter = RateLimiter(clock)
    await calls(limiter, clock, 1, "RunInstances")
    clock.jump(10.0)
    limiter.throttled("acc", "r", "RunInstances")
    started = clock.monotonic()
    times = await calls(limiter, clock, 1, "RunInstances")
    assert 0.9 <= times[0] - started <= 1.2
