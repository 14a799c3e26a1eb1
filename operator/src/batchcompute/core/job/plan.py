"""``plan(facts, now)``: what a Job needs next. Pure: the same facts give the same plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from batchcompute.core.job.actions import (
    Abandon,
    Action,
    AddFinalizer,
    Enlist,
    JobPlan,
    RemoveFinalizer,
    SettleIdle,
    Stop,
    StoreRevisions,
    Withdraw,
)
from batchcompute.core.job.observed import JobFacts
from batchcompute.core.job.progress import TaskProgress, all_ended, progress
from batchcompute.core.job.status import deadline_of, finished_before, render
from batchcompute.vocabulary import Reason, TaskPhase

OLD_RUN_SECONDS = 5.0


def plan(facts: JobFacts, now: float) -> JobPlan:
    """Actions in their order of safety, the status to store, and when to look again."""
    if facts.deleting:
        return _deletion(facts, now)
    if facts.refusal is not None:
        rendered = render(facts, (), now, stopping=None)
        return JobPlan((), rendered.status, rendered.urgent, rendered.announcements)
    stopping = _stopping(facts, now)
    tasks = progress(facts, stopping is not None)
    actions: list[Action] = [] if facts.revisions_stored else [StoreRevisions()]
    actions += _stops(facts, tasks, stopping) if stopping else _starts(facts, tasks)
    starts = _enlisted(actions)
    shown = tuple(_started(task, starts) for task in tasks)
    rendered = render(facts, shown, now, stopping, starts)
    return JobPlan(
        tuple(actions),
        rendered.status,
        rendered.urgent,
        rendered.announcements,
        next_look=_next_look(facts, tasks, stopping, now),
    )


def _deletion(facts: JobFacts, now: float) -> JobPlan:
    if not facts.finalizer:
        return JobPlan()
    if facts.abandon and facts.open_members:
        return JobPlan((Withdraw(), Abandon(), RemoveFinalizer()))
    if facts.open_members or facts.enlisted:
        tasks = progress(facts, stopping=True)
        rendered = render(facts, tasks, now, Reason.DELETED)
        return JobPlan((Withdraw(), Stop(Reason.DELETED)), rendered.status, rendered.urgent, ())
    return JobPlan((RemoveFinalizer(),))


def _stopping(facts: JobFacts, now: float) -> Reason | None:
    if finished_before(facts):
        return None
    if facts.terminate:
        return Reason.TERMINATED
    deadline = deadline_of(facts)
    if deadline is not None and now >= deadline:
        return Reason.DEADLINE_EXCEEDED
    return None


def _stops(facts: JobFacts, tasks: tuple[TaskProgress, ...], reason: Reason) -> Iterator[Action]:
    if facts.enlisted:
        yield Withdraw()
    if facts.open_members:
        yield Stop(reason)
    for task in tasks:
        if task.facts.idle:
            launches = tuple((idle.index, idle.attempt) for idle in task.facts.idle)
            yield SettleIdle(task.facts.name, launches, reason)


def _starts(facts: JobFacts, tasks: tuple[TaskProgress, ...]) -> Iterator[Action]:
    if finished_before(facts) or facts.old_run:
        return
    startable = [task for task in tasks if task.startable]
    if not startable:
        return
    if not facts.finalizer:
        yield AddFinalizer()
    slots = facts.slots
    room = _room(facts)
    for task in startable:
        again = tuple((idle.index, idle.attempt) for idle in task.facts.idle[:slots])
        slots -= len(again)
        fresh = min(slots, room, _task_room(task))
        first = tuple((index, 0) for index in task.facts.tally.pending(fresh)) if fresh else ()
        slots -= len(first)
        room -= len(first)
        if again or first:
            yield Enlist(task.facts.name, again + first)


def _room(facts: JobFacts) -> int:
    active = sum(task.tally.active for task in facts.tasks)
    return max(0, facts.cap - active) if facts.cap is not None else 1 << 30


def _task_room(task: TaskProgress) -> int:
    cap = task.facts.cap
    return max(0, cap - task.facts.tally.active) if cap is not None else 1 << 30


def _enlisted(actions: list[Action]) -> dict[str, int]:
    """Fresh starts by task: the status counts them as starting before the store shows them."""
    return {
        action.task: sum(1 for _, attempt in action.launches if attempt == 0)
        for action in actions
        if isinstance(action, Enlist)
    }


def _started(task: TaskProgress, starts: Mapping[str, int]) -> TaskProgress:
    if task.phase is TaskPhase.RUNNABLE and starts.get(task.facts.name):
        return replace(task, phase=TaskPhase.STARTING)
    return task


def _next_look(
    facts: JobFacts, tasks: tuple[TaskProgress, ...], stopping: Reason | None, now: float
) -> float | None:
    """Other Jobs' members wake nobody here: what waits for them looks by itself."""
    if stopping or all_ended(tasks):
        return None
    times = [now + OLD_RUN_SECONDS] if facts.old_run else []
    deadline = deadline_of(facts)
    return min([*times, deadline] if deadline is not None else times, default=None)
