"""One look at an open member: facts, decision, actions in their order (protocols.md 7, 8 to 10)."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from batchcompute.controllers.launch.directory import is_judged
from batchcompute.controllers.members import boxes, finishing, looking
from batchcompute.controllers.members.facts import facts_of
from batchcompute.controllers.rounds import attempt
from batchcompute.controllers.windows import Window
from batchcompute.core import member as rules
from batchcompute.core.breaker import Breaker
from batchcompute.core.job.tally import ENDED, State
from batchcompute.core.member_facts import (
    Action,
    AskCancel,
    Budget,
    Cancel,
    CleanMailbox,
    Close,
    Finish,
    Look,
    Outcome,
    ReadBootNote,
    RecordStop,
    Terminate,
)
from batchcompute.vocabulary import Reason

if TYPE_CHECKING:
    from batchcompute.controllers.context import Context
    from batchcompute.controllers.launch.launcher import Launcher
    from batchcompute.controllers.members.terminating import Terminator
    from batchcompute.controllers.members.tracked import Tracked

log = logging.getLogger(__name__)

STOPS = 100
STOP_IDLE, STOP_LONGEST = 0.05, 0.5
UNJUDGED_SECONDS = 1.0
CLEAN_AGAIN_SECONDS = 30.0
PROGRESS_AFTER = 5.0
"""Seconds that a command has run before a status write says so (R20)."""


class MemberController:
    """``reconcile(mid)`` is called by the loop of the members' queue."""

    def __init__(self, ctx: Context, launcher: Launcher, terminator: Terminator) -> None:
        self._ctx = ctx
        self._launcher = launcher
        self._terminator = terminator
        self.stops: Window[tuple[str, Reason]] = Window(
            self._record_stops,
            clock=ctx.clock,
            size=STOPS,
            idle=STOP_IDLE,
            longest=STOP_LONGEST,
        )
        self.cleaning: Window[str] = Window(
            self._delete_keys, clock=ctx.clock, size=1000, idle=1.0, longest=1.0
        )

    async def reconcile(self, mid: str) -> float | None:
        """Seconds until the next look; ``None``: an event will tell."""
        one = self._ctx.tracker.get(mid)
        if one is None:
            return None
        if not is_judged(self._ctx, one.open.member.job_uid):
            return UNJUDGED_SECONDS
        now = self._ctx.clock.now()
        member = one.open.member
        left = self._launcher.refusals.left(member.job_uid, member.task, member.index)
        facts = facts_of(self._ctx, one, now, creation_left=left)
        if one.adopted and facts.settled and facts.looked_at is None:
            # The next attempt waits for a durable result of this one (R6): it is there to be read.
            await looking.last_look(self._ctx, one)
            return 0.0
        decision = rules.decide(facts, now)
        one.describe_every = decision.describe_every
        changed = False
        for action in decision.actions:
            changed = await self._perform(one, action) or changed
        if changed:
            return 0.0 if self._ctx.tracker.get(mid) is not None else None
        return self._next(one, decision.next_look, now)

    def _next(self, one: Tracked, look: float | None, now: float) -> float | None:
        times = [at for at in (look, self._progress_at(one)) if at is not None]
        return max(0.05, min(times) - now) if times else None

    def _progress_at(self, one: Tracked) -> float | None:
        """When the progress write is due; it goes out by itself, off this worker."""
        if one.settled or one.progressed or one.result is not None or 1 not in one.begun:
            return None
        due = one.begun[1] + PROGRESS_AFTER
        if self._ctx.clock.now() < due:
            return due
        self._ctx.spawn(finishing.show_progress(self._ctx, one))
        return None

    async def _perform(self, one: Tracked, action: Action) -> bool:
        """Carry out one action; whether the facts have changed by it."""
        ctx = self._ctx
        match action:
            case Look():
                await looking.last_look(ctx, one)
            case ReadBootNote():
                await looking.read_boot_note(ctx, one)
            case AskCancel(reason=reason):
                now = ctx.clock.now()
                one.cancel, one.refresh_at = Cancel(now, reason), now
                await attempt(boxes.write_box(ctx, one), f"the box of {one.mid}")
            case RecordStop(reason=reason):
                self.stops.add((one.mid, reason))
                return False
            case Finish(outcome=outcome):
                outcome = self._charged(one, outcome)
                self._boot_ended(one, outcome.reason)
                await finishing.finish(ctx, self._launcher, one, outcome)
            case CleanMailbox():
                self.cleaning.add(one.mid)
                one.mailbox_clean = True
            case Terminate():
                self._terminator.add(one)
                return False
            case Close():
                self._close(one)
        return True

    def _charged(self, one: Tracked, outcome: Outcome) -> Outcome:
        """While the breaker is open a failed probe is a creation failure (step 8)."""
        breaker = self._launcher.breakers.get(one.launch.definition)
        if outcome.reason is Reason.BOOT_TIMEOUT and breaker is not None and breaker.is_open:
            return replace(outcome, budget=Budget.CREATION)
        return outcome

    def _boot_ended(self, one: Tracked, reason: Reason) -> None:
        """Tell the breaker of the machine definition how the boot went."""
        group, launch = one.launch.definition, one.launch.launch_id
        breaker = self._launcher.breakers.get(group)
        if reason is Reason.BOOT_TIMEOUT:
            self._launcher.breakers[group] = (breaker or Breaker()).failed(launch)
        elif breaker is not None:
            beat = one.beat is not None or one.result is not None
            self._launcher.breakers[group] = breaker.booted() if beat else breaker.ended(launch)
        self._launcher.nudge()

    def saw_beat(self, one: Tracked, phase: int) -> None:
        """The first beat of a phase: the machine boots, the command runs."""
        if one.launch.definition in self._launcher.breakers:
            self._launcher.breakers.pop(one.launch.definition)
            self._launcher.nudge()
        member = one.open.member
        job = self._ctx.store.known(member.job_uid)
        if phase >= 1 and job is not None and not one.settled:
            view = job.instances.get((member.task, member.index))
            # The informer may show the end before the write of it returns.
            if view and view.attempt == member.attempt and view.state not in ENDED:
                job.mark(member.task, member.index, State.RUNNING)
                self._ctx.poke(job)
        self._ctx.members.add(one.mid)

    def _close(self, one: Tracked) -> None:
        self._ctx.ledger.close([one.mid])
        self._ctx.tracker.drop(one.mid)
        self._ctx.closed.set()
        member = one.open.member
        self._ctx.poke(self._ctx.store.known(member.job_uid))
        self._ctx.poke(self._ctx.store.job((member.namespace, member.job)))

    async def _record_stops(self, items: list[tuple[str, Reason]]) -> None:
        reasons = {mid: str(reason) for mid, reason in items}
        await self._ctx.ledger.append_stops(reasons)
        for mid in reasons:
            self._ctx.members.add(mid)

    async def _delete_keys(self, mids: list[str]) -> None:
        keys = {key: mid for mid in mids for key in self._ctx.mailbox.control_keys(mid)}
        left = set(mids)
        try:
            failed = await self._ctx.mailbox.cos.delete_many(keys)
            left = {keys[key] for key in failed if key in keys}
            if failed:
                log.warning("%d control objects stay: %s", len(failed), set(failed.values()))
        finally:
            if left:
                self._ctx.spawn(self._clean_again(left))

    async def _clean_again(self, mids: set[str]) -> None:
        await self._ctx.clock.sleep(CLEAN_AGAIN_SECONDS)
        for mid in mids:
            self.cleaning.add(mid)
