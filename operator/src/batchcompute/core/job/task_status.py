"""``status.tasks[]`` of a Job: constant size whatever happened (R27)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from batchcompute.core.conditions import cut
from batchcompute.core.job import ranges
from batchcompute.core.job.observed import Failure
from batchcompute.core.job.progress import TaskProgress
from batchcompute.core.job.tally import State
from batchcompute.core.times import rfc3339
from batchcompute.vocabulary import TaskPhase

TASK_RANGES = 2048
JOB_RANGES = 16384
TASK_FAILURES = 5
JOB_FAILURES = 20
MESSAGE = 256

_NAMES = {
    State.STARTING: "starting",
    State.RUNNING: "running",
    State.SUCCEEDED: "succeeded",
    State.FAILED: "failed",
    State.FAILED_INTERRUPTED: "failedInterrupted",
}

_INDEXES = (("succeededIndexes", State.SUCCEEDED), ("failedIndexes", State.FAILED))


@dataclass
class JobBudget:
    """What is left of the bounds that all tasks of a job share."""

    ranges: int = JOB_RANGES
    failures: int = JOB_FAILURES


def task_status(
    task: TaskProgress,
    old: Mapping[str, Any],
    now: float,
    starts: Mapping[str, int],
    budget: JobBudget,
) -> dict[str, Any]:
    """One entry; times that were written once are kept, zero counters left out."""
    facts = task.facts
    status: dict[str, Any] = {"name": facts.name, "phase": str(task.phase)}
    status["counts"] = _counts(task, starts.get(facts.name, 0))
    for name, state in _INDEXES:
        if facts.tally.counts[state]:
            limit = min(TASK_RANGES, budget.ranges)
            status[name] = ranges.text(facts.tally.indexes(state), limit)
            budget.ranges -= len(status[name])
    begun = facts.tally.active + facts.tally.ended + starts.get(facts.name, 0)
    if begun or "startTime" in old:
        status["startTime"] = old.get("startTime") or rfc3339(now)
    if task.ended:
        status["completionTime"] = old.get("completionTime") or rfc3339(now)
    if facts.template_revision:
        status["templateRevision"] = facts.template_revision
    failures = facts.failures[-min(TASK_FAILURES, budget.failures) :] if budget.failures else ()
    if failures:
        budget.failures -= len(failures)
        status["recentFailures"] = [_failure(failure) for failure in failures]
    return status


def _counts(task: TaskProgress, fresh: int) -> dict[str, int]:
    tally = task.facts.tally
    counts: dict[str, int] = {"total": tally.size}
    waiting = tally.counts[State.PENDING] - fresh
    if waiting:
        runnable = task.startable or task.phase in (TaskPhase.RUNNING, TaskPhase.STARTING)
        counts["runnable" if runnable else "pending"] = waiting
    for state, name in _NAMES.items():
        count = tally.counts[state] + (fresh if state is State.STARTING else 0)
        if count:
            counts[name] = count
    return counts


def _failure(failure: Failure) -> dict[str, Any]:
    item: dict[str, Any] = {
        "index": failure.index,
        "attempt": failure.attempt,
        "reason": failure.reason,
        "message": cut(failure.message, MESSAGE),
    }
    if failure.exit_code is not None:
        item["exitCode"] = failure.exit_code
    if failure.stderr:
        item["stderr"] = failure.stderr
    return item


def ended_in(status: Mapping[str, Any]) -> Iterator[tuple[str, int, State]]:
    """Task, index and end of every instance that a stored Job status knows to have ended.

    Of a set that was cut nothing is taken (R27).
    """
    for task in status.get("tasks", ()):
        for name, state in _INDEXES:
            known = task.get(name, "")
            if not ranges.is_cut(known):
                yield from ((task["name"], index, state) for index in ranges.parse(known))
