"""RunInstances: every refusal by its code, and what is made when there is none."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.cloud_sdk import LAUNCH, Sdk
from tests.support.emulator import Emulator

GROUP = {"SecurityGroupIds": ["sg-batchgz1"]}
VPC = "vpc-batchgz1"


def place(zone: str) -> dict[str, Any]:
    return {"Placement": {"Zone": zone}}


def network(vpc: str, subnet: str, **more: Any) -> dict[str, Any]:
    return {"VirtualPrivateCloud": {"VpcId": vpc, "SubnetId": subnet, **more}}


def timer(action: str, seconds: int) -> dict[str, Any]:
    at = datetime.now(UTC) + timedelta(seconds=seconds)
    return {"ActionTimer": {"TimerAction": action, "ActionTime": f"{at:%Y-%m-%dT%H:%M:%SZ}"}}


def tags(*pairs: tuple[str, str], kind: str = "instance") -> dict[str, Any]:
    listed = [{"Key": key, "Value": value} for key, value in pairs]
    return {"TagSpecification": [{"ResourceType": kind, "Tags": listed}]}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no zone": ({"Placement": {}}, "MissingParameter"),
    "a zone that is none": (place("ap-atlantis-1"), "InvalidParameterValue.ZoneNotSupported"),
    "a zone of another region": (place("ap-shanghai-2"), "InvalidZone.MismatchRegion"),
    "no image": ({"ImageId": None}, "MissingParameter"),
    "a malformed image": ({"ImageId": "debian"}, "InvalidImageId.Malformed"),
    "an unknown image": ({"ImageId": "img-00000000"}, "InvalidImageId.NotFound"),
    "an unknown type": (
        {"InstanceType": "S9.HUGE"}, "InvalidParameterValue.InstanceTypeNotFound",
    ),
    "a type not offered in the zone": (
        {"InstanceType": "C6.LARGE8"}, "ResourceUnavailable.InstanceType",
    ),
    "a subnet of another zone": (
        network(VPC, "subnet-batchgz4"), "InvalidParameterValue.SubnetIdZoneIdNotMatch",
    ),
    "an unknown subnet": (network(VPC, "subnet-00000000"), "InvalidParameterValue.SubnetNotExist"),
    "an unknown VPC": (
        network("vpc-00000000", "subnet-batchgz3"), "InvalidParameterValue.VpcIdNotExist",
    ),
    "a subnet of another VPC": (
        network("vpc-batchsh1", "subnet-batchgz3"), "InvalidParameterValue.VpcIdSubnetIdNotMatch",
    ),
    "a malformed subnet": (network(VPC, "here"), "InvalidParameterValue.SubnetIdMalformed"),
    "more than a subnet has": (
        {**network(VPC, "subnet-smallgz3"), "InstanceCount": 6},
        "FailedOperation.NoAvailableIpAddressCountInSubnet",
    ),
    "an address outside the subnet": (
        network(VPC, "subnet-batchgz3", PrivateIpAddresses=["10.9.9.9"]), "VpcAddrNotInSubNet",
    ),
    "an unknown key pair": (
        {"LoginSettings": {"KeyIds": ["skey-00000000"]}}, "InvalidKeyPairId.NotFound",
    ),
    "two ways to log in": (
        {"LoginSettings": {"KeyIds": ["skey-batch001"], "Password": "s3cret"}},
        "InvalidParameterCombination",
    ),
    "an unknown group": (
        {"SecurityGroupIds": ["sg-00000000"]}, "InvalidSecurityGroupId.NotFound",
    ),
    "a group of another region": (
        {"SecurityGroupIds": ["sg-batchsh1"]}, "InvalidSecurityGroupId.NotFound",
    ),
    "a role no instance may carry": (
        {"CamRoleName": "BatchComputePut"}, "AuthFailure.CamRoleNameAuthenticateFailed",
    ),
    "501 instances": ({"InstanceCount": 501}, "InvalidParameterValue.Range"),
    "no instance": ({"InstanceCount": 0}, "InvalidParameterValue.Range"),
    "a minimum above the count": (
        {"InstanceCount": 2, "MinCount": 3}, "InvalidParameterValue.InvalidParameterMinCount",
    ),
    "user data that is not base64": (
        {"UserData": "#!/bin/sh"}, "InvalidParameterValue.InvalidUserDataFormat",
    ),
    "user data over 16 KB": ({"UserData": "A" * 16_388}, "InvalidParameterValue.TooLong"),
    "a token of 65 characters": ({"ClientToken": "t" * 65}, "InvalidClientToken.TooLong"),
    "a name of 129 characters": ({"InstanceName": "n" * 129}, "InvalidInstanceName.TooLong"),
    "a bad host name": ({"HostName": "-x"}, "InvalidParameterValue.IllegalHostName"),
    "a tag twice": (tags(("a", "1"), ("a", "2")), "InvalidParameterValue.DuplicateTags"),
    "tags of another kind": (tags(("a", "1"), kind="host"), "InvalidParameterValue"),
    "a timer too soon": (timer("TerminateInstances", 60), "InvalidParameterValue"),
    "a timer for something else": (timer("StopInstances", 900), "InvalidParameterValue"),
    "a charge type that is none": ({"InstanceChargeType": "FREE"}, "InvalidParameterValue"),
    "spot options without spot": (
        {"InstanceMarketOptions": {"MarketType": "spot"}}, "InvalidParameterCombination",
    ),
    "prepaid for no time": ({"InstanceChargeType": "PREPAID"}, "MissingParameter"),
    "a disk of an odd size": ({"DataDisks": [{"DiskSize": 15}]}, "InvalidParameterValue.Range"),
    "a disk of an unknown kind": (
        {"SystemDisk": {"DiskType": "TAPE"}}, "InvalidParameterValue",
    ),
    "a launch template": (
        {"LaunchTemplate": {"LaunchTemplateId": "lt-00000000"}}, "UnsupportedOperation",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "code"), [pytest.param(*case, id=name) for name, case in REFUSED.items()]
)
def test_refused_and_nothing_is_made(sdk: Sdk, changes: dict[str, Any], code: str) -> None:
    assert sdk.refusal("RunInstances", **{**LAUNCH, **changes}) == code
    assert sdk.refusal("RunInstances", DryRun=True, **{**LAUNCH, **changes}) == code
    assert sdk.states() == {}


QUOTA: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "instances": ({"instanceQuota": 2}, {}, "LimitExceeded.InstanceQuota"),
    "spot vCPUs": (
        {"spotVcpuQuota": 5}, {"InstanceChargeType": "SPOTPAID"}, "LimitExceeded.SpotQuota",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("quota", "changes", "code"), [pytest.param(*case, id=name) for name, case in QUOTA.items()]
)
def test_quota(
    sdk: Sdk, emulator: Emulator, quota: dict[str, Any], changes: dict[str, Any], code: str
) -> None:
    emulator.settings(**quota)
    sdk.launch(InstanceCount=2, **changes)
    assert sdk.refusal("RunInstances", **{**LAUNCH, **changes}) == code


def test_all_that_was_asked_for_is_there(sdk: Sdk) -> None:
    script = base64.b64encode(b"#!/bin/sh\n").decode()
    (instance_id,) = sdk.launch(
        **network(VPC, "subnet-batchgz3", PrivateIpAddresses=["10.0.0.77"]),
        **tags(("batchcompute.io/owner", "me")),
        InstanceName="one",
        HostName="node-{IP}",
        UserData=script,
        SecurityGroupIds=["sg-batchgz1"],
        LoginSettings={"KeyIds": ["skey-batch001"]},
        CamRoleName="BatchComputeNode",
        DataDisks=[{"DiskSize": 100, "DiskType": "CLOUD_SSD"}],
        InternetAccessible={"InternetMaxBandwidthOut": 0},
    )
    (found,) = sdk.instances(InstanceIds=[instance_id])
    assert found["Placement"]["Zone"] == "ap-guangzhou-3"
    assert (found["InstanceType"], found["CPU"], found["Memory"]) == ("S5.MEDIUM4", 2, 4)
    assert found["PrivateIpAddresses"] == ["10.0.0.77"]
    assert found["Tags"] == [{"Key": "batchcompute.io/owner", "Value": "me"}]
    assert (found["InstanceName"], found["HostName"]) == ("one", "node-10.0.0.77")
    assert found["LoginSettings"]["KeyIds"] == ["skey-batch001"]
    assert found["CamRoleName"] == "BatchComputeNode"
    assert found["DataDisks"][0]["DiskSize"] == 100
    attributes = sdk.ask(
        "DescribeInstancesAttributes", InstanceIds=[instance_id], Attributes=["UserData"]
    )
    assert attributes["InstanceSet"][0]["Attributes"]["UserData"] == script


def test_an_address_in_use_is_refused(sdk: Sdk) -> None:
    wanted = network(VPC, "subnet-batchgz3", PrivateIpAddresses=["10.0.0.77"])
    sdk.launch(**wanted)
    assert sdk.refusal("RunInstances", **LAUNCH, **wanted) == "VpcIpIsUsed"


NAMES = {
    "without a pattern a batch is numbered": ("job", ["job1", "job2"]),
    "a pattern counts from its number": ("job-{R:9}", ["job-9", "job-10"]),
    "a pattern may have a width": ("job-{R:9,F:3}", ["job-009", "job-010"]),
    "what is no pattern stays": ("job-{X}-{R:0}", ["job-{X}-0", "job-{X}-1"]),
}


@pytest.mark.parametrize(
    ("pattern", "names"), [pytest.param(*case, id=name) for name, case in NAMES.items()]
)
def test_names(sdk: Sdk, pattern: str, names: list[str]) -> None:
    ids = sdk.launch(InstanceName=pattern, InstanceCount=2)
    found = {i["InstanceId"]: i["InstanceName"] for i in sdk.instances()}
    assert [found[instance_id] for instance_id in ids] == names


def test_a_dry_run_makes_nothing(sdk: Sdk) -> None:
    assert set(sdk.ask("RunInstances", DryRun=True, **LAUNCH)) == {"RequestId"}
    assert sdk.states() == {}


def test_ids_are_of_the_clouds_form(sdk: Sdk) -> None:
    ids = sdk.launch(InstanceCount=500)
    assert len(set(ids)) == 500
    assert all(i.startswith("ins-") and len(i) == 12 and i[4:].isalnum() for i in ids)


class TestClientToken:
    def test_the_same_request_again_gives_the_same_instances(self, sdk: Sdk) -> None:
        first = sdk.launch(ClientToken="t1", InstanceCount=3)
        assert sdk.launch(ClientToken="t1", InstanceCount=3) == first
        assert set(sdk.states()) == set(first)

    def test_also_when_they_are_gone(self, sdk: Sdk, emulator: Emulator) -> None:
        (first,) = sdk.launch(ClientToken="t1")
        emulator.do(first, "vanish")
        assert sdk.launch(ClientToken="t1") == [first]
        assert sdk.states() == {}

    def test_another_request_is_refused_when_strict(self, sdk: Sdk) -> None:
        sdk.launch(ClientToken="t1")
        code = sdk.refusal("RunInstances", **{**LAUNCH, "InstanceCount": 2}, ClientToken="t1")
        assert code == "UnsupportedOperation.IdempotentParameterMismatch"

    def test_another_request_gets_the_first_result_when_lax(
        self, sdk: Sdk, emulator: Emulator
    ) -> None:
        emulator.settings(tokenMode="lax")
        first = sdk.launch(ClientToken="t1")
        assert sdk.launch(ClientToken="t1", InstanceCount=2) == first

    def test_it_is_forgotten_after_its_time(self, sdk: Sdk, emulator: Emulator) -> None:
        emulator.settings(tokenSeconds=0)
        assert sdk.launch(ClientToken="t1") != sdk.launch(ClientToken="t1")

    def test_it_is_forgotten_when_so_told(self, sdk: Sdk, emulator: Emulator) -> None:
        first = sdk.launch(ClientToken="t1")
        assert emulator.ask("POST", "/tokens/forget", {"token": "t1"}) == {"forgotten": 1}
        assert sdk.launch(ClientToken="t1") != first

    def test_a_refused_request_is_not_remembered(self, sdk: Sdk, emulator: Emulator) -> None:
        emulator.ask("POST", "/stock", {"zone": "ap-guangzhou-3", "left": 0})
        assert sdk.refusal("RunInstances", ClientToken="t1", **LAUNCH).startswith("Resource")
        emulator.ask("DELETE", "/faults")
        assert len(sdk.launch(ClientToken="t1")) == 1

    def test_each_region_has_its_own(self, sdk: Sdk, emulator: Emulator) -> None:
        first = sdk.launch(ClientToken="t1")
        shanghai = Sdk(emulator, region="ap-shanghai")
        assert shanghai.launch(ClientToken="t1", **place("ap-shanghai-2")) != first


STOCK: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a type sold out in a zone": (
        {"instanceType": "S5.MEDIUM4", "left": 0}, {},
        "ResourceInsufficient.SpecifiedInstanceType",
    ),
    "a zone sold out": ({"left": 0}, {}, "ResourceInsufficient.AvailabilityZoneSoldOut"),
    "fewer than asked for": (
        {"instanceType": "S5.MEDIUM4", "left": 2}, {"InstanceCount": 3},
        "ResourceInsufficient.SpecifiedInstanceType",
    ),
    "fewer than the minimum": (
        {"instanceType": "S5.MEDIUM4", "left": 1}, {"InstanceCount": 3, "MinCount": 2},
        "ResourceInsufficient.InsufficientOfferingMinimum",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("stock", "changes", "code"), [pytest.param(*case, id=name) for name, case in STOCK.items()]
)
def test_stock(
    sdk: Sdk, emulator: Emulator, stock: dict[str, Any], changes: dict[str, Any], code: str
) -> None:
    emulator.ask("POST", "/stock", {"zone": "ap-guangzhou-3", **stock})
    assert sdk.refusal("RunInstances", **{**LAUNCH, **changes}) == code
    assert sdk.states() == {}
    assert len(sdk.launch(**place("ap-guangzhou-4"))) == 1


def test_with_a_minimum_what_is_left_is_delivered(sdk: Sdk, emulator: Emulator) -> None:
    left = {"zone": "ap-guangzhou-3", "instanceType": "S5.MEDIUM4", "left": 2}
    emulator.ask("POST", "/stock", left)
    assert len(sdk.launch(InstanceCount=5, MinCount=1)) == 2
    assert sdk.refusal("RunInstances", **LAUNCH) == "ResourceInsufficient.SpecifiedInstanceType"


def test_the_timers_time_is_taken(sdk: Sdk, emulator: Emulator, wait: Any) -> None:
    emulator.settings(timerMinSeconds=0)
    (doomed,) = sdk.launch(**timer("TerminateInstances", 2))
    time.sleep(0.1)
    assert doomed in sdk.states()
    wait(lambda: doomed not in sdk.states(), "the timer ends the instance")
    assert emulator.machine(doomed)["endedBy"] == "ActionTimer"
