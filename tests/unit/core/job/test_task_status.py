"""What a stored Job status still tells of instances whose objects are gone."""

from __future__ import annotations

from typing import Any

import pytest

from batchcompute.core.job.tally import State
from batchcompute.core.job.task_status import ended_in

OK, BAD = State.SUCCEEDED, State.FAILED

STORED: dict[str, tuple[dict[str, Any], list[tuple[str, int, State]]]] = {
    "nothing was stored yet": ({"observedGeneration": -1}, []),
    "nothing has ended": ({"tasks": [{"name": "a", "counts": {"total": 2}}]}, []),
    "both sets of each task": (
        {
            "tasks": [
                {"name": "a", "succeededIndexes": "0-1,4", "failedIndexes": "3"},
                {"name": "b", "succeededIndexes": "7"},
            ]
        },
        [("a", 0, OK), ("a", 1, OK), ("a", 4, OK), ("a", 3, BAD), ("b", 7, OK)],
    ),
    "nothing is taken from a set that was cut": (
        {"tasks": [{"name": "a", "succeededIndexes": "0-1,...", "failedIndexes": "3"}]},
        [("a", 3, BAD)],
    ),
}


@pytest.mark.parametrize(("status", "want"), STORED.values(), ids=STORED)
def test_ended_instances_of_a_stored_status(status, want):
    assert list(ended_in(status)) == want
