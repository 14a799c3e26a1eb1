"""TerminateInstances in batches that wait for each other (R24, property 3)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from batchcompute.cloud import errors
from batchcompute.controllers.rounds import attempt
from batchcompute.controllers.windows import Window
from batchcompute.core.terminating import BATCH, Going, after_refusal, batches

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from batchcompute.cloud.port import Cloud
    from batchcompute.controllers.context import Context
    from batchcompute.controllers.members.tracked import Tracked

log = logging.getLogger(__name__)

IDLE, LONGEST = 5.0, 15.0
"""Machines of one job rarely end together: a few idle seconds cost less than a call each."""

Target = tuple[str, Going]  # mid, machine


class Terminator:
    """Collects machines to end; flushes at once when no other outcome is to come."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self.window: Window[Target] = Window(
            self._flush,
            clock=ctx.clock,
            size=BATCH,
            idle=IDLE,
            longest=LONGEST,
            nothing_to_come=lambda: not ctx.tracker.unsettled and not ctx.busy(),
        )

    def add(self, one: Tracked) -> None:
        self.window.add((one.mid, _going(one)))

    async def _flush(self, targets: list[Target]) -> None:
        """Each batch by itself: an account that fails keeps no other's machines."""
        for batch in batches(going for _, going in targets):
            await attempt(self._end(batch), f"TerminateInstances of {len(batch)} machines")

    async def _end(self, batch: Sequence[Going]) -> None:
        first = batch[0]
        cloud = await self._ctx.cloud(first.namespace, first.credential, first.region)
        await terminate(cloud, batch, self._taken)

    def _taken(self, ids: Sequence[str]) -> None:
        now = self._ctx.clock.now()
        for instance_id in ids:
            member = self._ctx.ledger.index.by_instance(instance_id)
            one = self._ctx.tracker.get(member.mid) if member is not None else None
            if one is not None:
                one.terminate_at = now
                one.describe_every = self._ctx.settings.cloud.describe_terminating_seconds
                self._ctx.members.add(one.mid)


def _going(one: Tracked) -> Going:
    launch = one.launch
    namespace = launch.namespace if launch.credential else ""
    return Going(one.instance_id, launch.credential, launch.region, launch.charge_type, namespace)


async def terminate(
    cloud: Cloud, batch: Sequence[Going], taken: Callable[[Sequence[str]], None]
) -> None:
    """One call, or as many as a refusal makes necessary; ``taken`` hears of ids as they go."""
    ids = [going.instance_id for going in batch]
    try:
        await cloud.terminate_instances(ids)
    except errors.CloudError as error:
        log.info("TerminateInstances of %d: %s", len(ids), error)
        hint = errors.terminate_hint(error)
        if hint not in (errors.TerminateHint.LOOK_AGAIN, errors.TerminateHint.SPLIT):
            return
        states = {view.instance_id: view.state for view in await cloud.describe_instances(ids)}
        for smaller in after_refusal(batch, states):
            await attempt(terminate(cloud, smaller, taken), f"TerminateInstances of {len(smaller)}")
    else:
        taken(ids)
