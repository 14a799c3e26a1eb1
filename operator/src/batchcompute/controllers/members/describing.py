"""DescribeInstances by id, each machine as often as its state needs (R4, R6, section 4)."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from batchcompute.controllers.members.tracked import MachineInfo
from batchcompute.controllers.rounds import attempt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from batchcompute.cloud.port import MachineView
    from batchcompute.controllers.context import Context
    from batchcompute.controllers.members.tracked import Tracked

TICK = 1.0
BATCH = 100
SHARE = 0.75
"""A machine joins a call that goes out anyway once this share of its interval has passed."""

Group = tuple[str, str, str]  # namespace, credential, region


class Describer:
    """Asks for what is due, once a second; nothing tracked, no call."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._asked: set[Group] = set()

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._ctx.clock.sleep(TICK)
            for group, due in self._due().items():
                if group not in self._asked:
                    self._asked.add(group)
                    self._ctx.spawn(self._ask(group, due))

    async def _ask(self, group: Group, due: Sequence[Tracked]) -> None:
        """Each account by itself: one that is slow, or away, holds up no other."""
        try:
            for at in range(0, len(due), BATCH):
                batch = due[at : at + BATCH]
                what = f"DescribeInstances of {len(batch)} machines"
                await attempt(self._describe(group, batch), what)
        finally:
            self._asked.discard(group)

    def _due(self) -> dict[Group, list[Tracked]]:
        now = self._ctx.clock.now()
        groups: dict[Group, list[Tracked]] = defaultdict(list)
        urgent: set[Group] = set()
        for one in self._ctx.tracker:
            waited = now - (one.described_at or one.bound_at)
            if waited < SHARE * self._every(one):
                continue
            launch = one.launch
            group = (
                launch.namespace if launch.credential else "",
                launch.credential,
                launch.region,
            )
            groups[group].append(one)
            if waited >= self._every(one):
                urgent.add(group)
        return {group: due for group, due in groups.items() if group in urgent}

    def _every(self, one: Tracked) -> float:
        settings = self._ctx.settings.cloud
        if one.terminate_at is not None:
            return settings.describe_terminating_seconds
        if one.beat is None and one.result is None:
            return settings.describe_starting_seconds
        if one.describe_every < settings.describe_others_seconds:
            return settings.describe_starting_seconds
        return settings.describe_others_seconds

    async def _describe(self, group: Group, due: Sequence[Tracked]) -> None:
        cloud = await self._ctx.cloud(*group)
        views = await cloud.describe_instances([one.instance_id for one in due])
        now = self._ctx.clock.now()
        found = {view.instance_id: view for view in views}
        for one in due:
            self._take(one, found.get(one.instance_id), now)

    def _take(self, one: Tracked, view: MachineView | None, now: float) -> None:
        before = one.sightings
        one.described_at = now
        one.sightings = one.sightings.with_reply(view.state if view else None, now)
        if view is not None:
            one.machine = MachineInfo(
                view.zone, view.instance_type, view.private_ip, view.charge_type
            )
        if one.sightings != before:
            self._ctx.members.add(one.mid)
