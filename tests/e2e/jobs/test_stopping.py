"""Timeout, terminate, deadline, one instance's terminate: TERM, grace, KILL, log, machine."""

from __future__ import annotations

import json

import pytest

from tests.support.site import Object, Site, command, ended_with, job_manifest, ran
from tests.support.stopping import STUBBORN, assert_stopped

OTHER = 'if [ "$BATCH_TASK_INSTANCE_INDEX" = 1 ]; then exec sleep 12.5; fi'
REASONS = {
    "timeout": ("TimedOut", "TasksFailed"),
    "terminate": ("Terminated", "Terminated"),
    "deadline": ("DeadlineExceeded", "DeadlineExceeded"),
    "single": ("TaskInstanceTerminated", "TasksFailed"),
}


@pytest.fixture(scope="module")
def jobs(site: Site, namespace: str) -> dict[str, Object]:
    """Jobs that were stopped each in another way, and their machines gone."""
    after = command("after", "true", dependsOn=[{"task": "work"}])
    pair = command("work", f"{OTHER}\n{STUBBORN}", instances=2, maxRetries=3)
    site.apply(
        job_manifest(namespace, "timeout", command("work", STUBBORN, timeoutSeconds=5)),
        job_manifest(namespace, "terminate", command("work", STUBBORN, maxRetries=3), after),
        job_manifest(
            namespace, "deadline", command("work", STUBBORN, maxRetries=3), activeDeadlineSeconds=30
        ),
        job_manifest(namespace, "single", pair),
    )
    for name, kind in (("terminate", "bcj/terminate"), ("single", "bci/single.work.0")):
        site.until(lambda name=name: runs(site, namespace, name), f"{name} runs")
        patch = json.dumps({"spec": {"terminate": True}})
        site.kubectl("patch", kind, "-n", namespace, "--type=merge", "-p", patch)
    return {name: site.until_released(namespace, name) for name in REASONS}


def runs(site: Site, namespace: str, job: str) -> bool:
    status = site.instance(namespace, f"{job}.work.0").get("status", {})
    return bool(status.get("runningTime"))


@pytest.mark.parametrize("job", REASONS)
def test_it_ends_by_term_grace_kill_with_its_log_before_its_machine(jobs, site, namespace, job):
    status = site.instance(namespace, f"{job}.work.0")["status"]
    assert_stopped(site, status["instanceId"], status["stdout"])


@pytest.mark.parametrize("job", REASONS)
def test_the_reason_says_who_stopped_it_and_nothing_is_retried(jobs, site, namespace, job):
    of_instance, of_job = REASONS[job]
    status = site.instance(namespace, f"{job}.work.0")["status"]
    assert (status["phase"], status["reason"], status["attempt"]) == ("Failed", of_instance, 0)
    assert len(status["attempts"]) == 1
    failed = site.condition(namespace, job, "Failed")
    assert failed["reason"] == of_job
    assert jobs[job]["status"]["phase"] == "Failed"


def test_what_waited_for_a_terminated_task_never_starts(jobs, site, namespace):
    names = {one["metadata"]["name"] for one in site.instances(namespace, "terminate")}
    assert names == {"terminate.work.0"}
    phases = {task["name"]: task["phase"] for task in jobs["terminate"]["status"]["tasks"]}
    assert phases == {"work": "Failed", "after": "UpstreamFailed"}


def test_a_terminated_instance_leaves_its_siblings_alone(jobs, site, namespace):
    status = site.instance(namespace, "single.work.1")["status"]
    assert (status["phase"], status["exitCode"]) == ("Succeeded", 0)
    assert ended_with(ran(site.cloud.machine(status["instanceId"]), "12.5"), 0)
    assert jobs["single"]["status"]["tasks"][0]["counts"] == {
        "total": 2,
        "succeeded": 1,
        "failed": 1,
    }


def test_machines_are_as_many_as_attempts(jobs, site, namespace):
    assert len(site.machines(namespace)) == 5
