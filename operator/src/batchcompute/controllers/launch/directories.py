"""The directories of bound launches: written once, again at a new leader's start (step 7, 11)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from batchcompute.controllers.launch.directory import build_directory
from batchcompute.ledger.records import LaunchState

if TYPE_CHECKING:
    from batchcompute.controllers.context import Context

log = logging.getLogger(__name__)

HELD_SECONDS = 5.0


class Directories:
    """``reconcile(seq)`` is called by the loop of the directories' queue; errors come again.

    Members that cannot be told yet what to do are left out and tried again: their machines ask
    for ten minutes.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._told: dict[int, int] = {}

    async def reconcile(self, seq: int) -> float | None:
        launch = self._ctx.ledger.index.launch(seq)
        if launch is None or launch.state is not LaunchState.BOUND or launch.bound_at is None:
            return None
        deadline = launch.bound_at + self._ctx.settings.launch.boot_deadline_seconds
        tracked = [self._ctx.tracker.get(mid) for mid, _ in launch.by_mid()]
        waiting = [one for one in tracked if one is not None and not one.beats and not one.settled]
        if not waiting or self._ctx.clock.now() > deadline:
            self._told.pop(seq, None)
            return None
        directory, held = await build_directory(self._ctx, launch)
        if not held or self._told.get(seq) != len(directory.slots):
            key = self._ctx.mailbox.layout.directory(launch.launch_id)
            await self._ctx.mailbox.cos.put(key, directory.encode())
        if not held:
            self._told.pop(seq, None)
            return None
        self._told[seq] = len(directory.slots)
        return HELD_SECONDS
