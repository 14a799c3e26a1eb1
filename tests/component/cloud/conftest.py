"""The Tencent adapter against the emulator, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from batchcompute.cloud.credential import Credential
from batchcompute.cloud.limiter import RateLimiter
from batchcompute.cloud.tencent.client import TencentClient
from batchcompute.cloud.tencent.provider import TencentCloud
from batchcompute.runtime.clock import SystemClock
from batchcompute.runtime.metrics import Metrics
from tests.support.emulator import Emulator, running_emulator

REGION = "ap-guangzhou"


class EagerClock(SystemClock):
    """The real time, but every wait ends at once: limits are tested elsewhere."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(min(seconds, 0.001))


@pytest.fixture(scope="session")
def started() -> Iterator[Emulator]:
    with running_emulator(pending_seconds=0.05, terminating_seconds=0.05) as emulator:
        yield emulator


@pytest.fixture
def emulator(started: Emulator) -> Emulator:
    started.reset()
    return started


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def client(emulator: Emulator, metrics: Metrics) -> AsyncIterator[TencentClient]:
    clock = EagerClock()
    limiter = RateLimiter(clock)
    async with TencentClient(clock, limiter, endpoint=emulator.endpoint, metrics=metrics) as opened:
        yield opened


@pytest.fixture
def key(emulator: Emulator) -> Credential:
    return Credential(emulator.secret_id, emulator.secret_key)


@pytest.fixture
def cloud(client: TencentClient, key: Credential) -> TencentCloud:
    return TencentCloud(client, key, REGION, clock=EagerClock())
