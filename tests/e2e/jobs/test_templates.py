"""TaskTemplates: overrides, a late one, and jobs that no later edit can touch."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.site import GROUP, Object, Site, job_manifest, ran

A_SECOND = 1.5
"""A second, and what a busy host adds to it."""
TRIES = """
echo "original $BATCH_TASK_ATTEMPT"
[ "$BATCH_TASK_ATTEMPT" = 1 ] || { sleep 7.5; exit 1; }
"""


def template(namespace: str, name: str, text: str, **task: Any) -> Object:
    compute = {"imageId": "img-batch001", "instanceType": "S5.MEDIUM4"}
    body = {"application": {"command": text}, "compute": compute, **task}
    return {
        "apiVersion": "batchcompute.io/v1alpha1",
        "kind": "TaskTemplate",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"task": body},
    }


def uses(namespace: str, job: str, name: str, **task: Any) -> Object:
    return job_manifest(namespace, job, {"name": "work", "templateRef": {"name": name}, **task})


def revision_of(site: Site, namespace: str, job: Object) -> Object:
    name = job["status"]["tasks"][0]["templateRevision"]
    found = site.get(f"/apis/apps/v1/namespaces/{namespace}/controllerrevisions/{name}")
    assert found is not None
    return found


@pytest.fixture(scope="module")
def jobs(site: Site, namespace: str) -> dict[str, Object]:
    """`overrides` beside `frozen`, whose template is edited and deleted between its attempts."""
    env = [{"name": "A", "value": "template"}, {"name": "B", "value": "template"}]
    site.apply(
        template(namespace, "shared", 'echo "$A $B"', env=env, maxRetries=3),
        template(namespace, "changing", TRIES, maxRetries=1),
        uses(namespace, "overrides", "shared", env=[{"name": "B", "value": "own"}], maxRetries=0),
        uses(namespace, "frozen", "changing"),
    )
    site.until_process(namespace, "7.5")
    site.apply(template(namespace, "changing", "echo edited", maxRetries=0))
    site.restart_operator()
    site.kubectl("delete", "bct/changing", "-n", namespace)
    return {
        name: site.until_condition(namespace, name, "Complete") for name in ("overrides", "frozen")
    }


def test_a_jobs_own_fields_override_the_templates(jobs, site, namespace):
    status = site.instance(namespace, "overrides.work.0")["status"]
    assert site.read(status["stdout"]) == b"template own\n"


def test_edit_and_deletion_of_a_template_touch_no_live_job(jobs, site, namespace):
    attempts = site.instance(namespace, "frozen.work.0")["status"]["attempts"]
    logs = [site.read(attempt["stdout"]) for attempt in attempts]
    assert logs == [b"original 0\n", b"original 1\n"]
    assert not any(ran(machine, "echo edited") for machine in site.machines(namespace))


def test_the_template_as_it_was_is_stored_with_the_job(jobs, site, namespace):
    job = jobs["frozen"]
    revision = revision_of(site, namespace, job)
    assert revision["data"]["task"]["application"]["command"] == TRIES
    (owner,) = revision["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == (
        "Job",
        job["metadata"]["uid"],
        True,
    )
    assert revision["metadata"]["name"].startswith("frozen-changing-")


def test_a_template_says_that_it_is_accepted(jobs, site, namespace):
    found = site.get(f"{GROUP}/namespaces/{namespace}/tasktemplates/shared")
    assert found is not None
    (condition,) = found["status"]["conditions"]
    assert (condition["type"], condition["status"]) == ("Accepted", "True")


def test_a_missing_template_is_waited_for_and_taken_within_a_second(jobs, site, namespace):
    site.apply(uses(namespace, "early", "late"))
    job = site.until_condition(namespace, "early", "Accepted", "False", seconds=A_SECOND)
    states = {c["type"]: c["status"] for c in job["status"]["conditions"]}
    assert site.condition(namespace, "early", "Accepted", "False")["reason"] == "TemplateNotFound"
    assert states["Reconciling"] == "True"
    assert {states[kind] for kind in ("Stalled", "Complete", "Failed", "Finished")} == {"False"}
    assert job["status"]["phase"] == "Submitted"
    assert not site.instances(namespace, "early")
    site.apply(template(namespace, "late", "echo at last"))
    site.until_condition(namespace, "early", "Accepted", "True", seconds=A_SECOND)
    site.until_condition(namespace, "early", "Complete")


def test_an_invalid_merge_is_told_and_mended_by_the_template(jobs, site, namespace):
    broken = template(namespace, "broken", "echo mended")
    del broken["spec"]["task"]["compute"]
    site.apply(broken, uses(namespace, "merged", "broken"))
    job = site.until_condition(namespace, "merged", "Accepted", "False", seconds=A_SECOND)
    states = {c["type"]: c["status"] for c in job["status"]["conditions"]}
    told = site.condition(namespace, "merged", "Accepted", "False")
    assert told["reason"] == "InvalidMerge"
    assert 'task "work"' in told["message"] and "compute" in told["message"]
    assert (states["Reconciling"], states["Stalled"]) == ("False", "True")
    assert {states[kind] for kind in ("Complete", "Failed", "Finished")} == {"False"}
    site.apply(template(namespace, "broken", "echo mended"))
    site.until_condition(namespace, "merged", "Accepted", "True", seconds=A_SECOND)
    site.until_condition(namespace, "merged", "Complete")
    assert json.dumps(site.job(namespace, "merged")["spec"]).count("mended") == 0
