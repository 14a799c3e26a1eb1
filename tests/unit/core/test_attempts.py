"""Budgets and attempt numbers (R15, api.md "Budgets", property 7)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from batchcompute.core import verdict
from batchcompute.core.attempts import (
    Again,
    Ended,
    Limits,
    Spent,
    after,
    creation_wait,
    fresh_number,
)
from batchcompute.core.member_facts import Budget, Outcome
from batchcompute.vocabulary import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = 5000.0
UNSPENT, NO_RETRY = Spent(), Limits()


def ended(reason: Reason, budget: Budget | None = None) -> Outcome:
    return Outcome(reason, budget or verdict.budget_of(reason))


def step(outcome: Outcome, spent: Spent = UNSPENT, limits: Limits = NO_RETRY, **flags: bool) -> str:
    """The step as a sentence: ``again <attempt> in <seconds>`` or ``succeeded|failed <reason>``."""
    found = after(outcome, attempt=4, spent=spent, limits=limits, now=NOW, **flags)
    if isinstance(found, Again):
        return f"again {found.attempt} in {found.not_before - NOW:.0f}"
    return f"{'succeeded' if found.succeeded else 'failed'} {found.reason}"


EXIT, LOST = ended(Reason.NON_ZERO_EXIT), ended(Reason.MACHINE_LOST)
NOT_MADE, NO_BOOT = ended(Reason.LAUNCH_FAILED), ended(Reason.BOOT_TIMEOUT, Budget.CREATION)
CASES: dict[str, tuple[Callable[[], str], str]] = {
    "a success ends it": (partial(step, ended(Reason.COMPLETED)), "succeeded Completed"),
    "a failure without retries ends it": (partial(step, EXIT), "failed NonZeroExit"),
    "a failure with a retry left": (
        partial(step, EXIT, Spent(user=1), Limits(max_retries=2)),
        "again 5 in 0",
    ),
    "a failure with none left": (
        partial(step, EXIT, Spent(user=2), Limits(max_retries=2)),
        "failed NonZeroExit",
    ),
    "a timeout uses maxRetries": (partial(step, ended(Reason.TIMED_OUT)), "failed TimedOut"),
    "a lost machine needs no retry of the user": (partial(step, LOST), "again 5 in 0"),
    "the tenth lost machine": (partial(step, LOST, Spent(infrastructure=9)), "again 5 in 0"),
    "the eleventh lost machine": (
        partial(step, LOST, Spent(infrastructure=10)),
        "failed MachineLost",
    ),
    "the eleventh reclaimed machine": (
        partial(step, ended(Reason.SPOT_RECLAIMED), Spent(infrastructure=10)),
        "failed SpotReclaimed",
    ),
    "budgets are separate": (
        partial(step, LOST, Spent(user=9, creation=99), Limits(max_retries=1)),
        "again 5 in 0",
    ),
    "no machine, and no creation retries": (partial(step, NOT_MADE), "failed CreationFailed"),
    "no machine uses up no number": (
        partial(step, NOT_MADE, limits=Limits(resource_max_retries=1)),
        "again 4 in 600",
    ),
    "a start that the breaker counts uses up a number": (
        partial(step, NO_BOOT, Spent(creation=3), Limits(resource_max_retries=9)),
        "again 5 in 900",
    ),
    "creation retries used up under Fail": (
        partial(step, NOT_MADE, Spent(creation=7), Limits(resource_max_retries=7)),
        "failed CreationFailed",
    ),
    "creation retries used up under Wait": (
        partial(step, NOT_MADE, Spent(creation=100), Limits(resource_max_retries=7, patient=True)),
        "again 4 in 3600",
    ),
    "a boot failure before the breaker opens is a lost machine": (
        partial(step, ended(Reason.BOOT_TIMEOUT)),
        "again 5 in 0",
    ),
    "nothing is tried again while the job stops": (
        partial(step, LOST, stopping=True),
        "failed MachineLost",
    ),
    "a success counts while the job stops": (
        partial(step, ended(Reason.COMPLETED), stopping=True),
        "succeeded Completed",
    ),
    "a terminated instance": (partial(step, ended(Reason.TERMINATED)), "failed Terminated"),
    "a duplicate start beside another member": (
        partial(step, ended(Reason.DUPLICATE_START), Spent(infrastructure=10)),
        "failed DuplicateStart",
    ),
    "a duplicate start alone: the count was lost": (
        partial(step, ended(Reason.DUPLICATE_START), Spent(infrastructure=10), alone=True),
        "again 5 in 0",
    ),
}


@pytest.mark.parametrize(("found", "expected"), CASES.values(), ids=CASES)
def test_after_an_attempt(found: Callable[[], str], expected: str) -> None:
    assert found() == expected


def test_each_budget_counts_its_own_failures_only() -> None:
    limits = Limits(max_retries=9, resource_max_retries=9)
    spent = Spent()
    for outcome in (EXIT, EXIT, LOST, NOT_MADE, NOT_MADE, NOT_MADE):
        found = after(outcome, attempt=0, spent=spent, limits=limits, now=0)
        spent = found.spent
    assert spent == Spent(user=2, infrastructure=1, creation=3)
    alone = after(
        ended(Reason.DUPLICATE_START), attempt=0, spent=spent, limits=limits, now=0, alone=True
    )
    assert alone.spent == spent
    assert not isinstance(alone, Ended)


def test_the_waits_sum_to_those_of_the_original() -> None:
    assert [creation_wait(k) for k in (1, 3, 4, 10, 11, 50, 51, 100, 1000)] == [
        600, 600, 900, 900, 1800, 1800, 3600, 3600, 3600,
    ]  # fmt: skip
    assert sum(creation_wait(k) for k in range(1, 9)) == 6300
    assert sum(creation_wait(k) for k in range(1, 101)) == 260100


def test_numbers_never_start_again() -> None:
    assert [fresh_number(used) for used in ([], [0], [0, 3, 1])] == [0, 1, 4]


REASON_BUDGETS = {
    Budget.USER: {
        Reason.NON_ZERO_EXIT, Reason.SIGNAL, Reason.OUT_OF_MEMORY, Reason.TIMED_OUT,
        Reason.SETUP_FAILED, Reason.OUTPUTS_FAILED,
    },
    Budget.INFRASTRUCTURE: {
        Reason.OUTPUTS_LOST, Reason.SPOT_RECLAIMED, Reason.MACHINE_LOST, Reason.REBOOTED,
        Reason.RUNNER_LOST, Reason.BOOT_TIMEOUT, Reason.PROTOCOL_MISMATCH,
        Reason.DUPLICATE_START, Reason.MAILBOX_EXPIRED,
    },
    Budget.CREATION: {Reason.LAUNCH_FAILED, Reason.CREATION_FAILED},
    Budget.NONE: {
        Reason.CANCELLED, Reason.TERMINATED, Reason.TASK_INSTANCE_TERMINATED, Reason.DELETED,
        Reason.DEADLINE_EXCEEDED, Reason.COMPLETED,
    },
}  # fmt: skip


@pytest.mark.parametrize("budget", REASON_BUDGETS)
def test_what_each_reason_uses_up(budget: Budget) -> None:
    assert {r: verdict.budget_of(r) for r in REASON_BUDGETS[budget]} == dict.fromkeys(
        REASON_BUDGETS[budget], budget
    )
