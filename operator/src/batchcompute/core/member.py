"""The life of one ledger member, from binding to closing (protocols.md 7, steps 8 to 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchcompute.core import gone, verdict
from batchcompute.core.gone import Standing
from batchcompute.core.member_facts import (
    Action,
    AskCancel,
    Budget,
    CleanMailbox,
    Close,
    Finish,
    Look,
    MemberDecision,
    MemberFacts,
    Outcome,
    Pulse,
    ReadBootNote,
    RecordStop,
    Terminate,
)
from batchcompute.core.terminating import TERMINATE_AGAIN, terminable
from batchcompute.vocabulary import Reason

if TYPE_CHECKING:
    from batchcompute.core.member_facts import Beat

PENDING_SECONDS = 600.0  # from binding to RUNNING; a new leader does not know when that was
NET_SECONDS = 300.0  # beyond what the runner enforces itself, before the operator does
WATCH_EVERY = 10.0
REST_EVERY = 60.0


def decide(facts: MemberFacts, now: float) -> MemberDecision:
    """What to do about a bound member at ``now``. Performing it twice is performing it once.

    The order of the cases is the safety argument: nothing here terminates a machine, or ends an
    attempt, that has neither a durable result nor a ``stop`` record, and nothing closes a member
    whose machine is not gone (R5, R6).
    """
    where = gone.standing(facts.sightings)
    if facts.settled or not facts.current:
        return _wind_up(facts, where, now)
    if facts.result is not None:
        return _finish(verdict.of_result(facts.result, _stopping(facts)))
    if facts.sightings.never_ran:
        return _never_ran(facts, now)
    if where is Standing.GONE:
        return _gone(facts, now)
    if facts.stop is not None:
        return _terminate(facts, now)
    return _watch(facts, where, now)


def may_start_next(facts: MemberFacts) -> bool:
    """R6: whether this member stands in the way of another launch no longer.

    A launch needs it of every open member of its instance: a ``DuplicateStart`` of one says
    that another still works. LAUNCH_FAILED lets the same attempt be launched at once, but not
    once a ``stop`` record has taken its end in hand.
    """
    if facts.sightings.never_ran and facts.stop is None:
        return True
    over = facts.sightings.never_ran or gone.standing(facts.sightings) is Standing.GONE
    return facts.settled and (facts.result is not None or over)


# -- while it works -------------------------------------------------------------------


def _watch(facts: MemberFacts, where: Standing, now: float) -> MemberDecision:
    if where is Standing.HALTED:
        since = facts.sightings.state_since or now
        return _stop(facts, verdict.lost(facts), since=since, now=now)
    if where is Standing.LEAVING:
        return MemberDecision((), now + WATCH_EVERY, WATCH_EVERY)
    if facts.wish is not None:
        return _cancel(facts, facts.wish.reason, facts.wish.since, now)
    if facts.beat is None:
        return _boot(facts, now)
    return _silence(facts, now) or _deadline(facts, facts.beat, now)


def _cancel(facts: MemberFacts, reason: Reason, since: float, now: float) -> MemberDecision:
    """TERM, grace, KILL by the runner; a machine that never beat has nothing to lose."""
    if facts.beat is None:
        return _stop(facts, reason, since=since, now=now)
    if facts.cancel is None:
        return _act(now, AskCancel(reason))
    until = facts.cancel.at + facts.deadlines.grace + NET_SECONDS
    if now < until:
        return MemberDecision((), until)
    return _stop(facts, reason, since=until, now=now)


def _boot(facts: MemberFacts, now: float) -> MemberDecision:
    """No beat yet: described every 10 s, stopped when the boot deadline passes."""
    latest = facts.sightings.bound_at + PENDING_SECONDS
    running = facts.sightings.running_since
    until = facts.deadlines.boot + (latest if running is None else min(running, latest))
    if now < until:
        return MemberDecision((), min(until, now + WATCH_EVERY), WATCH_EVERY)
    if facts.boot_note is None:
        return _act(now, Look(), ReadBootNote())
    return _stop(facts, Reason.BOOT_TIMEOUT, since=until, now=now)


def _silence(facts: MemberFacts, now: float) -> MemberDecision | None:
    """R13: silent and RUNNING waits ``lost_after`` more; without evidence, to the last hour."""
    last = facts.sightings.bound_at + PENDING_SECONDS + facts.deadlines.total + NET_SECONDS
    if facts.pulse is Pulse.NO_EVIDENCE:
        if now < last:
            return MemberDecision((), last)
        return _stop(facts, Reason.MAILBOX_EXPIRED, since=last, now=now)
    if facts.pulse is Pulse.BEATING or facts.silent_since is None:
        return None
    until = facts.silent_since + facts.lost_after
    if now < until:
        return MemberDecision((), until, WATCH_EVERY)
    return _stop(facts, verdict.lost(facts), since=until, now=now)


def _deadline(facts: MemberFacts, beat: Beat, now: float) -> MemberDecision:
    """The runner keeps its own deadlines; one that does not is cancelled, then stopped."""
    limits = facts.deadlines
    began = beat.at - beat.elapsed
    allowed, reason = {
        0: (limits.setup, Reason.SETUP_FAILED),
        1: (limits.command, Reason.TIMED_OUT),
        2: (limits.command + limits.grace + limits.upload, Reason.OUTPUTS_LOST),
    }[beat.phase]
    until = began + allowed + limits.grace + NET_SECONDS
    if now < until:
        return MemberDecision((), until)
    return _cancel(facts, reason, until, now)


# -- without a result -----------------------------------------------------------------


def _never_ran(facts: MemberFacts, now: float) -> MemberDecision:
    """The same attempt again, while creation retries are left and nobody recorded its end."""
    if facts.stop is not None:
        return _finish(Outcome(facts.stop, verdict.budget_of(facts.stop)))
    if facts.wish is not None:
        return _act(now, RecordStop(facts.wish.reason))
    if not facts.creation_left:
        return _act(now, RecordStop(Reason.CREATION_FAILED))
    return _finish(Outcome(Reason.LAUNCH_FAILED, Budget.CREATION))


def _gone(facts: MemberFacts, now: float) -> MemberDecision:
    """Last look, ``stop`` record, verdict.

    The record is for the fence: an old leader must not end an attempt that a later one has
    launched once more because it saw LAUNCH_FAILED (found by the explicit-state model).
    """
    if not _looked(facts, facts.sightings.gone_at or now):
        return _act(now, Look())
    if facts.stop is None:
        return _act(now, RecordStop(verdict.lost(facts)))
    return _finish(verdict.of_lost(facts))


# -- the end --------------------------------------------------------------------------


def _wind_up(facts: MemberFacts, where: Standing, now: float) -> MemberDecision:
    """The outcome is durable, or another member carries the instance on."""
    clean = () if facts.mailbox_clean else (CleanMailbox(),)
    if where is Standing.GONE:
        return MemberDecision((*clean, Close()))
    if where is Standing.NEVER_RAN or where is Standing.LEAVING:
        return MemberDecision(clean, now + WATCH_EVERY, WATCH_EVERY)
    if not facts.settled and facts.result is None and facts.stop is None:
        return _act(now, RecordStop(Reason.MACHINE_LOST))
    going = _terminate(facts, now)
    return MemberDecision((*clean, *going.actions), going.next_look, going.describe_every)


def _stop(facts: MemberFacts, reason: Reason, *, since: float, now: float) -> MemberDecision:
    """A verdict needs reads of the exact keys after the moment that gives rise to it."""
    return _act(now, RecordStop(reason)) if _looked(facts, since) else _act(now, Look())


def _terminate(facts: MemberFacts, now: float) -> MemberDecision:
    state = facts.sightings.state
    absent = facts.sightings.absent_since is not None
    ready = not absent and terminable(state, wrote_done=facts.result is not None)
    again = facts.terminate_at is None or now >= facts.terminate_at + TERMINATE_AGAIN
    actions: tuple[Action, ...] = (Terminate(),) if ready and again else ()
    return MemberDecision(actions, now + WATCH_EVERY, WATCH_EVERY)


def _stopping(facts: MemberFacts) -> Reason | None:
    """In whose name a ``Cancelled`` was asked for."""
    if facts.stop is not None:
        return facts.stop
    if facts.wish is not None:
        return facts.wish.reason
    return facts.cancel.reason if facts.cancel is not None else None


def _looked(facts: MemberFacts, since: float) -> bool:
    return facts.looked_at is not None and facts.looked_at >= since


def _finish(outcome: Outcome) -> MemberDecision:
    return MemberDecision((Finish(outcome),))


def _act(now: float, *actions: Action) -> MemberDecision:
    return MemberDecision(actions, now + WATCH_EVERY, WATCH_EVERY)
