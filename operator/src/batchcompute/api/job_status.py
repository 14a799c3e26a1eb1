"""`Job.status`."""

from __future__ import annotations

from pydantic import Field

from batchcompute.api.base import ApiModel
from batchcompute.api.conditions import Conditions, ObservedGeneration, Timestamp
from batchcompute.api.notifications import NotificationStatus
from batchcompute.api.types import ATOMIC, DnsLabel
from batchcompute.vocabulary import JobPhase, TaskPhase


class InstanceCounts(ApiModel):
    """Instances by phase; a count of zero is left out."""

    total: int | None = Field(default=None, description="All instances.")
    pending: int | None = Field(default=None, description="Waiting for upstream tasks.")
    runnable: int | None = Field(default=None, description="Waiting for a machine or a cap.")
    starting: int | None = Field(default=None, description="Machine asked for, or preparing.")
    running: int | None = Field(default=None, description="The command runs.")
    succeeded: int | None = Field(default=None, description="Ended well.")
    failed: int | None = Field(default=None, description="Ended badly.")
    failed_interrupted: int | None = Field(
        default=None, description="Ended badly, the machine is kept."
    )


class RecentFailure(ApiModel):
    """One failed attempt."""

    index: int = Field(description="Index of the instance.")
    attempt: int = Field(description="Attempt, from 0.")
    reason: str = Field(max_length=64, description="Why, from the closed list of reasons.")
    exit_code: int | None = Field(default=None, description="Exit code of the command.")
    message: str | None = Field(default=None, max_length=256, description="Why, for people.")
    stderr: str | None = Field(
        default=None, max_length=1_024, description="stderr of this attempt, cos://."
    )


class TaskStatus(ApiModel):
    """How one task goes."""

    name: DnsLabel = Field(description="Name of the task.")
    phase: TaskPhase = Field(description="Summary of the task's instances.")
    counts: InstanceCounts | None = Field(default=None, description="Instances by phase.")
    succeeded_indexes: str | None = Field(
        default=None,
        max_length=2_048,
        description='Ranges, e.g. "0-78,80"; ends with ",..." where it was cut.',
    )
    failed_indexes: str | None = Field(
        default=None, max_length=2_048, description="As succeededIndexes."
    )
    start_time: Timestamp | None = Field(default=None, description="First machine asked for.")
    completion_time: Timestamp | None = Field(default=None, description="Last instance ended.")
    template_revision: str | None = Field(
        default=None,
        max_length=253,
        description="ControllerRevision that holds the template as it was at acceptance.",
    )
    recent_failures: tuple[RecentFailure, ...] = Field(
        default=(),
        max_length=5,
        description="The latest failed attempts, newest first.",
        json_schema_extra=ATOMIC,
    )


class Resolved(ApiModel):
    """What came from settings, frozen at acceptance: an upgrade changes no live job."""

    region: str | None = Field(default=None, max_length=64, description="Region.")
    zone: str | None = Field(
        default=None, max_length=64, description="Zone of tasks that name neither zone nor subnet."
    )
    vpc_id: str | None = Field(default=None, max_length=128, description="Default network.")
    subnet_id: str | None = Field(default=None, max_length=128, description="Default subnet.")
    security_group_ids: tuple[str, ...] = Field(
        default=(), max_length=5, description="Default groups.", json_schema_extra=ATOMIC
    )
    project_id: int | None = Field(default=None, description="Default billing project.")
    workspace: str | None = Field(
        default=None, max_length=1_024, description="Workspace, cos://.../."
    )
    account: str | None = Field(
        default=None, max_length=64, description="Account (APPID) that the machines belong to."
    )


class JobStatus(ApiModel):
    """Written by the operator alone."""

    observed_generation: ObservedGeneration = -1
    phase: JobPhase | None = Field(default=None, description="Summary for people.")
    message: str | None = Field(
        default=None, max_length=1_024, description="How far it is, for people."
    )
    tasks_done: str | None = Field(
        default=None, max_length=32, description='Tasks that ended, of all: "1/3".'
    )
    start_time: Timestamp | None = Field(
        default=None, description="First machine asked for, or first node assigned."
    )
    completion_time: Timestamp | None = Field(default=None, description="Last task ended.")
    retry: int | None = Field(default=None, description="spec.retry that was acted on last.")
    instances: InstanceCounts | None = Field(
        default=None, description="Instances of all tasks by phase."
    )
    conditions: Conditions = ()
    resolved: Resolved | None = Field(
        default=None, description="What came from the operator's settings, frozen at acceptance."
    )
    notifications: tuple[NotificationStatus, ...] = Field(
        default=(),
        max_length=10,
        description="How the sending of events goes.",
        json_schema_extra=ATOMIC,
    )
    tasks: tuple[TaskStatus, ...] = Field(
        default=(),
        max_length=1_000,
        description="How each task goes.",
        json_schema_extra=ATOMIC,
    )
