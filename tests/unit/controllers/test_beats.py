"""What a beat changes in the counts of its Job."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from batchcompute.controllers.members.controller import MemberController
from batchcompute.controllers.store import InstanceView, Store
from batchcompute.core.job.tally import State
from tests.unit.controllers.test_looking import MEMBER, tracked


def view(state: State, attempt: int) -> InstanceView:
    return InstanceView(
        namespace="default", name="job.task.0", uid="u", version=5, job_uid=MEMBER.job_uid,
        task=MEMBER.task, index=0, terminate=False, state=state, attempt=attempt,
        instance_id="ins-1", attempts=(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("state", "attempt", "counted"),
    [
        pytest.param(State.STARTING, 0, State.RUNNING, id="its command runs"),
        pytest.param(State.SUCCEEDED, 0, State.SUCCEEDED, id="the end was seen already"),
        pytest.param(State.FAILED, 0, State.FAILED, id="a failed end was seen already"),
        pytest.param(State.STARTING, 1, State.STARTING, id="the next attempt has begun"),
    ],
)
def test_a_listed_beat_counts(state, attempt, counted):
    store = Store()
    job = store.of_uid(MEMBER.job_uid)
    job.size_tasks({MEMBER.task: 1})
    job.put(view(state, attempt))
    ctx = SimpleNamespace(
        store=store, clock=None, poke=lambda job: None, members=SimpleNamespace(add=lambda mid: 0)
    )
    members = MemberController(ctx, SimpleNamespace(breakers={}), SimpleNamespace())
    members.saw_beat(tracked(), 1)
    assert job.tallies[MEMBER.task][0] is counted
