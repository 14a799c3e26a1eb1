"""``dir/<L>``: what a launch's machines read at boot, a function of its record (R3, step 7)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from batchcompute.controllers.launch.definitions import deadlines, definition, task_key
from batchcompute.controllers.mailbox import attempt_path
from batchcompute.mailbox.records import Directory, DirSlot, DirState, Run, SlotKind

if TYPE_CHECKING:
    from batchcompute.controllers.context import Context
    from batchcompute.core.job.resolved import ResolvedTask
    from batchcompute.ledger.records import Launch, Member
    from batchcompute.mailbox.definition import Definition
    from batchcompute.mailbox.grants import Granter

log = logging.getLogger(__name__)


class NotJudged(Exception):
    """The tasks of a member are not known yet: without them it would be told to do nothing."""


async def write_directory(ctx: Context, launch: Launch) -> None:
    """PUT the directory of a bound launch; writing it again writes the same decisions."""
    body = (await build_directory(ctx, launch)).encode()
    await ctx.mailbox.cos.put(ctx.mailbox.layout.directory(launch.launch_id), body)


async def build_directory(ctx: Context, launch: Launch) -> Directory:
    """Members whose Job is gone get no run: their machines power off by themselves."""
    tasks: dict[str, Definition] = {}
    slots: list[DirSlot] = []
    longest = 0
    runs: list[tuple[Member, ResolvedTask]] = []
    for member in launch.members:
        if not is_judged(ctx, member.job_uid):
            raise NotJudged(f"Job {member.namespace}/{member.job}")
        accepted = ctx.acceptances.known(member.job_uid)
        task = accepted.tasks.get(member.task) if accepted is not None else None
        if accepted is None or task is None:
            continue
        key = task_key(member)
        if key not in tasks:
            tasks[key] = await definition(ctx, member, accepted, task)
        longest = max(longest, deadlines(ctx, task).total())
        runs.append((member, task))
    granter = ctx.mailbox.granter(launch.created_at, longest)
    for member, task in runs:
        slots.append(_slot(ctx, launch, member, task, granter))
    return Directory(
        launch=launch.launch_id,
        state=DirState.BOUND,
        host=ctx.mailbox.base,
        put=granter.put_grant,
        get=granter.get_grant,
        beat=int(ctx.settings.mailbox.beat_seconds),
        tasks=tasks,
        slots=slots,
    )


def is_judged(ctx: Context, job_uid: str) -> bool:
    """Whether all that can be known of a Job is known; of one that is gone it is."""
    job = ctx.store.known(job_uid)
    return job is None or job.view is None or ctx.acceptances.judged(job_uid)


def _slot(
    ctx: Context, launch: Launch, member: Member, task: ResolvedTask, granter: Granter
) -> DirSlot:
    mid = launch.mid(member.slot)
    return DirSlot(
        instance_id=launch.ids[member.slot],
        mid=mid,
        kind=SlotKind.RUN,
        box_get=granter.box_get(mid),
        run=build_run(ctx, mid, member, task, granter),
    )


def build_run(ctx: Context, mid: str, member: Member, task: ResolvedTask, granter: Granter) -> Run:
    """The run of an elastic machine, number 0, with all its signatures."""
    path = attempt_path(member)
    return Run(
        n=0,
        attempt_path=path,
        tkey=task_key(member),
        env={
            "BATCH_JOB_ID": member.job_uid,
            "BATCH_JOB_NAME": member.job,
            "BATCH_JOB_NAMESPACE": member.namespace,
            "BATCH_TASK_NAME": member.task,
            "BATCH_TASK_INSTANCE_INDEX": str(member.index),
            "BATCH_TASK_INSTANCE_NUM": str(task.size),
            "BATCH_TASK_ATTEMPT": str(member.attempt),
        },
        deadlines=deadlines(ctx, task),
        sig=granter.run(f"{mid}.0", path),
    )
