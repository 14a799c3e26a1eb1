"""The roles of manifests/install on the real authorizer."""

from __future__ import annotations

import json
import subprocess
import time

import pytest

from dev.stack.paths import CRDS, INSTALL

OPERATOR = "system:serviceaccount:batchcompute-system:batchcompute-operator"
OWN = "batchcompute-system"


@pytest.fixture(scope="module")
def installed(cluster):
    for folder in (CRDS, INSTALL):
        said = cluster.kubectl("apply", "--server-side", "-f", str(folder))
        assert said.returncode == 0, said.stderr
    for name, role in (("editor", "edit"), ("viewer", "view")):
        cluster.kubectl(
            "create",
            "rolebinding",
            name,
            f"--clusterrole={role}",
            f"--user={name}",
            "-n",
            "default",
        )
    # The aggregation into edit and view is a controller's work.
    deadline = time.monotonic() + 30
    for who, verb in (("editor", "create"), ("viewer", "list")):
        while not may(cluster, who, verb, "jobs.batchcompute.io", "default"):
            assert time.monotonic() < deadline, f"{who} may not {verb} jobs"
            time.sleep(0.1)
    return cluster


def may(cluster, who: str, verb: str, resource: str, namespace: str, name: str = "") -> bool:
    """The authorizer's own answer."""
    plural, _, rest = resource.partition(".")
    group, _, subresource = rest.partition("/")
    if not rest:
        plural, _, subresource = resource.partition("/")
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": who,
            "groups": ["system:authenticated"],
            "resourceAttributes": {
                "verb": verb,
                "group": group,
                "resource": plural,
                "subresource": subresource,
                "namespace": namespace,
                "name": name,
            },
        },
    }
    said: subprocess.CompletedProcess[str] = cluster.kubectl(
        "create", "-f", "-", "-o", "json", input=json.dumps(review)
    )
    assert said.returncode == 0, said.stderr
    return bool(json.loads(said.stdout)["status"]["allowed"])


OPERATOR_MAY = {
    "follow jobs": ("watch", "jobs.batchcompute.io", "team"),
    "put a finalizer on a job": ("patch", "jobs.batchcompute.io", "team"),
    "write the status of an instance": ("patch", "taskinstances.batchcompute.io/status", "team"),
    "read a Secret by its name": ("get", "secrets", "team"),
    "write the ledger": ("create", "secrets", OWN),
    "list the ledger": ("list", "secrets", OWN),
    "hold its lease": ("update", "leases.coordination.k8s.io", OWN),
    "keep a resolved template": ("create", "controllerrevisions.apps", "team"),
    "tell an event": ("create", "events.events.k8s.io", "team"),
    "know the cluster": ("get", "namespaces", "", "kube-system"),
}
OPERATOR_MAY_NOT = {
    "list Secrets of others": ("list", "secrets", "team"),
    "watch Secrets of others": ("watch", "secrets", "team"),
    "list all Secrets": ("list", "secrets", ""),
    "write a Secret of others": ("create", "secrets", "team"),
    "delete a Secret of others": ("delete", "secrets", "team"),
    "hold a lease elsewhere": ("update", "leases.coordination.k8s.io", "team"),
    "know another namespace": ("get", "namespaces", "", "team"),
    "make a job": ("create", "jobs.batchcompute.io", "team"),
    "make a template": ("create", "tasktemplates.batchcompute.io", "team"),
    "run a pod": ("create", "pods", "team"),
    "see nodes": ("list", "nodes", ""),
    "give itself a role": ("create", "clusterrolebindings.rbac.authorization.k8s.io", ""),
    "change a CRD": ("patch", "customresourcedefinitions.apiextensions.k8s.io", ""),
}
EDITOR = {
    "make a job": (True, "create", "jobs.batchcompute.io"),
    "command a job": (True, "patch", "jobs.batchcompute.io"),
    "scale an env": (True, "patch", "computeenvs.batchcompute.io/scale"),
    "terminate one instance": (True, "patch", "taskinstances.batchcompute.io"),
    "replace a node": (True, "delete", "computenodes.batchcompute.io"),
    "see instances": (True, "list", "taskinstances.batchcompute.io"),
    "make an instance": (False, "create", "taskinstances.batchcompute.io"),
    "delete an instance": (False, "delete", "taskinstances.batchcompute.io"),
    "make a node": (False, "create", "computenodes.batchcompute.io"),
    "write an instance's status": (False, "patch", "taskinstances.batchcompute.io/status"),
    "write a job's status": (False, "update", "jobs.batchcompute.io/status"),
}


@pytest.mark.parametrize("right", OPERATOR_MAY.values(), ids=OPERATOR_MAY.keys())
def test_the_operator_may(installed, right):
    assert may(installed, OPERATOR, *right)


@pytest.mark.parametrize("right", OPERATOR_MAY_NOT.values(), ids=OPERATOR_MAY_NOT.keys())
def test_the_operator_may_not(installed, right):
    assert not may(installed, OPERATOR, *right)


@pytest.mark.parametrize(("allowed", "verb", "resource"), EDITOR.values(), ids=EDITOR.keys())
def test_an_editor_of_a_namespace(installed, allowed, verb, resource):
    assert may(installed, "editor", verb, resource, "default") is allowed


def test_a_viewer_reads_all_five_kinds_and_writes_none(installed):
    kinds = ("jobs", "tasktemplates", "computeenvs", "taskinstances", "computenodes")
    for plural in kinds:
        assert may(installed, "viewer", "list", f"{plural}.batchcompute.io", "default")
        assert not may(installed, "viewer", "patch", f"{plural}.batchcompute.io", "default")
