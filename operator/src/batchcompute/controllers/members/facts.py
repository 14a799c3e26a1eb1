"""From what was seen of a member to the facts that its decision is taken from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchcompute.controllers.claims import release
from batchcompute.controllers.launch.definitions import deadlines
from batchcompute.core.job.tally import ENDED
from batchcompute.core.member_facts import Deadlines, MemberFacts, Wish
from batchcompute.vocabulary import Reason

if TYPE_CHECKING:
    from batchcompute.controllers.context import Context
    from batchcompute.controllers.members.tracked import Tracked
    from batchcompute.controllers.store import JobState
    from batchcompute.core.job.resolved import ResolvedTask

SPOT = "SPOTPAID"


def task_of(ctx: Context, one: Tracked) -> ResolvedTask | None:
    """The complete task of a member; ``None`` when its Job is unknown."""
    accepted = ctx.acceptances.known(one.open.member.job_uid)
    return accepted.tasks.get(one.open.member.task) if accepted is not None else None


def facts_of(ctx: Context, one: Tracked, now: float, *, creation_left: bool = True) -> MemberFacts:
    """Everything that :func:`batchcompute.core.member.decide` asks for."""
    member = one.open.member
    index = ctx.ledger.index
    current = index.current(member.job_uid, member.task, member.index)
    job = ctx.store.known(member.job_uid)
    if not one.settled and _is_settled(one, job):
        one.settled = True
        release(ctx, member)
    limits = deadlines(ctx, task_of(ctx, one))
    stop = index.stop_reason(one.mid)
    return MemberFacts(
        mid=one.mid,
        instance_id=one.instance_id,
        sightings=one.sightings,
        deadlines=Deadlines(
            boot=ctx.settings.launch.boot_deadline_seconds,
            setup=limits.setup,
            command=limits.command,
            grace=limits.grace,
            upload=limits.upload,
        ),
        current=current is not None and current.mid == one.mid,
        settled=one.settled,
        spot=one.launch.charge_type == SPOT,
        stop=Reason(stop) if stop is not None else None,
        result=one.result,
        beat=one.beat,
        looked_at=one.looked_at,
        boot_note=one.boot_note,
        pulse=one.pulse,
        silent_since=one.silent_since,
        wish=_wish(ctx, one, job, now),
        cancel=one.cancel,
        mailbox_clean=one.mailbox_clean,
        terminate_at=one.terminate_at,
        lost_after=ctx.settings.mailbox.lost_after_seconds,
        creation_left=creation_left,
    )


def _is_settled(one: Tracked, job: JobState | None) -> bool:
    """Whether the TaskInstance tells the outcome of this attempt already (a restart, 28)."""
    if job is None:
        return False
    member = one.open.member
    view = job.instances.get((member.task, member.index))
    if view is None:
        return False
    return view.attempt > member.attempt or (view.attempt == member.attempt and view.state in ENDED)


def _wish(ctx: Context, one: Tracked, job: JobState | None, now: float) -> Wish | None:
    member = one.open.member
    if job is None or job.view is None:
        if one.wish is None or one.wish.reason is not Reason.DELETED:
            one.wish = Wish(Reason.DELETED, now)
        return one.wish
    if job.wish is not None:
        return job.wish
    view = job.instances.get((member.task, member.index))
    if one.wish is None and view is not None and view.terminate:
        one.wish = Wish(Reason.TASK_INSTANCE_TERMINATED, now)
    return one.wish
