"""What cannot work is told by name, at once, and costs nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.site import GROUP, Object, Site, command, job_manifest

A_SECOND = 1.5
"""A second, and what a busy host adds to it."""
COMPUTE = {"imageId": "img-batch001", "instanceType": "S5.MEDIUM4"}


def one(**task: Any) -> Object:
    """The spec of a job of one task."""
    return {"tasks": [{**command("work", "true"), "compute": COMPUTE, **task}]}


def with_compute(**changes: Any) -> Object:
    return one(compute={**COMPUTE, **changes})


def whole(**spec: Any) -> Object:
    return {**one(), **spec}


def reads(source: str, **more: Any) -> Object:
    return one(inputMappings=[{"source": source, "path": "/in", "mode": "Copy", **more}])


def writes(destination: str) -> Object:
    return one(outputMappings=[{"path": "/out", "destination": destination}])


CYCLE = {
    "tasks": [
        {**command(name, "true", dependsOn=[{"task": after}]), "compute": COMPUTE}
        for name, after in (("a", "c"), ("b", "a"), ("c", "b"))
    ]
}
WITHOUT_COMMAND = {"tasks": [{"name": "work", "compute": COMPUTE}]}
DOCKER = {"command": "true", "docker": {"image": "busybox"}}
PACKAGE = {"command": "true", "package": "cos://data-1250000000/p.tgz"}
SECRET = {"name": "tencent"}
HOOK = {"target": "https://hooks.example/batch", "events": ["JOB_FAILED"]}

REFUSED: dict[str, tuple[Object, str, str]] = {
    "a cycle is spelled out": (CYCLE, "DependencyCycle", "a -> b -> c -> a"),
    "a bucket that nobody allowed": (
        reads("cos://other-1250000000/in/"),
        "NotPermitted",
        "inputMappings[0].source",
    ),
    "a security group that nobody allowed": (
        with_compute(securityGroupIds=["sg-batchgz1"]),
        "NotPermitted",
        "sg-batchgz1",
    ),
    "an output into the workspace": (
        writes("cos://batchcompute-1250000000/out/"),
        "PathReserved",
        "outputMappings[0].destination",
    ),
    "an input around the workspace": (
        reads("cos://batchcompute-1250000000/"),
        "PathReserved",
        "inputMappings[0].source",
    ),
    "a path that is none": (writes("cos://data/out/"), "InvalidPath", "cos://<bucket>-<appid>"),
    "suspend": (whole(suspend=True), "NotYetSupported", "suspend"),
    "retry": (whole(retry=1), "NotYetSupported", "retry"),
    "terminateInstances": (
        whole(terminateInstances=[{"task": "work", "indexes": "0"}]),
        "NotYetSupported",
        "terminateInstances",
    ),
    "clean-up": (
        whole(ttlSecondsAfterFinished=60),
        "NotYetSupported",
        "ttlSecondsAfterFinished",
    ),
    "notifications": (whole(notifications=[HOOK]), "NotYetSupported", "notifications"),
    "a dedicated host": (
        whole(placement={"hostIds": ["host-1"]}),
        "NotYetSupported",
        "placement.hostIds",
    ),
    "a gang": (
        one(application={"commands": ["true", "true"]}),
        "NotYetSupported",
        "application.commands",
    ),
    "a package": (one(application=PACKAGE), "NotYetSupported", "application.package"),
    "a container": (one(application=DOCKER), "NotYetSupported", "application.docker"),
    "a ComputeEnv": (
        {"tasks": [{**command("work", "true"), "computeEnvRef": {"name": "pool"}}]},
        "NotYetSupported",
        "computeEnvRef",
    ),
    "types by size": (
        one(compute={"imageId": "img-batch001", "instanceTypeOptions": {"cpu": 2, "memoryGiB": 4}}),
        "NotYetSupported",
        "instanceTypeOptions",
    ),
    "spot machines": (with_compute(chargeType="Spot"), "NotYetSupported", "chargeType"),
    "a mounted input": (
        reads("cos://data-1250000000/in/", mode="Mount"),
        "NotYetSupported",
        "inputMappings[0].mode",
    ),
    "a Secret of a path": (
        reads("cos://data-1250000000/in/", credentialsSecretRef=SECRET),
        "NotYetSupported",
        "credentialsSecretRef",
    ),
    "redirection": (
        one(redirect={"stdout": {"remote": "cos://data-1250000000/logs/"}}),
        "NotYetSupported",
        "redirect",
    ),
    "a kept machine": (one(failedAction="Interrupt"), "NotYetSupported", "failedAction"),
    "bare metal": (with_compute(instanceType="BMSA2.MEDIUM4"), "NotSupported", "bare metal"),
}


@pytest.mark.parametrize(("spec", "reason", "words"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused_within_a_second(site, namespace, request, spec, reason, words):
    name = f"bad-{list(REFUSED).index(request.node.callspec.id)}"
    manifest = {**job_manifest(namespace, name), "spec": spec}
    site.apply(manifest)
    job = site.until_condition(namespace, name, "Accepted", "False", seconds=A_SECOND)
    states = {c["type"]: (c["status"], c["reason"]) for c in job["status"]["conditions"]}
    told = site.condition(namespace, name, "Accepted", "False")
    assert told["reason"] == reason
    assert words in told["message"], told["message"]
    assert states["Failed"] == states["Finished"] == states["Stalled"] == ("True", reason)
    assert states["Reconciling"][0] == states["Complete"][0] == "False"
    assert job["status"]["phase"] == "Failed"


def test_nothing_was_launched_for_any_of_them(site, namespace):
    assert site.instances(namespace) == []
    assert site.launches(namespace) == []
    told = site.until(lambda: site.events(namespace, "bad-0"), "an event tells of the refusal", 5)
    assert [(event["type"], event["reason"]) for event in told] == [("Warning", "DependencyCycle")]


def test_a_refused_job_can_be_deleted_at_once(site, namespace):
    site.kubectl("delete", "bcj/bad-0", "-n", namespace, "--timeout=10s")


def test_a_compute_env_says_that_it_has_no_effect_yet(site, namespace):
    site.apply(
        {
            "apiVersion": "batchcompute.io/v1alpha1",
            "kind": "ComputeEnv",
            "metadata": {"name": "pool", "namespace": namespace},
            "spec": {"desiredNodes": 1, "compute": COMPUTE},
        }
    )

    def told() -> dict[str, Any]:
        env = site.get(f"{GROUP}/namespaces/{namespace}/computeenvs/pool") or {}
        return {c["type"]: c for c in env.get("status", {}).get("conditions", [])}

    conditions = site.until(told, "the ComputeEnv is answered", A_SECOND)
    accepted = conditions["Accepted"]
    assert (accepted["status"], accepted["reason"]) == ("False", "NotYetSupported")


@pytest.fixture(scope="module")
def failing(site: Site, namespace: str) -> dict[str, Object]:
    """Jobs that are accepted and that the cloud, or the bucket, does not serve."""
    account = site.stack.cloud
    keys = {
        "right": (account.secret_id, account.secret_key),
        "wrong": (account.secret_id, "x" * len(account.secret_key)),
    }
    secrets = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": namespace},
            "stringData": {"secretId": secret_id, "secretKey": secret_key},
        }
        for name, (secret_id, secret_key) in keys.items()
    ]
    lost = command(
        "work",
        "echo done > /out/file; echo said",
        outputMappings=[{"path": "/out/", "destination": "cos://nowhere-1250000000/out/"}],
    )
    missing = command(
        "work",
        "cat /in/*",
        inputMappings=[{"source": "cos://nowhere-1250000000/in/", "path": "/in/", "mode": "Copy"}],
    )
    specs: dict[str, tuple[Object, Object]] = {
        "no-image": (command("work", "true"), {}),
        "wrong-key": (command("work", "true"), {"credentialsSecretRef": {"name": "wrong"}}),
        "no-bucket-out": (lost, {"credentialsSecretRef": {"name": "right"}}),
        "no-bucket-in": (missing, {"credentialsSecretRef": {"name": "right"}}),
    }
    specs["no-image"][0]["compute"] = {**COMPUTE, "imageId": "img-nowhere1"}
    jobs = [job_manifest(namespace, name, task, **more) for name, (task, more) in specs.items()]
    site.apply(*secrets, *jobs)
    return {name: site.until_condition(namespace, name, "Failed") for name in specs}


ENDINGS = {
    "no-image": ("ImageInvalid", None, "img-nowhere1"),
    "wrong-key": ("Unauthorized", None, "AuthFailure"),
    "no-bucket-out": ("OutputsFailed", 0, "nowhere-1250000000"),
    "no-bucket-in": ("SetupFailed", None, "nowhere-1250000000"),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_what_the_cloud_refuses_ends_with_a_reason(failing, site, namespace, name):
    reason, code, words = ENDINGS[name]
    status = site.instance(namespace, f"{name}.work.0")["status"]
    assert (status["phase"], status["reason"]) == ("Failed", reason)
    assert status.get("exitCode") == code
    assert words in status["message"]
    (failure,) = failing[name]["status"]["tasks"][0]["recentFailures"]
    assert (failure["reason"], failure["index"]) == (reason, 0)


def test_the_output_of_a_command_whose_delivery_failed_is_not_lost(failing, site, namespace):
    status = site.instance(namespace, "no-bucket-out.work.0")["status"]
    assert site.read(status["stdout"]) == b"said\n"


def test_none_of_them_loops(failing, site, namespace):
    for name in failing:
        site.until_released(namespace, name)
    codes = [call["code"] for call in site.launches(namespace)]
    assert codes.count("InvalidImageId.NotFound") == 1
    assert set(codes) == {"InvalidImageId.NotFound", "OK"} and len(codes) <= 3, codes
    refused = [c for c in site.cloud.calls() if c["code"].startswith("AuthFailure")]
    assert [call["action"] for call in refused] == ["RunInstances"]


def test_no_key_shows_anywhere(failing, site, namespace):
    secret = site.stack.cloud.secret_key
    for path in ("jobs", "taskinstances"):
        assert secret not in str(site.get(f"{GROUP}/namespaces/{namespace}/{path}"))
    assert secret not in str(site.get(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"))
    assert secret not in site.stack.operator.log.read_text()


def test_a_missing_secret_is_waited_for(site, namespace):
    wanted = {"valueFrom": {"secretKeyRef": {"name": "late", "key": "word"}}}
    task = command("work", 'echo "$WORD"', env=[{"name": "WORD", **wanted}])
    site.apply(job_manifest(namespace, "secretive", task))
    site.until_condition(namespace, "secretive", "Accepted", "False", seconds=A_SECOND)
    told = site.condition(namespace, "secretive", "Accepted", "False")
    assert told["reason"] == "SecretNotFound" and '"late"' in told["message"]
    site.kubectl("create", "secret", "generic", "late", "--from-literal=word=hush", "-n", namespace)
    site.until_condition(namespace, "secretive", "Accepted", "True", seconds=A_SECOND + 0.5)
    site.until_condition(namespace, "secretive", "Complete")
    status = site.instance(namespace, "secretive.work.0")["status"]
    assert site.read(status["stdout"]) == b"hush\n"
    assert "hush" not in str(site.job(namespace, "secretive")) + str(site.cloud.calls())


def test_an_edit_of_a_live_job_that_has_no_effect_yet_says_so(site, namespace):
    site.apply(job_manifest(namespace, "edited", command("work", "exec sleep 6.5")))
    site.until_condition(namespace, "edited", "Accepted")
    patch = '{"spec":{"retry":1}}'
    site.kubectl("patch", "bcj/edited", "-n", namespace, "--type=merge", "-p", patch)

    def told() -> bool:
        condition = site.condition(namespace, "edited", "Accepted", "False")
        said = condition and condition["observedGeneration"] == 2
        return bool(said and condition["reason"] == "NotYetSupported")

    site.until(told, "the edit is answered", A_SECOND)
    assert "retry" in site.condition(namespace, "edited", "Accepted", "False")["message"]
    site.restart_operator()
    site.until_condition(namespace, "edited", "Complete")
    assert told(), "a restart forgot the answer"
