"""Instances as the windows know them, and their claims (protocols.md 7, steps 1 and 2)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from batchcompute.controllers.instances import OldRunEnding
from batchcompute.core.launch.definition import MachineDefinition, define
from batchcompute.core.launch.pool import Candidate

if TYPE_CHECKING:
    from batchcompute.controllers.acceptance import Accepted
    from batchcompute.controllers.context import Context
    from batchcompute.controllers.launch.refusals import Refusals
    from batchcompute.controllers.store import InstanceView, JobState
    from batchcompute.core.job.resolved import ResolvedTask

log = logging.getLogger(__name__)


def definition_of(
    ctx: Context, job: JobState, accepted: Accepted, task: ResolvedTask, index: int
) -> MachineDefinition:
    """What the instance's machine may share a call by (R11)."""
    assert job.view is not None
    scope = {"Namespace": "", "Job": job.uid, "Instance": f"{job.uid}/{task.name}/{index}"}
    batch_scope = scope[ctx.settings.launch.batch_scope]
    return define(job.view.namespace, accepted.spec, task, accepted.frozen, batch_scope)


def candidate_of(
    job: JobState,
    accepted: Accepted,
    task: ResolvedTask,
    launch: tuple[int, int],
    group: str,
    refusals: Refusals,
) -> Candidate:
    """One attempt; ``launch``: its index and number."""
    assert job.view is not None
    index, attempt = launch
    return Candidate(
        job_uid=job.uid,
        namespace=job.view.namespace,
        job=job.view.name,
        task=task.name,
        index=index,
        attempt=attempt,
        priority=accepted.spec.priority,
        job_created=job.view.created,
        group=group,
        refusals=refusals.count(job.uid, task.name, index),
        not_before=refusals.not_before(job.uid, task.name, index),
        command_seconds=float(task.timeout_seconds),
        weight=_weight(task),
    )


def _weight(task: ResolvedTask) -> int:
    """About how many bytes the task adds to a directory; values of Secrets are not known yet."""
    env = sum(len(one.name) + len(one.value or "") + 16 for one in task.env)
    mappings = len(task.input_mappings) + len(task.output_mappings)
    return len(task.application.command or "") + env + 1024 * mappings


def view_of(ctx: Context, one: Candidate) -> InstanceView | None:
    """The TaskInstance, if it was claimed already."""
    job = ctx.store.known(one.job_uid)
    return job.instances.get((one.task, one.index)) if job is not None else None


def terminated(ctx: Context, batch: Sequence[Candidate]) -> list[Candidate]:
    """Those that somebody terminated while they waited for a machine."""
    return [one for one in batch if (view := view_of(ctx, one)) is not None and view.terminate]


async def claim(
    ctx: Context, batch: Sequence[Candidate]
) -> tuple[list[Candidate], list[Candidate]]:
    """Create the TaskInstances; those that have one, and those that are to be tried again.

    A name that an instance of a deleted Job still has is one of the latter.
    """
    answers = await asyncio.gather(*(_claim(ctx, one) for one in batch), return_exceptions=True)
    claimed: list[Candidate] = []
    later: list[Candidate] = []
    for one, answer in zip(batch, answers, strict=True):
        (claimed if answer is None else later).append(one)
        if answer is not None and not isinstance(answer, OldRunEnding):
            log.warning("claiming %s.%s.%d: %s", one.job, one.task, one.index, answer)
    return claimed, later


async def _claim(ctx: Context, one: Candidate) -> None:
    job = ctx.store.known(one.job_uid)
    if job is None or job.view is None:
        raise LookupError("its Job is gone")
    if (one.task, one.index) not in job.instances:
        await ctx.instances.claim(job.view, one.task, one.index)
