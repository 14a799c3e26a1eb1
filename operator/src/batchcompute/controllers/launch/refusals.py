"""What follows when the cloud makes no machine: another offering, a wait, or the end (budgets)."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from batchcompute.cloud import errors
from batchcompute.core.attempts import Again, Limits, Spent, after
from batchcompute.core.job.observed import Wait
from batchcompute.core.job.tally import ENDED
from batchcompute.core.member_facts import Budget, Outcome
from batchcompute.core.task_instance.status import never_launched
from batchcompute.core.times import rfc3339
from batchcompute.vocabulary import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from batchcompute.controllers.context import Context
    from batchcompute.controllers.launch.offerings import Offerings
    from batchcompute.core.launch.definition import MachineDefinition
    from batchcompute.core.launch.pool import Candidate, Pool, Slot

log = logging.getLogger(__name__)


@dataclass
class _Patience:
    spent: Spent
    not_before: float
    wait: Wait


class Refusals:
    """Creation failures by instance; kept in memory, since only waiting depends on them."""

    def __init__(self, ctx: Context, pool: Pool, offerings: Offerings) -> None:
        self._ctx = ctx
        self._pool = pool
        self._offerings = offerings
        self._patience: dict[Slot, _Patience] = {}

    def count(self, job_uid: str, task: str, index: int) -> int:
        known = self._patience.get((job_uid, task, index))
        return known.spent.creation if known else 0

    def not_before(self, job_uid: str, task: str, index: int) -> float:
        known = self._patience.get((job_uid, task, index))
        return known.not_before if known else 0.0

    def left(self, job_uid: str, task: str, index: int) -> bool:
        """Whether one more creation failure would be followed by another try."""
        limits = limits_of(self._ctx, job_uid, task)
        return limits.patient or self.count(job_uid, task, index) < limits.resource_max_retries

    def hold(self, slot: Slot, follows: Again, reason: Reason, text: str) -> float:
        """Remember a creation failure and its wait; the moment of the next try."""
        now = self._ctx.clock.now()
        scale = self._ctx.settings.launch.wait_scale
        until = now + (follows.not_before - now) * scale
        wait = Wait(reason, f"{text}; next try at {rfc3339(until)}")
        self._patience[slot] = _Patience(follows.spent, until, wait)
        return until

    def forget(self, slot: Slot) -> None:
        """The instance has its machine, or has ended."""
        self._patience.pop(slot, None)

    def wait_of(self, job_uid: str) -> Wait | None:
        """What the job's instances wait for, of the one that waits the shortest."""
        now = self._ctx.clock.now()
        waits = [
            (known.not_before, known.wait.message, known.wait)
            for slot, known in self._patience.items()
            if slot[0] == job_uid and known.not_before > now
        ]
        return min(waits, key=lambda item: item[:2])[2] if waits else None

    async def none_left(self, definition: MachineDefinition, batch: Sequence[Candidate]) -> None:
        """Every offering is sold out: one creation failure for each (api.md, Budgets)."""
        why = self._offerings.why(definition)
        name, code, _ = why or ("every offering", "", 0.0)
        quota = isinstance(errors.from_code(code), errors.QuotaError)
        reason = Reason.QUOTA_EXCEEDED if quota else Reason.OUT_OF_STOCK
        text = f"no machine of {name} can be had ({code})"
        await self.failed(batch, Outcome(Reason.CREATION_FAILED, Budget.CREATION), reason, text)

    async def failed(
        self, batch: Iterable[Candidate], outcome: Outcome, reason: Reason, text: str
    ) -> None:
        """A creation failure each: wait by the table, or end."""
        now = self._ctx.clock.now()
        ended: list[Candidate] = []
        for one in batch:
            before = self._patience.get(one.slot)
            spent = before.spent if before else Spent()
            follows = after(
                outcome, attempt=one.attempt, spent=spent, limits=self._limits(one), now=now
            )
            if isinstance(follows, Again):
                until = self.hold(one.slot, follows, reason, text)
                self._list(replace(one, not_before=until, refusals=follows.spent.creation), now)
            else:
                ended.append(one)
        await self.end(ended, Reason.CREATION_FAILED, text)

    async def end(self, batch: Iterable[Candidate], reason: Reason, text: str) -> None:
        """These will have no machine: what waiting cannot mend, or patience is used up.

        No other record tells this end, so an old leader is fenced off first (decision 0005).
        """
        batch = list(batch)
        if not batch:
            return
        await self._ctx.ledger.fence()
        self._ctx.closed.set()
        await asyncio.gather(*(self._end_one(one, reason, text) for one in batch))

    async def _end_one(self, one: Candidate, reason: Reason, text: str) -> None:
        self.forget(one.slot)
        job = self._ctx.store.known(one.job_uid)
        if job is None:
            return
        now = self._ctx.clock.now()
        await self._ctx.instances.update(
            job,
            one.task,
            one.index,
            lambda view: (
                None
                if view.state in ENDED
                else never_launched(one.attempt, reason, now, view.generation) | {"message": text}
            ),
        )
        job.enlisted.pop((one.task, one.index), None)
        self._ctx.poke(job)

    def _list(self, one: Candidate, now: float) -> None:
        job = self._ctx.store.known(one.job_uid)
        if job is not None:
            job.enlisted[one.task, one.index] = one.attempt
            self._pool.add([one], now)
            self._ctx.poke(job)

    def _limits(self, one: Candidate) -> Limits:
        return limits_of(self._ctx, one.job_uid, one.task)


def limits_of(ctx: Context, job_uid: str, task: str) -> Limits:
    """The budgets of a task; nothing is tried again once its Job is unknown."""
    accepted = ctx.acceptances.known(job_uid)
    found = accepted.tasks.get(task) if accepted else None
    if accepted is None or found is None:
        return Limits()
    policy = str(accepted.spec.instance_creation_failure_policy)
    return Limits(found.max_retries, found.resource_max_retries, policy == "Wait")


REASONS: dict[type[errors.RefusedError], Reason] = {
    errors.AuthError: Reason.UNAUTHORIZED,
    errors.AccountError: Reason.BALANCE_INSUFFICIENT,
    errors.UserError: Reason.PARAMETER_INVALID,
}


def reason_of(error: errors.RefusedError) -> Reason:
    """Why an instance ends that the cloud will never make a machine for."""
    if "Image" in error.code:
        return Reason.IMAGE_INVALID
    if "InstanceType" in error.code and isinstance(error, errors.UserError):
        return Reason.INSTANCE_TYPE_INVALID
    return REASONS.get(type(error), Reason.PARAMETER_INVALID)
