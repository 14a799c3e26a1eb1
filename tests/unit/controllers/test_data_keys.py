"""Keys for declared paths: shared, renewed at half of their life, not kept for ever (R22)."""

from __future__ import annotations

from typing import Any

from batchcompute.cloud.credential import Credential
from batchcompute.controllers.signers import DataKeys
from tests.support.clock import FakeClock

LIFE = 12 * 3600.0


async def test_keys_of_paths_that_nobody_asks_for_any_more_are_dropped() -> None:
    clock = FakeClock()
    keys = DataKeys(clock)
    made = 0

    async def make(session: str, policy: Any, seconds: int) -> Credential:
        nonlocal made
        made += 1
        return Credential(f"tmp{made}", "key", "token", clock.now() + LIFE)

    for day in range(5):
        for path in range(3):
            policy = {"statement": [day, path]}
            first = await keys.get("team-a/", policy, make)
            assert await keys.get("team-a/", policy, make) is first
        clock.jump(LIFE + 1.0)
    assert made == 15
    assert len(keys._made) <= 3 and len(keys._locks) <= 3
