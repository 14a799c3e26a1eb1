"""From enlisted instances to bound machines: windows, claims, records, calls (protocols.md 7)."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from batchcompute.cloud import timing
from batchcompute.cloud.soldout import SoldOut
from batchcompute.controllers.launch.candidates import (
    candidate_of,
    claim,
    definition_of,
    terminated,
    view_of,
)
from batchcompute.controllers.launch.offerings import Offerings
from batchcompute.controllers.launch.record import build_record
from batchcompute.controllers.launch.refusals import Refusals
from batchcompute.controllers.members.facts import facts_of
from batchcompute.core.breaker import Breaker
from batchcompute.core.job.observed import Wait
from batchcompute.core.job.tally import ENDED, State
from batchcompute.core.launch.definition import MachineDefinition, Offering
from batchcompute.core.launch.pool import Candidate, Pool, fitting
from batchcompute.core.member import may_start_next
from batchcompute.ledger.errors import Deposed
from batchcompute.ledger.records import Launch
from batchcompute.vocabulary import Reason

if TYPE_CHECKING:
    from batchcompute.controllers.acceptance import Accepted
    from batchcompute.controllers.context import Context
    from batchcompute.controllers.launch.caller import Caller
    from batchcompute.controllers.store import JobState
    from batchcompute.core.job.resolved import ResolvedTask

log = logging.getLogger(__name__)

Recorded = tuple[Launch, MachineDefinition, Offering, list[Candidate]]

DIRECTORY_BYTES = 1024 * 1024
"""A batch closes when its directory would be larger (section 6)."""
HOLD_SECONDS = 30.0
PER_JOB = 500
"""Most instances of one job that wait in the windows."""
RETRY_SECONDS = 5.0


class Launcher:
    """``enlist`` puts instances in, ``run`` makes machines of them."""

    def __init__(self, ctx: Context, caller: Caller) -> None:
        launch = ctx.settings.launch
        self._ctx = ctx
        self._caller = caller
        self._pool = Pool(
            size=launch.batch_size,
            idle=launch.window_idle_seconds,
            longest=launch.window_max_seconds,
        )
        self._definitions: dict[str, MachineDefinition] = {}
        self._flying: Counter[str] = Counter()
        self._wake = asyncio.Event()
        self.under_way = 0
        self.breakers: dict[str, Breaker] = {}
        self.offerings = Offerings(ctx.clock, SoldOut(timing.SOLD_OUT * launch.wait_scale))
        self.refusals = Refusals(ctx, self._pool, self.offerings)

    # -- what the Job controller asks for ------------------------------------------

    def slots(self, job: JobState) -> int:
        """How many more instances of a job may be enlisted now."""
        return max(0, PER_JOB - len(job.enlisted))

    def enlist(
        self,
        job: JobState,
        accepted: Accepted,
        task: ResolvedTask,
        launches: Iterable[tuple[int, int]],
    ) -> None:
        """Offer attempts of instances to the launch; they count as starting from now on."""
        now = self._ctx.clock.now()
        candidates = []
        for index, attempt in launches:
            candidates.append(self.candidate(job, accepted, task, index, attempt))
            job.enlisted[task.name, index] = attempt
            job.idle.pop((task.name, index), None)
            job.mark(task.name, index, State.STARTING)
        self._pool.add(candidates, now)
        self._wake.set()

    def candidate(
        self, job: JobState, accepted: Accepted, task: ResolvedTask, index: int, attempt: int
    ) -> Candidate:
        """One attempt as the windows know it."""
        definition = definition_of(self._ctx, job, accepted, task, index)
        self._definitions.setdefault(definition.group, definition)
        launch = index, attempt
        return candidate_of(job, accepted, task, launch, definition.group, self.refusals)

    def withdraw(self, job: JobState) -> None:
        """Take out everything of a job that no machine was asked for."""
        for one in self._pool.withdraw(job.uid):
            self._free(one)

    def hasten(self, job_uid: str, task: str, index: int) -> None:
        """An instance need not wait any longer: it is to end."""
        self._pool.hasten((job_uid, task, index), self._ctx.clock.now())
        self._wake.set()

    def reprioritize(self, job_uid: str, priority: int) -> None:
        self._pool.reprioritize(job_uid, priority)

    def wait_of(self, job: JobState) -> Wait | None:
        """What holds up the instances of a job that wait for a machine."""
        if not job.enlisted:
            return None
        return self.refusals.wait_of(job.uid)

    # -- the loop ----------------------------------------------------------------------

    async def run(self) -> None:
        """Close windows and launch them, for ever."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                now = self._ctx.clock.now()
                blocked = {name for name in self.breakers if self._is_blocked(name)}
                for name in self._pool.closed(now):
                    if self.under_way >= self._ctx.settings.launch.claims_ahead:
                        break
                    batch = self._take(name, now)
                    if batch:
                        self.under_way += len(batch)
                        group.create_task(self._guarded(batch))
                await self._wait(now, blocked)

    @property
    def busy(self) -> bool:
        """Whether any launch is not yet bound, void or given up."""
        return bool(self._flying)

    def _is_blocked(self, group: str) -> bool:
        """Its machines do not boot, and the one probe is out, or on its way."""
        breaker = self.breakers.get(group)
        return (
            breaker is not None
            and breaker.is_open
            and (breaker.room == 0 or self._flying[group] > 0)
        )

    def _take(self, group: str, now: float) -> list[Candidate]:
        if self._is_blocked(group):
            return []
        batch = self._pool.take(group, now)
        room = self.breakers.get(group, Breaker()).room
        most = min(room or PER_JOB, self.offerings.most(group), fitting(batch, DIRECTORY_BYTES))
        self._pool.add(batch[most:], now)
        self._flying[group] += 1
        return batch[:most]

    async def _wait(self, now: float, blocked: Collection[str]) -> None:
        due = self._pool.next_close(now, blocked)
        full = self.under_way >= self._ctx.settings.launch.claims_ahead
        timeout = None if due is None or full else max(0.01, due - now)
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            return

    def nudge(self) -> None:
        """Room has come free: look at the windows again."""
        self._wake.set()

    async def _guarded(self, batch: list[Candidate]) -> None:
        """A launch holds its places for a while; one of unknown outcome must not hold up all."""
        group = batch[0].group
        late = asyncio.create_task(self._give_back(len(batch), HOLD_SECONDS))
        try:
            recorded = await self._record(batch)
            if recorded is not None:
                await self._call(recorded)
        finally:
            if late.cancel():
                await self._give_back(len(batch), 0.0)
            self._flying -= Counter((group,))
            self._forget_definitions()
            self._wake.set()

    async def _give_back(self, places: int, after: float) -> None:
        if after:
            await self._ctx.clock.sleep(after)
        self.under_way -= places
        self._wake.set()

    def _forget_definitions(self) -> None:
        """Those of no window and no launch: they are made again when they are needed."""
        for group in self._definitions.keys() - self._pool.groups() - self._flying.keys():
            del self._definitions[group]

    async def _call(self, recorded: Recorded) -> None:
        try:
            await self._caller.call(*recorded)
        except Deposed:
            raise
        except Exception:
            log.exception("launch %s is taken up again", recorded[0].launch_id)
            self._ctx.spawn(self._caller.resume(recorded[0]))

    async def _record(self, batch: list[Candidate]) -> Recorded | None:
        """Up to the ledger: whatever fails before it leaves the members where they were."""
        try:
            return await self._append(batch)
        except Deposed:
            raise
        except Exception:
            log.exception("a launch of %d instances failed before its record", len(batch))
            self._later(batch)
            return None

    async def _append(self, batch: list[Candidate]) -> Recorded | None:
        definition = self._definitions[batch[0].group]
        wanted = [one for one in batch if self._still_wanted(one)]
        ended = terminated(self._ctx, wanted)
        reason = Reason.TASK_INSTANCE_TERMINATED
        await self.refusals.end(ended, reason, reason.meaning)
        wanted = [one for one in wanted if one not in ended]
        if not wanted:
            return None
        offering = self.offerings.choose(definition)
        if offering is None and self.offerings.probed(definition):
            self._later(wanted)
            return None
        if offering is None:
            await self.refusals.none_left(definition, wanted)
            return None
        claimed, later = await claim(self._ctx, wanted)
        self._later(later)
        if not claimed:
            return None
        if definition.credential:
            # Whoever goes on after a crash needs the copy, whatever became of the Secret (R18).
            await self._ctx.cloud(definition.namespace, definition.credential, definition.region)
        claimed = [one for one in claimed if self._still_wanted(one)]
        if not claimed:
            return None
        entry = await self._ctx.ledger.append(
            lambda seq, nonce: build_record(
                seq,
                nonce,
                owner=self._ctx.ledger.owner,
                definition=definition,
                offering=offering,
                members=claimed,
                partial=self.offerings.partial(definition),
                longest_command=max(one.command_seconds for one in claimed),
                mailbox=self._ctx.mailbox,
                settings=self._ctx.settings,
                now=self._ctx.clock.now(),
            )
        )
        assert isinstance(entry.record, Launch)
        if (breaker := self.breakers.get(definition.group)) is not None:
            self.breakers[definition.group] = breaker.launched(entry.record.launch_id)
        for one in claimed:
            self._unlist(one)
        return entry.record, definition, offering, claimed

    def unprobe(self, launch: Launch) -> None:
        """A launch will not boot: void, or its machine was let go. It may have been the probe."""
        breaker = self.breakers.get(launch.definition)
        if breaker is not None:
            self.breakers[launch.definition] = breaker.ended(launch.launch_id)
            self._wake.set()

    def _later(self, batch: Iterable[Candidate]) -> None:
        """Those that are still enlisted, when their own waiting is over."""
        now = self._ctx.clock.now()
        for one in batch:
            job = self._ctx.store.known(one.job_uid)
            if job is None or (one.task, one.index) not in job.enlisted:
                continue
            again = max(now + RETRY_SECONDS, self.refusals.not_before(*one.slot))
            self._pool.add([replace(one, not_before=again)], again)

    # -- inside ------------------------------------------------------------------------

    def _still_wanted(self, one: Candidate) -> bool:
        job = self._ctx.store.known(one.job_uid)
        if job is None or job.view is None or job.view.deleting or job.wish is not None:
            self._free(one)
            return False
        view = view_of(self._ctx, one)
        if view is not None and (view.state in ENDED or view.attempt > one.attempt):
            self._unlist(one)
            return False
        return not self._in_ledger(one)

    def _in_ledger(self, one: Candidate) -> bool:
        """Whether a machine stands for this attempt, or an older one may still run (R6, 41)."""
        for member in self._ctx.ledger.index.members_of(one.job_uid, one.task, one.index):
            tracked = self._ctx.tracker.get(member.mid)
            if tracked is not None and may_start_next(
                facts_of(self._ctx, tracked, self._ctx.clock.now())
            ):
                continue
            if member.member.attempt < one.attempt:
                self._later([one])
            else:
                log.warning("%s.%s.%d is launched already", one.job, one.task, one.index)
                self._unlist(one)
            return True
        return False

    def _unlist(self, one: Candidate) -> None:
        job = self._ctx.store.known(one.job_uid)
        if job is not None:
            job.enlisted.pop((one.task, one.index), None)
            self._ctx.poke(job)

    def _free(self, one: Candidate) -> None:
        """Nothing stands for it any more: pending again, or an idle claim."""
        self.refusals.forget(one.slot)
        job = self._ctx.store.known(one.job_uid)
        if job is None:
            return
        job.enlisted.pop((one.task, one.index), None)
        if (one.task, one.index) in job.instances:
            job.idle[one.task, one.index] = one.attempt
        else:
            job.mark(one.task, one.index, State.PENDING)
        self._ctx.poke(job)

    def back(self, members: Iterable[Candidate]) -> None:
        """Members that a launch did not serve: into the windows again at once."""
        now = self._ctx.clock.now()
        for one in members:
            job = self._ctx.store.known(one.job_uid)
            if job is not None:
                job.enlisted[one.task, one.index] = one.attempt
                if self._still_wanted(one):
                    self._pool.add([one], now)
        self._wake.set()
