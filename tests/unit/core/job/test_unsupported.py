"""Every row of the table of what has no effect yet: refused by name, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from batchcompute.core.job.unsupported import JOB_FEATURES, TASK_FEATURES
from batchcompute.vocabulary import Reason
from tests.unit.core.job.acceptance_cases import COMPUTE, job, judge, task

Json = dict[str, Any]


def compute(**fields: Any) -> Json:
    return task(compute={**COMPUTE, **fields})


IN: Json = {"source": "cos://data-1250000000/in/", "path": "in", "mode": "Copy"}
OUT: Json = {"path": "o", "destination": "cos://data-1250000000/out/"}
SUBNET: Json = {"vpcId": "vpc-1", "subnetId": "subnet-1"}

JOBS: dict[str, tuple[Json, str]] = {
    "suspend": ({"suspend": True}, "suspend"),
    "retry": ({"retry": 1}, "retry"),
    "terminateInstances": (
        {"terminateInstances": [{"task": "a", "indexes": "1"}]},
        "terminateInstances",
    ),
    "ttlSecondsAfterFinished": ({"ttlSecondsAfterFinished": 0}, "ttlSecondsAfterFinished"),
    "notifications": (
        {"notifications": [{"target": "https://h.example", "events": ["JOB_FAILED"]}]},
        "notifications",
    ),
    "projectId": ({"placement": {"projectId": 7}}, "placement.projectId"),
    "hostIds": ({"placement": {"hostIds": ["host-1"]}}, "placement.hostIds"),
    "dedicatedResourcePackIds": (
        {"placement": {"dedicatedResourcePackIds": ["rp-1"]}},
        "placement.dedicatedResourcePackIds",
    ),
}
TASKS: dict[str, tuple[Json, str]] = {
    "commands": (task(application={"commands": ["a", "b"]}), "application.commands"),
    "package": (
        task(application={"command": "x", "package": "https://h.example/x.tgz"}),
        "application.package",
    ),
    "docker": (
        task(application={"command": "x", "docker": {"image": "busybox:1"}}),
        "application.docker",
    ),
    "computeEnvRef": (task(compute=None, computeEnvRef={"name": "pool"}), "computeEnvRef"),
    "instanceTypeOptions": (
        task(compute={"imageId": "i", "instanceTypeOptions": {"cpu": 2, "memoryGiB": 4}}),
        "compute.instanceTypeOptions",
    ),
    "virtualPrivateClouds": (
        compute(virtualPrivateClouds=[SUBNET]),
        "compute.virtualPrivateClouds",
    ),
    "chargeType: Spot": (compute(chargeType="Spot"), "compute.chargeType"),
    "spot": (compute(spot={"maxPrice": "0.35"}), "compute.spot"),
    "login.passwordSecretRef": (
        compute(login={"passwordSecretRef": {"name": "s", "key": "k"}}),
        "compute.login.passwordSecretRef",
    ),
    "dataDisks[].mountPath": (
        compute(dataDisks=[{"size": 10}, {"size": 10, "mountPath": "/d"}]),
        "compute.dataDisks[1].mountPath",
    ),
    "dataDisks[].fileSystem": (
        compute(dataDisks=[{"size": 10, "fileSystem": "xfs"}]),
        "compute.dataDisks[0].mountPath",
    ),
    "placement.hostIds of a task": (
        compute(placement={"hostIds": ["host-1"]}),
        "compute.placement.hostIds",
    ),
    "an input from cfs://": (
        task(inputMappings=[{**IN, "source": "cfs://10.0.0.1/x/"}]),
        "inputMappings[0].source",
    ),
    "an input from nfs://": (
        task(inputMappings=[{**IN, "source": "nfs://10.0.0.1/x/"}]),
        "inputMappings[0].source",
    ),
    "mode: Mount": (task(inputMappings=[IN, {**IN, "mode": "Mount"}]), "inputMappings[1].mode"),
    "mode left out, which is Mount": (
        task(inputMappings=[{"source": IN["source"], "path": "in"}]),
        "inputMappings[0].mode",
    ),
    "a Secret of an input": (
        task(inputMappings=[{**IN, "credentialsSecretRef": {"name": "s"}}]),
        "inputMappings[0].credentialsSecretRef",
    ),
    "a Secret of an output": (
        task(outputMappings=[{**OUT, "credentialsSecretRef": {"name": "s"}}]),
        "outputMappings[0].credentialsSecretRef",
    ),
    "workspace: Global": (
        task(outputMappings=[{**OUT, "workspace": "Global"}]),
        "outputMappings[0].workspace",
    ),
    "redirect": (
        task(redirect={"stdout": {"remote": "cos://data-1250000000/logs/"}}),
        "redirect",
    ),
    "failedAction: Interrupt": (task(failedAction="Interrupt"), "failedAction"),
    "failedAction: FastInterrupt": (task(failedAction="FastInterrupt"), "failedAction"),
}
SUPPORTED: dict[str, Json] = {
    "a command with variables": task(env=[{"name": "A", "value": "1"}]),
    "instances and caps": task(instances=3, maxConcurrentInstances=2),
    "an ordered choice of types": task(
        compute={"imageId": "i", "instanceTypes": ["S5.MEDIUM4", "SA2.MEDIUM4"]}
    ),
    "zones": compute(zones=["ap-guangzhou-3", "ap-guangzhou-4"]),
    "a network": compute(virtualPrivateCloud=SUBNET),
    "a zone by placement": compute(placement={"zone": "ap-guangzhou-6"}),
    "disks that nobody mounts": compute(systemDisk={"size": 100}, dataDisks=[{"size": 10}]),
    "public access": compute(internetAccessible={"maxBandwidthOut": 1, "publicIp": True}),
    "security groups": compute(securityGroupIds=["sg-1"]),
    "a login by key": compute(login={"keyIds": ["skey-1"]}),
    "the image's login": compute(login={"keepImageLogin": True}),
    "agents": compute(enhancedService={"security": False}),
    "chargeType: PostpaidByHour": compute(chargeType="PostpaidByHour"),
    "a CAM role and a name": compute(camRoleName="Worker", instanceName="x"),
    "copied inputs": task(inputMappings=[IN]),
    "outputs": task(outputMappings=[{**OUT, "when": "OnSuccess"}], outputOptions={"workers": 2}),
    "retries and a timeout": task(maxRetries=5, timeoutSeconds=60, resourceMaxRetries=2),
    "failedAction: Terminate": task(failedAction="Terminate", keepSeconds=60),
}


@pytest.mark.parametrize(("spec", "path"), JOBS.values(), ids=JOBS)
def test_a_job_is_refused_by_name(spec: Json, path: str) -> None:
    refusal = judge(job(**spec)).refusal
    assert refusal
    assert (refusal.reason, refusal.lasting) == (Reason.NOT_YET_SUPPORTED, True)
    assert refusal.message.startswith(f"{path} is not supported yet")


@pytest.mark.parametrize(("own", "path"), TASKS.values(), ids=TASKS)
def test_a_task_is_refused_by_name(own: Json, path: str) -> None:
    refusal = judge(job(own)).refusal
    assert refusal
    assert (refusal.reason, refusal.lasting) == (Reason.NOT_YET_SUPPORTED, True)
    assert refusal.message.startswith(f'task "a": {path} is not supported yet')


@pytest.mark.parametrize("own", SUPPORTED.values(), ids=SUPPORTED)
def test_what_has_an_effect_is_accepted(own: Json) -> None:
    assert judge(job(own)).refusal is None


def test_terminate_priority_deadline_and_tags_are_supported() -> None:
    spec: Json = {
        "terminate": True,
        "priority": 100,
        "activeDeadlineSeconds": 60,
        "maxConcurrentInstances": 3,
        "tags": {"project": "x"},
        "instanceCreationFailurePolicy": "Wait",
        "workspace": "cos://batchcompute-1250000000/ws/",
    }
    assert judge(job(**spec)).accepted


def test_every_row_has_a_case() -> None:
    jobs = [job(**spec).spec for spec, _ in JOBS.values()]
    for row in JOB_FEATURES:
        assert any(list(row.uses(spec)) for spec in jobs), row.name
    tasks = [judge(job(own)) for own, _ in TASKS.values()]
    said = {finding.message for answer in tasks for finding in answer.findings}
    for feature in TASK_FEATURES:
        assert any(f"({feature.name})" in message for message in said), feature.name
