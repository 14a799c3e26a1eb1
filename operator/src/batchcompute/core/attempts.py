"""What follows the end of an attempt: the next one and its number (R15), or the end (budgets)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from batchcompute.core.member_facts import Budget
from batchcompute.vocabulary import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from batchcompute.core.member_facts import Outcome

INFRASTRUCTURE_LIMIT = 10  # reclaimed or lost machines per instance and run
# Seconds before creation retry k, up to and including k (the original's table).
_CREATION_WAITS = ((3, 600.0), (10, 900.0), (50, 1800.0))
_CREATION_LAST = 3600.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Of the task and its job; ``patient``: instanceCreationFailurePolicy is ``Wait``."""

    max_retries: int = 0
    resource_max_retries: int = 0
    patient: bool = False


@dataclass(frozen=True, slots=True)
class Spent:
    """Budget used by this instance since the last ``spec.retry``."""

    user: int = 0
    infrastructure: int = 0
    creation: int = 0


@dataclass(frozen=True, slots=True)
class Again:
    """Launch ``attempt`` once R6 allows it, not before ``not_before`` (Unix seconds)."""

    attempt: int
    not_before: float
    spent: Spent


@dataclass(frozen=True, slots=True)
class Ended:
    """The instance has ended, for ``reason``."""

    succeeded: bool
    reason: Reason
    spent: Spent


def creation_wait(k: int) -> float:
    """Seconds to wait before creation retry ``k`` (from 1)."""
    return next((wait for until, wait in _CREATION_WAITS if k <= until), _CREATION_LAST)


def fresh_number(used: Iterable[int]) -> int:
    """The first number above all that this instance has used, in whatever run (R15)."""
    return max(used, default=-1) + 1


def after(
    outcome: Outcome,
    *,
    attempt: int,
    spent: Spent,
    limits: Limits,
    now: float,
    stopping: bool = False,
    alone: bool = False,
) -> Again | Ended:
    """What follows ``outcome`` of attempt number ``attempt``.

    ``stopping``: job or instance are to end, nothing is tried again. ``alone``: the ledger has
    no other open member of this instance, so a ``DuplicateStart`` means only that a TaskInstance
    was deleted by hand and lost its count: the next number, no budget (R15).
    """
    if outcome.succeeded:
        return Ended(True, outcome.reason, spent)
    if stopping or outcome.budget is Budget.NONE:
        return Ended(False, outcome.reason, spent)
    if outcome.reason is Reason.DUPLICATE_START and alone:
        return Again(attempt + 1, now, spent)
    if outcome.budget is Budget.CREATION:
        return _creation(outcome, attempt, spent, limits, now)
    if outcome.budget is Budget.INFRASTRUCTURE:
        more = replace(spent, infrastructure=spent.infrastructure + 1)
        left = spent.infrastructure < INFRASTRUCTURE_LIMIT
    else:
        more = replace(spent, user=spent.user + 1)
        left = spent.user < limits.max_retries
    return Again(attempt + 1, now, more) if left else Ended(False, outcome.reason, more)


def _creation(
    outcome: Outcome, attempt: int, spent: Spent, limits: Limits, now: float
) -> Again | Ended:
    """A launch that was bound and not LAUNCH_FAILED used up its number (R15), no other did."""
    more = replace(spent, creation=spent.creation + 1)
    if spent.creation >= limits.resource_max_retries and not limits.patient:
        return Ended(False, Reason.CREATION_FAILED, more)
    number = attempt + 1 if outcome.reason is Reason.BOOT_TIMEOUT else attempt
    return Again(number, now + creation_wait(more.creation), more)
