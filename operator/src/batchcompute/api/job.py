"""`Job.spec`: a DAG of tasks."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from batchcompute.api.base import ApiModel, Rule, immutable
from batchcompute.api.enums import CreationFailurePolicy, DependencyPolicy, TtlAction
from batchcompute.api.notifications import Notifications
from batchcompute.api.placement import Placement
from batchcompute.api.refs import NameRef
from batchcompute.api.task import Dependency, Task
from batchcompute.api.types import (
    ATOMIC,
    MAX_INSTANCES,
    MAX_TASKS,
    Description,
    DnsLabel,
    Path,
    Region,
    Tags,
    map_by,
)

IndexSet = Annotated[
    str,
    Field(min_length=1, max_length=2_048, pattern=r"^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$"),
]


class TerminateInstances(ApiModel):
    """Instances of one task that are to be stopped."""

    task: DnsLabel = Field(description="Task of this job.")
    indexes: IndexSet = Field(description='Indexes and ranges, e.g. "5-9,12".')


class TaskEntry(ApiModel):
    """A task of a Job as it was written: what the merge needs, and the rest untouched."""

    name: str
    depends_on: tuple[Dependency, ...] = ()
    template_ref: NameRef | None = None
    body: dict[str, Any] = Field(repr=False)
    """Task fields by JSON name, without name, dependsOn and templateRef."""

    @model_validator(mode="before")
    @classmethod
    def _split(cls, raw: dict[str, Any]) -> dict[str, Any]:
        own = {name: raw[name] for name in _ENVELOPE if name in raw}
        own["body"] = {name: value for name, value in raw.items() if name not in _ENVELOPE}
        return own


_ENVELOPE = ("name", "dependsOn", "templateRef")


class JobFields(ApiModel):
    """All of `spec` but the tasks."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        immutable("region", "Job"),
        immutable("placement", "Job"),
        immutable("credentialsSecretRef", "Job"),
        immutable("workspace", "Job"),
        immutable("tags", "Job"),
        Rule(
            "self.dependencyPolicy == oldSelf.dependencyPolicy",
            "dependencyPolicy is immutable: leave it as it was, or create a Job of another name",
            field="dependencyPolicy",
        ),
        Rule(
            "self.instanceCreationFailurePolicy == oldSelf.instanceCreationFailurePolicy",
            "instanceCreationFailurePolicy is immutable: leave it as it was, or create a Job of "
            "another name",
            field="instanceCreationFailurePolicy",
        ),
        Rule(
            "self.retry >= oldSelf.retry",
            "retry only grows: set it higher than before, or leave it",
            field="retry",
        ),
        Rule(
            "!oldSelf.terminate || self.terminate || self.retry > oldSelf.retry",
            "terminate goes back to false only together with a raise of retry: raise retry",
            field="terminate",
        ),
        Rule(
            "!has(oldSelf.terminateInstances) || (has(self.terminateInstances)"
            " && oldSelf.terminateInstances.all(o, o in self.terminateInstances))",
            "terminateInstances only grows: keep its entries and add new ones",
            field="terminateInstances",
        ),
    )

    description: Description | None = Field(default=None, description="For people.")
    priority: int = Field(
        default=0, ge=0, le=100, description="Which job gets machines first: higher first."
    )
    region: Region | None = Field(
        default=None, description="Region, e.g. ap-guangzhou. Default: the operator's."
    )
    placement: Placement | None = Field(
        default=None, description="Where machines are made. Default: the operator's zone."
    )
    credentials_secret_ref: NameRef | None = Field(
        default=None,
        description="Secret with secretId, secretKey, optional token and roleArn. Default: the "
        "operator's own key, for the namespaces that its settings list.",
    )
    workspace: Path | None = Field(
        default=None,
        description="cos://<bucket>-<appid>/<prefix>/ for logs and control objects. Default: the "
        "operator's, for its own account and region.",
    )
    dependency_policy: DependencyPolicy = Field(
        default=DependencyPolicy.SUCCEEDED, description="For every edge without a policy."
    )
    instance_creation_failure_policy: CreationFailurePolicy = Field(
        default=CreationFailurePolicy.FAIL,
        description="Once resourceMaxRetries are used up: Fail, or Wait and go on trying. No "
        "effect on tasks with computeEnvRef.",
    )
    max_concurrent_instances: int | None = Field(
        default=None,
        ge=1,
        le=200_000,
        description="How many instances of the job may hold or wait for a machine at once. "
        "Default: all.",
    )
    active_deadline_seconds: int | None = Field(
        default=None,
        ge=1,
        le=315_360_000,
        description="Seconds from status.startTime after which the job is stopped and fails; "
        "stands still while suspended with nothing running.",
    )
    ttl_seconds_after_finished: int | None = Field(
        default=None,
        ge=0,
        le=315_360_000,
        description="Seconds after which a finished job with no machine left is cleaned up.",
    )
    ttl_action: TtlAction = Field(
        default=TtlAction.DELETE,
        description="Delete the Job, or Shrink: drop children and mailbox objects, keep the Job "
        "and its status (for what Git applies).",
    )
    tags: Tags | None = Field(default=None, description="Cloud tags of machines and disks.")
    notifications: Notifications = ()
    suspend: bool = Field(
        default=False, description="True: nothing new starts, running instances finish."
    )
    terminate: bool = Field(
        default=False,
        description="True: stops everything. Back to false only together with a raise of retry.",
    )
    retry: int = Field(
        default=0,
        ge=0,
        le=2_147_483_647,
        description="Raised once the job is finished: re-runs what is not Succeeded.",
    )
    terminate_instances: tuple[TerminateInstances, ...] = Field(
        default=(),
        max_length=100,
        description="Instances to stop; the list only grows.",
        json_schema_extra=ATOMIC,
    )


class JobSpec(JobFields):
    """`spec` as the operator reads it; parsed once per generation."""

    tasks: tuple[TaskEntry, ...]


class JobSchema(JobFields):
    """`spec` as the API server checks it."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "[self.tasks.transformMapEntry(k, u, {u.name: true})].all(m, self.tasks.all(t,"
            " !has(t.dependsOn) || t.dependsOn.all(d, d.task in m)))",
            "dependsOn names a task that this job does not have: correct the name, or add the task",
            field="tasks",
        ),
        Rule(
            "self.tasks.map(t, has(t.instances) ? t.instances : 1).sum() <= " + str(MAX_INSTANCES),
            "the instances of all tasks add up to more than 100000: lower them, or split the job",
            field="tasks",
        ),
        Rule(
            "self.tasks == oldSelf.tasks",
            "tasks are immutable: leave them as they were, or create a Job of another name",
            field="tasks",
        ),
    )

    tasks: tuple[Task, ...] = Field(
        min_length=1,
        max_length=MAX_TASKS,
        description="The tasks; dependsOn makes them a DAG. Immutable.",
        json_schema_extra=map_by("name"),
    )


class Job(ApiModel):
    """A Job as a whole; `Job.parse(raw)` reads what the operator needs of one."""

    name: str
    namespace: str
    uid: str
    generation: int
    spec: JobSpec

    @classmethod
    def from_object(cls, raw: dict[str, Any]) -> Self:
        """Read a Job as the API server gives it. Raises `pydantic.ValidationError`."""
        meta = raw["metadata"]
        return cls(
            name=meta["name"],
            namespace=meta["namespace"],
            uid=meta["uid"],
            generation=meta.get("generation", 0),
            spec=JobSpec.parse(raw["spec"]),
        )
