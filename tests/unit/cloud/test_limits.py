"""Rate limits, batches, and what is remembered as sold out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from batchcompute.cloud.batcher import Batcher
from batchcompute.cloud.errors import RefusedError, StockError, from_code
from batchcompute.cloud.limiter import RateLimiter
from batchcompute.cloud.soldout import Offering, SoldOut
from tests.support.clock import FakeClock, settle

HERE = Offering("acc", "ap-guangzhou", "ap-guangzhou-3", "S5.MEDIUM4", "POSTPAID_BY_HOUR", "sn-1")


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


class Calls:
    """An executor that writes down what it was asked."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, list[int]]] = []

    async def __call__(self, key: str, items: Sequence[int]) -> list[int | Exception]:
        self.seen.append((key, list(items)))
        return [ValueError(f"no {item}") if item < 0 else item * 10 for item in items]


async def test_each_caller_gets_its_own_result() -> None:
    clock, execute = FakeClock(), Calls()
    batcher: Batcher[str, int, int] = Batcher(execute, clock)
    tasks = [asyncio.create_task(batcher.submit("k", item)) for item in (1, -2, 3)]
    await clock.advance(0.1)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert (results[0], results[2]) == (10, 30)
    assert str(results[1]) == "no -2"
    assert execute.seen == [("k", [1, -2, 3])]


async def test_keys_do_not_meet_in_a_call() -> None:
    clock, execute = FakeClock(), Calls()
    batcher: Batcher[str, int, int] = Batcher(execute, clock)
    tasks = [asyncio.create_task(batcher.submit(key, 1)) for key in ("a", "b", "a")]
    await clock.advance(0.1)
    await asyncio.gather(*tasks)
    assert sorted(execute.seen) == [("a", [1, 1]), ("b", [1])]


# when items come, and when the one call with all of them is made (seconds)
CLOSING = {
    "50 ms after a lonely item": ([0.0], 0.05),
    "50 ms after the last item": ([0.0, 0.04, 0.08], 0.13),
    "500 ms after the first, however many still come": ([n * 0.04 for n in range(13)], 0.5),
}


@pytest.mark.parametrize(("arrivals", "closes"), CLOSING.values(), ids=CLOSING.keys())
async def test_a_window_closes(arrivals: list[float], closes: float) -> None:
    clock, execute = FakeClock(), Calls()
    batcher: Batcher[str, int, int] = Batcher(execute, clock)
    tasks = []
    for number, at in enumerate(arrivals):
        await clock.advance(at - clock.monotonic())
        tasks.append(asyncio.create_task(batcher.submit("k", number)))
        await settle()
    await clock.advance(closes - 0.001 - clock.monotonic())
    assert execute.seen == []
    await clock.advance(0.002)
    assert [len(items) for _, items in execute.seen] == [len(arrivals)]
    await asyncio.gather(*tasks)


async def test_a_full_window_goes_at_once() -> None:
    clock, execute = FakeClock(), Calls()
    batcher: Batcher[str, int, int] = Batcher(execute, clock, max_items=3)
    tasks = [asyncio.create_task(batcher.submit("k", item)) for item in range(7)]
    await settle(20)
    assert execute.seen == [("k", [0, 1, 2]), ("k", [3, 4, 5])]
    await clock.advance(0.1)
    assert execute.seen[2] == ("k", [6])
    await asyncio.gather(*tasks)


async def test_an_item_that_would_be_too_much_opens_the_next_window() -> None:
    clock, execute = FakeClock(), Calls()
    batcher: Batcher[str, int, int] = Batcher(execute, clock, max_size=10, size=lambda item: item)
    tasks = [asyncio.create_task(batcher.submit("k", item)) for item in (6, 4, 1, 12)]
    await clock.advance(0.1)
    await asyncio.gather(*tasks)
    assert execute.seen == [("k", [6, 4]), ("k", [1]), ("k", [12])]


async def test_a_failed_call_fails_every_caller_of_its_window_alone() -> None:
    clock = FakeClock()
    failures = [OSError("cut")]

    async def execute(key: str, items: Sequence[int]) -> list[int | Exception]:
        if failures:
            raise failures.pop()
        return list(items)

    batcher: Batcher[str, int, int] = Batcher(execute, clock)
    first = [asyncio.create_task(batcher.submit("k", item)) for item in (1, 2)]
    await clock.advance(0.1)
    results = await asyncio.gather(*first, return_exceptions=True)
    assert [str(result) for result in results] == ["cut", "cut"]
    second = asyncio.create_task(batcher.submit("k", 3))
    await clock.advance(0.1)
    assert await second == 3


async def test_a_cancelled_caller_hurts_nobody_and_drain_sends_the_rest() -> None:
    clock, execute = FakeClock(), Calls()
    batcher: Batcher[str, int, int] = Batcher(execute, clock)
    tasks = [asyncio.create_task(batcher.submit("k", item)) for item in (1, 2)]
    await settle()
    tasks[0].cancel()
    await batcher.drain()
    assert await tasks[1] == 20
    assert execute.seen == [("k", [1, 2])]


def refusal(code: str) -> RefusedError:
    error = from_code(code)
    assert isinstance(error, RefusedError)
    return error


def test_sold_out_is_remembered_for_minutes_then_probed_by_one() -> None:
    memory = SoldOut(seconds=180.0, probe=60.0)
    assert memory.allows(HERE, 0.0)
    memory.refused(HERE, StockError("ResourceInsufficient.SpecifiedInstanceType"), 0.0)
    assert not memory.allows(HERE, 179.9)
    assert memory.why(HERE, 100.0) == ("ResourceInsufficient.SpecifiedInstanceType", 180.0)
    assert memory.allows(HERE, 180.0)
    assert not memory.allows(HERE, 181.0)
    memory.refused(HERE, StockError("ResourceInsufficient.SpecifiedInstanceType"), 182.0)
    assert not memory.allows(HERE, 361.9)
    assert memory.allows(HERE, 362.0)
    memory.delivered(HERE)
    assert [memory.allows(HERE, 363.0) for _ in range(3)] == [True] * 3
    assert memory.why(HERE, 363.0) is None


def test_a_probe_that_never_reports_frees_its_place() -> None:
    memory = SoldOut(seconds=180.0, probe=60.0)
    memory.refused(HERE, StockError("ResourceInsufficient.SpecifiedInstanceType"), 0.0)
    assert memory.allows(HERE, 200.0)
    assert not memory.allows(HERE, 259.9)
    assert memory.allows(HERE, 260.0)


OTHERS = {
    "another type": (HERE._replace(instance_type="SA2.MEDIUM4"), {"type"}),
    "spot of the same type": (HERE._replace(charge_type="SPOTPAID"), set()),
    "another zone and subnet": (HERE._replace(zone="ap-guangzhou-4", subnet_id="sn-2"), {"region"}),
    "another account": (HERE._replace(account="other"), set()),
    "no subnet chosen": (HERE._replace(subnet_id="", instance_type="SA2.MEDIUM4"), {"type"}),
}
REACH = {
    "type": "ResourceInsufficient.AvailabilityZoneSoldOut",
    "region": "UnsupportedOperation.SpotUnsupportedRegion",
    "offering": "ResourceInsufficient.SpecifiedInstanceType",
}


@pytest.mark.parametrize("reach", REACH)
@pytest.mark.parametrize(("other", "blocked"), OTHERS.values(), ids=OTHERS.keys())
def test_a_refusal_reaches_as_far_as_its_code_says(
    other: Offering, blocked: set[str], reach: str
) -> None:
    memory = SoldOut()
    memory.refused(HERE, refusal(REACH[reach]), 0.0)
    everywhere = reach == "region" and other.account == HERE.account
    same_charge = other.charge_type == HERE.charge_type
    expected = not (reach in blocked or (everywhere and same_charge))
    assert memory.allows(other, 1.0) is expected


def test_a_full_subnet_stops_every_type_in_it_and_nothing_else() -> None:
    memory = SoldOut()
    memory.refused(HERE, refusal("FailedOperation.NoAvailableIpAddressCountInSubnet"), 0.0)
    assert not memory.allows(HERE._replace(instance_type="C6.LARGE8"), 1.0)
    assert memory.allows(HERE._replace(subnet_id="sn-2"), 1.0)
    assert memory.allows(HERE._replace(subnet_id=""), 1.0)
