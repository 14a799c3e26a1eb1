"""`TaskInstance`: one index of one task, written by the operator."""

from __future__ import annotations

from pydantic import Field

from batchcompute.api.base import ApiModel, Rule
from batchcompute.api.conditions import Conditions, ObservedGeneration, Timestamp
from batchcompute.api.types import ATOMIC, MAX_INSTANCES, DnsLabel
from batchcompute.vocabulary import InstancePhase


def _fixed(name: str) -> Rule:
    return Rule(
        f"self.{name} == oldSelf.{name}",
        f"{name} is immutable: only terminate may be changed",
        field=name,
    )


class TaskInstanceSpec(ApiModel):
    """`spec` of a TaskInstance."""

    RULES = (
        _fixed("job"),
        _fixed("jobUID"),
        _fixed("task"),
        _fixed("index"),
    )

    job: DnsLabel = Field(description="Name of the Job.")
    job_uid: str = Field(alias="jobUID", max_length=64, description="uid of the Job.")
    task: DnsLabel = Field(description="Name of the task.")
    index: int = Field(ge=0, lt=MAX_INSTANCES, description="Index of the instance, from 0.")
    terminate: bool = Field(default=False, description="True: stops this instance.")


class Attempt(ApiModel):
    """One attempt that ended."""

    number: int = Field(description="Attempt, from 0.")
    exit_code: int | None = Field(default=None, description="Exit code of the command.")
    reason: str | None = Field(default=None, max_length=64, description="How it ended.")
    instance_id: str | None = Field(default=None, max_length=128, description="Machine.")
    zone: str | None = Field(default=None, max_length=64, description="Zone of the machine.")
    instance_type: str | None = Field(
        default=None, max_length=64, description="Type of the machine."
    )
    charge_type: str | None = Field(
        default=None, max_length=32, description="PostpaidByHour or Spot."
    )
    launch_time: Timestamp | None = Field(default=None, description="Machine asked for.")
    running_time: Timestamp | None = Field(default=None, description="Command started.")
    end_time: Timestamp | None = Field(default=None, description="Attempt ended.")
    stdout: str | None = Field(default=None, max_length=1_024, description="Its stdout, cos://.")
    stderr: str | None = Field(default=None, max_length=1_024, description="Its stderr, cos://.")


class TaskInstanceStatus(ApiModel):
    """Written by the operator alone."""

    observed_generation: ObservedGeneration = -1
    phase: InstancePhase = Field(
        default=InstancePhase.STARTING, description="State of the instance."
    )
    attempt: int = Field(default=0, description="Current attempt, from 0.")
    retries_used: int | None = Field(
        default=None, description="Attempts of this run that used maxRetries."
    )
    machines_lost: int | None = Field(
        default=None, description="Reclaimed or lost machines of this run; 10 end the instance."
    )
    exit_code: int | None = Field(default=None, description="Exit code of the last attempt.")
    reason: str | None = Field(
        default=None, max_length=64, description="Why, from the closed list of reasons."
    )
    message: str | None = Field(
        default=None, max_length=1_024, description="Why, for people; never the program's output."
    )
    instance_id: str | None = Field(default=None, max_length=128, description="CVM instance.")
    node_name: str | None = Field(
        default=None, max_length=253, description="ComputeNode, with computeEnvRef."
    )
    zone: str | None = Field(default=None, max_length=64, description="Zone of the machine.")
    instance_type: str | None = Field(
        default=None, max_length=64, description="Type of the machine."
    )
    private_ip: str | None = Field(
        default=None, alias="privateIP", max_length=64, description="Private address."
    )
    launch_time: Timestamp | None = Field(default=None, description="Machine asked for.")
    running_time: Timestamp | None = Field(default=None, description="Command started.")
    end_time: Timestamp | None = Field(default=None, description="Instance ended.")
    stdout: str | None = Field(
        default=None, max_length=1_024, description="stdout of this attempt, cos://."
    )
    stderr: str | None = Field(
        default=None, max_length=1_024, description="stderr of this attempt, cos://."
    )
    attempts: tuple[Attempt, ...] = Field(
        default=(),
        max_length=10,
        description="The last attempts that ended, newest last.",
        json_schema_extra=ATOMIC,
    )
    conditions: Conditions = ()
