"""`ComputeNode`: one machine of a ComputeEnv, written by the operator."""

from __future__ import annotations

from pydantic import Field

from batchcompute.api.base import ApiModel, Rule
from batchcompute.api.conditions import Conditions, ObservedGeneration, Timestamp
from batchcompute.api.enums import NodeOrigin
from batchcompute.api.types import ATOMIC, CloudId, ObjectName
from batchcompute.vocabulary import NodePhase


class ComputeNodeSpec(ApiModel):
    """`spec` of a ComputeNode."""

    RULES = (
        Rule(
            "self == oldSelf",
            "spec is immutable: delete the ComputeNode to have it replaced",
        ),
    )

    env: ObjectName = Field(description="Name of the ComputeEnv.")
    env_uid: str = Field(alias="envUID", max_length=64, description="uid of the ComputeEnv.")


class ComputeNodeStatus(ApiModel):
    """Written by the operator alone."""

    observed_generation: ObservedGeneration = -1
    phase: NodePhase | None = Field(default=None, description="State of the node.")
    reason: str | None = Field(
        default=None, max_length=64, description="Why, from the closed list of reasons."
    )
    message: str | None = Field(default=None, max_length=1_024, description="Why, for people.")
    instance_id: CloudId | None = Field(default=None, description="CVM instance.")
    instance_type: str | None = Field(
        default=None, max_length=64, description="Type of the machine."
    )
    zone: str | None = Field(default=None, max_length=64, description="Zone of the machine.")
    cpu: int | None = Field(default=None, description="CPU cores.")
    memory_gib: int | None = Field(default=None, alias="memoryGiB", description="Memory in GiB.")
    private_ips: tuple[str, ...] = Field(
        default=(),
        alias="privateIPs",
        max_length=10,
        description="Private addresses.",
        json_schema_extra=ATOMIC,
    )
    public_ips: tuple[str, ...] = Field(
        default=(),
        alias="publicIPs",
        max_length=10,
        description="Public addresses.",
        json_schema_extra=ATOMIC,
    )
    runner_version: str | None = Field(default=None, max_length=64, description="Runner's version.")
    origin: NodeOrigin | None = Field(
        default=None, description="Created by the operator, or Attached by a user."
    )
    task_instance: str | None = Field(
        default=None, max_length=253, description="TaskInstance that it runs; none: idle."
    )
    created_time: Timestamp | None = Field(default=None, description="Machine asked for.")
    ready_time: Timestamp | None = Field(default=None, description="In service since.")
    end_time: Timestamp | None = Field(default=None, description="Gone since.")
    conditions: Conditions = ()
