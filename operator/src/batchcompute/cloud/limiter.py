"""One token bucket per account, region and action, empty at the start (architecture, step 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchcompute.cloud import timing
from batchcompute.runtime.backoff import TokenBucket

if TYPE_CHECKING:
    from batchcompute.runtime.clock import Clock

Key = tuple[str, str, str]


class RateLimiter:
    """``acquire`` returns when a call may be sent, first come first served.

    The vendor counts calls per second, so a bucket saves up at most one second of its rate: with
    half the documented rate even a full bucket stays within it. A new leader cannot know what the
    old one has just sent, so buckets begin empty.
    """

    def __init__(self, clock: Clock, *, share: float = timing.RATE_SHARE) -> None:
        self._clock = clock
        self._share = share
        self._buckets: dict[Key, TokenBucket] = {}

    async def acquire(self, account: str, region: str, action: str) -> None:
        wait = self._bucket(account, region, action).reserve(self._clock.monotonic())
        if wait > 0:
            await self._clock.sleep(wait)

    def throttled(self, account: str, region: str, action: str) -> None:
        """The cloud counted more than we did: leave it alone for a second."""
        bucket = self._bucket(account, region, action)
        bucket.drain(self._clock.monotonic(), timing.THROTTLED_PAUSE)

    def _bucket(self, account: str, region: str, action: str) -> TokenBucket:
        key = account, region, action
        if key not in self._buckets:
            rate = timing.DOCUMENTED_RATES.get(action, timing.OTHER_RATE) * self._share
            now = self._clock.monotonic()
            self._buckets[key] = TokenBucket(rate, max(1.0, rate), now, initial=0.0)
        return self._buckets[key]
