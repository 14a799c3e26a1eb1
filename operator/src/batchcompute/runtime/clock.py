"""Time as a dependency: wall time in Unix seconds, monotonic seconds, and waiting."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol, runtime_checkable


class Clock(Protocol):
    """What the operator knows of time. Tests pass one that moves only when told."""

    def now(self) -> float:
        """Wall time in Unix seconds, as the API server sees it (R30)."""

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean something."""

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds (at once for zero and less)."""


@runtime_checkable
class ServerTimed(Protocol):
    """A clock that follows a server's; the Kubernetes client feeds one that can be fed."""

    def observe_server_date(self, date: float, sent: float, received: float) -> None:
        """Take in a reply's Date (Unix seconds) with the monotonic times around the request."""


class SystemClock:
    """Local monotonic time plus the offset to the API server's ``Date`` (R30).

    A Date header has whole seconds, so one reply bounds the offset to a little over a second;
    the bounds of successive replies are intersected, which narrows it to milliseconds. Bounds
    that contradict each other mean a stepped clock: the newest reply alone counts then.
    """

    def __init__(self) -> None:
        start = time.time() - time.monotonic()
        self._low, self._high = start, start
        self._observed = False

    def now(self) -> float:
        return time.monotonic() + (self._low + self._high) / 2

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    def observe_server_date(self, date: float, sent: float, received: float) -> None:
        """Take in a reply's Date (Unix seconds) with the monotonic times around the request."""
        low, high = date - received, date + 1.0 - sent
        if self._observed:
            joint = max(low, self._low), min(high, self._high)
            low, high = joint if joint[0] <= joint[1] else (low, high)
        self._low, self._high, self._observed = low, high, True
