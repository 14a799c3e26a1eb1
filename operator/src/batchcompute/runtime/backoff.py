"""Exponential waits with jitter, and a token bucket: pure arithmetic over injected time."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random


@dataclass(frozen=True, slots=True)
class Backoff:
    """``base`` seconds doubled for every failure after the first, at most ``cap``.

    The result is drawn from the upper half of that span, so that clients which failed together
    do not come back together.
    """

    base: float
    cap: float
    rng: Random = field(default_factory=Random, repr=False)

    def delay(self, failures: int) -> float:
        """Seconds to wait after that many failures in a row (1 and more)."""
        span = min(self.cap, self.base * 2.0 ** min(failures - 1, 60))
        return span * (0.5 + self.rng.random() / 2)


class TokenBucket:
    """``rate`` tokens a second, at most ``burst`` saved up; ``initial`` tokens at ``now``."""

    def __init__(self, rate: float, burst: float, now: float, *, initial: float | None = None):
        self.rate, self.burst = rate, burst
        self._tokens = burst if initial is None else initial
        self._at = now

    def try_take(self, now: float) -> bool:
        """Take one token if there is one."""
        self._fill(now)
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def reserve(self, now: float) -> float:
        """Take one token, going into debt if need be; seconds until it may be spent."""
        self._fill(now)
        self._tokens -= 1.0
        return max(0.0, -self._tokens / self.rate)

    def drain(self, now: float, seconds: float) -> None:
        """Leave no token for that many seconds."""
        self._fill(now)
        self._tokens = min(self._tokens, 1.0 - self.rate * seconds)

    def full(self, now: float) -> bool:
        """True when nothing was taken for long enough that the bucket need not be kept."""
        self._fill(now)
        return self._tokens >= self.burst

    def _fill(self, now: float) -> None:
        self._tokens = min(self.burst, self._tokens + max(0.0, now - self._at) * self.rate)
        self._at = now
