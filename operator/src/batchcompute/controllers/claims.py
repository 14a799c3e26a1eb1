"""Claims that nothing stands for any more: free to be launched again (R15, step 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchcompute.core.job.tally import ENDED, State

if TYPE_CHECKING:
    from batchcompute.controllers.context import Context
    from batchcompute.ledger.records import Member


def release(ctx: Context, member: Member) -> None:
    """Make the instance of an ended or void member idle, unless something else stands for it.

    Safe to call at any moment and twice: it asks the ledger, the launch and the TaskInstance.
    """
    job = ctx.store.known(member.job_uid)
    if job is None or job.view is None:
        return
    slot = member.task, member.index
    view = job.instances.get(slot)
    if slot in job.enlisted or (view is not None and view.state in ENDED):
        return
    attempt = max(member.attempt, view.attempt if view is not None else 0)
    members = ctx.ledger.index.members_of(job.uid, *slot)
    if any(other.member.attempt >= attempt for other in members):
        return
    job.idle[slot] = attempt
    job.mark(*slot, State.STARTING)
    ctx.poke(job)
