"""`status.conditions` of every kind."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from batchcompute.api.base import ApiModel
from batchcompute.api.types import map_by
from batchcompute.vocabulary import ConditionStatus

Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""RFC 3339 in UTC, `2026-01-31T12:00:00Z`."""


class Condition(ApiModel):
    """One aspect of the state, for machines; `phase` is the summary for people."""

    type: str = Field(max_length=64, description="Aspect, e.g. Complete.")
    status: ConditionStatus = Field(description="True, False or Unknown.")
    observed_generation: int = Field(
        default=0, description="metadata.generation that the condition was derived from."
    )
    last_transition_time: Timestamp = Field(description="When status changed last.")
    reason: str = Field(max_length=64, description="Why, from the closed list of reasons.")
    message: str = Field(default="", max_length=4_096, description="Why, for people.")


Conditions = Annotated[
    tuple[Condition, ...],
    Field(
        max_length=16,
        description="State in the form that kubectl wait and GitOps tools read.",
        json_schema_extra=map_by("type"),
    ),
]

ObservedGeneration = Annotated[
    int,
    Field(description="metadata.generation that this status was derived from; -1: not seen yet."),
]
