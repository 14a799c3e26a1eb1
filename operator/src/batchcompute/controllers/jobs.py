"""The Job controller: observe, plan, apply in the order of safety, write the status once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from batchcompute.controllers.acceptance import Accepted
from batchcompute.controllers.observe import adopt, observe
from batchcompute.controllers.store import JobState, Key, job_view
from batchcompute.core.job import actions as do
from batchcompute.core.job.plan import plan
from batchcompute.core.job.tally import ENDED
from batchcompute.core.member_facts import Wish
from batchcompute.core.mergepatch import difference
from batchcompute.core.task_instance.status import never_launched
from batchcompute.kube.errors import Conflict, NotFound
from batchcompute.kube.events import Regarding
from batchcompute.kube.resources import JOBS
from batchcompute.runtime.backoff import TokenBucket
from batchcompute.vocabulary import Finalizer, Reason

if TYPE_CHECKING:
    from batchcompute.controllers.context import Context
    from batchcompute.controllers.launch.launcher import Launcher
    from batchcompute.core.job.actions import Action, Announcement
    from batchcompute.ledger.records import Launch

log = logging.getLogger(__name__)

STATUS_SECONDS = 1.0
LARGE_STATUS_SECONDS = 5.0
LARGE_TASKS = 320
"""Statuses of more tasks than these are written every five seconds (api.md, property 2)."""
COUNTS_PER_SECOND = 30.0
"""Statuses of all jobs together that tell of counts alone (R20)."""
COUNTS_GIVE_WAY_SECONDS = 5.0
COUNTS_AGAIN_SECONDS = 0.5


class _Gone(Exception):
    """The Job was deleted before anything was begun for it; its event is on the way."""


class JobController:
    """``reconcile(key)`` is called by the loop of the jobs' queue."""

    def __init__(self, ctx: Context, launcher: Launcher) -> None:
        self._ctx = ctx
        self._launcher = launcher
        now = ctx.clock.monotonic()
        self._counts = TokenBucket(COUNTS_PER_SECOND, COUNTS_PER_SECOND, now)

    async def reconcile(self, key: Key) -> float | None:
        """Seconds until the next look by time; events tell of the rest."""
        job = self._ctx.store.job(key)
        if job is None or job.view is None:
            return None
        started = self._ctx.clock.monotonic()
        try:
            return await self._look(job)
        except _Gone:
            return None
        finally:
            took = self._ctx.clock.monotonic() - started
            job.look_after = self._ctx.clock.monotonic() + min(10.0, 10 * took)

    async def _look(self, job: JobState) -> float | None:
        assert job.view is not None
        judged = await self._ctx.acceptances.judge(job.view)
        if job.view is None:
            return None
        if isinstance(judged, Accepted):
            await adopt(self._ctx, job, judged)
            self._launcher.reprioritize(job.uid, judged.spec.priority)
        now = self._ctx.clock.now()
        facts = observe(self._ctx, self._launcher, job, judged)
        planned = plan(facts, now)
        for action in planned.actions:
            await self._apply(job, judged, action)
        if any(isinstance(action, do.RemoveFinalizer) for action in planned.actions):
            return None
        delay = await self._write(job, planned.status, planned.urgent, planned.announcements)
        times = [] if planned.next_look is None else [planned.next_look - now]
        times += [delay] if delay is not None else []
        return max(0.05, min(times)) if times else None

    async def _apply(self, job: JobState, judged: object, action: Action) -> None:
        assert job.view is not None
        match action:
            case do.AddFinalizer():
                wanted = [*job.view.finalizers, str(Finalizer.RESOURCES)]
                if not await self._finalizers(job, wanted):
                    raise _Gone
            case do.StoreRevisions():
                assert isinstance(judged, Accepted)
                await self._ctx.acceptances.store_revisions(job.view, judged)
            case do.Enlist(task=name, launches=launches):
                assert isinstance(judged, Accepted)
                self._launcher.enlist(job, judged, judged.tasks[name], launches)
            case do.Withdraw():
                self._launcher.withdraw(job)
            case do.Stop(reason=reason):
                self._stop(job, reason)
            case do.SettleIdle(task=name, launches=launches, reason=reason):
                await asyncio.gather(
                    *(
                        self._settle(job, name, index, attempt, reason)
                        for index, attempt in launches
                    )
                )
            case do.Abandon():
                await self._abandon(job)
            case do.RemoveFinalizer():
                others = [f for f in job.view.finalizers if f != Finalizer.RESOURCES]
                await self._finalizers(job, others)
                self._ctx.acceptances.forget(job.uid)

    async def _finalizers(self, job: JobState, wanted: list[str]) -> bool:
        """Whether the Job is still there."""
        assert job.view is not None
        view = job.view
        try:
            body = await self._ctx.client.merge_patch(
                JOBS,
                view.namespace,
                view.name,
                {"metadata": {"finalizers": wanted}},
                resource_version=str(view.version),
                uid=view.uid,
            )
        except NotFound:
            return False
        self._ctx.store.put_job(job_view(body))
        return True

    def _stop(self, job: JobState, reason: Reason) -> None:
        if job.wish is None or (reason is Reason.DELETED and job.wish.reason is not reason):
            job.wish = Wish(reason, self._ctx.clock.now())
            for member in self._ctx.ledger.index.of_job(job.uid):
                self._ctx.members.add(member.mid)

    async def _settle(
        self, job: JobState, task: str, index: int, attempt: int, reason: Reason
    ) -> None:
        now = self._ctx.clock.now()
        await self._ctx.instances.update(
            job,
            task,
            index,
            lambda view: (
                None
                if view.state in ENDED
                else never_launched(attempt, reason, now, view.generation)
            ),
        )
        job.idle.pop((task, index), None)

    async def _abandon(self, job: JobState) -> None:
        """Machines that are bound stay; a launch still under way ends as any of a deleted Job."""
        assert job.view is not None
        members = self._ctx.ledger.index.of_job(job.uid)
        ids = sorted(m.instance_id for m in members if m.instance_id is not None)
        if not ids:
            return
        launches = {m.seq: self._ctx.ledger.index.launch(m.seq) for m in members if m.instance_id}
        known = [launch for launch in launches.values() if launch is not None]
        await self._ctx.ledger.append_abandon(ids, _account(known[0]))
        for launch in known:
            self._launcher.unprobe(launch)
        for member in members:
            if member.instance_id is not None:
                self._ctx.tracker.drop(member.mid)
        self._ctx.closed.set()
        text = f"machines are left running, as annotated: {', '.join(ids)}"
        self._ctx.events.record(_regarding(job), Reason.ABANDONED, text, kind="Warning")

    async def _write(
        self,
        job: JobState,
        status: Mapping[str, Any] | None,
        urgent: bool,
        announcements: tuple[Announcement, ...],
    ) -> float | None:
        """Write the status unless it is too soon; seconds until it may be written then."""
        if status is None or job.view is None:
            return None
        large = len(status.get("tasks", ())) > LARGE_TASKS
        wait = job.status_at + (LARGE_STATUS_SECONDS if large else STATUS_SECONDS)
        wait -= self._ctx.clock.monotonic()
        if wait > 0:
            return wait
        if not urgent and not self._counts_may_go(job):
            return COUNTS_AGAIN_SECONDS
        async with self._ctx.lanes.job():
            await self._patch(job, status)
        for one in announcements:
            self._ctx.events.record(
                _regarding(job),
                one.reason,
                one.message,
                kind="Warning" if one.warning else "Normal",
            )
        return None

    def _counts_may_go(self, job: JobState) -> bool:
        """Counts alone give way to claims and finals, for a while, and are few over all jobs.

        Nothing waits here: a look that waited would not claim the next instances.
        """
        now = self._ctx.clock.monotonic()
        if self._ctx.lanes.busy and now < job.status_at + COUNTS_GIVE_WAY_SECONDS:
            return False
        return self._counts.try_take(now)

    async def _patch(self, job: JobState, status: Mapping[str, Any]) -> None:
        assert job.view is not None
        view = job.view
        try:
            body = await self._ctx.client.merge_patch(
                JOBS,
                view.namespace,
                view.name,
                {"status": difference(view.status, status)},
                subresource="status",
                resource_version=str(view.version),
                uid=view.uid,
            )
        except NotFound:
            return
        job.status_at = self._ctx.clock.monotonic()
        self._ctx.store.put_job(job_view(body))


def _account(launch: Launch) -> tuple[str, str, str]:
    """All machines of a Job are of one account and region."""
    namespace = launch.namespace if launch.credential else ""
    return namespace, launch.credential, launch.region


def _regarding(job: JobState) -> Regarding:
    assert job.view is not None
    return Regarding(JOBS, job.view.namespace, job.view.name, job.uid)


EXPECTED = (Conflict,)
"""Errors of a reconcile that the next one mends by itself."""
