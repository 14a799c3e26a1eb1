"""Acceptance: what is taken, what is refused with which reason, and for how long."""

from __future__ import annotations

from typing import Any

import pytest

from batchcompute.api.job import Job
from batchcompute.api.task_template import TaskTemplate
from batchcompute.core.job.acceptance import Frozen, Rules
from batchcompute.core.job.observed import Edge
from batchcompute.core.job.places import DefaultPlace
from batchcompute.core.job.resolve import resolve_tasks, template_names
from batchcompute.settings import Settings
from batchcompute.vocabulary import Reason
from tests.unit.core.job.acceptance_cases import (
    BROKEN,
    COMPUTE,
    FOR_EVER,
    MISSING,
    PLACE,
    compute,
    copy,
    edges,
    grade,
    job,
    judge,
    rules,
    task,
    template,
)

Json = dict[str, Any]

PATH = "inputMappings[0].source"
FORM = "write cos://<bucket>-<appid>/<prefix>/"

REFUSED: dict[str, tuple[Job, Reason, str]] = {
    "two tasks in a circle": (
        job(task("a", dependsOn=edges("b")), task("b", dependsOn=edges("a"))),
        Reason.DEPENDENCY_CYCLE,
        "tasks depend on each other in a circle: a -> b -> a: remove one edge",
    ),
    "three tasks in a circle, behind one that is not": (
        job(
            task("x", dependsOn=edges("c")),
            task("a", dependsOn=edges("c")),
            task("b", dependsOn=edges("a")),
            task("c", dependsOn=edges("b")),
        ),
        Reason.DEPENDENCY_CYCLE,
        "tasks depend on each other in a circle: c -> a -> b -> c: remove one edge",
    ),
    "a path that is no COS path": (
        job(copy("s3://data/in/")),
        Reason.INVALID_PATH,
        f'task "a": {PATH}: s3://data/in/ is no COS path: {FORM}',
    ),
    "a bucket without an appid": (
        job(copy("cos://data/in/")),
        Reason.INVALID_PATH,
        f'task "a": {PATH}: cos://data/in/ is no COS path: {FORM}',
    ),
    "a path that is no directory": (
        job(copy("cos://data-1250000000/in")),
        Reason.INVALID_PATH,
        f'task "a": {PATH}: cos://data-1250000000/in must end with /',
    ),
    "a path that climbs": (
        job(copy("cos://data-1250000000/a/../b/")),
        Reason.INVALID_PATH,
        f'task "a": {PATH}: cos://data-1250000000/a/../b/ has an empty, . or .. part: {FORM}',
    ),
    "a local path that climbs": (
        job(copy(path="../x")),
        Reason.INVALID_PATH,
        'task "a": inputMappings[0].path has .. in it: give a path without',
    ),
    "the root as local path": (
        job(copy(path="/")),
        Reason.INVALID_PATH,
        'task "a": inputMappings[0].path is the root directory: give a directory below it',
    ),
    "a Windows path": (
        job(copy(path="D:\\in")),
        Reason.NOT_SUPPORTED,
        'task "a": inputMappings[0].path: Windows is not supported: give a Linux path',
    ),
    "bare metal": (
        job(task(compute={"imageId": "img-1", "instanceTypes": ["S5.MEDIUM4", "BMI5.24XLARGE"]})),
        Reason.NOT_SUPPORTED,
        'task "a": compute.instanceTypes[1]: BMI5.24XLARGE is bare metal, which is not supported: '
        "choose a CVM type",
    ),
    "a path inside the workspace": (
        job(copy("cos://batchcompute-1250000000/ws/x/")),
        Reason.PATH_RESERVED,
        f'task "a": {PATH}: cos://batchcompute-1250000000/ws/x/ overlaps a workspace: use another '
        "prefix or bucket",
    ),
    "a path around another workspace, its region spelled out": (
        job(copy("cos://other-1250000000.cos.ap-guangzhou.myqcloud.com/deep/")),
        Reason.PATH_RESERVED,
        f'task "a": {PATH}: cos://other-1250000000/deep/ overlaps a workspace: use another prefix '
        "or bucket",
    ),
    "an output inside the workspace": (
        job(
            task(outputMappings=[{"path": "o", "destination": "cos://batchcompute-1250000000/ws/"}])
        ),
        Reason.PATH_RESERVED,
        'task "a": outputMappings[0].destination: cos://batchcompute-1250000000/ws/ overlaps a '
        "workspace: use another prefix or bucket",
    ),
    "a region without a workspace": (
        job(region="ap-shanghai"),
        Reason.WORKSPACE_MISSING,
        "workspace is missing: the operator has none for this account and region; set workspace",
    ),
    "a workspace that is no path": (
        job(workspace="ws/"),
        Reason.INVALID_PATH,
        f"workspace: ws/ is no COS path: {FORM}",
    ),
    "a workspace of the job's own": (
        job(workspace="cos://ws-1250000000/batch/"),
        Reason.NOT_YET_SUPPORTED,
        "workspace is not supported yet (one other than the operator's): leave it out",
    ),
    "half a network": (
        job(compute(virtualPrivateCloud={"vpcId": "vpc-1"})),
        Reason.OBJECT_INVALID,
        'task "a": compute.virtualPrivateCloud.subnetId is missing: set it',
    ),
    "a reserved variable in an object stored by an older release": (
        job(task(env=[{"name": "BATCH_X", "value": "1"}])),
        Reason.ENV_NAME_RESERVED,
        'task "a": env: BATCH_X begins with BATCH_: rename the variable',
    ),
}


@pytest.mark.parametrize(("subject", "reason", "message"), REFUSED.values(), ids=REFUSED)
def test_a_job_is_wrong_for_ever(subject: Job, reason: Reason, message: str) -> None:
    found = judge(subject)
    assert found.refusal
    assert (found.refusal.reason, found.refusal.message) == (reason, message)
    assert (grade(found), found.tasks) == (FOR_EVER, ())


FROM_TEMPLATE = task("b", application=None, compute=None, templateRef={"name": "counter"})

TEMPLATED: dict[str, tuple[Json, TaskTemplate | None, Reason, str, str]] = {
    "no template yet": (
        FROM_TEMPLATE,
        None,
        Reason.TEMPLATE_NOT_FOUND,
        MISSING,
        'task "b": there is no TaskTemplate "counter": create it',
    ),
    "nobody says what to run": (
        FROM_TEMPLATE,
        template(compute=COMPUTE),
        Reason.INVALID_MERGE,
        BROKEN,
        'task "b": application is missing: set it',
    ),
    "nobody says the machines": (
        FROM_TEMPLATE,
        template(application={"command": "x"}),
        Reason.INVALID_MERGE,
        BROKEN,
        'task "b": none of compute and computeEnvRef is set: set one',
    ),
    "nobody says the image": (
        {**FROM_TEMPLATE, "compute": {"instanceType": "S5.LARGE8"}},
        template(application={"command": "x"}),
        Reason.INVALID_MERGE,
        BROKEN,
        'task "b": compute.imageId is missing: set it',
    ),
    "the template's commands do not fit the job's instances": (
        {**FROM_TEMPLATE, "instances": 3},
        template(application={"commands": ["a", "b"]}, compute=COMPUTE),
        Reason.INVALID_MERGE,
        FOR_EVER,
        'task "b": instances is 3 and application.commands has 2 entries: remove instances',
    ),
    "the template brings too many instances": (
        FROM_TEMPLATE,
        template(application={"command": "x"}, compute=COMPUTE, instances=100_000),
        Reason.INVALID_MERGE,
        BROKEN,
        "100001 instances after the merge, at most 100000 are allowed: lower them",
    ),
    "the template uses what has no effect yet": (
        FROM_TEMPLATE,
        template(application={"command": "x"}, compute={**COMPUTE, "chargeType": "Spot"}),
        Reason.NOT_YET_SUPPORTED,
        BROKEN,
        'task "b": compute.chargeType is not supported yet (spot machines): leave it out',
    ),
    "the job's own task uses what has no effect yet": (
        {**FROM_TEMPLATE, "compute": {"chargeType": "Spot"}},
        template(application={"command": "x"}, compute=COMPUTE),
        Reason.NOT_YET_SUPPORTED,
        FOR_EVER,
        'task "b": compute.chargeType is not supported yet (spot machines): leave it out',
    ),
}


@pytest.mark.parametrize(
    ("own", "found", "reason", "how_long", "message"), TEMPLATED.values(), ids=TEMPLATED
)
def test_a_merge_is_refused(
    own: Json, found: TaskTemplate | None, reason: Reason, how_long: str, message: str
) -> None:
    answer = judge(job(task("a"), own), templates={"counter": found})
    assert answer.refusal
    assert (answer.refusal.reason, grade(answer)) == (reason, how_long)
    assert answer.refusal.message == message


def test_a_template_completes_a_task() -> None:
    own = {**FROM_TEMPLATE, "instances": 5, "dependsOn": [{"task": "a"}]}
    found = template(application={"command": "count"}, compute=COMPUTE, maxRetries=2, instances=3)
    answer = judge(job(task("a"), own, dependencyPolicy="Finished"), templates={"counter": found})
    assert answer.accepted
    done = answer.tasks[1]
    assert (done.name, done.template, done.size, done.max_retries) == ("b", "counter", 5, 2)
    assert done.application.command == "count"
    assert done.edges == (Edge("a", "Finished"),)
    assert done.compute
    assert done.compute.system_disk.size == 50


def test_defaults_are_filled_in_after_the_merge() -> None:
    (done,) = judge(job(task(env=[{"name": "A", "value": "1"}], instances=0))).tasks
    assert (done.size, done.max_retries, done.timeout_seconds) == (0, 0, 86_400)
    assert (done.output_options.workers, done.failed_action) == (5, "Terminate")
    assert judge(job(task())).tasks[0].size == 1


def test_an_edge_s_own_policy_goes_before_the_job_s() -> None:
    edge = {"task": "a", "policy": "PartlySucceeded"}
    answer = judge(job(task("a"), task("b", dependsOn=[edge])))
    assert answer.tasks[1].edges == (Edge("a", "PartlySucceeded"),)


def test_what_is_wrong_for_ever_is_said_before_what_is_missing() -> None:
    subject = job(FROM_TEMPLATE, task("a", failedAction="Interrupt"))
    answer = judge(subject, templates={})
    assert answer.refusal
    assert answer.refusal.reason == Reason.NOT_YET_SUPPORTED
    assert answer.refusal.message.endswith("(and 1 more)")


def test_settings_are_frozen_with_the_acceptance() -> None:
    frozen = judge(job()).frozen
    assert frozen == Frozen(
        "ap-guangzhou", "cos://batchcompute-1250000000/ws/", "1250000000", PLACE
    )
    assert Frozen.from_json(frozen.as_json()) == frozen


def test_an_accepted_job_is_resolved_again_from_its_frozen_templates() -> None:
    subject = job(FROM_TEMPLATE)
    stored = template(application={"command": "x"}, compute=COMPUTE)
    assert template_names(subject) == {"counter"}
    again = resolve_tasks(subject, {"counter": stored})
    assert again == judge(subject, templates={"counter": stored}).tasks


def test_without_any_zone_there_is_no_placement() -> None:
    answer = judge(job(), by=rules(place=DefaultPlace()))
    assert answer.refusal
    assert answer.refusal.reason == Reason.PLACEMENT_MISSING
    named = judge(job(placement={"zone": "ap-guangzhou-4"}), by=rules(place=DefaultPlace()))
    assert named.accepted


def test_rules_are_read_from_the_settings_file() -> None:
    settings = Settings.model_validate(
        {
            "appId": "1250000000",
            "region": "ap-guangzhou",
            "workspace": {"url": "cos://batchcompute-1250000000/ws/"},
            "defaults": {"zone": "ap-guangzhou-3", "securityGroupIds": ["sg-own"]},
            "permissions": [{"namespaces": ["*"], "buckets": ["*"]}],
        }
    )
    read = Rules.from_settings(settings)
    assert str(read.workspace) == "cos://batchcompute-1250000000/ws/"
    assert read.workspaces == (read.workspace,)
    assert read.default_place == DefaultPlace("ap-guangzhou-3", security_group_ids=("sg-own",))
    assert read.permissions == settings.permissions
