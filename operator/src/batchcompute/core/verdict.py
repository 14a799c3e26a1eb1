"""How an attempt ended (R9): from its result, or from what a lost machine left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchcompute.core.member_facts import Budget, Exit, Outcome
from batchcompute.vocabulary import BUDGET_FREE_REASONS, INFRASTRUCTURE_REASONS, Reason

if TYPE_CHECKING:
    from batchcompute.core.member_facts import MemberFacts, Result

_INFRASTRUCTURE = INFRASTRUCTURE_REASONS | {Reason.MAILBOX_EXPIRED}
_FREE = BUDGET_FREE_REASONS | {Reason.DEADLINE_EXCEEDED, Reason.COMPLETED}
_NO_EXIT = Exit()


def budget_of(reason: Reason) -> Budget:
    """What an attempt that ended by ``reason`` uses up (R9, property 7)."""
    if reason in _INFRASTRUCTURE:
        return Budget.INFRASTRUCTURE
    if reason in (Reason.LAUNCH_FAILED, Reason.CREATION_FAILED):
        return Budget.CREATION
    return Budget.NONE if reason in _FREE else Budget.USER


def of_result(result: Result, stopping: Reason | None) -> Outcome:
    """A durable result wins over everything; ``Cancelled`` tells by whose wish."""
    reason = result.reason
    if reason is Reason.CANCELLED and stopping is not None:
        reason = stopping
    return _outcome(reason, result.exit, result.message, budget_of(reason))


def of_lost(facts: MemberFacts) -> Outcome:
    """The verdict on a machine that is gone and left no result, after the last look."""
    beat = facts.beat
    if beat is not None and beat.phase == 2 and beat.exit is not None:
        return _delivering(facts, beat.exit)
    reason = facts.stop or lost(facts)
    message = facts.boot_note or "" if reason is Reason.BOOT_TIMEOUT else ""
    return _outcome(reason, None, message, budget_of(reason))


def _delivering(facts: MemberFacts, ended: Exit) -> Outcome:
    """The command had ended: its code counts, only the delivery was lost."""
    if ended.oom:
        return _outcome(Reason.OUT_OF_MEMORY, ended, "", Budget.USER)
    if ended.signal is not None:
        return _outcome(Reason.SIGNAL, ended, "", Budget.USER)
    if ended.code != 0:
        return _outcome(Reason.NON_ZERO_EXIT, ended, "", Budget.USER)
    wished = facts.stop if facts.stop in _FREE else None
    lost = Reason.SPOT_RECLAIMED if _reclaimed(facts) else Reason.OUTPUTS_LOST
    reason = wished or lost
    return _outcome(reason, ended, "", budget_of(reason))


def lost(facts: MemberFacts) -> Reason:
    """Why a machine goes, or went, that gave no result and no exit code."""
    if facts.wish is not None:
        return facts.wish.reason
    return Reason.SPOT_RECLAIMED if _reclaimed(facts) else Reason.MACHINE_LOST


def _reclaimed(facts: MemberFacts) -> bool:
    """A spot machine that went although nobody here ended it, or that had the notice."""
    noticed = facts.beat is not None and facts.beat.spot
    return noticed or (facts.spot and facts.stop in (None, Reason.SPOT_RECLAIMED))


def _outcome(reason: Reason, ended: Exit | None, message: str, budget: Budget) -> Outcome:
    ended = ended or _NO_EXIT
    return Outcome(reason, budget, ended.code, ended.signal, message)
