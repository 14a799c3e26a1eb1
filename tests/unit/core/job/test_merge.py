"""The merge of a template with a job's task, rule by rule of api.md (Merge)."""

from __future__ import annotations

from typing import Any

import pytest

from batchcompute.core.job.merge import contradictions, merge

Json = dict[str, Any]

VPC: Json = {"vpcId": "vpc-1", "subnetId": "subnet-1"}

CASES: dict[str, tuple[Json, Json, Json]] = {
    "what only the template has stays": ({"maxRetries": 3}, {}, {"maxRetries": 3}),
    "what only the job has is taken": ({}, {"maxRetries": 3}, {"maxRetries": 3}),
    "a scalar of the job wins": ({"maxRetries": 3}, {"maxRetries": 0}, {"maxRetries": 0}),
    "objects are merged member by member": (
        {"compute": {"imageId": "img-1", "instanceName": "x"}},
        {"compute": {"imageId": "img-2"}},
        {"compute": {"imageId": "img-2", "instanceName": "x"}},
    ),
    "deep objects too": (
        {"compute": {"systemDisk": {"size": 50, "encrypt": True}}},
        {"compute": {"systemDisk": {"size": 100}}},
        {"compute": {"systemDisk": {"size": 100, "encrypt": True}}},
    ),
    "a subnet of the template's network": (
        {"compute": {"virtualPrivateCloud": VPC}},
        {"compute": {"virtualPrivateCloud": {"subnetId": "subnet-2"}}},
        {"compute": {"virtualPrivateCloud": {"vpcId": "vpc-1", "subnetId": "subnet-2"}}},
    ),
    "a list is replaced as a whole": (
        {"compute": {"securityGroupIds": ["sg-1", "sg-2"]}},
        {"compute": {"securityGroupIds": ["sg-3"]}},
        {"compute": {"securityGroupIds": ["sg-3"]}},
    ),
    "an empty list clears": (
        {"inputMappings": [{"source": "cos://b-1250000000/", "path": "/in"}]},
        {"inputMappings": []},
        {"inputMappings": []},
    ),
    "env is merged by name, in the template's order": (
        {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
        {"env": [{"name": "C", "value": "3"}, {"name": "A", "value": "9"}]},
        {
            "env": [
                {"name": "A", "value": "9"},
                {"name": "B", "value": "2"},
                {"name": "C", "value": "3"},
            ]
        },
    ),
    "a variable is replaced as a whole": (
        {"env": [{"name": "A", "value": "1"}]},
        {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]},
        {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]},
    ),
    "an empty env changes nothing": (
        {"env": [{"name": "A", "value": "1"}]},
        {"env": []},
        {"env": [{"name": "A", "value": "1"}]},
    ),
    "null removes nothing": (
        {"maxRetries": 3, "compute": {"zones": ["z"]}},
        {"maxRetries": None, "compute": {"zones": None, "instanceType": None}},
        {"maxRetries": 3, "compute": {"zones": ["z"]}},
    ),
    "the job's way to say the type removes the template's": (
        {"compute": {"instanceTypes": ["S5.MEDIUM4"]}},
        {"compute": {"instanceType": "S5.LARGE8"}},
        {"compute": {"instanceType": "S5.LARGE8"}},
    ),
    "the job's network removes the template's zones": (
        {"compute": {"zones": ["ap-guangzhou-3"]}},
        {"compute": {"virtualPrivateCloud": VPC}},
        {"compute": {"virtualPrivateCloud": VPC}},
    ),
    "the job's env removes the template's machines": (
        {"compute": {"imageId": "img-1"}},
        {"computeEnvRef": {"name": "pool"}},
        {"computeEnvRef": {"name": "pool"}},
    ),
    "the job's machines remove the template's env": (
        {"computeEnvRef": {"name": "pool"}},
        {"compute": {"imageId": "img-1"}},
        {"compute": {"imageId": "img-1"}},
    ),
    "the job's commands remove the template's command": (
        {"application": {"command": "x", "package": "p"}},
        {"application": {"commands": ["a", "b"]}},
        {"application": {"commands": ["a", "b"], "package": "p"}},
    ),
    "the job's login removes the template's": (
        {"compute": {"login": {"keyIds": ["skey-1"]}}},
        {"compute": {"login": {"keepImageLogin": True}}},
        {"compute": {"login": {"keepImageLogin": True}}},
    ),
    "clearing a way to say the place leaves none": (
        {"compute": {"zones": ["z"]}},
        {"compute": {"zones": []}},
        {"compute": {}},
    ),
    "a Secret reference is replaced": (
        {"application": {"docker": {"credentialsSecretRef": {"name": "a"}}}},
        {"application": {"docker": {"credentialsSecretRef": {"name": "b"}}}},
        {"application": {"docker": {"credentialsSecretRef": {"name": "b"}}}},
    ),
}


@pytest.mark.parametrize(("below", "own", "merged"), CASES.values(), ids=CASES)
def test_merge(below: Json, own: Json, merged: Json) -> None:
    assert merge(below, own) == merged


def test_a_merge_changes_neither_side() -> None:
    below: Json = {"compute": {"zones": ["z"], "systemDisk": {"size": 50}}, "env": []}
    own: Json = {"compute": {"virtualPrivateCloud": VPC, "systemDisk": {"size": 60}}}
    before = (repr(below), repr(own))
    merge(below, own)
    assert (repr(below), repr(own)) == before


CONTRADICTIONS: dict[str, tuple[Json, list[tuple[str, str]]]] = {
    "nothing at all": (
        {},
        [("compute", "none of compute and computeEnvRef is set: set one")],
    ),
    "no type": (
        {"compute": {"imageId": "i"}},
        [
            (
                "compute.instanceType",
                "none of compute.instanceType, compute.instanceTypes and "
                "compute.instanceTypeOptions is set: set one",
            )
        ],
    ),
    "two types": (
        {"compute": {"instanceType": "S5.MEDIUM4", "instanceTypes": ["S5.LARGE8"]}},
        [
            (
                "compute.instanceType",
                "compute.instanceType and compute.instanceTypes exclude each other: keep one",
            )
        ],
    ),
}


@pytest.mark.parametrize(("body", "found"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_contradictions(body: Json, found: list[tuple[str, str]]) -> None:
    assert list(contradictions(body)) == found
