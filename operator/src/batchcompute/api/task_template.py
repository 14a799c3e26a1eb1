"""`TaskTemplate`: a reusable task."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field

from batchcompute.api.base import ApiModel
from batchcompute.api.conditions import Conditions, ObservedGeneration
from batchcompute.api.task import TaskFields
from batchcompute.api.types import Description


class TaskTemplateSchema(ApiModel):
    """`spec` as the API server checks it."""

    description: Description | None = Field(default=None, description="For people.")
    task: TaskFields = Field(
        description="Fields of a task, without name, dependsOn and templateRef. What is missing "
        "here is filled in by the jobs that refer to it."
    )


class TaskTemplateStatus(ApiModel):
    """Written by the operator alone."""

    observed_generation: ObservedGeneration = -1
    conditions: Conditions = ()


class TaskTemplate(ApiModel):
    """A TaskTemplate as the merge needs it: the task as it was written."""

    name: str
    namespace: str
    uid: str
    generation: int
    task: dict[str, Any] = Field(repr=False)

    @classmethod
    def from_object(cls, raw: dict[str, Any]) -> Self:
        """Read a TaskTemplate as the API server gives it. Raises `pydantic.ValidationError`."""
        meta = raw["metadata"]
        return cls(
            name=meta["name"],
            namespace=meta["namespace"],
            uid=meta["uid"],
            generation=meta.get("generation", 0),
            task=raw["spec"]["task"],
        )
