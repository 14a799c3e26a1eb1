"""Many callers, one call, each its own result."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from batchcompute.cloud.batcher import Batcher
from tests.support.clock import FakeClock, settle


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
