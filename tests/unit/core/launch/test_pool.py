"""Windows of the launch: what becomes one call, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from batchcompute.core.launch.pool import Candidate, Pool


def one(index: int = 0, group: str = "g", job: str = "j", **more: Any) -> Candidate:
    fields: dict[str, Any] = {"priority": 0, "job_created": 1.0, "attempt": 0}
    return Candidate(job, "ns", job, "t", index, group=group, **(fields | more))


def pool() -> Pool:
    return Pool(size=3, idle=0.05, longest=0.5)


CLOSING: dict[str, tuple[list[tuple[float, Candidate]], float, list[str]]] = {
    "a window stays open while candidates come in": ([(0, one(0)), (0.04, one(1))], 0.08, []),
    "a window closes when it is idle": ([(0, one(0)), (0.04, one(1))], 0.09, ["g"]),
    "a window that is never idle closes by age": (
        [(step / 25, one(step % 2)) for step in range(13)],
        0.5,
        ["g"],
    ),
    "a full window closes at once": ([(0, one(n)) for n in range(3)], 0, ["g"]),
    "groups do not share a window": ([(0, one(n, group=str(n))) for n in range(3)], 0, []),
    "the group with the best candidate goes first": (
        [(0, one(0, group="low")), (0, one(1, group="high", priority=9))],
        1,
        ["high", "low"],
    ),
    "who still has to wait closes no window": ([(0, one(not_before=10))], 5, []),
    "the waiting time ends": ([(0, one(not_before=10))], 10.05, ["g"]),
}


@pytest.mark.parametrize(("adds", "now", "want"), CLOSING.values(), ids=CLOSING)
def test_when_a_window_closes(
    adds: list[tuple[float, Candidate]], now: float, want: list[str]
) -> None:
    it = pool()
    for at, candidate in adds:
        it.add([candidate], at)
    assert it.closed(now) == want


def test_order_is_priority_then_age_then_index() -> None:
    it = pool()
    it.add([one(5), one(2), one(1, job="old", job_created=0.5), one(9, priority=1)], 0)
    assert [(c.job, c.index) for c in it.take("g", 1)] == [("j", 9), ("old", 1), ("j", 2)]
    assert [(c.job, c.index) for c in it.take("g", 1)] == [("j", 5)]
    assert len(it) == 0


def test_a_candidate_is_in_the_pool_once() -> None:
    it = pool()
    it.add([one(0), one(0)], 0)
    assert len(it) == 1


def test_a_job_is_withdrawn_whole_and_alone() -> None:
    it = pool()
    it.add([one(0), one(1, group="h"), one(0, job="other")], 0)
    assert sorted(c.index for c in it.withdraw("j")) == [0, 1]
    assert [c.job for c in it] == ["other"]


def test_a_changed_priority_counts_for_what_waits() -> None:
    it = pool()
    it.add([one(0), one(0, job="k", job_created=2.0)], 0)
    it.reprioritize("k", 5)
    assert [c.job for c in it.take("g", 1)] == ["k", "j"]


def test_the_next_look_is_when_a_window_may_close() -> None:
    it = pool()
    assert it.next_close(0) is None
    it.add([one(0, not_before=7.0)], 0)
    assert it.next_close(0) == 7.05
    it.add([one(1)], 1)
    assert it.next_close(1) == 1.05
