"""Where machines are made: what goes before what."""

from __future__ import annotations

from typing import Any

import pytest

from batchcompute.api.compute import Compute
from batchcompute.api.placement import Placement
from batchcompute.core.job.places import DefaultPlace, Place, places, project_id

Json = dict[str, Any]

DEFAULT = DefaultPlace("z-3", "vpc-0", "subnet-3", (), 5)
OWN_SUBNET: Json = {"virtualPrivateCloud": {"vpcId": "vpc-1", "subnetId": "subnet-1"}}

CASES: dict[str, tuple[Json, Json | None, DefaultPlace, tuple[Place, ...]]] = {
    "nothing given: the default": ({}, None, DEFAULT, (Place("z-3", "vpc-0", "subnet-3"),)),
    "nothing given and no default": ({}, None, DefaultPlace(), ()),
    "the job's zone": ({}, {"zone": "z-4"}, DEFAULT, (Place("z-4"),)),
    "the task's zone before the job's": (
        {"placement": {"zone": "z-6"}},
        {"zone": "z-4"},
        DEFAULT,
        (Place("z-6"),),
    ),
    "a placement without a zone leaves the job's": (
        {"placement": {"projectId": 1}},
        {"zone": "z-4"},
        DEFAULT,
        (Place("z-4"),),
    ),
    "zones before both, in their order": (
        {"zones": ["z-7", "z-3"], "placement": {"zone": "z-6"}},
        {"zone": "z-4"},
        DEFAULT,
        (Place("z-7"), Place("z-3", "vpc-0", "subnet-3")),
    ),
    "a subnet with the zone that was named": (
        OWN_SUBNET,
        {"zone": "z-4"},
        DEFAULT,
        (Place("z-4", "vpc-1", "subnet-1"),),
    ),
    "a subnet in the default zone": (
        OWN_SUBNET,
        None,
        DEFAULT,
        (Place("z-3", "vpc-1", "subnet-1"),),
    ),
    "a subnet and no zone at all": (OWN_SUBNET, None, DefaultPlace(), ()),
}


def compute(fields: Json) -> Compute:
    return Compute.parse({"imageId": "i", "instanceType": "S5.MEDIUM4", **fields})


@pytest.mark.parametrize(("own", "job", "default", "found"), CASES.values(), ids=CASES)
def test_places(
    own: Json, job: Json | None, default: DefaultPlace, found: tuple[Place, ...]
) -> None:
    assert places(compute(own), Placement.parse(job) if job else None, default) == found


def test_the_project_is_the_task_s_then_the_job_s_then_the_operator_s() -> None:
    task, job = compute({"placement": {"projectId": 0}}), Placement.parse({"projectId": 3})
    assert project_id(task, job, DEFAULT) == 0
    assert project_id(compute({}), job, DEFAULT) == 3
    assert project_id(compute({}), None, DEFAULT) == 5
    assert project_id(compute({}), None, DefaultPlace()) == 0
