"""The status of a Job as a function of its facts: phases, counts, conditions, events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from batchcompute.core import conditions
from batchcompute.core.job.actions import Announcement
from batchcompute.core.job.job_conditions import job_conditions
from batchcompute.core.job.observed import JobFacts
from batchcompute.core.job.progress import TaskProgress, all_ended
from batchcompute.core.job.tally import State
from batchcompute.core.job.task_status import JobBudget, task_status
from batchcompute.core.times import rfc3339, unix
from batchcompute.vocabulary import ConditionType, JobPhase, Reason, TaskPhase

_ADVANCE = (TaskPhase.RUNNING, TaskPhase.STARTING, TaskPhase.RUNNABLE, TaskPhase.PENDING)


@dataclass(frozen=True, slots=True)
class Rendered:
    """The wanted status, ``None`` when it stands already."""

    status: Mapping[str, Any] | None
    urgent: bool
    announcements: tuple[Announcement, ...]


def render(
    facts: JobFacts,
    tasks: Sequence[TaskProgress],
    now: float,
    stopping: Reason | None,
    starts: Mapping[str, int] | None = None,
) -> Rendered:
    """Status and events; times that were written once are kept."""
    wanted = _status(facts, tasks, now, stopping, starts or {})
    if wanted == facts.status:
        return Rendered(None, urgent=False, announcements=())
    urgent = _without_counts(wanted) != _without_counts(facts.status)
    return Rendered(wanted, urgent, _announcements(facts, wanted))


def finished_before(facts: JobFacts) -> bool:
    """Whether the stored status says that this run is over."""
    return any(
        condition.get("type") == ConditionType.FINISHED and condition.get("status") == "True"
        for condition in facts.status.get("conditions", ())
    )


def deadline_of(facts: JobFacts) -> float | None:
    """When ``activeDeadlineSeconds`` are over, in Unix seconds."""
    started = facts.status.get("startTime")
    if facts.deadline_seconds is None or started is None:
        return None
    return unix(started) + facts.deadline_seconds


def _status(
    facts: JobFacts,
    tasks: Sequence[TaskProgress],
    now: float,
    stopping: Reason | None,
    starts: Mapping[str, int],
) -> dict[str, Any]:
    old = facts.status
    finished = bool(tasks) and all_ended(tasks)
    phase = _phase(facts, tasks, stopping)
    status: dict[str, Any] = {"observedGeneration": facts.generation, "phase": str(phase)}
    status["message"] = _message(facts, tasks)
    if tasks:
        done = sum(task.ended for task in tasks)
        status["tasksDone"] = f"{done}/{len(tasks)}"
    started = bool(starts) or any(t.facts.tally.active + t.facts.tally.ended for t in tasks)
    if started or "startTime" in old:
        status["startTime"] = old.get("startTime") or rfc3339(now)
    if finished or (facts.refusal is not None and facts.refusal.lasting):
        status["completionTime"] = old.get("completionTime") or rfc3339(now)
    status["retry"] = old.get("retry", 0)
    if tasks:
        status["instances"] = _totals(tasks, starts)
    status["conditions"] = conditions.merge(
        old.get("conditions", ()),
        job_conditions(facts, tasks, stopping, starts),
        facts.generation,
        rfc3339(now),
    )
    if facts.resolved:
        status["resolved"] = dict(facts.resolved)
    if tasks:
        status["tasks"] = _tasks(tasks, old, now, starts)
    return status


def _phase(facts: JobFacts, tasks: Sequence[TaskProgress], stopping: Reason | None) -> JobPhase:
    if facts.refusal is not None:
        return JobPhase.FAILED if facts.refusal.lasting else JobPhase.SUBMITTED
    if tasks and all_ended(tasks):
        if all(task.phase is TaskPhase.SUCCEEDED for task in tasks):
            return JobPhase.SUCCEEDED
        kept = any(task.phase is TaskPhase.FAILED_INTERRUPTED for task in tasks)
        return JobPhase.FAILED_INTERRUPTED if kept else JobPhase.FAILED
    if stopping is not None:
        return JobPhase.TERMINATING
    present = {task.phase for task in tasks}
    if facts.status.get("phase") == JobPhase.RUNNING or any(
        task.facts.tally.ended for task in tasks
    ):
        return JobPhase.RUNNING
    return JobPhase(next((str(phase) for phase in _ADVANCE if phase in present), "Pending"))


def _message(facts: JobFacts, tasks: Sequence[TaskProgress]) -> str:
    if facts.refusal is not None:
        return conditions.cut(facts.refusal.message, 1024)
    total = sum(task.facts.size for task in tasks)
    ended = sum(task.facts.tally.ended for task in tasks)
    running = sum(task.facts.tally.counts[State.RUNNING] for task in tasks)
    failed = sum(task.facts.tally.counts[State.FAILED] for task in tasks)
    parts = [f"{ended}/{total} instances done"]
    if running:
        parts.append(f"{running} running")
    if failed:
        parts.append(f"{failed} failed")
    return ", ".join(parts)


def _totals(tasks: Sequence[TaskProgress], starts: Mapping[str, int]) -> dict[str, int]:
    totals = {"total": sum(task.facts.size for task in tasks)}
    sums = [sum(task.facts.tally.counts[state] for task in tasks) for state in State]
    fresh = sum(starts.values())
    sums[State.PENDING] -= fresh
    sums[State.STARTING] += fresh
    names = ("pending", "starting", "running", "succeeded", "failed", "failedInterrupted")
    totals.update({name: count for name, count in zip(names, sums, strict=True) if count})
    return totals


def _tasks(
    tasks: Sequence[TaskProgress], old: Mapping[str, Any], now: float, starts: Mapping[str, int]
) -> list[dict[str, Any]]:
    previous = {item["name"]: item for item in old.get("tasks", ())}
    budget = JobBudget()
    return [
        task_status(task, previous.get(task.facts.name, {}), now, starts, budget) for task in tasks
    ]


def _without_counts(status: Mapping[str, Any]) -> Any:
    """What must not wait for the slow lane: phases and conditions, no numbers, no messages."""
    return (
        status.get("phase"),
        status.get("observedGeneration"),
        [(c["type"], c["status"], c["reason"]) for c in status.get("conditions", ())],
        [(task["name"], task["phase"]) for task in status.get("tasks", ())],
    )


_JOB_EVENTS = {JobPhase.RUNNING: Reason.RUNNING, JobPhase.SUCCEEDED: Reason.SUCCEEDED}
_TASK_EVENTS = {
    TaskPhase.RUNNING: (Reason.TASK_RUNNING, False),
    TaskPhase.SUCCEEDED: (Reason.TASK_SUCCEEDED, False),
    TaskPhase.FAILED: (Reason.TASK_FAILED, True),
    TaskPhase.UPSTREAM_FAILED: (Reason.UPSTREAM_FAILED, True),
}


def _announcements(facts: JobFacts, wanted: Mapping[str, Any]) -> tuple[Announcement, ...]:
    found: list[Announcement] = []
    known = {task["name"]: task["phase"] for task in facts.status.get("tasks", ())}
    for task in wanted.get("tasks", ()):
        if task["phase"] != known.get(task["name"]) and task["phase"] in _TASK_EVENTS:
            reason, warning = _TASK_EVENTS[TaskPhase(task["phase"])]
            found.append(Announcement(reason, f"Task {task['name']}: {task['phase']}", warning))
    phase = JobPhase(wanted["phase"])
    if phase != facts.status.get("phase"):
        if facts.refusal is not None:
            found.append(Announcement(facts.refusal.reason, wanted["message"], warning=True))
        elif phase in _JOB_EVENTS:
            reason = _JOB_EVENTS[phase]
            found.append(Announcement(reason, reason.meaning))
        elif phase in (JobPhase.FAILED, JobPhase.FAILED_INTERRUPTED):
            found.append(_failure(wanted))
    return tuple(found)


def _failure(wanted: Mapping[str, Any]) -> Announcement:
    """As the condition says it: terminated, deadline, or which tasks failed."""
    failed = next(c for c in wanted["conditions"] if c["type"] == ConditionType.FAILED)
    reason = Reason(failed["reason"])
    text = f"{reason.meaning} {failed['message']}".strip()
    return Announcement(reason, text, warning=True)
