"""One task from `kubectl apply` to the object in the bucket."""

from __future__ import annotations

import re

import pytest

from tests.support.site import Object, Site, command, ended_with, job_manifest, ran, state_time

CONDITIONS = {
    "Accepted": "True",
    "Reconciling": "False",
    "Stalled": "False",
    "Complete": "True",
    "Failed": "False",
    "Finished": "True",
    "Suspended": "False",
    "Waiting": "False",
    "ResourcesReleased": "True",
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
SCRIPT = 'echo "hello from $BATCH_JOB_NAME $BATCH_TASK_INSTANCE_INDEX"; echo a warning >&2; sleep 6'


@pytest.fixture(scope="module")
def done(site: Site, namespace: str) -> Object:
    """A Job of one task that has succeeded and given its machine back."""
    site.apply(job_manifest(namespace, "hello", command("greet", SCRIPT)))
    waited = ("wait", "--for=condition=Complete", "bcj/hello", "-n", namespace, "--timeout=90s")
    assert "condition met" in site.kubectl(*waited)
    return site.until_released(namespace, "hello")


def test_the_status_is_that_of_the_contract(done):
    status = done["status"]
    assert status["observedGeneration"] == done["metadata"]["generation"] == 1
    assert (status["phase"], status["tasksDone"], status["retry"]) == ("Succeeded", "1/1", 0)
    assert status["instances"] == {"total": 1, "succeeded": 1}
    assert status["message"] == "1/1 instances done"
    (task,) = status["tasks"]
    assert (task["name"], task["phase"]) == ("greet", "Succeeded")
    assert task["counts"] == {"total": 1, "succeeded": 1}
    assert task["succeededIndexes"] == "0"
    for times in (status, task):
        assert TIME.fullmatch(times["startTime"]) and TIME.fullmatch(times["completionTime"])
        assert times["startTime"] <= times["completionTime"]
    assert status["resolved"]["region"] == "ap-guangzhou"


def test_every_condition_is_there_and_tells_its_generation(done):
    conditions = done["status"]["conditions"]
    assert {c["type"]: c["status"] for c in conditions} == CONDITIONS
    assert {c["observedGeneration"] for c in conditions} == {1}
    assert all(c["reason"] and TIME.fullmatch(c["lastTransitionTime"]) for c in conditions)


def test_the_instance_tells_where_and_when_it_ran(done, site, namespace):
    (machine,) = site.machines(namespace)
    one = site.instance(namespace, "hello.greet.0")
    status = one["status"]
    assert one["spec"] == {
        "job": "hello",
        "jobUID": done["metadata"]["uid"],
        "task": "greet",
        "index": 0,
        "terminate": False,
    }
    assert (status["phase"], status["attempt"], status["exitCode"]) == ("Succeeded", 0, 0)
    assert status["reason"] == "Completed"
    assert status["instanceId"] == machine["id"]
    assert (status["zone"], status["instanceType"]) == (machine["zone"], machine["instanceType"])
    assert status["privateIP"] == machine["privateIp"]
    assert status["launchTime"] <= status["runningTime"] <= status["endTime"]
    (attempt,) = status["attempts"]
    assert (attempt["number"], attempt["exitCode"], attempt["reason"]) == (0, 0, "Completed")
    assert attempt["chargeType"] == "PostpaidByHour"


def test_stdout_and_stderr_are_in_the_bucket_before_the_machine_goes(done, site, namespace):
    status = site.instance(namespace, "hello.greet.0")["status"]
    assert site.read(status["stdout"]) == b"hello from hello 0\n"
    assert site.read(status["stderr"]) == b"a warning\n"
    (machine,) = site.machines(namespace)
    for url in (status["stdout"], status["stderr"]):
        written = site.uploads(url)
        assert written and max(written) < state_time(machine, "TERMINATING")


def test_the_cloud_saw_one_machine_start_run_and_go(done, site, namespace):
    (machine,) = site.machines(namespace)
    states = [state["state"] for state in machine["states"]]
    assert states == ["PENDING", "RUNNING", "TERMINATING", "GONE"]
    assert [call["code"] for call in site.launches(namespace)] == ["OK"]
    ended = [c for c in site.cloud.calls("TerminateInstances") if machine["id"] in c["ids"]]
    assert len(ended) == 1
    assert ended_with(ran(machine, SCRIPT), 0)


def test_nothing_is_left_but_results_and_logs(done, site, namespace):
    def left() -> list[str]:
        polled = re.compile(r"/v1/(live|done|dir|box)/|\.fail$")
        return [key for key in site.workspace_keys() if polled.search(key)]

    site.until(lambda: not left(), "the mailbox is empty")
    kept = {key.rpartition("/")[2] for key in site.workspace_keys(f"jobs/{namespace}/")}
    assert kept == {"start", "result.json", "out.00", "err.00"}
    site.until(
        lambda: len([name for name in site.secrets() if name.startswith("bc-ledger-0")]) <= 2,
        "the ledger has the leader's record and its newest one, no other",
    )


def test_events_tell_the_story(done, site, namespace):
    def reasons() -> list[str]:
        return [one["reason"] for one in site.events(namespace, "hello")]

    site.until(lambda: "Succeeded" in reasons(), "the event of success")
    assert {"TaskSucceeded", "Succeeded"} <= set(reasons())
    assert {one["type"] for one in site.events(namespace, "hello")} == {"Normal"}


def test_the_columns_say_how_it_went(done, site, namespace):
    said = site.kubectl("get", "bcj,bci", "-n", namespace)
    job, _, instance = said.partition("\n\n")
    head, row = (line.split() for line in job.splitlines())
    assert head[:3] == ["NAME", "PHASE", "TASKS"]
    assert row[:3] == ["job.batchcompute.io/hello", "Succeeded", "1/1"]
    head, row = (line.split() for line in instance.splitlines())
    assert row[0] == "taskinstance.batchcompute.io/hello.greet.0"
    assert dict(zip(head, row, strict=True))["EXIT"] == "0"


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("bcj.spec.tasks", "FIELDS"),
        ("bcj.spec.tasks.maxRetries", "DESCRIPTION"),
        ("bcj.status.conditions", "DESCRIPTION"),
        ("bci.status.attempts", "exitCode"),
        ("bct.spec.task", "FIELDS"),
        ("bce.spec.desiredNodes", "DESCRIPTION"),
    ],
)
def test_kubectl_explains(site, field, words):
    said = site.kubectl("explain", field)
    assert words in said
    assert "<empty>" not in said
