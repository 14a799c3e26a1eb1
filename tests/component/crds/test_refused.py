"""Bad input that the API server itself refuses: the whole message names the field and the mend."""

from __future__ import annotations

from typing import Any

import pytest

from tests.component.crds.manifests import COMPUTE, compute_env, job, task, template
from tests.component.crds.server import Server

Json = dict[str, Any]

INCOMPLETE = (
    "set computeEnvRef, or compute with imageId and one of instanceType, instanceTypes and "
    "instanceTypeOptions, or templateRef"
)
UNCHECKED = (
    "<nil>: Invalid value: null: some validation rules were not checked because the object was "
    "invalid; correct the existing errors to complete validation"
)
LABEL = "metadata.name must be a DNS label (a-z, 0-9, -) of at most"


def edges(*names: str) -> list[Json]:
    return [{"task": name} for name in names]


def env(**entry: Any) -> Json:
    return job(task(env=[{"name": "A", **entry}]))


def compute(**fields: Any) -> Json:
    return job(task(compute={**COMPUTE, **fields}))


JOBS: dict[str, tuple[Json, str]] = {
    "two tasks of one name": (
        job(task("a"), task("a")),
        '[spec.tasks[1]: Duplicate value: {"name":"a"}, spec: Invalid value: "object": insert '
        "failed: key a already exists evaluating rule: dependsOn names a task that this job does "
        "not have: correct the name, or add the task]",
    ),
    "an edge to a task that is not there": (
        job(task("a", dependsOn=edges("b"))),
        "spec.tasks: Invalid value: dependsOn names a task that this job does not have: correct "
        "the name, or add the task",
    ),
    "an edge to the task itself": (
        job(task("a", dependsOn=edges("a"))),
        "spec.tasks[0].dependsOn: Invalid value: dependsOn names the task itself: remove that edge",
    ),
    "two edges to one task": (
        job(task("a"), task("b", dependsOn=edges("a", "a"))),
        'spec.tasks[1]: Invalid value: "object": insert failed: key a already exists evaluating '
        "rule: dependsOn names a task twice: keep one edge",
    ),
    "a number as text": (
        job(task(instances="three")),
        '[spec.tasks[0].instances: Invalid value: "string": spec.tasks[0].instances in body must '
        f'be of type integer: "string", {UNCHECKED}]',
    ),
    "a number out of range": (
        job(task(maxRetries=6)),
        "spec.tasks[0].maxRetries: Invalid value: 6: spec.tasks[0].maxRetries in body should be "
        "less than or equal to 5",
    ),
    "a name of 53 characters": (
        job(name="a" * 53),
        f"<nil>: Invalid value: {LABEL} 52 characters: choose another name",
    ),
    "a name with a dot": (
        job(name="a.b"),
        f"<nil>: Invalid value: {LABEL} 52 characters: choose another name",
    ),
    "a task name that is no label": (
        job(task("A_b")),
        'spec.tasks[0].name: Invalid value: "A_b": spec.tasks[0].name in body should match '
        "'^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'",
    ),
    "no tasks": (
        {**job(), "spec": {"tasks": []}},
        "spec.tasks: Invalid value: 0: spec.tasks in body should have at least 1 items",
    ),
    "command and commands": (
        job(task(application={"command": "x", "commands": ["y"]})),
        "spec.tasks[0].application: Invalid value: command and commands exclude each other: keep "
        "one",
    ),
    "neither command nor commands": (
        job(task(application={"package": "cos://b-1250000000/x.tgz"})),
        "spec.tasks[0]: Invalid value: application has neither command nor commands: set one, or "
        "templateRef",
    ),
    "no application": (
        job(task(application=None)),
        "spec.tasks[0]: Invalid value: application has neither command nor commands: set one, or "
        "templateRef",
    ),
    "compute and computeEnvRef": (
        job(task(computeEnvRef={"name": "pool"})),
        "spec.tasks[0]: Invalid value: compute and computeEnvRef exclude each other: keep one",
    ),
    "neither compute nor computeEnvRef": (
        job(task(compute=None)),
        f"spec.tasks[0]: Invalid value: {INCOMPLETE}",
    ),
    "compute without a type": (
        job(task(compute={"imageId": "img-batch001"})),
        f"spec.tasks[0]: Invalid value: {INCOMPLETE}",
    ),
    "compute without an image": (
        job(task(compute={"instanceType": "S5.MEDIUM4"})),
        f"spec.tasks[0]: Invalid value: {INCOMPLETE}",
    ),
    "two ways to say the type": (
        compute(instanceTypes=["S5.LARGE8"]),
        "spec.tasks[0].compute: Invalid value: instanceType, instanceTypes and instanceTypeOptions "
        "exclude each other: keep one",
    ),
    "two ways to say the network": (
        compute(zones=["ap-guangzhou-3"], virtualPrivateCloud={"vpcId": "v", "subnetId": "s"}),
        "spec.tasks[0].compute: Invalid value: zones, virtualPrivateCloud and virtualPrivateClouds "
        "exclude each other: keep one",
    ),
    "the second and third way to say the network": (
        compute(
            virtualPrivateCloud={"vpcId": "v", "subnetId": "s"},
            virtualPrivateClouds=[{"vpcId": "v", "subnetId": "s"}],
        ),
        "spec.tasks[0].compute: Invalid value: zones, virtualPrivateCloud and virtualPrivateClouds "
        "exclude each other: keep one",
    ),
    "two ways to log in": (
        compute(login={"keyIds": ["skey-1"], "keepImageLogin": True}),
        "spec.tasks[0].compute.login: Invalid value: keyIds, passwordSecretRef and keepImageLogin "
        "exclude each other: keep one",
    ),
    "an NTFS data disk": (
        compute(dataDisks=[{"size": 10, "mountPath": "/d", "fileSystem": "NTFS"}]),
        '[spec.tasks[0].compute.dataDisks[0].fileSystem: Unsupported value: "NTFS": supported '
        f'values: "ext3", "ext4", "xfs", {UNCHECKED}]',
    ),
    "a file system without a mount path": (
        compute(dataDisks=[{"size": 10, "fileSystem": "xfs"}]),
        "spec.tasks[0].compute.dataDisks[0]: Invalid value: fileSystem needs mountPath: set "
        "mountPath, or remove fileSystem",
    ),
    "a key of encryption without encryption": (
        compute(dataDisks=[{"size": 10, "kmsKeyId": "key-1"}]),
        "spec.tasks[0].compute.dataDisks[0]: Invalid value: kmsKeyId needs encrypt: set encrypt to "
        "true, or remove kmsKeyId",
    ),
    "a variable with two values": (
        env(value="1", valueFrom={"secretKeyRef": {"name": "s", "key": "k"}}),
        "spec.tasks[0].env[0]: Invalid value: value and valueFrom exclude each other: keep one",
    ),
    "a variable without a value": (
        env(),
        "spec.tasks[0].env[0]: Invalid value: set value or valueFrom",
    ),
    "two variables of one name": (
        job(task(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}])),
        'spec.tasks[0].env[1]: Duplicate value: {"name":"A"}',
    ),
    "a variable of the runner's": (
        job(task(env=[{"name": "BATCH_X", "value": "1"}])),
        "spec.tasks[0].env[0].name: Invalid value: env names that begin with BATCH_ are reserved: "
        "rename the variable",
    ),
    "instances beside commands, and not their number": (
        job(task(instances=3, application={"commands": ["a", "b"]})),
        "spec.tasks[0].instances: Invalid value: with application.commands, instances is their "
        "number: remove instances",
    ),
    "a cap below the number of commands": (
        job(task(maxConcurrentInstances=1, application={"commands": ["a", "b"]})),
        "spec.tasks[0].maxConcurrentInstances: Invalid value: application.commands start together: "
        "remove maxConcurrentInstances, or raise it to their number",
    ),
    "more than 100000 instances": (
        job(task("a", instances=50_000), task("b", instances=50_000), task("c")),
        "spec.tasks: Invalid value: the instances of all tasks add up to more than 100000: lower "
        "them, or split the job",
    ),
    "restartComputeNode without a ComputeEnv": (
        job(task(restartComputeNode=True)),
        "spec.tasks[0].restartComputeNode: Invalid value: restartComputeNode needs computeEnvRef: "
        "remove it",
    ),
    "a tag of the operator's": (
        job(tags={"batchcompute.io/owner": "me"}),
        "spec.tags: Invalid value: keys of tags must not begin with batchcompute and have at most "
        "127 characters: rename the tag",
    ),
    "a command over 16 KiB": (
        job(task(application={"command": "x" * 16_385})),
        "[spec.tasks[0].application.command: Too long: may not be more than 16384 bytes, "
        f"{UNCHECKED}]",
    ),
    "more than 100 edges into one task": (
        job(task("a", dependsOn=edges(*(f"t{n}" for n in range(101))))),
        f"[spec.tasks[0].dependsOn: Too many: 101: must have at most 100 items, {UNCHECKED}]",
    ),
}


@pytest.mark.parametrize(("manifest", "message"), JOBS.values(), ids=JOBS)
def test_a_job_is_refused_with_field_and_mend(server: Server, manifest: Json, message: str) -> None:
    answer = server.create("jobs", manifest, dry_run=True)
    name = manifest["metadata"]["name"]
    assert answer.code == 422
    assert answer.message == f'Job.batchcompute.io "{name}" is invalid: {message}'


UNKNOWN = {
    "in a task": (job(task(comand="x")), 'unknown field "spec.tasks[0].comand"'),
    "in compute": (compute(gpu=1), 'unknown field "spec.tasks[0].compute.gpu"'),
    "in spec": (job(retries=1), 'unknown field "spec.retries"'),
}


@pytest.mark.parametrize(("manifest", "message"), UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_field_is_refused_by_strict_clients(
    server: Server, manifest: Json, message: str
) -> None:
    answer = server.create("jobs", manifest, dry_run=True)
    assert answer.message == (
        'Job in version "v1alpha1" cannot be handled as a Job: strict decoding error: ' + message
    )


OTHERS: dict[str, tuple[str, Json, str]] = {
    "a template's name of 53 characters": (
        "tasktemplates",
        template("t" * 53),
        f"<nil>: Invalid value: {LABEL} 52 characters: choose another name",
    ),
    "a template with command and commands": (
        "tasktemplates",
        template(application={"command": "x", "commands": ["y"]}),
        "spec.task.application: Invalid value: command and commands exclude each other: keep one",
    ),
    "an env's name of 41 characters": (
        "computeenvs",
        compute_env("e" * 41),
        f"<nil>: Invalid value: {LABEL} 40 characters: choose another name",
    ),
    "an env without a type": (
        "computeenvs",
        compute_env(compute={"imageId": "img-batch001"}),
        "spec.compute: Invalid value: none of instanceType, instanceTypes and instanceTypeOptions "
        "is set: set one",
    ),
    "an env without an image": (
        "computeenvs",
        compute_env(compute={"instanceType": "S5.MEDIUM4"}),
        f"[spec.compute.imageId: Required value, {UNCHECKED}]",
    ),
    "more nodes than autoscaling allows": (
        "computeenvs",
        compute_env(desiredNodes=11, autoscaling={"maxNodes": 10}),
        "spec.desiredNodes: Invalid value: desiredNodes is above autoscaling.maxNodes: lower it, "
        "or raise maxNodes",
    ),
    "minNodes above maxNodes": (
        "computeenvs",
        compute_env(autoscaling={"minNodes": 11, "maxNodes": 10}),
        "spec.autoscaling.minNodes: Invalid value: minNodes is above maxNodes: lower minNodes, or "
        "raise maxNodes",
    ),
    "one machine attached twice": (
        "computeenvs",
        compute_env(attachedInstances=[{"instanceId": "ins-1"}, {"instanceId": "ins-1"}]),
        'spec.attachedInstances[1]: Duplicate value: {"instanceId":"ins-1"}',
    ),
}


@pytest.mark.parametrize(("plural", "manifest", "message"), OTHERS.values(), ids=OTHERS)
def test_other_kinds_are_refused_with_field_and_mend(
    server: Server, plural: str, manifest: Json, message: str
) -> None:
    answer = server.create(plural, manifest, dry_run=True)
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    assert answer.message == f'{kind}.batchcompute.io "{name}" is invalid: {message}'


def test_a_template_has_neither_name_nor_edges(server: Server) -> None:
    for field in ("name", "dependsOn", "templateRef"):
        manifest = template("t")
        manifest["spec"]["task"][field] = "x"
        answer = server.create("tasktemplates", manifest, dry_run=True)
        assert answer.message.endswith(f'unknown field "spec.task.{field}"')
