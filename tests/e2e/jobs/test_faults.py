"""What the cloud does to a job: lost replies, no stock, machines that never come or go away."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.site import Object, Site, command, job_manifest, ran, state_time

SECOND = '[ "$BATCH_TASK_ATTEMPT" = 1 ] || exec sleep 333.5'
"""Ends at its second attempt only."""


def on(*types: str, text: str = "true", image: str = "img-batch001", **task: Any) -> Object:
    """A task on machines of these types, in their order."""
    compute = {"imageId": image, "instanceTypes": list(types)}
    return command("work", text, compute=compute, **task)


def of_type(site: Site, namespace: str, kind: str) -> list[Object]:
    return [m for m in site.machines(namespace) if m["instanceType"] == kind]


def calls_for(site: Site, namespace: str, kind: str) -> list[str]:
    """The codes of the RunInstances calls for a type, oldest first."""
    asked = site.launches(namespace)
    return [call["code"] for call in asked if call["parameters"]["InstanceType"] == kind]


@pytest.fixture(scope="module")
def jobs(site: Site, namespace: str) -> dict[str, Object]:
    """Jobs of one task each, on machine types of their own, so that each meets its own fault."""
    cloud = site.cloud
    cloud.fault("RunInstances", lose_reply=True, where={"InstanceType": "S5.SMALL1"})
    cloud.fault("RunInstances", launch_failed=True, where={"InstanceType": "S5.SMALL2"})
    cloud.fault("RunInstances", launch_failed=True, where={"InstanceType": "S5.SMALL4"})
    stock(site, 0)
    specs: dict[str, tuple[Object, Object]] = {
        "lost-reply": (on("S5.SMALL1"), {}),
        "failed-launch": (on("S5.SMALL2", resourceMaxRetries=1), {}),
        "gave-up": (on("S5.SMALL4"), {}),
        "second-choice": (on("SA2.LARGE8", "S5.LARGE8"), {}),
        "sold-out": (on("SA2.SMALL1"), {}),
        "patient": (on("SA2.SMALL2"), {"instanceCreationFailurePolicy": "Wait"}),
        "panicked": (on("SA2.MEDIUM2", text=SECOND), {}),
        "not-ended": (on("SA2.MEDIUM8"), {}),
    }
    site.apply(*(job_manifest(namespace, n, task, **more) for n, (task, more) in specs.items()))
    machine = site.until(lambda: begun(site, namespace, "SA2.MEDIUM2"), "it runs")
    cloud.do(machine["id"], "panic")
    cloud.fault("TerminateInstances", code="InvalidInstanceId.NotFound")
    waits = site.until(
        lambda: site.condition(namespace, "patient", "Waiting"), "the patient one waits"
    )
    assert waits["reason"] == "OutOfStock"
    stock(site, None)
    return {name: site.until_condition(namespace, name, "Finished", seconds=150) for name in specs}


def stock(site: Site, left: int | None) -> None:
    """How many machines of some types there are; None: any number."""
    for kind in ("SA2.LARGE8", "SA2.SMALL1", "SA2.SMALL2"):
        wanted = {"zone": "ap-guangzhou-3", "instanceType": kind, "left": left}
        site.cloud.ask("POST", "/stock", wanted)


def begun(site: Site, namespace: str, kind: str) -> Object | None:
    """The machine of a type whose command runs."""
    found = [m for m in of_type(site, namespace, kind) if ran(m, "333.5")]
    return found[0] if found else None


def status_of(site: Site, namespace: str, job: str) -> Object:
    status: Object = site.instance(namespace, f"{job}.work.0")["status"]
    return status


def test_a_lost_reply_is_asked_again_and_makes_one_machine(jobs, site, namespace):
    asked = [
        call
        for call in site.launches(namespace)
        if call["parameters"]["InstanceType"] == "S5.SMALL1"
    ]
    assert [call["replyLost"] for call in asked] == [True, False]
    assert len({call["parameters"]["ClientToken"] for call in asked}) == 1
    assert len(of_type(site, namespace, "S5.SMALL1")) == 1
    status = status_of(site, namespace, "lost-reply")
    assert (status["phase"], status["attempt"]) == ("Succeeded", 0)


def test_a_failed_launch_uses_up_no_attempt(jobs, site, namespace):
    status = status_of(site, namespace, "failed-launch")
    assert (status["phase"], status["attempt"]) == ("Succeeded", 0)
    first, second = of_type(site, namespace, "S5.SMALL2")
    assert [s["state"] for s in first["states"]][-1] in ("LAUNCH_FAILED", "GONE")
    assert status["instanceId"] == second["id"]


def test_a_failed_launch_without_a_retry_ends_the_instance(jobs, site, namespace):
    status = status_of(site, namespace, "gave-up")
    assert (status["phase"], status["reason"]) == ("Failed", "CreationFailed")
    (machine,) = of_type(site, namespace, "S5.SMALL4")
    assert status["instanceId"] == machine["id"]


def test_no_stock_falls_back_to_the_next_type(jobs, site, namespace):
    status = status_of(site, namespace, "second-choice")
    assert (status["phase"], status["instanceType"]) == ("Succeeded", "S5.LARGE8")
    (refused,) = calls_for(site, namespace, "SA2.LARGE8")
    assert refused.startswith("ResourcesSoldOut") or "Insufficient" in refused


def test_no_stock_at_all_fails_with_what_was_asked_for(jobs, site, namespace):
    status = status_of(site, namespace, "sold-out")
    assert (status["phase"], status["reason"]) == ("Failed", "CreationFailed")
    assert "SA2.SMALL1 in ap-guangzhou-3" in status["message"]
    assert len(calls_for(site, namespace, "SA2.SMALL1")) == 1


def test_a_patient_job_waits_for_stock(jobs, site, namespace):
    assert status_of(site, namespace, "patient")["phase"] == "Succeeded"


def test_a_machine_that_went_silent_is_replaced_without_a_retry(jobs, site, namespace):
    status = status_of(site, namespace, "panicked")
    assert (status["phase"], status["attempt"]) == ("Succeeded", 1)
    first, second = status["attempts"]
    assert (first["reason"], second["reason"]) == ("MachineLost", "Completed")
    assert status["machinesLost"] == 1 and not status.get("retriesUsed")
    lost = site.cloud.machine(first["instanceId"])
    assert state_time(lost, "GONE") < state_time(
        site.cloud.machine(second["instanceId"]), "PENDING"
    )


def test_a_refused_termination_leaves_no_machine(jobs, site, namespace):
    for name in jobs:
        site.until_released(namespace, name)
    codes = [call["code"] for call in site.cloud.calls("TerminateInstances")]
    # A leader that was restarted meanwhile may ask once more for a machine that has gone.
    assert codes.count("InvalidInstanceId.NotFound") >= 1
    assert {machine["state"] for machine in site.machines(namespace)} == {"GONE"}


def test_an_image_without_cloud_init_is_told_by_the_boot_deadline(site, namespace):
    site.restart_operator(launch={"bootDeadlineSeconds": 6})
    kind = "S5.LARGE4"
    site.apply(job_manifest(namespace, "mute", on(kind, image="img-batch002")))

    def attempts() -> list[Object]:
        found = site.instance(namespace, "mute.work.0").get("status", {})
        tried: list[Object] = found.get("attempts", [])
        return tried

    first = site.until(attempts, "its first attempt ends")[0]
    assert (first["number"], first["reason"]) == (0, "BootTimeout")
    machine = site.cloud.machine(first["instanceId"])
    assert state_time(machine, "TERMINATING") - state_time(machine, "RUNNING") > 5
    site.kubectl("delete", "bcj/mute", "-n", namespace, "--wait=false")
    site.restart_operator(launch={"bootDeadlineSeconds": 600})
