"""What the operator may do, and no more: the one source of manifests/install and of the chart.

Each rule says which behaviour needs it. A right without a user is a bug as much as a missing one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from batchcompute.kube.resources import GROUP

READ: Final = ("get", "list", "watch")


@dataclass(frozen=True, slots=True)
class Rule:
    """One RBAC rule: `verbs` on `resources` of `group` (only those named `names`, if any)."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    why: str
    names: tuple[str, ...] = ()


CLUSTER: Final = (
    Rule(GROUP, ("jobs", "tasktemplates", "computeenvs"), READ, "what users write is followed"),
    Rule(GROUP, ("jobs", "computeenvs"), ("patch",), "the finalizer goes on before a launch"),
    Rule(GROUP, ("jobs",), ("delete",), "ttlSecondsAfterFinished"),
    Rule(
        GROUP,
        ("taskinstances", "computenodes"),
        (*READ, "create", "patch", "delete"),
        "the operator writes these kinds itself",
    ),
    Rule(
        GROUP,
        (
            "jobs/status",
            "tasktemplates/status",
            "computeenvs/status",
            "taskinstances/status",
            "computenodes/status",
        ),
        ("patch", "update"),
        "status",
    ),
    Rule(
        GROUP,
        ("jobs/finalizers", "computeenvs/finalizers"),
        ("update",),
        "owner references that block deletion, where OwnerReferencesPermissionEnforcement is on",
    ),
    Rule(
        "apps",
        ("controllerrevisions",),
        ("list", "create"),
        "resolved templates are kept as revisions owned by the Job",
    ),
    Rule("", ("secrets",), ("get",), "credentials that a Job names: by name, never listed"),
    Rule("events.k8s.io", ("events",), ("create", "patch"), "events on the five kinds"),
    Rule("", ("namespaces",), ("get",), "the cluster's identity (M14)", names=("kube-system",)),
)

OWN_NAMESPACE: Final = (
    Rule(
        "",
        ("secrets",),
        (*READ, "create", "update", "patch", "delete"),
        "the ledger, copies of credentials (R18), the notification outbox",
    ),
    Rule("coordination.k8s.io", ("leases",), ("get", "create", "update", "patch"), "leadership"),
)

VIEW: Final = (
    Rule(
        GROUP,
        ("jobs", "tasktemplates", "computeenvs", "taskinstances", "computenodes"),
        READ,
        "read everything",
    ),
)

# Nobody but the operator creates a TaskInstance or ComputeNode or writes a status (L6).
EDIT: Final = (
    Rule(
        GROUP,
        ("jobs", "tasktemplates", "computeenvs"),
        ("create", "update", "patch", "delete", "deletecollection"),
        "what users write",
    ),
    Rule(GROUP, ("computeenvs/scale",), ("get", "update", "patch"), "kubectl scale"),
    Rule(GROUP, ("taskinstances",), ("patch", "update"), "spec.terminate of one instance"),
    Rule(GROUP, ("computenodes",), ("delete", "deletecollection"), "replace a node"),
)
