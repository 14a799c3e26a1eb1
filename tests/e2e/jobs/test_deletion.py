"""Deletion in every mode and order: nothing is left, and nothing of an old Job is taken over."""

from __future__ import annotations

import base64

import pytest

from tests.support.site import Object, Site, command, ended_with, job_manifest, ran, state_time
from tests.support.stopping import STUBBORN, assert_stopped

MODES = ("foreground", "background", "orphan")
FINALIZER = "batchcompute.io/resources"
ONCE = "echo run >&2; exec sleep 9.25"


def until_running(site: Site, namespace: str, name: str) -> Object:
    """The TaskInstance, once the API server says that it runs."""

    def look() -> Object:
        one = site.instance(namespace, name)
        return one if one.get("status", {}).get("runningTime") else {}

    return site.until(look, f"{name} runs")


def until_gone(site: Site, namespace: str, name: str) -> None:
    """Waits until there is no such Job; as long as there is one, it has the finalizer."""

    def gone() -> bool:
        job = site.job(namespace, name)
        if not job:
            return True
        assert FINALIZER in job["metadata"]["finalizers"]
        return False

    site.until(gone, f"{namespace}/{name} is gone", seconds=90)


def nothing_open(site: Site) -> bool:
    """No ledger record but the leader's and the newest, no copied credential."""
    names = site.secrets()
    records = [name for name in names if name.startswith("bc-ledger-0")]
    return len(records) <= 2 and not any(name.startswith("bc-credential-") for name in names)


def until_namespace_gone(site: Site, namespace: str) -> None:
    site.until(
        lambda: site.get(f"/api/v1/namespaces/{namespace}") is None, f"{namespace} is gone", 120
    )


def own_key(site: Site, namespace: str) -> Object:
    """The account's key as a Secret of the user's."""
    key = {
        "secretId": site.stack.cloud.secret_id,
        "secretKey": site.stack.cloud.secret_key,
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "tencent", "namespace": namespace},
        "data": {name: base64.b64encode(value.encode()).decode() for name, value in key.items()},
    }


def until_collected(site: Site, namespace: str) -> None:
    """Waits until the garbage collector knows TaskInstances: it hears of a new kind within half a
    minute, and an orphaning before that leaves the owner reference on."""
    name = "probe.work.0"
    owner = {
        "apiVersion": "batchcompute.io/v1alpha1",
        "kind": "Job",
        "name": "probe",
        "uid": "00000000-0000-0000-0000-000000000000",
    }
    site.apply(
        {
            "apiVersion": "batchcompute.io/v1alpha1",
            "kind": "TaskInstance",
            "metadata": {"name": name, "namespace": namespace, "ownerReferences": [owner]},
            "spec": {"job": "probe", "jobUID": owner["uid"], "task": "work", "index": 0},
        }
    )
    site.until(lambda: not site.instance(namespace, name), "the collector takes the probe", 90)


AGAIN = command("work", ONCE, maxRetries=2)
KEPT = command("work", "exec sleep 15.75")


@pytest.fixture(scope="module")
def running(site: Site, namespace: str) -> dict[str, Object]:
    """By job, the TaskInstances of jobs that run; `own` has a namespace and a key of its own."""
    until_collected(site, namespace)
    short_lived = site.namespace("short-lived")
    site.apply(
        own_key(site, short_lived),
        job_manifest(
            short_lived,
            "own",
            command("work", STUBBORN),
            credentialsSecretRef={"name": "tencent"},
        ),
        *(job_manifest(namespace, mode, command("work", STUBBORN)) for mode in MODES),
        job_manifest(namespace, "again", AGAIN),
        job_manifest(namespace, "forced", AGAIN),
        job_manifest(namespace, "kept", KEPT),
    )
    names = dict.fromkeys((*MODES, "again", "forced", "kept"), namespace) | {"own": short_lived}
    return {name: until_running(site, where, f"{name}.work.0") for name, where in names.items()}


@pytest.fixture(scope="module")
def deleted(site: Site, namespace: str, running: dict[str, Object]) -> dict[str, Object]:
    """Everything but `kept` was deleted while it ran; `again` and `forced` are there once more."""
    assert len([name for name in site.secrets() if name.startswith("bc-credential-")]) == 1
    site.kubectl("delete", "bci/kept.work.0", "-n", namespace, "--wait=false")
    site.kubectl("delete", "bcj/forced", "-n", namespace, "--wait=false")
    unlock = '{"metadata":{"finalizers":null}}'
    site.kubectl("patch", "bcj/forced", "-n", namespace, "--type=merge", "-p", unlock)
    site.apply(job_manifest(namespace, "forced", AGAIN))
    for mode in MODES:
        site.kubectl("delete", f"bcj/{mode}", "-n", namespace, f"--cascade={mode}", "--wait=false")
    site.kubectl("delete", "bcj/again", "-n", namespace, "--wait=false")
    site.kubectl("delete", "namespace", "short-lived", "--wait=false")
    until_gone(site, namespace, "again")
    site.apply(job_manifest(namespace, "again", AGAIN))
    for mode in MODES:
        until_gone(site, namespace, mode)
        machine = site.cloud.machine(running[mode]["status"]["instanceId"])
        assert machine["state"] == "GONE", f"{mode} went before its machine"
    return running


@pytest.mark.parametrize("mode", MODES)
def test_a_running_job_is_stopped_politely_and_its_log_kept(deleted, site, mode):
    status = deleted[mode]["status"]
    assert_stopped(site, status["instanceId"], status["stdout"])


@pytest.mark.parametrize("mode", ("foreground", "background"))
def test_its_instances_go_with_it(deleted, site, namespace, mode):
    site.until(lambda: not site.instances(namespace, mode), "the garbage collector is through")


def test_orphaned_instances_stay_and_do_not_hold_up_a_job_of_the_same_name(
    deleted, site, namespace
):
    old = site.instance(namespace, "orphan.work.0")
    assert old["metadata"]["uid"] == deleted["orphan"]["metadata"]["uid"]
    assert not old["metadata"].get("ownerReferences")
    site.apply(job_manifest(namespace, "orphan", command("work", "echo again")))
    job = site.until_condition(namespace, "orphan", "Complete")
    new = site.instance(namespace, "orphan.work.0")
    assert new["spec"]["jobUID"] == job["metadata"]["uid"] != old["spec"]["jobUID"]
    assert site.read(new["status"]["stdout"]) == b"again\n"
    site.until_released(namespace, "orphan")


@pytest.mark.parametrize("name", ["again", "forced"])
def test_the_same_file_applied_at_once_runs_once_more_from_the_start(
    deleted, site, namespace, name
):
    first = deleted[name]
    job = site.until_condition(namespace, name, "Complete")
    second = site.instance(namespace, f"{name}.work.0")
    assert job["metadata"]["uid"] == second["spec"]["jobUID"] != first["spec"]["jobUID"]
    assert second["status"]["attempt"] == 0 and len(second["status"]["attempts"]) == 1
    assert job["status"]["tasks"][0]["counts"] == {"total": 1, "succeeded": 1}
    one, other = (site.cloud.machine(i["status"]["instanceId"]) for i in (first, second))
    assert one["id"] != other["id"]
    assert state_time(one, "GONE") < state_time(other, "PENDING")
    assert [len(ran(machine, "9.25")) for machine in (one, other)] == [1, 1]
    site.until_released(namespace, name)


def test_deleting_an_instance_is_no_command(deleted, site, namespace):
    before = deleted["kept"]
    site.until_released(namespace, "kept")
    made = site.instance(namespace, "kept.work.0")
    assert made["metadata"]["uid"] != before["metadata"]["uid"]
    assert made["spec"]["jobUID"] == before["spec"]["jobUID"]
    status, machine = made["status"], before["status"]["instanceId"]
    assert (status["phase"], status["attempt"]) == ("Succeeded", 0)
    assert status["instanceId"] == machine
    assert ended_with(ran(site.cloud.machine(machine), "15.75"), 0)


def test_deleting_a_finished_instance_brings_it_back_as_it_was(deleted, site, namespace):
    site.until_released(namespace, "kept")
    before = site.instance(namespace, "kept.work.0")
    calls = len(site.launches(namespace))
    site.kubectl("delete", "bci/kept.work.0", "-n", namespace)

    def again() -> Object:
        one = site.instance(namespace, "kept.work.0")
        return one if one.get("status", {}).get("phase") == "Succeeded" else {}

    made = site.until(again, "the finished TaskInstance is back", seconds=10)
    assert made["metadata"]["uid"] != before["metadata"]["uid"]
    assert made["status"]["attempt"] == before["status"]["attempt"]
    assert site.job(namespace, "kept")["status"]["phase"] == "Succeeded"
    assert len(site.launches(namespace)) == calls


def test_a_finished_instance_that_goes_while_nobody_looks_changes_nothing(deleted, site, namespace):
    calls = len(site.launches(namespace))
    before = site.until_released(namespace, "kept")
    site.kill_operator()
    site.kubectl("delete", "bci/kept.work.0", "-n", namespace)
    site.kubectl("annotate", "bcj/kept", "-n", namespace, "looked=at")
    site.start_operator()
    site.apply(job_manifest(namespace, "later", command("work", "true")))
    site.until_condition(namespace, "later", "Complete")
    assert site.job(namespace, "kept")["status"] == before["status"]
    assert len(site.launches(namespace)) == calls + 1


def test_a_namespace_goes_with_its_secret_and_leaves_nothing(deleted, site):
    status = deleted["own"]["status"]
    until_namespace_gone(site, "short-lived")
    assert site.cloud.machine(status["instanceId"])["state"] == "GONE"
    assert_stopped(site, status["instanceId"], status["stdout"])


def test_ledger_and_copied_credentials_are_gone_in_the_end(deleted, site, namespace):
    site.until(lambda: nothing_open(site), "nothing is open")
    assert {machine["state"] for machine in site.machines(namespace)} == {"GONE"}
