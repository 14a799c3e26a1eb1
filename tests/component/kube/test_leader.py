"""The elector: who gets the lease, when, and who notices that it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from batchcompute.kube.client import Client
from batchcompute.kube.resources import LEASES
from batchcompute.runtime.leader import Elector
from tests.component.kube.conftest import QuickClock
from tests.support.apiserver import FakeApiServer, status

HERE = LEASES.path("sys")


def lease(server: FakeApiServer) -> dict[str, Any]:
    spec: dict[str, Any] = server.objects[HERE, "op"]["spec"]
    return spec


@pytest.fixture
def electors(client: Client, clock: QuickClock) -> tuple[Elector, Elector]:
    one, two = (Elector(client, "sys", "op", name, clock=clock) for name in ("one", "two"))
    return one, two


@pytest.fixture
async def waiting(electors: tuple[Elector, Elector]) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(electors[1].acquire())
    yield task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_first_one_makes_the_lease(
    server: FakeApiServer, electors: tuple[Elector, Elector]
) -> None:
    await electors[0].acquire()
    assert electors[0].is_leader
    assert (lease(server)["holderIdentity"], lease(server)["leaseDurationSeconds"]) == ("one", 15)


async def test_its_own_lease_is_taken_at_once_after_a_restart(
    server: FakeApiServer, electors: tuple[Elector, Elector], client: Client, clock: QuickClock
) -> None:
    await electors[0].acquire()
    clock.slept.clear()
    again = Elector(client, "sys", "op", "one", clock=clock)
    await again.acquire()
    assert clock.slept == []
    assert lease(server)["leaseTransitions"] == 1


async def test_anothers_lease_is_waited_out_by_the_own_monotonic_clock(
    server: FakeApiServer, electors: tuple[Elector, Elector], clock: QuickClock
) -> None:
    await electors[0].acquire()
    server.objects[HERE, "op"]["spec"]["renewTime"] = "2001-01-01T00:00:00.000000Z"
    started = clock.monotonic()
    await electors[1].acquire()
    assert 15.0 < clock.monotonic() - started < 18.0
    assert lease(server)["holderIdentity"] == "two"


async def test_a_lease_that_is_renewed_is_never_taken(
    server: FakeApiServer,
    electors: tuple[Elector, Elector],
    clock: QuickClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await electors[0].acquire()
    rounds = 0

    async def sleep(seconds: float) -> None:
        nonlocal rounds
        rounds += 1
        clock.jump(seconds)
        if rounds % 5 == 0:  # every 10 s, below the lease's 15
            server.put(HERE, "op", spec={**lease(server), "renewTime": f"{rounds}"})
        if rounds == 60:
            raise asyncio.CancelledError

    monkeypatch.setattr(clock, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await electors[1].acquire()
    assert clock.monotonic() > 100
    assert lease(server)["holderIdentity"] == "one"


async def test_a_released_lease_is_taken_at_the_next_look(
    server: FakeApiServer, electors: tuple[Elector, Elector], clock: QuickClock
) -> None:
    await electors[0].acquire()
    await electors[0].release()
    assert not electors[0].is_leader
    clock.slept.clear()
    await electors[1].acquire()
    assert clock.slept == []


async def test_who_cannot_renew_for_ten_seconds_is_told(
    server: FakeApiServer, electors: tuple[Elector, Elector], clock: QuickClock
) -> None:
    await electors[0].acquire()
    server.faults["GET"] += [lambda _: status(403, "Forbidden")] * 50
    started = clock.monotonic()
    told: list[str] = []
    await electors[0].keep(told.append)
    assert len(told) == 1
    assert "not renewed: Forbidden" in told[0]
    assert 10.0 < clock.monotonic() - started < 13.0
    assert not electors[0].is_leader


async def test_who_finds_another_holder_is_told_at_once(
    server: FakeApiServer, electors: tuple[Elector, Elector], clock: QuickClock
) -> None:
    await electors[0].acquire()
    server.put(HERE, "op", spec={"holderIdentity": "two", "leaseDurationSeconds": 15})
    started = clock.monotonic()
    told: list[str] = []
    await electors[0].keep(told.append)
    assert told == ["lease op is held by two"]
    assert clock.monotonic() - started < 3.0


async def test_of_two_that_race_one_wins(
    server: FakeApiServer, electors: tuple[Elector, Elector], clock: QuickClock
) -> None:
    await electors[0].acquire()
    await electors[0].release()
    tries = asyncio.gather(electors[0]._try(), electors[1]._try())
    holders = await tries
    assert sorted(holder is None for holder in holders) == [False, True]
