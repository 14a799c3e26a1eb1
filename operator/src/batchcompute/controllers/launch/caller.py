"""RunInstances and what comes of it: bind, replay, search, void (R1, R3, R19; steps 5 to 7)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import orjson

from batchcompute.cloud import errors
from batchcompute.controllers.claims import release
from batchcompute.controllers.launch.definitions import deadlines, has_paths
from batchcompute.controllers.launch.refusals import reason_of
from batchcompute.controllers.members.facts import task_of
from batchcompute.controllers.members.tracked import Tracked
from batchcompute.core import launching
from batchcompute.core.gone import Sightings
from batchcompute.core.launching import Bind, Outcome, Reply, Search, Send, Void
from batchcompute.core.launching import Sightings as Found
from batchcompute.ledger.errors import Deposed
from batchcompute.ledger.records import Launch, LaunchState
from batchcompute.vocabulary import TagKey

if TYPE_CHECKING:
    from batchcompute.cloud.port import Cloud
    from batchcompute.controllers.context import Context
    from batchcompute.controllers.launch.launcher import Launcher
    from batchcompute.core.launch.definition import MachineDefinition, Offering
    from batchcompute.core.launch.pool import Candidate
    from batchcompute.runtime.workqueue import WorkQueue

log = logging.getLogger(__name__)

RESUME_SECONDS = 5.0


class Caller:
    """Drives launch records from ``Intent`` to ``Bound`` or ``Void``.

    ``directories`` gets the number of every bound launch: its directory is to be written.
    """

    def __init__(self, ctx: Context, directories: WorkQueue[int]) -> None:
        self._ctx = ctx
        self._directories = directories
        self.launcher: Launcher

    async def call(
        self,
        launch: Launch,
        definition: MachineDefinition,
        offering: Offering,
        members: Sequence[Candidate],
    ) -> None:
        """A fresh record: send, and act on what follows for its members."""
        settled, error = await self._drive(launch, unknown_before=False)
        if settled.state is LaunchState.BOUND:
            self.launcher.offerings.delivered(definition, offering)
            served = {member.slot for member in settled.members}
            self.launcher.back(one for slot, one in enumerate(members) if slot not in served)
            return
        await self._voided(definition, offering, members, error, settled.void)

    async def resume(self, launch: Launch) -> None:
        """A record left open, by an earlier leader or by an error: it may have been sent."""
        while True:
            standing = self._ctx.ledger.index.launch(launch.seq)
            if standing is None or not standing.unsettled:
                self.free(launch)
                return
            try:
                await self._drive(standing, unknown_before=True)
            except Deposed:
                raise
            except Exception:
                log.exception("launch %s: again in %d s", launch.launch_id, RESUME_SECONDS)
                await self._ctx.clock.sleep(RESUME_SECONDS)

    def free(self, launch: Launch) -> None:
        """Members that a settled launch did not serve are claims that nothing stands for."""
        for member in launch.members:
            release(self._ctx, member)

    async def _voided(
        self,
        definition: MachineDefinition,
        offering: Offering,
        members: Sequence[Candidate],
        error: errors.CloudError | None,
        code: str,
    ) -> None:
        refusals, offerings = self.launcher.refusals, self.launcher.offerings
        if isinstance(error, errors.MinCountError):
            offerings.only_whole(definition)
            self.launcher.back(members)
        elif isinstance(error, errors.StockError | errors.NetworkStockError | errors.QuotaError):
            if offerings.partial(definition) or len(members) == 1:
                offerings.refused(definition, offering, error)
            else:
                offerings.halve(definition, offering, len(members))
            self.launcher.back(members)
        elif isinstance(error, errors.RefusedError):
            text = f"the cloud refuses the machine: {error.code}: {error.message}"
            await refusals.end(members, reason_of(error), text)
        else:
            log.warning("launch came to nothing: %s", code)
            self.launcher.back(members)

    async def _drive(
        self, launch: Launch, *, unknown_before: bool
    ) -> tuple[Launch, errors.CloudError | None]:
        cloud = await self._cloud(launch)
        error: errors.CloudError | None = None
        sends = 0
        step: launching.Step = Send(self._ctx.clock.now())
        if launch.state is LaunchState.SEARCH or self._ctx.clock.now() >= launch.not_after:
            step = Search(self._ctx.clock.now())
        while isinstance(step, Send):
            await self._until(step.at)
            reply, error = await self._send(cloud, launch)
            sends += 1
            now = self._ctx.clock.now()
            step = launching.after_reply(
                reply,
                sends=sends,
                unknown_before=unknown_before,
                not_after=launch.not_after,
                now=now,
            )
            unknown_before = unknown_before or reply.outcome is Outcome.UNKNOWN
        if isinstance(step, Search):
            await self._ctx.ledger.search(launch.seq)
            step = await self._search(cloud, launch, step)
        if isinstance(step, Bind):
            return await self._bind(launch, step.ids), None
        assert isinstance(step, Void)
        voided = await self._ctx.ledger.void(launch.seq, step.code)
        self._ctx.closed.set()
        self.launcher.unprobe(launch)
        return voided, error

    async def _send(self, cloud: Cloud, launch: Launch) -> tuple[Reply, errors.CloudError | None]:
        try:
            made = await cloud.run_instances(launch.request)
        except errors.ThrottledError as error:
            return Reply(Outcome.THROTTLED, code=error.code), error
        except errors.RefusedError as error:
            return Reply(Outcome.NOTHING, code=error.code), error
        except errors.CloudError as error:
            log.warning("RunInstances of %s: outcome unknown: %s", launch.launch_id, error)
            return Reply(Outcome.UNKNOWN, code=error.code), error
        return Reply(Outcome.MADE, made.instance_ids), None

    async def _search(self, cloud: Cloud, launch: Launch, step: launching.Step) -> launching.Step:
        found = Found()
        while isinstance(step, Search):
            await self._until(step.at)
            try:
                listed = await cloud.list_instances()
            except errors.CloudError as error:
                log.warning("searching the machines of %s: %s", launch.launch_id, error)
                step = Search(self._ctx.clock.now() + launching.SEARCH_EVERY)
                continue
            mine = frozenset(m.instance_id for m in listed if _is_of(launch, m.tags, m.name))
            now = self._ctx.clock.now()
            found = found.with_listing(mine, now)
            step = launching.after_search(
                found, wanted=len(launch.members), not_after=launch.not_after, now=now
            )
        return step

    async def _bind(self, launch: Launch, ids: Sequence[str]) -> Launch:
        bound = await self._ctx.ledger.bind(launch.seq, ids)
        if bound.state is LaunchState.BOUND:
            asked = orjson.loads(launch.request).get("InstanceType", "") if launch.request else ""
            self.track(bound, asked_type=asked)
            self._directories.add(bound.seq)
        return bound

    def track(self, launch: Launch, *, adopted: bool = False, asked_type: str = "") -> None:
        """Follow the machines of a bound launch."""
        index = self._ctx.ledger.index
        for mid, _ in launch.by_mid():
            member = index.by_mid(mid)
            if member is None or member.instance_id is None or member.bound_at is None:
                continue
            one = Tracked(member, launch, Sightings(member.bound_at), adopted=adopted)
            self._sign(one)
            one.asked_type = asked_type
            self._ctx.tracker.add(one)
            self._ctx.members.add(mid)

    def _sign(self, one: Tracked) -> None:
        """How long what the machine holds is good. Of another leader's signers only their
        shortest life is known: what it signed may be older than the signers of now (R13)."""
        mailbox, created = self._ctx.mailbox, one.launch.created_at
        task = task_of(self._ctx, one)
        limits = deadlines(self._ctx, task).total()
        one.signed_until = mailbox.signed_until(created, limits)
        one.refresh_at = mailbox.refresh_at(created, limits, paths=has_paths(task))
        shortest = mailbox.shortest() if one.adopted else None
        if shortest is not None:
            one.signed_until = min(one.signed_until, created + shortest)
            one.refresh_at = min(one.refresh_at, created + shortest / 2)

    async def _cloud(self, launch: Launch) -> Cloud:
        return await self._ctx.cloud(launch.namespace, launch.credential, launch.region)

    async def _until(self, at: float) -> None:
        wait = at - self._ctx.clock.now()
        if wait > 0:
            await self._ctx.clock.sleep(wait)


def _is_of(launch: Launch, tags: object, name: str) -> bool:
    """By tag, or by the name to which the cloud may have appended a suffix (R19)."""
    if isinstance(tags, dict) and tags.get(TagKey.LAUNCH) == launch.launch_id:
        return True
    return f"bc-{launch.launch_id}" in name
