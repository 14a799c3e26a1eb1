"""Who follows the machines is told what has changed, each machine once however often it did."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from .record import MachineRecord


class Changes:
    """Numbers the changes of all machines and wakes the followers."""

    def __init__(self) -> None:
        self.last = 0
        self._followers: set[_Follower] = set()

    def note(self, record: MachineRecord) -> None:
        self.last += 1
        record.change = self.last
        for follower in self._followers:
            follower.tell(record)

    async def follow(self, first: list[MachineRecord]) -> AsyncIterator[list[MachineRecord]]:
        """Yields `first`, and then again and again those that changed since the last time."""
        follower = _Follower()
        self._followers.add(follower)
        try:
            if first:
                yield first
            while True:
                yield await follower.next()
        finally:
            self._followers.discard(follower)


class _Follower:
    def __init__(self) -> None:
        self._changed: dict[str, MachineRecord] = {}
        self._some = asyncio.Event()

    def tell(self, record: MachineRecord) -> None:
        self._changed[record.instance_id] = record
        self._some.set()

    async def next(self) -> list[MachineRecord]:
        await self._some.wait()
        self._some.clear()
        changed, self._changed = self._changed, {}
        return list(changed.values())
