"""The conditions of a Job: one function each, one ordered list (api.md, Status)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from batchcompute.core.conditions import Condition
from batchcompute.core.job.observed import JobFacts
from batchcompute.core.job.progress import TaskProgress, all_ended
from batchcompute.core.job.tally import State
from batchcompute.vocabulary import ConditionType, Reason, TaskPhase


@dataclass(frozen=True, slots=True)
class _Scope:
    facts: JobFacts
    tasks: Sequence[TaskProgress]
    stopping: Reason | None
    starts: Mapping[str, int]
    finished: bool
    succeeded: bool


def job_conditions(
    facts: JobFacts,
    tasks: Sequence[TaskProgress],
    stopping: Reason | None,
    starts: Mapping[str, int],
) -> list[Condition]:
    """All of them, always, in their fixed order."""
    refused = facts.refusal is not None and facts.refusal.lasting
    finished = refused or (bool(tasks) and all_ended(tasks))
    succeeded = finished and all(task.phase is TaskPhase.SUCCEEDED for task in tasks)
    scope = _Scope(facts, tasks, stopping, starts, finished, succeeded and not refused)
    return [rule(scope) for rule in _RULES]


def _accepted(scope: _Scope) -> Condition:
    refusal = scope.facts.refusal or scope.facts.complaint
    if refusal is not None:
        return Condition(ConditionType.ACCEPTED, False, refusal.reason, refusal.message)
    return Condition(ConditionType.ACCEPTED, True, Reason.ACCEPTED)


def _end_reason(scope: _Scope) -> Reason:
    if scope.facts.refusal is not None:
        return scope.facts.refusal.reason
    if scope.succeeded:
        return Reason.SUCCEEDED
    earlier = _earlier(scope, ConditionType.FAILED)
    return scope.stopping or earlier or Reason.TASKS_FAILED


def _earlier(scope: _Scope, kind: ConditionType) -> Reason | None:
    """Why it ended stands once it was written; later looks no longer know the command."""
    for condition in scope.facts.status.get("conditions", ()):
        if condition.get("type") == kind and condition.get("status") == "True":
            return Reason(condition["reason"])
    return None


def _reconciling(scope: _Scope) -> Condition:
    kind = ConditionType.RECONCILING
    refusal = scope.facts.refusal
    if refusal is not None:
        return Condition(kind, refusal.missing, refusal.reason, refusal.message)
    if scope.finished:
        return Condition(kind, False, _end_reason(scope))
    return Condition(kind, True, scope.stopping or Reason.PROGRESSING)


def _stalled(scope: _Scope) -> Condition:
    kind = ConditionType.STALLED
    refusal = scope.facts.refusal
    if refusal is not None:
        stalled = not refusal.missing or refusal.overdue
        return Condition(kind, stalled, refusal.reason, refusal.message)
    if scope.finished and not scope.succeeded:
        return Condition(kind, True, _end_reason(scope), _what_failed(scope))
    return Condition(kind, False, Reason.SUCCEEDED if scope.finished else Reason.PROGRESSING)


def _complete(scope: _Scope) -> Condition:
    reason = _end_reason(scope) if scope.finished else Reason.NOT_FINISHED
    return Condition(ConditionType.COMPLETE, scope.succeeded, reason)


def _failed(scope: _Scope) -> Condition:
    failed = scope.finished and not scope.succeeded
    reason = _end_reason(scope) if scope.finished else Reason.NOT_FINISHED
    return Condition(ConditionType.FAILED, failed, reason, _what_failed(scope) if failed else "")


def _finished(scope: _Scope) -> Condition:
    reason = _end_reason(scope) if scope.finished else Reason.NOT_FINISHED
    return Condition(ConditionType.FINISHED, scope.finished, reason)


def _suspended(scope: _Scope) -> Condition:
    return Condition(
        ConditionType.SUSPENDED,
        False,
        Reason.PROGRESSING if not scope.finished else _end_reason(scope),
    )


def _waiting(scope: _Scope) -> Condition:
    kind = ConditionType.WAITING
    if scope.finished or scope.stopping or scope.facts.refusal is not None:
        return Condition(kind, False, Reason.NOT_WAITING)
    if scope.facts.old_run:
        text = "machines of a deleted job of the same name still end"
        return Condition(kind, True, Reason.OLD_RUN_ENDING, text)
    if scope.facts.wait is not None:
        return Condition(kind, True, scope.facts.wait.reason, scope.facts.wait.message)
    return _capped(scope) or _upstream(scope) or Condition(kind, False, Reason.NOT_WAITING)


def _capped(scope: _Scope) -> Condition | None:
    kind, reason = ConditionType.WAITING, Reason.MAX_CONCURRENT_REACHED
    active = sum(task.facts.tally.active for task in scope.tasks) + sum(scope.starts.values())
    cap = scope.facts.cap
    for task in scope.tasks:
        fresh = scope.starts.get(task.facts.name, 0)
        if not task.startable or task.facts.tally.counts[State.PENDING] <= fresh:
            continue
        if cap is not None and active >= cap:
            return Condition(kind, True, reason, f"maxConcurrentInstances of the job is {cap}")
        own = task.facts.cap
        if own is not None and task.facts.tally.active + fresh >= own:
            text = f"maxConcurrentInstances of task {task.facts.name} is {own}"
            return Condition(kind, True, reason, text)
    return None


def _upstream(scope: _Scope) -> Condition | None:
    waiting = [task for task in scope.tasks if task.phase is TaskPhase.PENDING]
    if not waiting:
        return None
    ended = {task.facts.name for task in scope.tasks if task.ended}
    first = waiting[0].facts
    names = [edge.task for edge in first.edges if edge.task not in ended]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    text = f"task {first.name} waits for {', '.join(names[:3])}{more}"
    return Condition(ConditionType.WAITING, True, Reason.WAITING_FOR_UPSTREAM, text)


def _released(scope: _Scope) -> Condition:
    kind = ConditionType.RESOURCES_RELEASED
    if not scope.finished:
        return Condition(kind, False, Reason.NOT_FINISHED)
    if scope.facts.open_members:
        return Condition(kind, False, Reason.MACHINES_LEFT)
    return Condition(kind, True, Reason.RELEASED)


def _what_failed(scope: _Scope) -> str:
    if scope.facts.refusal is not None:
        return scope.facts.refusal.message
    failed = [task for task in scope.tasks if task.ended and task.phase is not TaskPhase.SUCCEEDED]
    named = [f"{task.facts.name} ({task.phase})" for task in failed[:3]]
    more = f" and {len(failed) - 3} more" if len(failed) > 3 else ""
    return f"task {', '.join(named)}{more}" if failed else ""


_RULES: tuple[Callable[[_Scope], Condition], ...] = (
    _accepted,
    _reconciling,
    _stalled,
    _complete,
    _failed,
    _finished,
    _suspended,
    _waiting,
    _released,
)
