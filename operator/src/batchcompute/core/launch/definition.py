"""What one RunInstances call may be shared by, and the places it is tried in (R11, api.md)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from batchcompute.core.job.places import Place, places, project_id

if TYPE_CHECKING:
    from batchcompute.api.compute import Compute
    from batchcompute.api.job import JobSpec
    from batchcompute.core.job.acceptance import Frozen
    from batchcompute.core.job.resolved import ResolvedTask


@dataclass(frozen=True, slots=True)
class Offering:
    """One type in one place."""

    place: Place
    instance_type: str

    def __str__(self) -> str:
        return f"{self.instance_type} in {self.place.zone}"


@dataclass(frozen=True)
class MachineDefinition:
    """All that makes machines alike. ``scope`` narrows what shares a call (``batchScope``)."""

    namespace: str
    credential: str
    region: str
    compute: Compute
    places: tuple[Place, ...]
    project_id: int
    security_group_ids: tuple[str, ...]
    tags: Mapping[str, str]
    scope: str = ""

    @cached_property
    def offerings(self) -> tuple[Offering, ...]:
        """All types in a place, then the next place."""
        compute = self.compute
        types = compute.instance_types or (
            (compute.instance_type,) if compute.instance_type else ()
        )
        return tuple(Offering(place, kind) for place in self.places for kind in types)

    @cached_property
    def group(self) -> str:
        """The batch key: equal for what may share a call."""
        whole = {
            "namespace": self.namespace,
            "credential": self.credential,
            "region": self.region,
            "compute": self.compute.model_dump(mode="json", by_alias=True, exclude_none=True),
            "places": [[one.zone, one.vpc_id, one.subnet_id] for one in self.places],
            "project": self.project_id,
            "groups": list(self.security_group_ids),
            "tags": dict(self.tags),
            "scope": self.scope,
        }
        text = json.dumps(whole, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def define(
    namespace: str, spec: JobSpec, task: ResolvedTask, frozen: Frozen, scope: str = ""
) -> MachineDefinition:
    """The definition of a task's machines; the task has a ``compute`` block."""
    assert task.compute is not None, "a task on a ComputeEnv has no machines of its own"
    return MachineDefinition(
        namespace=namespace,
        credential=spec.credentials_secret_ref.name if spec.credentials_secret_ref else "",
        region=frozen.region,
        compute=task.compute,
        places=places(task.compute, spec.placement, frozen.place),
        project_id=project_id(task.compute, spec.placement, frozen.place),
        security_group_ids=task.compute.security_group_ids or frozen.place.security_group_ids,
        tags=dict(spec.tags or {}),
        scope=scope,
    )
