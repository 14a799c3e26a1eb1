"""Reading: ids, filters, pages, and every field the vendor's models know."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from tencentcloud.cvm.v20170312 import models

from tests.support.cloud_sdk import LAUNCH, Sdk
from tests.support.emulator import Emulator


def where(*filters: tuple[str, list[str]]) -> dict[str, Any]:
    return {"Filters": [{"Name": name, "Values": values} for name, values in filters]}


def tagged(**tags: str) -> dict[str, Any]:
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    return {"TagSpecification": [{"ResourceType": "instance", "Tags": listed}]}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "ids and filters": (
        {"InstanceIds": ["ins-00000000"], **where(("zone", ["x"]))}, "InvalidParameter",
    ),
    "101 ids": (
        {"InstanceIds": [f"ins-{n:08d}" for n in range(101)]},
        "InvalidParameterValue.LimitExceeded",
    ),
    "a malformed id": ({"InstanceIds": ["i-1"]}, "InvalidInstanceId.Malformed"),
    "a page of 101": ({"Limit": 101}, "InvalidParameterValue.LimitExceeded"),
    "a page before the first": ({"Offset": -1}, "InvalidParameterValue"),
    "an unknown filter": (where(("colour", ["red"])), "InvalidFilter"),
    "six values": (where(("zone", list("abcdef"))), "InvalidFilterValue.LimitExceeded"),
    "eleven filters": (where(*[("zone", ["a"])] * 11), "InvalidFilterValue.LimitExceeded"),
    "a time that is none": (where(("creation-start-time", ["now"])), "InvalidParameterValue"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "code"), [pytest.param(*case, id=name) for name, case in REFUSED.items()]
)
def test_refused(sdk: Sdk, parameters: dict[str, Any], code: str) -> None:
    assert sdk.refusal("DescribeInstances", **parameters) == code


def test_ids_that_are_unknown_are_simply_absent(sdk: Sdk) -> None:
    (one,) = sdk.launch()
    found = sdk.instances(InstanceIds=["ins-00000000", one])
    assert [i["InstanceId"] for i in found] == [one]


FILTERS: dict[str, tuple[list[tuple[str, list[str]]], set[str]]] = {
    "none": ([], {"a", "b", "c"}),
    "a zone": ([("zone", ["ap-guangzhou-4"])], {"c"}),
    "one of two zones": ([("zone", ["ap-guangzhou-4", "ap-guangzhou-3"])], {"a", "b", "c"}),
    "a tag's value": ([("tag:team", ["red"])], {"a", "c"}),
    "one of a tag's values": ([("tag:team", ["red", "blue"])], {"a", "b", "c"}),
    "a tag's key": ([("tag-key", ["only"])], {"b"}),
    "any tag's value": ([("tag-value", ["blue"])], {"b"}),
    "all of the filters": ([("tag:team", ["red"]), ("zone", ["ap-guangzhou-3"])], {"a"}),
    "a name": ([("instance-name", ["b"])], {"b"}),
    "a charge type": ([("instance-charge-type", ["SPOTPAID"])], {"c"}),
    "a subnet": ([("subnet-id", ["subnet-batchgz4"])], {"c"}),
    "a VPC": ([("vpc-id", ["vpc-batchgz1"])], {"a", "b", "c"}),
    "created since long ago": ([("creation-start-time", ["2020-01-01 00:00:00"])], set("abc")),
    "created before long ago": ([("creation-end-time", ["2020-01-01 00:00:00"])], set()),
    "a public address": ([("public-ip-address", ["1.2.3.4"])], set()),
}


def test_filters(sdk: Sdk) -> None:
    sdk.launch(InstanceName="a", **tagged(team="red"))
    sdk.launch(InstanceName="b", **tagged(team="blue", only="b"))
    elsewhere = {"Placement": {"Zone": "ap-guangzhou-4"}, "InstanceChargeType": "SPOTPAID"}
    sdk.launch(InstanceName="c", **tagged(team="red"), **elsewhere)
    found = {
        name: {i["InstanceName"] for i in sdk.instances(**where(*filters))}
        for name, (filters, _) in FILTERS.items()
    }
    assert found == {name: expected for name, (_, expected) in FILTERS.items()}


def test_the_state_filter_follows_the_state(sdk: Sdk, wait: Any) -> None:
    sdk.launch()
    wait(lambda: sdk.instances(**where(("instance-state", ["RUNNING"]))), "RUNNING")
    assert sdk.instances(**where(("instance-state", ["PENDING"]))) == []


def test_pages_hold_every_instance_once(sdk: Sdk) -> None:
    ids = sdk.launch(InstanceCount=45)
    pages = [sdk.ask("DescribeInstances", Offset=offset) for offset in (0, 20, 40, 60)]
    assert [page["TotalCount"] for page in pages] == [45] * 4
    assert [len(page["InstanceSet"]) for page in pages] == [20, 20, 5, 0]
    assert sorted(i["InstanceId"] for page in pages for i in page["InstanceSet"]) == sorted(ids)


def test_the_status_is_told_alone(sdk: Sdk, emulator: Emulator) -> None:
    emulator.settings(pendingSeconds=30)
    (one,) = sdk.launch()
    reply = sdk.ask("DescribeInstancesStatus", InstanceIds=[one])
    assert reply["InstanceStatusSet"] == [{"InstanceId": one, "InstanceState": "PENDING"}]


def fields_of(model: type[Any]) -> dict[str, str]:
    text = inspect.getdoc(model.__init__) or ""
    return dict(re.findall(r":type (\w+): (.+)", text))


def missing(model: type[Any], value: dict[str, Any], path: str = "") -> list[str]:
    """The fields of the vendor's model that a reply lacks, to any depth."""
    found = []
    for name, kind in fields_of(model).items():
        inner = getattr(models, re.sub(r"list of |.*models\.|`", "", kind), None)
        if name not in value:
            found.append(path + name)
        elif inner is not None and value[name]:
            items = value[name] if isinstance(value[name], list) else [value[name]]
            for item in items:
                found += missing(inner, item, f"{path}{name}.")
    return found


REPLIES: dict[str, type[Any]] = {
    "DescribeInstances": models.DescribeInstancesResponse,
    "DescribeInstancesStatus": models.DescribeInstancesStatusResponse,
    "DescribeZones": models.DescribeZonesResponse,
    "DescribeRegions": models.DescribeRegionsResponse,
    "DescribeImages": models.DescribeImagesResponse,
    "DescribeInstanceTypeConfigs": models.DescribeInstanceTypeConfigsResponse,
    "TerminateInstances": models.TerminateInstancesResponse,
}


@pytest.mark.parametrize("action", REPLIES)
def test_replies_have_every_field_of_the_vendors_models(sdk: Sdk, wait: Any, action: str) -> None:
    ids = sdk.launch(DataDisks=[{"DiskSize": 10}], **tagged(team="red"))
    wait(lambda: "RUNNING" in sdk.states().values(), "RUNNING")
    wanted: dict[str, Any] = {"InstanceIds": ids} if action == "TerminateInstances" else {}
    assert missing(REPLIES[action], sdk.ask(action, **wanted)) == []


def test_zones(sdk: Sdk) -> None:
    zones = {zone["Zone"]: zone for zone in sdk.ask("DescribeZones")["ZoneSet"]}
    assert set(zones) == {"ap-guangzhou-3", "ap-guangzhou-4", "ap-guangzhou-6"}
    assert zones["ap-guangzhou-3"]["ZoneState"] == "AVAILABLE"
    assert isinstance(zones["ap-guangzhou-3"]["ZoneId"], str)


def test_images_say_whether_they_have_cloud_init(sdk: Sdk) -> None:
    images = sdk.ask("DescribeImages")["ImageSet"]
    assert {i["ImageId"]: i["IsSupportCloudinit"] for i in images} == {
        "img-batch001": True,
        "img-batch002": False,
    }


@pytest.mark.parametrize(
    ("parameters", "outcome"),
    [
        pytest.param({"ImageIds": ["img-batch002"]}, ["img-batch002"], id="by id"),
        pytest.param({"ImageIds": ["img-00000000"]}, [], id="an unknown id is absent"),
        pytest.param(where(("image-type", ["PUBLIC_IMAGE"])), [], id="no public ones"),
        pytest.param({"Limit": 1, "Offset": 1}, ["img-batch002"], id="by page"),
    ],
)
def test_images(sdk: Sdk, parameters: dict[str, Any], outcome: list[str]) -> None:
    found = sdk.ask("DescribeImages", **parameters)["ImageSet"]
    assert [image["ImageId"] for image in found] == outcome


def test_a_malformed_image_is_refused(sdk: Sdk) -> None:
    assert sdk.refusal("DescribeImages", ImageIds=["debian"]) == "InvalidImageId.Malformed"


def test_types_have_their_true_size(sdk: Sdk) -> None:
    configs = sdk.ask("DescribeInstanceTypeConfigs")["InstanceTypeConfigSet"]
    sizes = {c["InstanceType"]: (c["InstanceFamily"], c["CPU"], c["Memory"]) for c in configs}
    assert len(sizes) >= 12
    assert sizes["S5.MEDIUM4"] == ("S5", 2, 4)
    assert sizes["S5.LARGE8"] == ("S5", 4, 8)
    assert sizes["SA2.MEDIUM4"] == ("SA2", 2, 4)
    assert sizes["SA2.LARGE8"] == ("SA2", 4, 8)
    assert sizes["C6.4XLARGE64"] == ("C6", 16, 64)


def test_types_by_zone_and_family(sdk: Sdk) -> None:
    def configs(zone: str) -> list[dict[str, Any]]:
        filters = where(("zone", [zone]), ("instance-family", ["C6"]))
        found: list[dict[str, Any]] = sdk.ask("DescribeInstanceTypeConfigs", **filters)[
            "InstanceTypeConfigSet"
        ]
        return found

    assert configs("ap-guangzhou-3") == []
    assert {c["Zone"] for c in configs("ap-guangzhou-6")} == {"ap-guangzhou-6"}


def test_every_type_on_offer_can_be_had(sdk: Sdk) -> None:
    configs = sdk.ask("DescribeInstanceTypeConfigs")["InstanceTypeConfigSet"]
    for config in configs:
        wanted = {"InstanceType": config["InstanceType"], "Placement": {"Zone": config["Zone"]}}
        sdk.ask("RunInstances", **{**LAUNCH, **wanted}, DryRun=True)


def test_reading_changes_nothing(sdk: Sdk, emulator: Emulator) -> None:
    emulator.settings(pendingSeconds=30)
    (one,) = sdk.launch()
    for _ in range(50):
        sdk.instances()
    assert [s["state"] for s in emulator.machine(one)["states"]] == ["PENDING"]
