"""Every leaf of `compute` in api.md has a row: manifest value -> exact RunInstances parameter."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel
from tencentcloud.cvm.v20170312 import models

from batchcompute.api.compute import Compute
from batchcompute.api.enums import ChargeType
from batchcompute.cloud.tencent.translate import (
    ResolvedPlacement,
    encode,
    machine_view,
    run_instances_request,
)

Json = dict[str, Any]
BASE: Json = {"imageId": "img-batch001", "instanceType": "S5.MEDIUM4"}
ALWAYS: Json = {
    "ImageId": "img-batch001",
    "InstanceType": "S5.MEDIUM4",
    "InstanceChargeType": "POSTPAID_BY_HOUR",
    "Placement": {"Zone": "ap-guangzhou-3"},
    "InstanceCount": 2,
    "InstanceName": "bc-0000000007-abcdef",
    "ClientToken": "bctoken",
    "UserData": "IyEvYmluL3No",
}


def request(compute: Json, placement: ResolvedPlacement | None = None, **options: Any) -> Json:
    arguments: Json = {
        "instance_type": "S5.MEDIUM4",
        "count": 2,
        "min_count": None,
        "name": "bc-0000000007-abcdef",
        "client_token": "bctoken",
        "user_data": "IyEvYmluL3No",
        "tags": {},
        "action_time": None,
    } | options
    return run_instances_request(
        Compute.parse(compute), placement or ResolvedPlacement("ap-guangzhou-3"), **arguments
    )


# path in the manifest: (what compute has, what the request has more than ALWAYS)
LEAVES: dict[str, tuple[Json, Json]] = {
    "imageId": ({"imageId": "img-x"}, {"ImageId": "img-x"}),
    "systemDisk.type": (
        {"systemDisk": {"type": "CLOUD_SSD"}},
        {"SystemDisk": {"DiskType": "CLOUD_SSD"}},
    ),
    "systemDisk.size": ({"systemDisk": {"size": 80}}, {"SystemDisk": {"DiskSize": 80}}),
    "systemDisk.encrypt": ({"systemDisk": {"encrypt": True}}, {"SystemDisk": {"Encrypt": True}}),
    "dataDisks[].type": (
        {"dataDisks": [{"type": "CLOUD_SSD", "size": 10}]},
        {"DataDisks": [{"DiskType": "CLOUD_SSD", "DiskSize": 10}]},
    ),
    "dataDisks[].size": (
        {"dataDisks": [{"size": 10}, {"size": 20}]},
        {"DataDisks": [{"DiskSize": 10}, {"DiskSize": 20}]},
    ),
    "dataDisks[].snapshotId": (
        {"dataDisks": [{"size": 10, "snapshotId": "snap-1"}]},
        {"DataDisks": [{"DiskSize": 10, "SnapshotId": "snap-1"}]},
    ),
    "dataDisks[].encrypt": (
        {"dataDisks": [{"size": 10, "encrypt": True}]},
        {"DataDisks": [{"DiskSize": 10, "Encrypt": True}]},
    ),
    "dataDisks[].kmsKeyId": (
        {"dataDisks": [{"size": 10, "encrypt": True, "kmsKeyId": "kms-1"}]},
        {"DataDisks": [{"DiskSize": 10, "Encrypt": True, "KmsKeyId": "kms-1"}]},
    ),
    "dataDisks[].throughputMiBps": (
        {"dataDisks": [{"size": 10, "throughputMiBps": 300}]},
        {"DataDisks": [{"DiskSize": 10, "ThroughputPerformance": 300}]},
    ),
    "dataDisks[].deleteWithInstance": (
        {"dataDisks": [{"size": 10, "deleteWithInstance": False}]},
        {"DataDisks": [{"DiskSize": 10, "DeleteWithInstance": False}]},
    ),
    "dataDisks[].mountPath (the runner's, not the cloud's)": (
        {"dataDisks": [{"size": 10, "mountPath": "/data"}]},
        {"DataDisks": [{"DiskSize": 10}]},
    ),
    "dataDisks[].fileSystem (the runner's, not the cloud's)": (
        {"dataDisks": [{"size": 10, "mountPath": "/data", "fileSystem": "ext4"}]},
        {"DataDisks": [{"DiskSize": 10}]},
    ),
    "internetAccessible.maxBandwidthOut": (
        {"internetAccessible": {"maxBandwidthOut": 5}},
        {"InternetAccessible": {"InternetMaxBandwidthOut": 5}},
    ),
    "internetAccessible.chargeType": (
        {"internetAccessible": {"chargeType": "TRAFFIC_POSTPAID_BY_HOUR"}},
        {"InternetAccessible": {"InternetChargeType": "TRAFFIC_POSTPAID_BY_HOUR"}},
    ),
    "internetAccessible.bandwidthPackageId": (
        {"internetAccessible": {"bandwidthPackageId": "bwp-1"}},
        {"InternetAccessible": {"BandwidthPackageId": "bwp-1"}},
    ),
    "internetAccessible.publicIp": (
        {"internetAccessible": {"maxBandwidthOut": 5, "publicIp": True}},
        {"InternetAccessible": {"InternetMaxBandwidthOut": 5, "PublicIpAssigned": True}},
    ),
    "securityGroupIds": (
        {"securityGroupIds": ["sg-1", "sg-2"]},
        {"SecurityGroupIds": ["sg-1", "sg-2"]},
    ),
    "login.keyIds": ({"login": {"keyIds": ["skey-1"]}}, {"LoginSettings": {"KeyIds": ["skey-1"]}}),
    "login.keepImageLogin": (
        {"login": {"keepImageLogin": True}},
        {"LoginSettings": {"KeepImageLogin": "TRUE"}},
    ),
    "login.keepImageLogin false": ({"login": {"keepImageLogin": False}}, {}),
    "enhancedService.security": (
        {"enhancedService": {"security": False}},
        {"EnhancedService": {"SecurityService": {"Enabled": False}}},
    ),
    "enhancedService.monitor": (
        {"enhancedService": {"monitor": True}},
        {"EnhancedService": {"MonitorService": {"Enabled": True}}},
    ),
    "enhancedService.automation": (
        {"enhancedService": {"automation": True}},
        {"EnhancedService": {"AutomationService": {"Enabled": True}}},
    ),
    "chargeType PostpaidByHour": ({"chargeType": "PostpaidByHour"}, {}),
    "chargeType Spot": ({"chargeType": "Spot"}, {"InstanceChargeType": "SPOTPAID"}),
    "spot.maxPrice": (
        {"chargeType": "Spot", "spot": {"maxPrice": "0.35"}},
        {
            "InstanceChargeType": "SPOTPAID",
            "InstanceMarketOptions": {
                "MarketType": "spot",
                "SpotOptions": {"MaxPrice": "0.35", "SpotInstanceType": "one-time"},
            },
        },
    ),
    "spot.fallback and fallbackAfter (the operator's, not the cloud's)": (
        {
            "chargeType": "Spot",
            "spot": {"maxPrice": "0.35", "fallback": "PostpaidByHour", "fallbackAfter": 2},
        },
        {
            "InstanceChargeType": "SPOTPAID",
            "InstanceMarketOptions": {
                "MarketType": "spot",
                "SpotOptions": {"MaxPrice": "0.35", "SpotInstanceType": "one-time"},
            },
        },
    ),
    "camRoleName": ({"camRoleName": "worker"}, {"CamRoleName": "worker"}),
    "nothing that may be left out": ({}, {}),
    "an empty block": ({"internetAccessible": {}, "enhancedService": {}}, {}),
}


@pytest.mark.parametrize(("compute", "expected"), LEAVES.values(), ids=LEAVES.keys())
def test_a_leaf_of_compute(compute: Json, expected: Json) -> None:
    assert request({**BASE, **compute}) == {**ALWAYS, **expected}


# what the caller has resolved: the offering, the place, the record
RESOLVED: dict[str, tuple[ResolvedPlacement, Json, Json]] = {
    "zone": (ResolvedPlacement("ap-guangzhou-4"), {}, {"Placement": {"Zone": "ap-guangzhou-4"}}),
    "virtualPrivateCloud.vpcId and subnetId": (
        ResolvedPlacement("ap-guangzhou-3", vpc_id="vpc-1", subnet_id="subnet-1"),
        {},
        {"VirtualPrivateCloud": {"VpcId": "vpc-1", "SubnetId": "subnet-1"}},
    ),
    "placement.projectId": (
        ResolvedPlacement("ap-guangzhou-3", project_id=0),
        {},
        {"Placement": {"Zone": "ap-guangzhou-3", "ProjectId": 0}},
    ),
    "placement.hostIds": (
        ResolvedPlacement("ap-guangzhou-3", host_ids=("host-1",)),
        {},
        {
            "Placement": {"Zone": "ap-guangzhou-3", "HostIds": ["host-1"]},
            "InstanceChargeType": "CDHPAID",
        },
    ),
    "placement.dedicatedResourcePackIds": (
        ResolvedPlacement("ap-guangzhou-3", dedicated_resource_pack_ids=("rpp-1",)),
        {},
        {
            "Placement": {
                "Zone": "ap-guangzhou-3",
                "DedicatedResourcePackTenancy": "ResourcePool",
                "DedicatedResourcePackIds": ["rpp-1"],
            }
        },
    ),
    "the operator's security groups": (
        ResolvedPlacement("ap-guangzhou-3", security_group_ids=("sg-9",)),
        {},
        {"SecurityGroupIds": ["sg-9"]},
    ),
    "instanceType, one of instanceTypes or what instanceTypeOptions chose": (
        ResolvedPlacement("ap-guangzhou-3"),
        {"instance_type": "SA2.LARGE8"},
        {"InstanceType": "SA2.LARGE8"},
    ),
    "count and MinCount": (
        ResolvedPlacement("ap-guangzhou-3"),
        {"count": 100, "min_count": 1},
        {"InstanceCount": 100, "MinCount": 1},
    ),
    "tags, in the order of their keys": (
        ResolvedPlacement("ap-guangzhou-3"),
        {"tags": {"project": "demo", "batchcompute.io/owner": "o"}},
        {
            "TagSpecification": [
                {
                    "ResourceType": "instance",
                    "Tags": [
                        {"Key": "batchcompute.io/owner", "Value": "o"},
                        {"Key": "project", "Value": "demo"},
                    ],
                }
            ]
        },
    ),
    "the timer that ends a forgotten machine (R25)": (
        ResolvedPlacement("ap-guangzhou-3"),
        {"action_time": "2026-11-26T00:00:00Z"},
        {
            "ActionTimer": {
                "TimerAction": "TerminateInstances",
                "ActionTime": "2026-11-26T00:00:00Z",
            }
        },
    ),
    "instanceName, as the caller composed it": (
        ResolvedPlacement("ap-guangzhou-3"),
        {"name": "mine-bc-0000000007-abcdef"},
        {"InstanceName": "mine-bc-0000000007-abcdef"},
    ),
}


@pytest.mark.parametrize(
    ("placement", "options", "expected"), RESOLVED.values(), ids=RESOLVED.keys()
)
def test_what_was_resolved(placement: ResolvedPlacement, options: Json, expected: Json) -> None:
    assert request(BASE, placement, **options) == {**ALWAYS, **expected}


def test_a_password_comes_from_its_secret_and_never_silently_without() -> None:
    login = {"login": {"passwordSecretRef": {"name": "s", "key": "k"}}}
    sent = request({**BASE, **login}, password="Passw0rd!")
    assert sent == {**ALWAYS, "LoginSettings": {"Password": "Passw0rd!"}}
    with pytest.raises(ValueError, match="passwordSecretRef"):
        request({**BASE, **login})


def test_a_fallback_from_spot_carries_no_spot_terms() -> None:
    spot = {"chargeType": "Spot", "spot": {"maxPrice": "0.35", "fallback": "PostpaidByHour"}}
    sent = request({**BASE, **spot}, charge_type=ChargeType.POSTPAID_BY_HOUR)
    assert sent == ALWAYS


def leaves(model: type[BaseModel], prefix: str = "") -> set[str]:
    """Every leaf field of a model, as a manifest spells it."""
    found: set[str] = set()
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        inner = [
            kind
            for kind in (field.annotation, *getattr(field.annotation, "__args__", ()))
            if isinstance(kind, type) and issubclass(kind, BaseModel)
        ]
        if not inner:
            found.add(path)
        for kind in inner:
            found |= leaves(kind, f"{path}[]." if "tuple" in str(field.annotation) else f"{path}.")
    return found


def test_no_leaf_of_compute_is_without_a_row() -> None:
    rows = {word for row in (*LEAVES, *RESOLVED) for word in row.replace(",", " ").split()}
    elsewhere = {
        "instanceTypes", "instanceTypeOptions.cpu", "instanceTypeOptions.memoryGiB",
        "instanceTypeOptions.categories", "zones", "placement.zone",
        "virtualPrivateCloud.subnetId", "virtualPrivateClouds[].vpcId",
        "virtualPrivateClouds[].subnetId", "login.passwordSecretRef.name",
        "login.passwordSecretRef.key", "spot.fallback", "spot.fallbackAfter",
    }  # fmt: skip
    assert leaves(Compute) - rows - elsewhere == set()


def test_every_parameter_is_one_that_the_sdk_knows(recwarn: pytest.WarningsRecorder) -> None:
    whole: Json = dict(BASE)
    for compute, _ in LEAVES.values():
        whole |= compute
    whole["dataDisks"] = [
        {"type": "CLOUD_SSD", "size": 10, "snapshotId": "s", "encrypt": True, "kmsKeyId": "k",
         "throughputMiBps": 3, "deleteWithInstance": True}
    ]  # fmt: skip
    whole["systemDisk"] = {"type": "CLOUD_SSD", "size": 80, "encrypt": True}
    everywhere = ResolvedPlacement("z", "vpc", "subnet", ("sg",), 1, ("host",), ("rpp",))
    sent = request(
        whole, everywhere, tags={"a": "b"}, action_time="2026-11-26T00:00:00Z", min_count=1
    )
    model = models.RunInstancesRequest()
    model._deserialize(sent)
    assert [str(warning.message) for warning in recwarn if "useless" in str(warning.message)] == []
    assert model._serialize() == sent


def test_the_same_request_is_the_same_bytes() -> None:
    forwards, backwards = {"a": "1", "b": "2"}, {"b": "2", "a": "1"}
    assert encode(request(BASE, tags=forwards)) == encode(request(BASE, tags=backwards))
    mixed = dict(reversed(request(BASE).items()))
    assert encode(mixed) == encode(request(BASE))


DESCRIBED: Json = {
    "InstanceId": "ins-1",
    "InstanceState": "LAUNCH_FAILED",
    "Placement": {"Zone": "ap-guangzhou-3"},
    "InstanceType": "S5.MEDIUM4",
    "PrivateIpAddresses": ["10.0.0.9"],
    "InstanceChargeType": "SPOTPAID",
    "CreatedTime": "2026-11-24T13:00:00Z",
    "LatestOperationState": "FAILED",
    "LatestOperationErrorMsg": "no stock",
    "InstanceName": "bc-1",
    "Tags": [{"Key": "batchcompute.io/owner", "Value": "o"}],
}


def test_a_description_becomes_a_view() -> None:
    view = machine_view(DESCRIBED)
    assert (view.instance_id, view.state, view.zone) == ("ins-1", "LAUNCH_FAILED", "ap-guangzhou-3")
    assert (view.instance_type, view.private_ip) == ("S5.MEDIUM4", "10.0.0.9")
    assert (view.charge_type, view.created) == ("SPOTPAID", 1795525200.0)
    assert (view.operation_state, view.operation_error) == ("FAILED", "no stock")
    assert (view.name, view.tags) == ("bc-1", {"batchcompute.io/owner": "o"})


def test_a_young_machine_has_nulls_and_is_a_view_all_the_same() -> None:
    nulls = dict.fromkeys(DESCRIBED) | {"InstanceId": "ins-1", "InstanceState": "PENDING"}
    view = machine_view(nulls)
    assert (view.private_ip, view.tags, view.created, view.zone) == ("", {}, 0.0, "")
