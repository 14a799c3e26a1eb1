"""The work queue: one entry a key, never at two workers, delays and retries by the clock."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from batchcompute.runtime.backoff import Backoff, TokenBucket
from batchcompute.runtime.metrics import Metrics
from batchcompute.runtime.workqueue import WorkQueue
from tests.support.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def queue_of(clock: FakeClock) -> WorkQueue[str]:
    return WorkQueue(clock, backoff=Backoff(1.0, 8.0, Random(7)))


async def test_a_key_added_twice_is_handed_out_once_and_keys_keep_their_order(
    clock: FakeClock,
) -> None:
    queue = queue_of(clock)
    for key in ("a", "b", "a", "c", "b"):
        queue.add(key)
    assert len(queue) == 3
    assert [await queue.get() for _ in range(3)] == ["a", "b", "c"]


async def test_a_key_added_while_in_work_waits_for_done(clock: FakeClock) -> None:
    queue = queue_of(clock)
    queue.add("a")
    key = await queue.get()
    queue.add("a")
    queue.add("a")
    assert len(queue) == 0
    queue.done(key)
    assert len(queue) == 1
    queue.done(await queue.get())
    assert len(queue) == 0


DELAYS = {
    "a delayed key comes when its time has come": ([5.0], 4.9, 5.0),
    "of two delays the earlier counts": ([5.0, 2.0], 1.9, 2.0),
    "a later delay changes nothing": ([2.0, 5.0], 1.9, 2.0),
}


@pytest.mark.parametrize(("delays", "before", "at"), DELAYS.values(), ids=DELAYS.keys())
async def test_delays(clock: FakeClock, delays: list[float], before: float, at: float) -> None:
    queue = queue_of(clock)
    for delay in delays:
        queue.add_after("a", delay)
    await clock.advance(before)
    assert len(queue) == 0
    await clock.advance(at - before)
    assert len(queue) == 1
    await clock.advance(60)
    assert len(queue) == 1
    queue.close()


async def test_a_delay_of_zero_is_now(clock: FakeClock) -> None:
    queue = queue_of(clock)
    queue.add_after("a", 0)
    assert len(queue) == 1


async def test_delayed_keys_come_in_order_of_their_time(clock: FakeClock) -> None:
    queue = queue_of(clock)
    for key, delay in (("c", 3.0), ("a", 1.0), ("b", 2.0)):
        queue.add_after(key, delay)
    await clock.advance(3.0)
    assert [await queue.get() for _ in range(3)] == ["a", "b", "c"]


async def test_retries_wait_longer_each_time_until_forgotten(clock: FakeClock) -> None:
    queue = queue_of(clock)
    waits = []
    for _ in range(5):
        queue.add_rate_limited("a")
        start = clock.monotonic()
        while not len(queue):
            await clock.advance(0.05)
        waits.append(clock.monotonic() - start)
        queue.done(await queue.get())
    spans = [(0.5, 1), (1, 2), (2, 4), (4, 8), (4, 8)]
    assert all(low <= wait <= high + 0.1 for wait, (low, high) in zip(waits, spans, strict=True)), (
        waits
    )
    queue.forget("a")
    queue.add_rate_limited("a")
    await clock.advance(1.0)
    assert len(queue) == 1


async def test_retries_of_all_keys_together_are_bounded(clock: FakeClock) -> None:
    queue: WorkQueue[int] = WorkQueue(clock, backoff=Backoff(0.001, 0.001))
    for key in range(300):
        queue.add_rate_limited(key)
    await clock.advance(1.0)
    assert 100 <= len(queue) <= 111  # the burst of 100, then 10 a second
    queue.close()


async def test_a_cancelled_waiter_loses_no_key(clock: FakeClock) -> None:
    queue = queue_of(clock)
    waiter = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add("a")
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    assert await asyncio.wait_for(queue.get(), 1) == "a"


async def test_metrics_tell_depth_latency_and_work(clock: FakeClock) -> None:
    metrics = Metrics()
    queue: WorkQueue[str] = WorkQueue(clock, metrics=metrics.queue("jobs"))
    queue.add("a")
    queue.add("b")
    await clock.advance(2.0)
    key = await queue.get()
    await clock.advance(3.0)
    assert queue.oldest_in_work == 3.0
    queue.done(key)
    value = metrics.registry.get_sample_value
    assert value("workqueue_depth", {"name": "jobs"}) == 1
    assert value("workqueue_adds_total", {"name": "jobs"}) == 2
    assert value("workqueue_queue_duration_seconds_sum", {"name": "jobs"}) == 2.0
    assert value("workqueue_work_duration_seconds_sum", {"name": "jobs"}) == 3.0


def test_a_bucket_fills_at_its_rate_up_to_its_burst() -> None:
    bucket = TokenBucket(2.0, 3.0, now=0.0, initial=0.0)
    assert not bucket.try_take(0.4)
    assert bucket.try_take(0.5)
    assert [bucket.try_take(100.0) for _ in range(4)] == [True, True, True, False]
    assert bucket.reserve(100.0) == 0.5
    assert bucket.reserve(100.0) == 1.0
