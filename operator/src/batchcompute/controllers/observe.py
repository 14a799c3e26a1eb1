"""From the leader's knowledge of a Job to the facts that its planner is given."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from batchcompute.controllers.acceptance import Accepted
from batchcompute.core.job.observed import Idle, JobFacts, Refusal, TaskFacts
from batchcompute.core.job.task_status import ended_in
from batchcompute.vocabulary import Annotation, Finalizer

if TYPE_CHECKING:
    from batchcompute.controllers.context import Context
    from batchcompute.controllers.launch.launcher import Launcher
    from batchcompute.controllers.store import JobState, JobView


log = logging.getLogger(__name__)


def observe(
    ctx: Context, launcher: Launcher, job: JobState, judged: Accepted | Refusal
) -> JobFacts:
    """Everything at one moment; nothing is awaited here."""
    view = job.view
    assert view is not None
    common: dict[str, Any] = {
        "generation": view.generation,
        "created": view.created,
        "deleting": view.deleting,
        "abandon": view.annotations.get(Annotation.ABANDON_RESOURCES) == "true",
        "finalizer": Finalizer.RESOURCES in view.finalizers,
        "open_members": ctx.ledger.index.count_of_job(job.uid),
        "enlisted": len(job.enlisted),
        "status": view.status,
    }
    if isinstance(judged, Refusal):
        return JobFacts(refusal=judged, **common)
    spec = judged.spec
    return JobFacts(
        tasks=tuple(_task(job, judged, name) for name in judged.tasks),
        cap=spec.max_concurrent_instances,
        terminate=spec.terminate,
        deadline_seconds=spec.active_deadline_seconds,
        revisions_stored=judged.stored,
        slots=launcher.slots(job),
        wait=launcher.wait_of(job),
        old_run=_old_run(ctx, view),
        resolved=judged.frozen.as_json(),
        complaint=judged.complaint,
        **common,
    )


def _task(job: JobState, accepted: Accepted, name: str) -> TaskFacts:
    task = accepted.tasks[name]
    idle = sorted((i, a) for (owner, i), a in job.idle.items() if owner == name)
    return TaskFacts(
        name=name,
        edges=task.edges,
        tally=job.tallies[name],
        cap=task.max_concurrent_instances,
        idle=tuple(Idle(index, attempt) for index, attempt in idle),
        failures=tuple(job.failures.get(name, ())),
        template_revision=accepted.revisions.get(task.template) if task.template else None,
    )


def _old_run(ctx: Context, view: JobView) -> bool:
    """Whether machines of an earlier Job of this name have not ended (R15)."""
    if "startTime" in view.status:
        return False
    return any(
        member.member.namespace == view.namespace
        and member.member.job == view.name
        and member.member.job_uid != view.uid
        for member in ctx.ledger.index.open_members()
    )


async def adopt(ctx: Context, job: JobState, accepted: Accepted) -> None:
    """Once per leader and Job: counts from what exists, claims held against the ledger (R15, R16).

    A claim without an open member that carries its attempt is free to be launched; a member
    without a TaskInstance gets it back.
    """
    job.size_tasks({name: task.size for name, task in accepted.tasks.items()})
    if job.adopted:
        return
    job.adopted = True
    assert job.view is not None
    for task, number, state in ended_in(job.view.status):
        if not job.has_ended((task, number)):
            job.mark(task, number, state)
    index = ctx.ledger.index
    for slot, instance in job.instances.items():
        if job.has_ended(slot) or slot in job.enlisted:
            continue
        members = index.members_of(job.uid, *slot)
        if not any(member.member.attempt >= instance.attempt for member in members):
            job.idle[slot] = instance.attempt
    lost = {
        (member.member.task, member.member.index)
        for member in index.of_job(job.uid)
        if (member.member.task, member.member.index) not in job.instances
    }
    if lost and not job.view.deleting:
        await asyncio.gather(*(_claim_again(ctx, job.view, *slot) for slot in sorted(lost)))


async def _claim_again(ctx: Context, view: JobView, task: str, index: int) -> None:
    """What cannot be made now is made with its final status (R16)."""
    try:
        await ctx.instances.claim(view, task, index)
    except Exception as error:
        log.warning("%s/%s.%s.%d is not made again: %s", *view.key, task, index, error)
