"""A misbehaving API server and a client of it for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from batchcompute.kube.client import Client
from tests.support.apiserver import FakeApiServer, fake_api_server
from tests.support.clock import FakeClock


class QuickClock(FakeClock):
    """Every wait ends at once and is written down: for retries against a server on the wire."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.jump(max(0.0, seconds))


@pytest.fixture
async def server() -> AsyncIterator[FakeApiServer]:
    async with fake_api_server() as started:
        yield started


@pytest.fixture
def clock() -> QuickClock:
    return QuickClock()


@pytest.fixture
async def client(server: FakeApiServer, clock: QuickClock) -> AsyncIterator[Client]:
    async with Client(server.config, clock) as opened:
        yield opened
