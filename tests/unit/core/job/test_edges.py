"""The edge truth table of api.md, written out by hand: every policy with every end."""

from __future__ import annotations

import pytest

from batchcompute.api.enums import DependencyPolicy
from batchcompute.core.job.edges import EdgeState, Ended, edge_state

OPEN, CLOSED, WAITING = EdgeState.OPEN, EdgeState.CLOSED, EdgeState.WAITING

TABLE = {
    ("Succeeded", None): WAITING,
    ("Succeeded", Ended.SUCCEEDED): OPEN,
    ("Succeeded", Ended.PARTLY): CLOSED,
    ("Succeeded", Ended.NONE): CLOSED,
    ("PartlySucceeded", None): WAITING,
    ("PartlySucceeded", Ended.SUCCEEDED): OPEN,
    ("PartlySucceeded", Ended.PARTLY): OPEN,
    ("PartlySucceeded", Ended.NONE): CLOSED,
    ("Finished", None): WAITING,
    ("Finished", Ended.SUCCEEDED): OPEN,
    ("Finished", Ended.PARTLY): OPEN,
    ("Finished", Ended.NONE): OPEN,
}


@pytest.mark.parametrize(
    ("policy", "ended", "state"),
    [pytest.param(*key, state, id=f"{key[0]} of {key[1]}") for key, state in TABLE.items()],
)
def test_an_edge(policy: str, ended: Ended | None, state: EdgeState) -> None:
    assert edge_state(policy, ended) is state


def test_the_table_is_complete() -> None:
    assert set(TABLE) == {
        (policy.value, ended) for policy in DependencyPolicy for ended in (None, *Ended)
    }
