"""The five CRDs: names, versions, columns, subresources; what `crdgen` writes around a schema."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from batchcompute.api.base import Rule
from batchcompute.api.compute_env import ComputeEnvSpec, ComputeEnvStatus
from batchcompute.api.compute_node import ComputeNodeSpec, ComputeNodeStatus
from batchcompute.api.job import JobSchema
from batchcompute.api.job_status import JobStatus
from batchcompute.api.schema import Context
from batchcompute.api.task_instance import TaskInstanceSpec, TaskInstanceStatus
from batchcompute.api.task_template import TaskTemplateSchema, TaskTemplateStatus
from batchcompute.vocabulary import InstancePhase, Kind, Plural

if TYPE_CHECKING:
    from collections.abc import Mapping

    from batchcompute.api.base import ApiModel


@dataclass(frozen=True, slots=True)
class Column:
    """A printer column; `wide` ones show with `-o wide` alone."""

    name: str
    path: str
    type: str = "string"
    wide: bool = False
    description: str = ""

    def as_crd(self) -> dict[str, Any]:
        column: dict[str, Any] = {"name": self.name, "type": self.type, "jsonPath": self.path}
        if self.description:
            column["description"] = self.description
        if self.wide:
            column["priority"] = 1
        return column


AGE = Column("Age", ".metadata.creationTimestamp", "date")


def condition(kind: str, attribute: str = "status") -> str:
    """JSONPath of one condition's attribute."""
    return f'.status.conditions[?(@.type=="{kind}")].{attribute}'


def name_rule(limit: int) -> Rule:
    """Names and labels of children derive from it (protocols.md L1)."""
    return Rule(
        f"self.metadata.name.size() <= {limit}"
        " && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
        f"metadata.name must be a DNS label (a-z, 0-9, -) of at most {limit} characters: "
        "choose another name",
    )


@dataclass(frozen=True, slots=True)
class Crd:
    """One kind."""

    kind: Kind
    plural: Plural
    short_names: tuple[str, ...]
    description: str
    spec: type[ApiModel]
    status: type[ApiModel]
    status_default: Mapping[str, Any]
    columns: tuple[Column, ...]
    root_rule: Rule | None = None
    selectable: tuple[str, ...] = (".status.phase",)
    merged_below: Mapping[str, Context] = field(default_factory=dict)
    scale: Mapping[str, str] | None = None


UNSEEN: Mapping[str, Any] = {"observedGeneration": -1}

JOB = Crd(
    kind=Kind.JOB,
    plural=Plural.JOBS,
    short_names=("bcj", "bcjob", "bcjobs"),
    description="Job is a DAG of tasks that run on Tencent Cloud CVM instances.",
    spec=JobSchema,
    status=JobStatus,
    status_default=UNSEEN,
    root_rule=name_rule(52),
    merged_below={"tasks": Context(merged=True, items_merged=True)},
    columns=(
        Column("Phase", ".status.phase"),
        Column("Tasks", ".status.tasksDone", description="Tasks that ended, of all."),
        Column("Total", ".status.instances.total", "integer", description="Instances of all."),
        Column("Running", ".status.instances.running", "integer"),
        Column("Succeeded", ".status.instances.succeeded", "integer"),
        Column("Failed", ".status.instances.failed", "integer"),
        AGE,
        Column("Priority", ".spec.priority", "integer", wide=True),
        Column("Started", ".status.startTime", "date", wide=True),
        Column("Completed", ".status.completionTime", "date", wide=True),
        Column("Message", ".status.message", wide=True),
    ),
)

TASK_TEMPLATE = Crd(
    kind=Kind.TASK_TEMPLATE,
    plural=Plural.TASK_TEMPLATES,
    short_names=("bct",),
    description="TaskTemplate is a reusable task that jobs fill in and override.",
    spec=TaskTemplateSchema,
    status=TaskTemplateStatus,
    status_default=UNSEEN,
    root_rule=name_rule(52),
    merged_below={"task": Context(merged=True)},
    selectable=(),
    columns=(
        Column("Accepted", condition("Accepted")),
        Column("Description", ".spec.description"),
        AGE,
    ),
)

COMPUTE_ENV = Crd(
    kind=Kind.COMPUTE_ENV,
    plural=Plural.COMPUTE_ENVS,
    short_names=("bce",),
    description="ComputeEnv is an elastic cluster of CVM instances that tasks may run on.",
    spec=ComputeEnvSpec,
    status=ComputeEnvStatus,
    status_default=UNSEEN,
    root_rule=name_rule(40),
    scale={
        "specReplicasPath": ".spec.desiredNodes",
        "statusReplicasPath": ".status.nodes",
        "labelSelectorPath": ".status.selector",
    },
    columns=(
        Column("Phase", ".status.phase"),
        Column("Desired", ".status.desiredNodes", "integer"),
        Column("Nodes", ".status.nodes", "integer"),
        Column("Ready", ".status.readyNodes", "integer"),
        Column("Idle", ".status.idleNodes", "integer"),
        AGE,
        Column("Attached", ".status.attachedNodes", "integer", wide=True),
        Column("Message", ".status.message", wide=True),
    ),
)

TASK_INSTANCE = Crd(
    kind=Kind.TASK_INSTANCE,
    plural=Plural.TASK_INSTANCES,
    short_names=("bci",),
    description="TaskInstance is one index of one task of a Job; the operator writes it.",
    spec=TaskInstanceSpec,
    status=TaskInstanceStatus,
    status_default={**UNSEEN, "phase": InstancePhase.STARTING.value, "attempt": 0},
    selectable=(".status.phase", ".spec.job", ".spec.task"),
    columns=(
        Column("Phase", ".status.phase"),
        Column("Attempt", ".status.attempt", "integer"),
        Column("Instance", ".status.instanceId"),
        Column("Type", ".status.instanceType"),
        Column("Exit", ".status.exitCode", "integer"),
        Column("Reason", ".status.reason"),
        AGE,
        Column("Zone", ".status.zone", wide=True),
        Column("IP", ".status.privateIP", wide=True),
        Column("Started", ".status.runningTime", "date", wide=True),
        Column("Ended", ".status.endTime", "date", wide=True),
    ),
)

COMPUTE_NODE = Crd(
    kind=Kind.COMPUTE_NODE,
    plural=Plural.COMPUTE_NODES,
    short_names=("bcn",),
    description="ComputeNode is one machine of a ComputeEnv; the operator writes it.",
    spec=ComputeNodeSpec,
    status=ComputeNodeStatus,
    status_default=UNSEEN,
    columns=(
        Column("Env", ".spec.env"),
        Column("Phase", ".status.phase"),
        Column("Instance", ".status.instanceId"),
        Column("Type", ".status.instanceType"),
        Column("Task-Instance", ".status.taskInstance"),
        AGE,
        Column("Zone", ".status.zone", wide=True),
        Column("IP", ".status.privateIPs[0]", wide=True),
        Column("Origin", ".status.origin", wide=True),
        Column("Message", ".status.message", wide=True),
    ),
)

CRDS = (JOB, TASK_TEMPLATE, COMPUTE_ENV, TASK_INSTANCE, COMPUTE_NODE)
