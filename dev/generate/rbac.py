"""Namespace, service account and roles out of `batchcompute.kube.rbac`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from batchcompute.kube.rbac import CLUSTER, EDIT, OWN_NAMESPACE, VIEW, Rule
from batchcompute.settings import Settings

NAMESPACE: str = Settings.model_fields["namespace"].default
ACCOUNT = "batchcompute-operator"
LABELS = {"app.kubernetes.io/name": "batchcompute-operator"}
HEADER = "# Written by `make generate` from operator/src/batchcompute/kube/rbac.py: change that.\n"
RBAC = "rbac.authorization.k8s.io"


def files() -> Iterator[tuple[str, str]]:
    """Name and text of every file; applied in the order of their names."""
    yield "00-namespace.yaml", _text([_object("v1", "Namespace", NAMESPACE)])
    yield "10-account.yaml", _text([_object("v1", "ServiceAccount", ACCOUNT, NAMESPACE)])
    yield "20-roles.yaml", _text([*_operator_roles(), *_user_roles()])


def _operator_roles() -> Iterator[dict[str, Any]]:
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}
    for kind, namespace, rules in (
        ("ClusterRole", None, CLUSTER),
        ("Role", NAMESPACE, OWN_NAMESPACE),
    ):
        yield {**_object(f"{RBAC}/v1", kind, ACCOUNT, namespace), "rules": _rules(rules)}
        yield {
            **_object(f"{RBAC}/v1", f"{kind}Binding", ACCOUNT, namespace),
            "roleRef": {"apiGroup": RBAC, "kind": kind, "name": ACCOUNT},
            "subjects": [subject],
        }


def _user_roles() -> Iterator[dict[str, Any]]:
    """Aggregated into Kubernetes' own view, edit and admin."""
    for name, targets, rules in (("view", ["view"], VIEW), ("edit", ["edit", "admin"], EDIT)):
        role = _object(f"{RBAC}/v1", "ClusterRole", f"batchcompute-{name}")
        for target in targets:
            role["metadata"]["labels"][f"{RBAC}/aggregate-to-{target}"] = "true"
        yield {**role, "rules": _rules(rules)}


def _rules(rules: Sequence[Rule]) -> list[dict[str, Any]]:
    return [
        {
            "apiGroups": [rule.group],
            "resources": list(rule.resources),
            **({"resourceNames": list(rule.names)} if rule.names else {}),
            "verbs": list(rule.verbs),
        }
        for rule in rules
    ]


def _object(version: str, kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    metadata["labels"] = dict(LABELS)
    return {"apiVersion": version, "kind": kind, "metadata": metadata}


def _text(objects: Sequence[dict[str, Any]]) -> str:
    return HEADER + yaml.safe_dump_all(objects, sort_keys=False, width=110)
