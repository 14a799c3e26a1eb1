"""What a namespace may name with the operator's own credentials (R12)."""

from __future__ import annotations

from typing import Any

import pytest

from batchcompute.api.job import Job
from batchcompute.settings import Permission
from batchcompute.vocabulary import Reason
from tests.unit.core.job.acceptance_cases import (
    COMPUTE,
    EVERYTHING,
    FOR_EVER,
    compute,
    copy,
    grade,
    job,
    judge,
    rules,
    task,
)

Json = dict[str, Any]

NOTHING = Permission(namespaces=("team-a",))
OUTPUT = task(outputMappings=[{"path": "o", "destination": "cos://data-1250000000/out/"}])

RIGHTS: dict[str, tuple[Permission, Job, str | None]] = {
    "a namespace that no entry lists": (
        Permission(namespaces=("team-b",), buckets=("*",)),
        job(),
        None,
    ),
    "a bucket": (NOTHING, job(copy()), "cos://data-1250000000/in/"),
    "an output bucket": (NOTHING, job(OUTPUT), "cos://data-1250000000/out/"),
    "a bucket of another prefix": (
        Permission(namespaces=("team-a",), buckets=("data-1250000000/team-a/",)),
        job(copy()),
        "cos://data-1250000000/in/",
    ),
    "a CAM role": (NOTHING, job(compute(camRoleName="Worker")), "Worker"),
    "a security group": (NOTHING, job(compute(securityGroupIds=["sg-9"])), "sg-9"),
    "a snapshot": (
        NOTHING,
        job(compute(dataDisks=[{"size": 10, "snapshotId": "snap-1"}])),
        "snap-1",
    ),
}


@pytest.mark.parametrize(("permission", "subject", "name"), RIGHTS.values(), ids=RIGHTS)
def test_a_namespace_may_not_name(permission: Permission, subject: Job, name: str | None) -> None:
    answer = judge(subject, by=rules(permission))
    assert answer.refusal
    assert answer.refusal.reason == Reason.NOT_PERMITTED
    assert grade(answer) == FOR_EVER
    used = "the operator's own credentials" if name is None else f"may not use {name} with"
    assert used in answer.refusal.message
    assert "set credentialsSecretRef" in answer.refusal.message


ALLOWED: dict[str, tuple[Permission, Job]] = {
    "what needs no right": (NOTHING, job()),
    "its bucket": (
        Permission(namespaces=("team-a",), buckets=("data-1250000000",)),
        job(copy()),
    ),
    "its prefix of a bucket": (
        Permission(namespaces=("team-a",), buckets=("data-1250000000/in/",)),
        job(copy("cos://data-1250000000/in/deep/")),
    ),
    "the operator's own region by name": (NOTHING, job(region="ap-guangzhou")),
    "everything, by wildcards": (
        EVERYTHING,
        job(compute(camRoleName="Worker", securityGroupIds=["sg-9"])),
    ),
    "a path that its CAM role serves": (
        Permission(namespaces=("team-a",), cam_roles=("Reader",)),
        job({**copy(), "compute": {**COMPUTE, "camRoleName": "Reader"}}),
    ),
}


@pytest.mark.parametrize(("permission", "subject"), ALLOWED.values(), ids=ALLOWED)
def test_a_namespace_may_name(permission: Permission, subject: Job) -> None:
    assert judge(subject, by=rules(permission)).refusal is None


def test_rights_of_several_entries_add_up() -> None:
    entries = (
        Permission(namespaces=("*",), buckets=("data-1250000000",)),
        Permission(namespaces=("team-a",), cam_roles=("Worker",)),
    )
    subject = job({**copy(), "compute": {**COMPUTE, "camRoleName": "Worker"}})
    assert judge(subject, by=rules(*entries)).accepted


def test_what_is_not_supported_yet_needs_its_right_all_the_same() -> None:
    """The finding is there beside `NotYetSupported`: building the feature must not open a hole."""
    subject = job(
        task(
            compute={
                **COMPUTE,
                "placement": {"hostIds": ["host-1"], "projectId": 9},
            },
            inputMappings=[{"source": "cfs://10.0.0.1/x/", "path": "in"}],
        ),
        region="ap-shanghai",
        placement={"dedicatedResourcePackIds": ["rp-1"]},
    )
    denied = [
        f.path
        for f in judge(subject, by=rules(NOTHING)).findings
        if f.reason is Reason.NOT_PERMITTED
    ]
    assert denied == [
        "region",
        "placement.dedicatedResourcePackIds[0]",
        "compute.placement.projectId",
        "compute.placement.hostIds[0]",
        "inputMappings[0].source",
    ]
