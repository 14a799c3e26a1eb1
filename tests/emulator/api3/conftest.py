"""One emulator for all tests of API 3.0; each begins with a reset one without rate limits."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.support.cloud_sdk import Sdk
from tests.support.emulator import Emulator, emulator_fixture

emulator = emulator_fixture(scope="session")


@pytest.fixture
def sdk(emulator: Emulator) -> Sdk:
    emulator.reset()
    emulator.settings(rateLimitFactor=0)
    return Sdk(emulator)


@pytest.fixture
def wait() -> Callable[..., None]:
    """Waits until a condition holds; fails with what was waited for."""

    def until(condition: Callable[[], object], what: str, seconds: float = 10.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
            time.sleep(0.01)

    return until
