"""Secrets by name: one GET for all that ask, a missing one looked for once a second."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Hashable

import pytest

from batchcompute.kube import errors
from batchcompute.kube.client import Client
from batchcompute.kube.resources import SECRETS
from batchcompute.kube.secrets import SecretReader
from tests.component.kube.conftest import QuickClock
from tests.support.apiserver import FakeApiServer, status
from tests.support.clock import FakeClock
from tests.support.eventually import eventually

HERE = SECRETS.path("a")


def put(server: FakeApiServer) -> None:
    server.put(HERE, "tencent", data={"secretId": base64.b64encode(b"AKID").decode()})


def gets(server: FakeApiServer) -> int:
    return server.calls.count(("GET", f"{HERE}/tencent"))


async def test_the_data_is_decoded(server: FakeApiServer, client: Client) -> None:
    put(server)
    reader = SecretReader(client, lambda _: None, clock=QuickClock())
    assert await reader.read("a", "tencent") == {"secretId": b"AKID"}


async def test_it_is_read_again_each_time(server: FakeApiServer, client: Client) -> None:
    put(server)
    reader = SecretReader(client, lambda _: None, clock=QuickClock())
    await reader.read("a", "tencent")
    server.put(HERE, "tencent", data={"secretId": base64.b64encode(b"NEW").decode()})
    assert await reader.read("a", "tencent") == {"secretId": b"NEW"}


async def test_a_hundred_that_ask_at_once_cost_one_get(
    server: FakeApiServer, client: Client
) -> None:
    put(server)
    reader = SecretReader(client, lambda _: None, clock=QuickClock())
    found = await asyncio.gather(*(reader.read("a", "tencent") for _ in range(100)))
    assert all(found)
    assert gets(server) == 1


async def test_a_missing_one_is_asked_for_once_a_second_and_wakes_all_that_wait(
    server: FakeApiServer, client: Client
) -> None:
    clock = FakeClock()
    woken: list[Hashable] = []
    reader = SecretReader(client, woken.append, clock=clock)
    task = asyncio.create_task(reader.run())
    for number in range(100):
        assert await reader.read("a", "tencent", waiter=f"job-{number}") is None
    assert gets(server) == 1
    for look in range(2, 6):
        await eventually(lambda: clock.sleepers, "asleep")
        await clock.advance(1.0)
        await eventually(lambda look=look: gets(server) == look, f"look {look}")
        for number in range(100):
            await reader.read("a", "tencent", waiter=f"job-{number}")
    assert gets(server) == 5
    put(server)
    await eventually(lambda: clock.sleepers, "asleep")
    await clock.advance(1.0)
    await eventually(lambda: len(woken) == 100, "all are woken")
    assert await reader.read("a", "tencent", waiter="job-1")
    await clock.advance(5.0)
    assert (len(woken), gets(server)) == (100, 7)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_nobody_waiting_costs_nothing(server: FakeApiServer, client: Client) -> None:
    clock = FakeClock()
    reader = SecretReader(client, lambda _: None, clock=clock)
    task = asyncio.create_task(reader.run())
    await reader.read("a", "tencent", waiter="job")
    reader.forget("job")
    for _ in range(5):
        await clock.advance(1.0)
    assert gets(server) == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_no_right_to_read_is_no_absence(server: FakeApiServer, client: Client) -> None:
    server.faults["GET"].append(lambda _: status(403, "Forbidden"))
    reader = SecretReader(client, lambda _: None, clock=QuickClock())
    with pytest.raises(errors.Forbidden):
        await reader.read("a", "tencent")
