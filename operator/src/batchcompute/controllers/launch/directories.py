"""The directories of bound launches: written once, again at a new leader's start (step 7, 11)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from batchcompute.controllers.launch.directory import write_directory
from batchcompute.ledger.records import LaunchState

if TYPE_CHECKING:
    from batchcompute.controllers.context import Context

log = logging.getLogger(__name__)


class Directories:
    """``reconcile(seq)`` is called by the loop of the directories' queue; errors come again."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def reconcile(self, seq: int) -> float | None:
        launch = self._ctx.ledger.index.launch(seq)
        if launch is None or launch.state is not LaunchState.BOUND or launch.bound_at is None:
            return None
        deadline = launch.bound_at + self._ctx.settings.launch.boot_deadline_seconds
        tracked = [self._ctx.tracker.get(mid) for mid, _ in launch.by_mid()]
        waiting = [one for one in tracked if one is not None and not one.beats and not one.settled]
        if not waiting or self._ctx.clock.now() > deadline:
            return None
        await write_directory(self._ctx, launch)
        return None
