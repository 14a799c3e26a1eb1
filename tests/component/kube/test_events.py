"""Events: one object for one thing said, repetitions counted, floods cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from batchcompute.kube.client import Client
from batchcompute.kube.events import EventRecorder, Regarding
from batchcompute.kube.resources import EVENTS, JOBS
from batchcompute.runtime.metrics import Metrics
from tests.component.kube.conftest import QuickClock
from tests.support.apiserver import FakeApiServer, status
from tests.support.eventually import eventually

HERE = EVENTS.path("a")
JOB = Regarding(JOBS, "a", "wordcount", "uid-1")


class Rig:
    def __init__(self, client: Client, clock: QuickClock) -> None:
        self.metrics = Metrics()
        self.recorder = EventRecorder(client, instance="op-0", clock=clock, metrics=self.metrics)
        self.task = asyncio.create_task(self.recorder.run())

    def dropped(self, why: str) -> float:
        return self.metrics.registry.get_sample_value("events_dropped_total", {"reason": why}) or 0


@pytest.fixture
async def rig(client: Client, clock: QuickClock) -> AsyncIterator[Rig]:
    rig = Rig(client, clock)
    yield rig
    assert not rig.task.done()
    rig.task.cancel()
    await asyncio.gather(rig.task, return_exceptions=True)


async def test_an_event_says_what_happened_to_which_object(server: FakeApiServer, rig: Rig) -> None:
    rig.recorder.record(JOB, "Completed", "all tasks succeeded")
    await eventually(lambda: server.objects, "the event is there")
    ((_, name), body) = next(iter(server.objects.items()))
    assert name.startswith("wordcount.")
    assert (body["reason"], body["note"], body["type"]) == (
        "Completed",
        "all tasks succeeded",
        "Normal",
    )
    assert body["regarding"] == {
        "apiVersion": "batchcompute.io/v1alpha1",
        "kind": "Job",
        "namespace": "a",
        "name": "wordcount",
        "uid": "uid-1",
    }


async def test_repetitions_are_counted_and_told_seldom(
    server: FakeApiServer, rig: Rig, clock: QuickClock
) -> None:
    for _ in range(10):
        rig.recorder.record(JOB, "Waiting", "no stock")
        await eventually(lambda: server.objects, "the first is sent")
    clock.jump(121.0)
    rig.recorder.record(JOB, "Waiting", "no stock")
    await eventually(
        lambda: [b for b in server.objects.values() if b.get("series", {}).get("count") == 11],
        "the series is told",
    )
    assert [method for method, _ in server.calls] == ["POST", "PATCH"]


async def test_after_a_restart_the_same_event_goes_on(
    server: FakeApiServer, rig: Rig, client: Client, clock: QuickClock
) -> None:
    rig.recorder.record(JOB, "Waiting", "no stock")
    await eventually(lambda: server.objects, "sent")
    second = Rig(client, clock)
    second.recorder.record(JOB, "Waiting", "no stock")
    await eventually(lambda: "series" in next(iter(server.objects.values())), "counted")
    assert len(server.objects) == 1
    second.task.cancel()
    await asyncio.gather(second.task, return_exceptions=True)


async def test_one_object_cannot_flood(server: FakeApiServer, rig: Rig) -> None:
    for number in range(100):
        rig.recorder.record(JOB, "Odd", f"note {number}")
    other = Regarding(JOBS, "a", "other", "uid-2")
    rig.recorder.record(other, "Completed", "all tasks succeeded")
    await eventually(lambda: len(server.objects) == 26, "25 of the one, 1 of the other")
    assert rig.dropped("spam") == 75


async def test_a_refused_event_is_counted_and_the_next_one_sent(
    server: FakeApiServer, rig: Rig
) -> None:
    server.faults["POST"].append(lambda _: status(403, "Forbidden"))
    rig.recorder.record(JOB, "One", "lost")
    rig.recorder.record(JOB, "Two", "kept")
    await eventually(lambda: len(server.objects) == 1, "the second is sent")
    assert rig.dropped("error") == 1


async def test_a_note_is_cut_to_the_apis_limit(server: FakeApiServer, rig: Rig) -> None:
    rig.recorder.record(JOB, "Long", "ü" * 2000)
    await eventually(lambda: server.objects, "sent")
    assert len(next(iter(server.objects.values()))["note"].encode()) == 1024
