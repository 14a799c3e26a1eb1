"""A task: the fields that a Job's task and a TaskTemplate share, and the task of a Job."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from batchcompute.api.application import Application
from batchcompute.api.base import ApiModel, Exclusive, Rule
from batchcompute.api.compute import Compute
from batchcompute.api.enums import DependencyPolicy, FailedAction
from batchcompute.api.env import EnvVar
from batchcompute.api.mappings import InputMapping, OutputMapping, OutputOptions
from batchcompute.api.redirect import Redirects
from batchcompute.api.refs import NameRef
from batchcompute.api.types import ATOMIC, MAX_INSTANCES, DnsLabel, map_by

MACHINES = Exclusive(("compute", "computeEnvRef"), required=True)

GANG_INSTANCES = Rule(
    "!has(self.instances) || !has(self.application) || !has(self.application.commands)"
    " || self.instances == self.application.commands.size()",
    "with application.commands, instances is their number: remove instances",
    field="instances",
)
GANG_CAP = Rule(
    "!has(self.maxConcurrentInstances) || !has(self.application)"
    " || !has(self.application.commands)"
    " || self.maxConcurrentInstances >= self.application.commands.size()",
    "application.commands start together: remove maxConcurrentInstances, or raise it to their "
    "number",
    field="maxConcurrentInstances",
)


class TaskFields(ApiModel):
    """What a task runs, on what, with which data, and what follows a failure."""

    MERGED = True
    EXCLUSIVE = (MACHINES,)
    RULES: ClassVar[tuple[Rule, ...]] = (GANG_INSTANCES, GANG_CAP)

    instances: int | None = Field(
        default=None,
        ge=0,
        le=MAX_INSTANCES,
        description="Number of parallel instances, told apart by BATCH_TASK_INSTANCE_INDEX. "
        "Default 1, or the number of application.commands; 0 succeeds at once.",
    )
    max_concurrent_instances: int | None = Field(
        default=None,
        ge=1,
        le=200_000,
        description="How many instances may hold or wait for a machine at once. Default: all.",
    )
    application: Application = Field(description="What the task runs.")
    env: tuple[EnvVar, ...] = Field(
        default=(),
        max_length=100,
        description="Environment variables; merged with the template's by name.",
        json_schema_extra=map_by("name"),
    )
    compute: Compute | None = Field(
        default=None,
        description="Machines made for this task and given back after it. Excludes computeEnvRef.",
    )
    compute_env_ref: NameRef | None = Field(
        default=None,
        description="ComputeEnv of the same namespace whose nodes run the task. Excludes compute.",
    )
    input_mappings: tuple[InputMapping, ...] = Field(
        default=(),
        max_length=32,
        description="Remote directories that the task reads.",
        json_schema_extra=ATOMIC,
    )
    output_mappings: tuple[OutputMapping, ...] = Field(
        default=(),
        max_length=32,
        description="Local directories that are uploaded after the command.",
        json_schema_extra=ATOMIC,
    )
    output_options: OutputOptions = Field(
        default=OutputOptions(), description="How outputs are uploaded."
    )
    redirect: Redirects | None = Field(
        default=None, description="Where stdout and stderr go besides the workspace."
    )
    max_retries: int = Field(
        default=0,
        ge=0,
        le=5,
        description="Retries of an instance that failed (program, set-up, outputs, timeout). "
        "Default 0.",
    )
    timeout_seconds: int = Field(
        default=86_400,
        ge=1,
        le=31_536_000,
        description="Seconds that an attempt may run, from Running. Default 86400.",
    )
    resource_max_retries: int = Field(
        default=0,
        ge=0,
        le=100,
        description="Retries of creating an instance's machine, after 600 s and more. Default 0.",
    )
    failed_action: FailedAction = Field(
        default=FailedAction.TERMINATE,
        description="Terminate (default) the machine of a failed instance; Interrupt: keep it once "
        "retries are used up; FastInterrupt: keep it at the first failure, no retry.",
    )
    keep_seconds: int = Field(
        default=86_400,
        ge=60,
        le=604_800,
        description="Seconds that a machine is kept after a failure. Default 86400.",
    )
    restart_compute_node: bool = Field(
        default=False,
        description="Reboot the node after the instance; only with computeEnvRef. Default false.",
    )


class Dependency(ApiModel):
    """One edge of the DAG."""

    task: DnsLabel = Field(description="Task of this job that must have ended before.")
    policy: DependencyPolicy | None = Field(
        default=None,
        description="When the edge opens: Succeeded, PartlySucceeded (at least one instance), or "
        "Finished. Default: spec.dependencyPolicy.",
    )


COMPLETE = (
    Rule(
        "has(self.application) ? has(self.application.command)"
        " || has(self.application.commands) || has(self.templateRef) : has(self.templateRef)",
        "application has neither command nor commands: set one, or templateRef",
    ),
    Rule(
        "has(self.compute) ? (has(self.compute.imageId) && (has(self.compute.instanceType)"
        " || has(self.compute.instanceTypes) || has(self.compute.instanceTypeOptions)))"
        " || has(self.templateRef) : has(self.computeEnvRef) || has(self.templateRef)",
        "set computeEnvRef, or compute with imageId and one of instanceType, instanceTypes and "
        "instanceTypeOptions, or templateRef",
    ),
    Rule(
        "!has(self.restartComputeNode) || !self.restartComputeNode || has(self.computeEnvRef)"
        " || has(self.templateRef)",
        "restartComputeNode needs computeEnvRef: remove it",
        field="restartComputeNode",
    ),
)
"""What the API server decides when no template follows; as few rules as can be (base.py)."""


class Task(TaskFields):
    """A task of a Job: its own fields override those of the template that it names."""

    MERGE_KEYS = ("name",)
    RULES: ClassVar[tuple[Rule, ...]] = (
        *COMPLETE,
        Rule(
            "!has(self.dependsOn) || [self.name].all(n, self.dependsOn.all(d, d.task != n))",
            "dependsOn names the task itself: remove that edge",
            field="dependsOn",
        ),
        Rule(
            "!has(self.dependsOn) || self.dependsOn.transformMapEntry(k, d, {d.task: true}).size()"
            " == self.dependsOn.size()",
            "dependsOn names a task twice: keep one edge",
            field="dependsOn",
        ),
    )

    name: DnsLabel = Field(description="Name of the task: a DNS label, unique in the job.")
    depends_on: tuple[Dependency, ...] = Field(
        default=(),
        max_length=100,
        description="Tasks of this job that must have ended before this one starts.",
        json_schema_extra=ATOMIC,
    )
    template_ref: NameRef | None = Field(
        default=None,
        description="TaskTemplate of the same namespace; fields set here override its fields.",
    )
