"""When a dependency opens: the truth table of api.md (Edges) as a function."""

from __future__ import annotations

from enum import StrEnum


class Ended(StrEnum):
    """How an upstream task ended, as its edges see it."""

    SUCCEEDED = "succeeded"  # also with 0 instances
    PARTLY = "partly"  # failed, at least one instance succeeded
    NONE = "none"  # failed with none succeeded, or UpstreamFailed


class EdgeState(StrEnum):
    """A task starts when all its edges are open and never once one is closed."""

    WAITING = "waiting"
    OPEN = "open"
    CLOSED = "closed"


_OPEN_FOR: dict[str, frozenset[Ended]] = {
    "Succeeded": frozenset({Ended.SUCCEEDED}),
    "PartlySucceeded": frozenset({Ended.SUCCEEDED, Ended.PARTLY}),
    "Finished": frozenset(Ended),
}


def edge_state(policy: str, upstream: Ended | None) -> EdgeState:
    """The state of one edge; ``upstream`` is ``None`` while the task has not ended."""
    if upstream is None:
        return EdgeState.WAITING
    return EdgeState.OPEN if upstream in _OPEN_FOR[policy] else EdgeState.CLOSED
