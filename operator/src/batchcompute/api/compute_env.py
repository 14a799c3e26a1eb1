"""`ComputeEnv`: an elastic cluster of machines that tasks may run on."""

from __future__ import annotations

from pydantic import Field

from batchcompute.api.base import ApiModel, Rule, immutable
from batchcompute.api.compute import Compute
from batchcompute.api.conditions import Conditions, ObservedGeneration, Timestamp
from batchcompute.api.enums import NodeInactivePolicy
from batchcompute.api.mappings import InputMapping
from batchcompute.api.network import Login
from batchcompute.api.notifications import Notifications, NotificationStatus
from batchcompute.api.placement import Placement
from batchcompute.api.refs import NameRef
from batchcompute.api.types import ATOMIC, CloudId, Description, Path, Region, Tags, map_by
from batchcompute.vocabulary import EnvPhase


class Autoscaling(ApiModel):
    """Let the operator choose the number of nodes."""

    RULES = (
        Rule(
            "self.minNodes <= self.maxNodes",
            "minNodes is above maxNodes: lower minNodes, or raise maxNodes",
            field="minNodes",
        ),
    )

    min_nodes: int = Field(default=0, ge=0, le=2_000, description="Lower bound. Default 0.")
    max_nodes: int = Field(ge=0, le=2_000, description="Upper bound.")
    idle_seconds: int = Field(
        default=300,
        ge=0,
        le=86_400,
        description="Seconds that a node may be idle before it is given back. Default 300.",
    )


class AttachedInstance(ApiModel):
    """A machine of the user's that becomes a node; its disk is written anew."""

    instance_id: CloudId = Field(
        description="Instance, e.g. ins-0a1b2c3d; must carry the tag "
        "batchcompute.io/attach-to: <namespace>/<env>."
    )
    image_id: CloudId | None = Field(
        default=None, description="Image to write. Default: that of compute."
    )
    login: Login | None = Field(default=None, description="How people log in afterwards.")


_COMPUTE_MUTABLE = {"instanceTypes"}


def _compute_is_immutable() -> tuple[Rule, ...]:
    names = [field.alias or name for name, field in Compute.model_fields.items()]
    return tuple(
        Rule(
            f"has(self.compute.{name}) == has(oldSelf.compute.{name})"
            f" && (!has(self.compute.{name}) || self.compute.{name} == oldSelf.compute.{name})",
            f"compute.{name} is immutable: leave it as it was, or create a ComputeEnv of another "
            "name",
            field=f"compute.{name}",
        )
        for name in names
        if name not in _COMPUTE_MUTABLE
    )


class ComputeEnvSpec(ApiModel):
    """`spec` of a ComputeEnv."""

    RULES = (
        immutable("region", "ComputeEnv"),
        immutable("placement", "ComputeEnv"),
        immutable("credentialsSecretRef", "ComputeEnv"),
        immutable("workspace", "ComputeEnv"),
        immutable("inputMappings", "ComputeEnv"),
        immutable("tags", "ComputeEnv"),
        *_compute_is_immutable(),
        Rule(
            "!has(self.autoscaling) || self.desiredNodes <= self.autoscaling.maxNodes",
            "desiredNodes is above autoscaling.maxNodes: lower it, or raise maxNodes",
            field="desiredNodes",
        ),
        Rule(
            "!has(self.autoscaling) || !has(oldSelf.autoscaling)"
            " || self.autoscaling != oldSelf.autoscaling"
            " || self.desiredNodes == oldSelf.desiredNodes",
            "autoscaling decides the number of nodes: change minNodes and maxNodes, or remove "
            "autoscaling in the same update",
            field="desiredNodes",
        ),
    )

    description: Description | None = Field(default=None, description="For people.")
    desired_nodes: int = Field(
        default=0,
        ge=0,
        le=2_000,
        description="Wanted number of nodes, attached ones apart. With autoscaling: the start "
        "value. Default 0.",
    )
    autoscaling: Autoscaling | None = Field(
        default=None, description="Let the operator choose the number of nodes."
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
        description="cos://<bucket>-<appid>/<prefix>/. Default: the operator's, for its own "
        "account and region.",
    )
    compute: Compute = Field(description="What nodes are made from.")
    input_mappings: tuple[InputMapping, ...] = Field(
        default=(),
        max_length=32,
        description="Remote directories, mounted once on every node.",
        json_schema_extra=ATOMIC,
    )
    resource_max_retries: int = Field(
        default=7, ge=0, le=100, description="Re-creations of a node. Default 7."
    )
    node_inactive_policy: NodeInactivePolicy = Field(
        default=NodeInactivePolicy.RECREATE,
        description="What follows when a node could not be made or was lost. Default Recreate.",
    )
    attached_instances: tuple[AttachedInstance, ...] = Field(
        default=(),
        max_length=100,
        description="Machines of the user's own that serve as nodes; removing an entry detaches.",
        json_schema_extra=map_by("instanceId"),
    )
    notifications: Notifications = ()
    tags: Tags | None = Field(default=None, description="Cloud tags of machines and disks.")


class NodeCounts(ApiModel):
    """Nodes by phase; a count of zero is left out."""

    pending: int | None = Field(default=None, description="Not asked for yet.")
    submitted: int | None = Field(default=None, description="Asked for.")
    creating: int | None = Field(default=None, description="Being made.")
    creation_failed: int | None = Field(default=None, description="Could not be made.")
    created: int | None = Field(default=None, description="Made, not in service yet.")
    running: int | None = Field(default=None, description="In service.")
    deleting: int | None = Field(default=None, description="Being given back.")
    abnormal: int | None = Field(default=None, description="Silent or stopped.")


class Activity(ApiModel):
    """One scaling decision."""

    type: str = Field(max_length=64, description="Kind of activity, e.g. CreateComputeNode.")
    count: int = Field(description="Nodes that it is about.")
    cause: str = Field(max_length=256, description="What led to it.")
    state: str = Field(max_length=32, description="Submitted, Processing, Succeeded or Failed.")
    reason: str | None = Field(default=None, max_length=256, description="Why it failed.")
    start_time: Timestamp = Field(description="When it began.")
    end_time: Timestamp | None = Field(default=None, description="When it ended.")


class ComputeEnvStatus(ApiModel):
    """Written by the operator alone."""

    observed_generation: ObservedGeneration = -1
    phase: EnvPhase | None = Field(default=None, description="Summary for people.")
    message: str | None = Field(default=None, max_length=1_024, description="State, for people.")
    desired_nodes: int | None = Field(default=None, description="Nodes wanted now.")
    nodes: int | None = Field(default=None, description="Nodes that the operator made.")
    ready_nodes: int | None = Field(default=None, description="Nodes in service.")
    idle_nodes: int | None = Field(default=None, description="Nodes in service without work.")
    attached_nodes: int | None = Field(default=None, description="Attached nodes.")
    selector: str | None = Field(
        default=None, max_length=256, description="Label selector of the nodes, for autoscalers."
    )
    counts: NodeCounts | None = Field(default=None, description="Nodes by phase.")
    detached: tuple[CloudId, ...] = Field(
        default=(),
        max_length=100,
        description="Attached machines whose node was deleted while their entry stands.",
        json_schema_extra=ATOMIC,
    )
    activities: tuple[Activity, ...] = Field(
        default=(),
        max_length=20,
        description="The last scaling decisions, newest first.",
        json_schema_extra=ATOMIC,
    )
    notifications: tuple[NotificationStatus, ...] = Field(
        default=(),
        max_length=10,
        description="How the sending of events goes.",
        json_schema_extra=ATOMIC,
    )
    conditions: Conditions = ()
