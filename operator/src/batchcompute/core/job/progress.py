"""Where each task stands, and what may start: from counts and edges alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from batchcompute.core.job.edges import EdgeState, Ended, edge_state
from batchcompute.core.job.observed import JobFacts, TaskFacts
from batchcompute.core.job.tally import State
from batchcompute.vocabulary import TaskPhase

_END = {
    TaskPhase.SUCCEEDED,
    TaskPhase.FAILED,
    TaskPhase.FAILED_INTERRUPTED,
    TaskPhase.UPSTREAM_FAILED,
}


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """A task's phase; ``startable`` says that its edges are open and nothing forbids a start."""

    facts: TaskFacts
    phase: TaskPhase
    startable: bool

    @property
    def ended(self) -> bool:
        """Whether nothing of the task will run any more."""
        return self.phase in _END


def progress(facts: JobFacts, stopping: bool) -> tuple[TaskProgress, ...]:
    """Phases of all tasks, in the order of the spec; upstream tasks are judged first."""
    by_name = {task.name: task for task in facts.tasks}
    done: dict[str, TaskProgress] = {}
    for name in _topological(by_name):
        done[name] = _judge(by_name[name], done, stopping)
    return tuple(done[task.name] for task in facts.tasks)


def _judge(task: TaskFacts, done: Mapping[str, TaskProgress], stopping: bool) -> TaskProgress:
    touched = task.tally.active + task.tally.ended > 0
    edges = [edge_state(edge.policy, ending(done[edge.task])) for edge in task.edges]
    if not touched and EdgeState.CLOSED in edges:
        return TaskProgress(task, TaskPhase.UPSTREAM_FAILED, startable=False)
    is_open = all(state is EdgeState.OPEN for state in edges)
    if task.tally.ended == task.size and (is_open or touched):
        return TaskProgress(task, _outcome(task), startable=False)
    if stopping and task.tally.active == 0:
        return TaskProgress(task, TaskPhase.FAILED, startable=False)
    if not (is_open or touched):
        return TaskProgress(task, TaskPhase.PENDING, startable=False)
    return TaskProgress(task, _under_way(task), startable=not stopping)


def _outcome(task: TaskFacts) -> TaskPhase:
    counts = task.tally.counts
    if counts[State.SUCCEEDED] == task.size:
        return TaskPhase.SUCCEEDED
    return TaskPhase.FAILED_INTERRUPTED if counts[State.FAILED_INTERRUPTED] else TaskPhase.FAILED


def _under_way(task: TaskFacts) -> TaskPhase:
    counts = task.tally.counts
    if counts[State.RUNNING] or task.tally.ended:
        return TaskPhase.RUNNING
    return TaskPhase.STARTING if counts[State.STARTING] else TaskPhase.RUNNABLE


def ending(task: TaskProgress) -> Ended | None:
    """What the edges of downstream tasks see; ``None`` while the task has not ended."""
    if not task.ended:
        return None
    if task.phase is TaskPhase.SUCCEEDED:
        return Ended.SUCCEEDED
    some = task.phase is not TaskPhase.UPSTREAM_FAILED and task.facts.tally.counts[State.SUCCEEDED]
    return Ended.PARTLY if some else Ended.NONE


def _topological(tasks: Mapping[str, TaskFacts]) -> Iterable[str]:
    order: list[str] = []
    seen: set[str] = set()
    for root in tasks:
        stack: list[tuple[str, bool]] = [(root, False)]
        while stack:
            name, ready = stack.pop()
            if ready:
                order.append(name)
            elif name not in seen:
                seen.add(name)
                stack.append((name, True))
                stack.extend((edge.task, False) for edge in tasks[name].edges)
    return order


def all_ended(tasks: Sequence[TaskProgress]) -> bool:
    """Whether the job's run is over."""
    return all(task.ended for task in tasks)
