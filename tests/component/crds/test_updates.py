"""What may be changed after creation, and what the API server says about the rest."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from dev.cluster.cluster import Cluster
from tests.component.crds.manifests import (
    COMPUTE,
    compute_env,
    compute_node,
    job,
    task,
    task_instance,
)
from tests.component.crds.server import Server

Json = dict[str, Any]

OTHER_NAME = "leave it as it was, or create a Job of another name"
STARTED: Json = {
    "region": "ap-guangzhou",
    "terminate": True,
    "retry": 2,
    "terminateInstances": [{"task": "a", "indexes": "1"}],
}

REFUSED: dict[str, tuple[Json, str]] = {
    "the tasks": (
        {"tasks": [task(application={"command": "false"})]},
        "spec.tasks: Invalid value: tasks are immutable: leave them as they were, or create a Job "
        "of another name",
    ),
    "one more task": (
        {"tasks": [task(), task("b")]},
        "spec.tasks: Invalid value: tasks are immutable: leave them as they were, or create a Job "
        "of another name",
    ),
    "the region": (
        {"region": "ap-shanghai"},
        f"spec.region: Invalid value: region is immutable: {OTHER_NAME}",
    ),
    "the region, taken out": (
        {"region": None},
        f"spec.region: Invalid value: region is immutable: {OTHER_NAME}",
    ),
    "a workspace, put in": (
        {"workspace": "cos://ws-1250000000/"},
        f"spec.workspace: Invalid value: workspace is immutable: {OTHER_NAME}",
    ),
    "the placement, put in": (
        {"placement": {"zone": "ap-guangzhou-3"}},
        f"spec.placement: Invalid value: placement is immutable: {OTHER_NAME}",
    ),
    "the credentials, put in": (
        {"credentialsSecretRef": {"name": "s"}},
        "spec.credentialsSecretRef: Invalid value: credentialsSecretRef is immutable: "
        + OTHER_NAME,
    ),
    "the tags, put in": (
        {"tags": {"a": "b"}},
        f"spec.tags: Invalid value: tags is immutable: {OTHER_NAME}",
    ),
    "the dependency policy": (
        {"dependencyPolicy": "Finished"},
        f"spec.dependencyPolicy: Invalid value: dependencyPolicy is immutable: {OTHER_NAME}",
    ),
    "the creation failure policy": (
        {"instanceCreationFailurePolicy": "Wait"},
        "spec.instanceCreationFailurePolicy: Invalid value: instanceCreationFailurePolicy is "
        f"immutable: {OTHER_NAME}",
    ),
    "retry, lowered": (
        {"retry": 1},
        "spec.retry: Invalid value: retry only grows: set it higher than before, or leave it",
    ),
    "terminate, taken back alone": (
        {"terminate": False},
        "spec.terminate: Invalid value: terminate goes back to false only together with a raise "
        "of retry: raise retry",
    ),
    "terminateInstances, an entry changed": (
        {"terminateInstances": [{"task": "a", "indexes": "1-2"}]},
        "spec.terminateInstances: Invalid value: terminateInstances only grows: keep its entries "
        "and add new ones",
    ),
    "terminateInstances, taken out": (
        {"terminateInstances": None},
        "spec.terminateInstances: Invalid value: terminateInstances only grows: keep its entries "
        "and add new ones",
    ),
}

ACCEPTED: dict[str, Json] = {
    "priority": {"priority": 7},
    "suspend": {"suspend": True},
    "terminate back with a raise of retry": {"terminate": False, "retry": 3},
    "one more entry of terminateInstances": {
        "terminateInstances": [{"task": "a", "indexes": "1"}, {"task": "a", "indexes": "5-9"}]
    },
    "description": {"description": "x"},
    "the deadline": {"activeDeadlineSeconds": 60},
    "clean-up": {"ttlSecondsAfterFinished": 60, "ttlAction": "Shrink"},
    "notifications": {
        "notifications": [{"target": "https://hooks.example/x", "events": ["JOB_FAILED"]}]
    },
    "the cap": {"maxConcurrentInstances": 5},
}


@pytest.fixture
def started(server: Server) -> str:
    name = server.fresh_name()
    server.create("jobs", job(name=name, **STARTED)).ok()
    return name


@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=REFUSED)
def test_a_job_may_not_change(server: Server, started: str, change: Json, message: str) -> None:
    answer = server.patch("jobs", started, {"spec": change})
    assert answer.message == f'Job.batchcompute.io "{started}" is invalid: {message}'


@pytest.mark.parametrize("change", ACCEPTED.values(), ids=ACCEPTED)
def test_a_job_may_change(server: Server, started: str, change: Json) -> None:
    assert server.patch("jobs", started, {"spec": change}).ok()["metadata"]["generation"] == 2


AUTOSCALED: Json = {
    "desiredNodes": 3,
    "autoscaling": {"maxNodes": 10},
    "compute": {"imageId": "img-batch001", "instanceTypes": ["S5.MEDIUM4"]},
}
ENV_REFUSED: dict[str, tuple[Json, str]] = {
    "desiredNodes under autoscaling": (
        {"desiredNodes": 5},
        "spec.desiredNodes: Invalid value: autoscaling decides the number of nodes: change "
        "minNodes and maxNodes, or remove autoscaling in the same update",
    ),
    "the image": (
        {"compute": {"imageId": "img-batch002"}},
        "spec.compute.imageId: Invalid value: compute.imageId is immutable: leave it as it was, or "
        "create a ComputeEnv of another name",
    ),
    "the region, put in": (
        {"region": "ap-shanghai"},
        "spec.region: Invalid value: region is immutable: leave it as it was, or create a "
        "ComputeEnv of another name",
    ),
}
ENV_ACCEPTED: dict[str, Json] = {
    "maxNodes below the frozen desiredNodes, both lowered": {
        "desiredNodes": 1,
        "autoscaling": {"maxNodes": 2},
    },
    "autoscaling dropped and desiredNodes set": {"autoscaling": None, "desiredNodes": 7},
    "the types": {"compute": {"instanceTypes": ["S5.LARGE8", "SA2.LARGE8"]}},
}


@pytest.fixture
def autoscaled(server: Server) -> str:
    name = server.fresh_name()
    server.create("computeenvs", compute_env(name, **AUTOSCALED)).ok()
    return name


@pytest.mark.parametrize(("change", "message"), ENV_REFUSED.values(), ids=ENV_REFUSED)
def test_an_env_may_not_change(server: Server, autoscaled: str, change: Json, message: str) -> None:
    answer = server.patch("computeenvs", autoscaled, {"spec": change})
    assert answer.message == f'ComputeEnv.batchcompute.io "{autoscaled}" is invalid: {message}'


@pytest.mark.parametrize("change", ENV_ACCEPTED.values(), ids=ENV_ACCEPTED)
def test_an_env_may_change(server: Server, autoscaled: str, change: Json) -> None:
    server.patch("computeenvs", autoscaled, {"spec": change}).ok()


ONLY_TERMINATE = "is immutable: only terminate may be changed"
CHILD_REFUSED: dict[str, tuple[Json, str]] = {
    "its job": ({"job": "x"}, f"spec.job: Invalid value: job {ONLY_TERMINATE}"),
    "its job's uid": ({"jobUID": "x"}, f"spec.jobUID: Invalid value: jobUID {ONLY_TERMINATE}"),
    "its task": ({"task": "x"}, f"spec.task: Invalid value: task {ONLY_TERMINATE}"),
    "its index": ({"index": 1}, f"spec.index: Invalid value: index {ONLY_TERMINATE}"),
    "its env": (
        {"env": "x"},
        "spec: Invalid value: spec is immutable: delete the ComputeNode to have it replaced",
    ),
}


@pytest.mark.parametrize(("change", "message"), CHILD_REFUSED.values(), ids=CHILD_REFUSED)
def test_a_child_may_not_change(server: Server, change: Json, message: str) -> None:
    env = "env" in change
    plural, body = ("computenodes", compute_node) if env else ("taskinstances", task_instance)
    name = server.fresh_name()
    kind = server.create(plural, body(name)).ok()["kind"]
    answer = server.patch(plural, name, {"spec": change})
    assert answer.message == f'{kind}.batchcompute.io "{name}" is invalid: {message}'


def test_a_task_instance_is_terminated_by_a_patch(server: Server) -> None:
    name = server.fresh_name()
    server.create("taskinstances", task_instance(name)).ok()
    server.patch("taskinstances", name, {"spec": {"terminate": True}}).ok()


@pytest.mark.parametrize("flags", [(), ("--server-side",)], ids=["client-side", "server-side"])
def test_the_same_manifest_again_changes_nothing(
    server: Server, cluster: Cluster, flags: tuple[str, ...]
) -> None:
    """Once the operator wrote a status: until then a defaulted status is not stored, and the first
    server-side apply after the creation stores it."""
    name = server.fresh_name()
    text = yaml.safe_dump(job(task(compute={**COMPUTE, "zones": []}), name=name))

    def apply() -> None:
        done = cluster.kubectl("apply", *flags, "-f", "-", input=text)
        assert done.returncode == 0, done.stderr

    apply()
    server.patch("jobs", name, {"status": {"observedGeneration": 1}}, of="status").ok()
    before = server.get("jobs", name)
    apply()
    assert server.get("jobs", name) == before
