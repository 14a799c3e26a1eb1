"""The planner of a Job: facts in, actions and status out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from batchcompute.core.job import actions as a
from batchcompute.core.job.observed import Edge, Idle, JobFacts, Refusal, TaskFacts, Wait
from batchcompute.core.job.plan import plan
from batchcompute.core.job.tally import State, Tally
from batchcompute.vocabulary import Reason

NOW = 1_800_000_000.0
CODES = {
    ".": State.PENDING,
    "s": State.STARTING,
    "r": State.RUNNING,
    "+": State.SUCCEEDED,
    "x": State.FAILED,
}


def task(name: str, states: str, *after: str, cap: int | None = None, **more: Any) -> TaskFacts:
    """Drawn as one character an instance; ``after`` is ``upstream`` or ``upstream:policy``."""
    tally = Tally(len(states))
    for index, code in enumerate(states):
        tally.put(index, CODES[code])
    edges = tuple(
        Edge(*(text.split(":") if ":" in text else (text, "Succeeded"))) for text in after
    )
    return TaskFacts(name, edges, tally, cap, **more)


def job(*tasks: TaskFacts, **more: Any) -> JobFacts:
    fields: dict[str, Any] = {"generation": 1, "created": NOW - 60, "finalizer": True, "slots": 500}
    return JobFacts(tasks=tasks, **(fields | more))


def starts(facts: JobFacts) -> dict[str, list[int]]:
    found = plan(facts, NOW).actions
    return {e.task: [i for i, _ in e.launches] for e in found if isinstance(e, a.Enlist)}


STARTS: dict[str, tuple[JobFacts, dict[str, list[int]]]] = {
    "the roots of a graph start, what depends on them waits": (
        job(task("a", ".."), task("b", "."), task("c", ".", "a", "b")),
        {"a": [0, 1], "b": [0]},
    ),
    "a task starts when its upstream has succeeded": (
        job(task("a", "++"), task("b", "..", "a")),
        {"b": [0, 1]},
    ),
    "an upstream without instances has succeeded at once": (
        job(task("a", ""), task("b", ".", "a")),
        {"b": [0]},
    ),
    "the default policy never opens after a failure": (
        job(task("a", "+x"), task("b", ".", "a")),
        {},
    ),
    "PartlySucceeded opens when one instance succeeded": (
        job(task("a", "+x"), task("b", ".", "a:PartlySucceeded")),
        {"b": [0]},
    ),
    "Finished opens after a task whose own upstream failed": (
        job(task("a", "x"), task("b", ".", "a"), task("c", ".", "b:Finished")),
        {"c": [0]},
    ),
    "the cap of a task counts what starts and what runs": (
        job(task("a", "+sr....", cap=4)),
        {"a": [3, 4]},
    ),
    "the cap of the job is shared by its tasks in order": (
        job(task("a", "r.."), task("b", "..."), cap=4),
        {"a": [1, 2], "b": [0]},
    ),
    "a cap that was lowered below what runs starts nothing": (job(task("a", "rrr..", cap=1)), {}),
    "no more is enlisted than there are launch slots": (
        job(task("a", "....."), slots=2),
        {"a": [0, 1]},
    ),
    "a claim without a launch goes before new indexes and keeps its attempt": (
        job(task("a", "s..", idle=(Idle(0, 2),)), slots=2),
        {"a": [0, 1]},
    ),
    "nothing starts while machines of a deleted job of this name still end": (
        job(task("a", ".."), old_run=True),
        {},
    ),
    "terminate starts nothing": (job(task("a", ".."), terminate=True), {}),
    "a failure stops neither siblings nor other instances of its task": (
        job(task("a", "x.."), task("b", ".")),
        {"a": [1, 2], "b": [0]},
    ),
}


@pytest.mark.parametrize(("facts", "want"), STARTS.values(), ids=STARTS)
def test_what_starts(facts: JobFacts, want: dict[str, list[int]]) -> None:
    assert starts(facts) == want


def kinds(facts: JobFacts) -> list[str]:
    return [type(action).__name__ for action in plan(facts, NOW).actions]


STARTED = {"startTime": "2027-01-15T07:59:00Z"}
ORDERS: dict[str, tuple[JobFacts, list[str]]] = {
    "the finalizer is set before anything is enlisted": (
        job(task("a", "."), finalizer=False),
        ["AddFinalizer", "Enlist"],
    ),
    "revisions are stored before anything is enlisted": (
        job(task("a", "."), finalizer=False, revisions_stored=False),
        ["StoreRevisions", "AddFinalizer", "Enlist"],
    ),
    "templates are stored at acceptance, whatever else has to wait": (
        job(task("a", "."), finalizer=False, revisions_stored=False, old_run=True),
        ["StoreRevisions"],
    ),
    "a job that starts nothing needs no finalizer": (
        job(task("a", "."), finalizer=False, old_run=True),
        [],
    ),
    "terminate withdraws, stops, and settles what was never asked for": (
        job(task("a", "rss", idle=(Idle(2, 0),)), terminate=True, open_members=1, enlisted=1),
        ["Withdraw", "Stop", "SettleIdle"],
    ),
    "a deadline that is over stops": (
        job(task("a", "r"), deadline_seconds=60, open_members=1, status=STARTED),
        ["Stop"],
    ),
    "a deadline that is not over does nothing": (
        job(task("a", "r"), deadline_seconds=61, open_members=1, status=STARTED),
        [],
    ),
    "deletion stops what is open and keeps the finalizer": (
        job(task("a", "r"), deleting=True, open_members=1),
        ["Withdraw", "Stop"],
    ),
    "deletion takes the finalizer off last": (
        job(task("a", "+"), deleting=True),
        ["RemoveFinalizer"],
    ),
    "deletion without our finalizer is none of our business": (
        job(task("a", "r"), deleting=True, finalizer=False, open_members=1),
        [],
    ),
    "an abandoned job leaves its machines": (
        job(task("a", "r"), deleting=True, abandon=True, open_members=1),
        ["Withdraw", "Abandon", "RemoveFinalizer"],
    ),
    "a refused job does nothing": (
        job(refusal=Refusal(Reason.DEPENDENCY_CYCLE, "a -> b -> a", lasting=True)),
        [],
    ),
}


@pytest.mark.parametrize(("facts", "want"), ORDERS.values(), ids=ORDERS)
def test_actions_in_the_order_of_safety(facts: JobFacts, want: list[str]) -> None:
    assert kinds(facts) == want


LOOKS: dict[str, tuple[JobFacts, float | None]] = {
    "events tell of the rest": (job(task("a", "r")), None),
    "a deadline is looked at when it is over": (
        job(task("a", "r"), deadline_seconds=61, status=STARTED),
        NOW + 1,
    ),
    "machines of a deleted job of this name wake nobody here": (
        job(task("a", "."), old_run=True),
        NOW + 5,
    ),
    "whichever of the two comes first": (
        job(task("a", "."), old_run=True, deadline_seconds=61, status=STARTED),
        NOW + 1,
    ),
    "what has ended needs no look": (job(task("a", "+"), old_run=True), None),
}


@pytest.mark.parametrize(("facts", "want"), LOOKS.values(), ids=LOOKS)
def test_the_next_look_by_time(facts: JobFacts, want: float | None) -> None:
    assert plan(facts, NOW).next_look == want


def conditions(status: Mapping[str, Any]) -> str:
    """``Accepted Reconciling ...`` of those that are True."""
    return " ".join(c["type"] for c in status["conditions"] if c["status"] == "True")


STATUSES: dict[str, tuple[JobFacts, str, str]] = {
    "wrong for ever": (
        job(refusal=Refusal(Reason.DEPENDENCY_CYCLE, "a -> a", lasting=True)),
        "Failed",
        "Stalled Failed Finished ResourcesReleased",
    ),
    "missing a template": (
        job(refusal=Refusal(Reason.TEMPLATE_NOT_FOUND, "t", lasting=False, missing=True)),
        "Submitted",
        "Reconciling",
    ),
    "missing a template for five minutes": (
        job(
            refusal=Refusal(
                Reason.TEMPLATE_NOT_FOUND, "t", lasting=False, missing=True, overdue=True
            )
        ),
        "Submitted",
        "Reconciling Stalled",
    ),
    "broken after the merge": (
        job(refusal=Refusal(Reason.INVALID_MERGE, "t", lasting=False)),
        "Submitted",
        "Stalled",
    ),
    "runnable": (job(task("a", ".."), slots=0), "Runnable", "Accepted Reconciling"),
    "starting": (job(task("a", "s.")), "Starting", "Accepted Reconciling"),
    "running": (job(task("a", "sr")), "Running", "Accepted Reconciling"),
    "between two tasks a job that ran is still running": (
        job(task("a", "+"), task("b", "s", "a")),
        "Running",
        "Accepted Reconciling",
    ),
    "downstream tasks wait": (
        job(task("a", "r"), task("b", ".", "a")),
        "Running",
        "Accepted Reconciling Waiting",
    ),
    "stock is waited for": (
        job(task("a", "s"), wait=Wait(Reason.OUT_OF_STOCK, "no stock")),
        "Starting",
        "Accepted Reconciling Waiting",
    ),
    "terminating": (
        job(task("a", "r"), terminate=True, open_members=1),
        "Terminating",
        "Accepted Reconciling",
    ),
    "succeeded, machines left": (
        job(task("a", "++"), open_members=2),
        "Succeeded",
        "Accepted Complete Finished",
    ),
    "succeeded and released": (
        job(task("a", "++")),
        "Succeeded",
        "Accepted Complete Finished ResourcesReleased",
    ),
    "failed": (
        job(task("a", "+x")),
        "Failed",
        "Accepted Stalled Failed Finished ResourcesReleased",
    ),
    "an upstream failure ends the job without a launch": (
        job(task("a", "x"), task("b", ".", "a")),
        "Failed",
        "Accepted Stalled Failed Finished ResourcesReleased",
    ),
    "terminated before anything ran": (
        job(task("a", ".."), terminate=True),
        "Failed",
        "Accepted Stalled Failed Finished ResourcesReleased",
    ),
}


@pytest.mark.parametrize(("facts", "phase", "true"), STATUSES.values(), ids=STATUSES)
def test_phase_and_conditions(facts: JobFacts, phase: str, true: str) -> None:
    status = plan(facts, NOW).status
    assert status is not None
    assert (status["phase"], conditions(status)) == (phase, true)
    assert all(c["observedGeneration"] == 1 for c in status["conditions"])


def test_a_status_that_stands_is_not_written_again() -> None:
    facts = job(task("a", "+sr"), task("b", ".", "a"), open_members=2)
    first = plan(facts, NOW)
    assert first.status is not None
    again = plan(replace(facts, status=first.status), NOW + 7)
    assert (again.status, again.announcements) == (None, ())


def test_the_reason_of_the_end_outlives_the_command() -> None:
    facts = job(task("a", "x"), terminate=True, open_members=1)
    ended = plan(facts, NOW).status
    later = plan(
        replace(facts, open_members=0, terminate=False, status=ended or {}), NOW + 60
    ).status
    assert later is not None
    reasons = {c["type"]: c["reason"] for c in later["conditions"]}
    assert (reasons["Failed"], reasons["ResourcesReleased"]) == ("Terminated", "Released")


def test_counts_alone_are_not_urgent() -> None:
    before = plan(job(task("a", "+rr")), NOW).status
    after = plan(job(task("a", "++r"), status=before or {}), NOW + 1)
    assert after.status is not None and not after.urgent


def test_announcements_fire_once_when_a_phase_is_reached() -> None:
    before = plan(job(task("a", "r")), NOW).status
    after = plan(job(task("a", "+"), status=before or {}), NOW)
    assert [str(one.reason) for one in after.announcements] == ["TaskSucceeded", "Succeeded"]


WORST = {
    "100,000 instances of which every second one succeeded": [100_000],
    "1,000 tasks of 100 instances, every second one of each succeeded": [100] * 1000,
}


@pytest.mark.parametrize("sizes", WORST.values(), ids=WORST)
def test_status_stays_within_its_bounds(sizes: list[int]) -> None:
    import json

    tasks = [task(f"t{n:04d}", "+x" * (size // 2)) for n, size in enumerate(sizes)]
    status = plan(job(*tasks), NOW).status
    assert status is not None
    limit = 64 if len(sizes) <= 100 else 320
    assert len(json.dumps(status)) < limit * 1024
    assert sum(entry["counts"]["succeeded"] for entry in status["tasks"]) == 50_000
