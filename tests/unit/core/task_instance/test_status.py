"""The status of a TaskInstance: what is written after an attempt."""

from __future__ import annotations

from typing import Any

import pytest

from batchcompute.core.attempts import Again, Ended, Spent
from batchcompute.core.member_facts import Budget, Outcome
from batchcompute.core.task_instance.status import (
    AttemptFacts,
    after_attempt,
    message_of,
    never_launched,
    running,
    spent,
)
from batchcompute.vocabulary import Reason

NOW = 1_800_000_000.0
FACTS = AttemptFacts(
    number=1,
    instance_id="ins-1",
    zone="z-1",
    instance_type="S5.MEDIUM4",
    private_ip="10.0.0.1",
    charge_type="PostpaidByHour",
    launched=NOW - 60,
    running=NOW - 30,
    ended=NOW,
    stdout="cos://b/out.00",
    stderr="cos://b/err.00",
)
EXIT_3 = Outcome(Reason.NON_ZERO_EXIT, Budget.USER, exit_code=3)


def test_a_retry_nulls_what_belonged_to_the_attempt_and_keeps_it_in_the_list() -> None:
    status = after_attempt(FACTS, EXIT_3, Again(2, NOW, Spent(user=1)), [{"number": 0}], 4)
    assert (status["phase"], status["attempt"], status["retriesUsed"]) == ("Starting", 2, 1)
    assert status["exitCode"] is None and status["instanceId"] is None
    assert [entry["number"] for entry in status["attempts"]] == [0, 1]
    assert status["attempts"][1] | {"exitCode": 3, "reason": "NonZeroExit"} == status["attempts"][1]


def test_an_end_keeps_exit_code_machine_and_times() -> None:
    status = after_attempt(FACTS, EXIT_3, Ended(False, Reason.NON_ZERO_EXIT, Spent(user=2)), [], 4)
    assert (status["phase"], status["attempt"], status["exitCode"]) == ("Failed", 1, 3)
    assert status["instanceId"] == "ins-1"
    assert status["runningTime"] < status["endTime"]
    assert status["observedGeneration"] == 4


def test_no_more_than_ten_attempts_are_kept_the_newest_last() -> None:
    earlier = [{"number": n} for n in range(10)]
    status = after_attempt(FACTS, EXIT_3, Again(11, NOW, Spent()), earlier, 1)
    assert [entry["number"] for entry in status["attempts"]] == [*range(1, 10), 1]


def test_what_is_spent_comes_back_from_the_status() -> None:
    used = Spent(user=2, infrastructure=3)
    status = after_attempt(FACTS, EXIT_3, Again(2, NOW, used), [], 1)
    assert spent(status) == used
    assert spent({}) == Spent()


MESSAGES: dict[str, tuple[Outcome, str]] = {
    "an exit code is told, and where the log lies": (
        EXIT_3,
        f"{Reason.NON_ZERO_EXIT.meaning} Exit code 3. Log: cos://b/err.00",
    ),
    "a signal is told": (
        Outcome(Reason.TIMED_OUT, Budget.USER, signal=9, message="ran longer than 3 s"),
        "ran longer than 3 s. Signal 9. Log: cos://b/err.00",
    ),
    "a lost machine has no log to point at": (
        Outcome(Reason.MACHINE_LOST, Budget.INFRASTRUCTURE),
        Reason.MACHINE_LOST.meaning,
    ),
}


@pytest.mark.parametrize(("outcome", "want"), MESSAGES.values(), ids=MESSAGES)
def test_message(outcome: Outcome, want: str) -> None:
    assert message_of(outcome, FACTS) == want


def test_progress_says_where_it_runs_and_nothing_of_an_end() -> None:
    status: dict[str, Any] = running(FACTS, 2)
    assert (status["phase"], status["instanceId"]) == ("Running", "ins-1")
    assert "endTime" not in status and "exitCode" not in status


def test_a_claim_without_a_machine_ends_with_its_reason() -> None:
    status = never_launched(0, Reason.TERMINATED, NOW, 1)
    assert (status["phase"], status["reason"]) == ("Failed", "Terminated")
    assert "instanceId" not in status
