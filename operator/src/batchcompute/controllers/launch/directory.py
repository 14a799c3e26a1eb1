"""``dir/<L>``: what a launch's machines read at boot, a function of its record (R3, step 7)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from batchcompute.cloud.errors import CloudError
from batchcompute.controllers.launch.definitions import (
    SecretGone,
    deadlines,
    definition,
    task_key,
)
from batchcompute.controllers.mailbox import attempt_path
from batchcompute.mailbox.layout import DIR_LIMIT
from batchcompute.mailbox.records import Directory, DirSlot, DirState, Run, SlotKind, dump

if TYPE_CHECKING:
    from batchcompute.controllers.acceptance import Accepted
    from batchcompute.controllers.context import Context
    from batchcompute.core.job.resolved import ResolvedTask
    from batchcompute.ledger.records import Launch, Member
    from batchcompute.mailbox.definition import Definition
    from batchcompute.mailbox.grants import Granter

log = logging.getLogger(__name__)

SLOT_BYTES = 4096
"""More than a slot takes: signatures and the names of its attempt."""


class NotJudged(Exception):
    """The tasks of a member are not known yet: without them it would be told to do nothing."""


async def build_directory(ctx: Context, launch: Launch) -> tuple[Directory, int]:
    """The directory of a bound launch, and how many members it leaves out for now.

    Building it again gives the same decisions. Members whose Job is gone get no run: their
    machines power off by themselves. Raises :class:`NotJudged`.
    """
    tasks: dict[str, Definition | None] = {}
    longest = 0
    runs: list[tuple[Member, ResolvedTask]] = []
    room = DIR_LIMIT - SLOT_BYTES * (len(launch.members) + 1)
    for member in launch.members:
        if not is_judged(ctx, member.job_uid):
            raise NotJudged(f"Job {member.namespace}/{member.job}")
        accepted = ctx.acceptances.known(member.job_uid)
        task = accepted.tasks.get(member.task) if accepted is not None else None
        if accepted is None or task is None:
            continue
        key = task_key(member)
        if key not in tasks:
            made, size = await _definition(ctx, member, accepted, task)
            tasks[key] = made if size <= room else None
            room -= size if size <= room else 0
        longest = max(longest, deadlines(ctx, task).total())
        runs.append((member, task))
    granter = ctx.mailbox.granter(launch.created_at, longest)
    told = {key: made for key, made in tasks.items() if made is not None}
    slots = [
        _slot(ctx, launch, member, task, granter)
        for member, task in runs
        if task_key(member) in told
    ]
    directory = Directory(
        launch=launch.launch_id,
        state=DirState.BOUND,
        host=ctx.mailbox.base,
        put=granter.put_grant,
        get=granter.get_grant,
        beat=int(ctx.settings.mailbox.beat_seconds),
        tasks=told,
        slots=slots,
    )
    return directory, len(runs) - len(slots)


async def _definition(
    ctx: Context, member: Member, accepted: Accepted, task: ResolvedTask
) -> tuple[Definition | None, int]:
    """One task and its size in bytes; whatever is wrong with it holds up its own members alone."""
    try:
        made = await definition(ctx, member, accepted, task)
        return made, len(dump(made.as_json()))
    except (SecretGone, CloudError) as error:
        log.warning("%s/%s waits: %s", member.namespace, member.job, error)
    except Exception:
        log.exception("%s/%s cannot be told what to do", member.namespace, member.job)
    return None, 0


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
