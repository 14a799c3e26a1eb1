"""The worker loop: delays, errors, timeouts, and an end that drains."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from batchcompute.runtime.loop import ReconcileLoop
from batchcompute.runtime.metrics import Metrics
from batchcompute.runtime.workqueue import WorkQueue
from tests.support.clock import FakeClock, settle
from tests.support.eventually import eventually


class Rig:
    """A loop over a queue with a fake clock, and what it did."""

    def __init__(self, reconcile: Callable[[str], Awaitable[float | None]], **options: float):
        self.clock = FakeClock()
        self.metrics = Metrics()
        self.queue: WorkQueue[str] = WorkQueue(self.clock)
        self.loop = ReconcileLoop(
            "jobs",
            self.queue,
            reconcile,
            clock=self.clock,
            metrics=self.metrics,
            workers=4,
            timeout=options.get("timeout", 60.0),
        )
        self.task = asyncio.create_task(self.loop.run())

    def count(self, result: str) -> float:
        labels = {"controller": "jobs", "result": result}
        name = "controller_runtime_reconcile_total"
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    async def stop(self) -> None:
        self.loop.stop()
        await asyncio.wait_for(self.task, 5)
        self.queue.close()


async def test_a_key_is_looked_at_again_after_the_delay_it_asked_for() -> None:
    seen: list[float] = []

    async def reconcile(_: str) -> float | None:
        seen.append(rig.clock.monotonic())
        return 7.0

    rig = Rig(reconcile)
    rig.queue.add("a")
    await rig.clock.advance(15.0)
    assert seen == [0.0, 7.0, 14.0]
    await rig.stop()


async def test_an_error_is_counted_and_comes_back_and_success_forgets_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outcomes = [ValueError("first"), ValueError("second"), None]

    async def reconcile(_: str) -> float | None:
        outcome = outcomes.pop(0)
        if outcome:
            raise outcome
        return None

    rig = Rig(reconcile)
    rig.queue.add("a")
    await settle()
    assert rig.queue.failures("a") == 1
    await rig.clock.advance(1.0)
    assert (rig.count("error"), rig.count("success")) == (2, 1)
    assert rig.queue.failures("a") == 0
    assert "jobs a failed (2 in a row): ValueError: second" in caplog.text
    await rig.stop()


async def test_a_reconcile_beyond_its_timeout_is_cut_off_and_counted() -> None:
    cut = []

    async def reconcile(_: str) -> float | None:
        if cut:
            return None
        try:
            await asyncio.Event().wait()
        finally:
            cut.append(True)
        return None

    rig = Rig(reconcile, timeout=0.02)
    rig.queue.add("a")
    await eventually(lambda: rig.count("error") == 1, "the timeout is counted")
    await rig.clock.advance(1.0)
    await eventually(lambda: rig.count("success") == 1, "the key came back")
    await rig.stop()


async def test_one_key_is_never_at_two_workers_while_others_go_on() -> None:
    at_work: set[str] = set()
    most = 0
    gate = asyncio.Event()

    async def reconcile(key: str) -> float | None:
        nonlocal most
        assert key not in at_work
        at_work.add(key)
        most = max(most, len(at_work))
        await gate.wait()
        at_work.discard(key)
        return None

    rig = Rig(reconcile)
    for key in ("a", "b"):
        rig.queue.add(key)
    await settle()
    rig.queue.add("a")
    await settle()
    assert at_work == {"a", "b"}
    gate.set()
    await eventually(lambda: rig.count("success") == 3, "a twice, b once")
    assert (most, rig.count("error")) == (2, 0)
    await rig.stop()


async def test_stop_finishes_what_is_in_work_and_leaves_what_waits() -> None:
    gate = asyncio.Event()
    done = []

    async def reconcile(key: str) -> float | None:
        await gate.wait()
        done.append(key)
        return None

    rig = Rig(reconcile)
    for key in "abcdef":
        rig.queue.add(key)
    await settle()
    rig.loop.stop()
    await settle()
    assert not rig.task.done()
    gate.set()
    await asyncio.wait_for(rig.task, 5)
    assert sorted(done) == ["a", "b", "c", "d"]
    assert len(rig.queue) == 2


async def test_a_stuck_worker_shows_in_stuck_seconds() -> None:
    async def reconcile(_: str) -> float | None:
        await asyncio.Event().wait()
        return None

    rig = Rig(reconcile)
    rig.queue.add("a")
    await rig.clock.advance(59.0)
    assert rig.loop.stuck_seconds == 0.0
    await rig.clock.advance(31.0)
    assert rig.loop.stuck_seconds == 30.0
    rig.task.cancel()
    await asyncio.gather(rig.task, return_exceptions=True)
