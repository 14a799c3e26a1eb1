"""The outcome of an attempt made durable: final status, or the next attempt (R15, R16, R20)."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from batchcompute.controllers.launch.refusals import limits_of
from batchcompute.core.attempts import Again, Ended, after
from batchcompute.core.job.tally import ENDED, State
from batchcompute.core.member_facts import Budget, Outcome
from batchcompute.core.task_instance.status import AttemptFacts, after_attempt, running
from batchcompute.vocabulary import Reason

if TYPE_CHECKING:
    from typing import Any

    from batchcompute.controllers.context import Context
    from batchcompute.controllers.launch.launcher import Launcher
    from batchcompute.controllers.members.tracked import Tracked
    from batchcompute.controllers.store import InstanceView

log = logging.getLogger(__name__)


def attempt_facts(ctx: Context, one: Tracked) -> AttemptFacts:
    """One attempt as statuses tell it; machine durations from the bucket's clock (R30)."""
    member, machine = one.open.member, one.machine
    running_at, ended_at = one.begun.get(1), None
    if one.record is not None and one.done_at is not None:
        elapsed = one.record.elapsed
        ended_at = one.done_at
        if elapsed.end is not None and elapsed.start is not None:
            running_at = one.done_at - (elapsed.end - elapsed.start)
        if elapsed.end is not None and elapsed.exit is not None:
            ended_at = one.done_at - (elapsed.end - elapsed.exit)
    return AttemptFacts(
        number=member.attempt,
        instance_id=one.instance_id,
        zone=machine.zone or one.launch.zone,
        instance_type=machine.instance_type or one.asked_type,
        private_ip=machine.private_ip,
        charge_type={"SPOTPAID": "Spot"}.get(one.launch.charge_type, "PostpaidByHour"),
        launched=one.launch.created_at,
        running=running_at,
        ended=ended_at if ended_at is not None else ctx.clock.now(),
        stdout=ctx.mailbox.log_url(member, "out"),
        stderr=ctx.mailbox.log_url(member, "err"),
    )


async def finish(ctx: Context, launcher: Launcher, one: Tracked, outcome: Outcome) -> None:
    """Write what follows an attempt; afterwards the member is settled."""
    member = one.open.member
    job = ctx.store.known(member.job_uid)
    if outcome.budget is Budget.CREATION and outcome.reason is Reason.LAUNCH_FAILED:
        one.settled = True
        await _creation_failed(ctx, launcher, one, outcome)
        return
    if job is not None:
        await _write(ctx, launcher, one, outcome)
    one.settled = True
    ctx.poke(job)


async def _write(ctx: Context, launcher: Launcher, one: Tracked, outcome: Outcome) -> None:
    member = one.open.member
    job = ctx.store.of_uid(member.job_uid)
    facts = attempt_facts(ctx, one)
    follows: list[Again | Ended] = []

    def make(view: InstanceView) -> dict[str, Any] | None:
        if view.attempt > member.attempt or view.state in ENDED:
            return None
        others = [
            other.mid
            for other in ctx.ledger.index.members_of(member.job_uid, member.task, member.index)
            if other.mid != one.mid
        ]
        made = launcher.refusals.count(member.job_uid, member.task, member.index)
        decided = after(
            outcome,
            attempt=member.attempt,
            spent=replace(view.spent, creation=made),
            limits=limits_of(ctx, member.job_uid, member.task),
            now=ctx.clock.now(),
            stopping=job.wish is not None or view.terminate,
            alone=not others,
        )
        follows[:] = [decided]
        return after_attempt(facts, outcome, decided, view.attempts, view.generation)

    written = await ctx.instances.update(job, member.task, member.index, make)
    slot = (member.job_uid, member.task, member.index)
    launcher.refusals.forget(slot)
    if written is None or not follows:
        return
    if isinstance(follows[0], Again):
        if outcome.budget is Budget.CREATION:
            text = f"machine {one.instance_id} did not boot"
            launcher.refusals.hold(slot, follows[0], outcome.reason, text)
        job.idle[member.task, member.index] = follows[0].attempt
        job.mark(member.task, member.index, State.STARTING)


async def _creation_failed(
    ctx: Context, launcher: Launcher, one: Tracked, outcome: Outcome
) -> None:
    """LAUNCH_FAILED used up no number: the same attempt is launched again (R15, step 8)."""
    member = one.open.member
    job = ctx.store.known(member.job_uid)
    accepted = ctx.acceptances.known(member.job_uid)
    if job is None or job.view is None or accepted is None or job.wish is not None:
        return
    task = accepted.tasks[member.task]
    candidate = launcher.candidate(job, accepted, task, member.index, member.attempt)
    text = f"the cloud gave up on machine {one.instance_id}"
    await launcher.refusals.failed([candidate], outcome, Reason.LAUNCH_FAILED, text)
    launcher.nudge()


async def show_progress(ctx: Context, one: Tracked) -> None:
    """The one progress write, in the calm lane (R20); dropped once it is superseded."""
    member = one.open.member
    job = ctx.store.known(member.job_uid)
    if job is None or one.progressed:
        return
    one.progressed = True
    async with ctx.lanes.calm():
        view = job.instances.get((member.task, member.index))
        if view is None or one.settled or one.result is not None:
            return
        if view.attempt != member.attempt or view.state is not State.STARTING:
            return
        status = running(attempt_facts(ctx, one), view.generation)
        await ctx.instances.write_once(job, view, status)
