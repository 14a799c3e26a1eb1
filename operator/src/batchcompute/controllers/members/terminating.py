"""TerminateInstances in batches that wait for each other (R24, property 3)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from batchcompute.cloud import errors
from batchcompute.controllers.windows import Window
from batchcompute.core.terminating import BATCH, Going, after_refusal, batches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from batchcompute.controllers.context import Context
    from batchcompute.controllers.members.tracked import Tracked

log = logging.getLogger(__name__)

IDLE, LONGEST = 5.0, 15.0
"""Machines of one job rarely end together: a few idle seconds cost less than a call each."""

Target = tuple[str, Going, str]  # mid, machine, namespace


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
            nothing_to_come=lambda: ctx.tracker.unsettled == 0 and not ctx.busy(),
        )

    def add(self, one: Tracked) -> None:
        launch = one.launch
        going = Going(one.instance_id, launch.credential, launch.region, launch.charge_type)
        self.window.add((one.mid, going, launch.namespace))

    async def _flush(self, targets: list[Target]) -> None:
        namespaces = {going.instance_id: namespace for _, going, namespace in targets}
        for batch in batches(going for _, going, _ in targets):
            await self._end(batch, namespaces)

    async def _end(self, batch: Sequence[Going], namespaces: dict[str, str]) -> None:
        first = batch[0]
        namespace = namespaces[first.instance_id] if first.credential else ""
        cloud = await self._ctx.cloud(namespace, first.credential, first.region)
        ids = [going.instance_id for going in batch]
        try:
            await cloud.terminate_instances(ids)
        except errors.CloudError as error:
            log.info("TerminateInstances of %d: %s", len(ids), error)
            hint = errors.terminate_hint(error)
            if hint in (errors.TerminateHint.LOOK_AGAIN, errors.TerminateHint.SPLIT):
                states = {
                    view.instance_id: view.state for view in await cloud.describe_instances(ids)
                }
                for smaller in after_refusal(batch, states):
                    await self._end(smaller, namespaces)
            return
        now = self._ctx.clock.now()
        for instance_id in ids:
            member = self._ctx.ledger.index.by_instance(instance_id)
            one = self._ctx.tracker.get(member.mid) if member is not None else None
            if one is not None:
                one.terminate_at = now
                one.describe_every = self._ctx.settings.cloud.describe_terminating_seconds
                self._ctx.members.add(one.mid)
