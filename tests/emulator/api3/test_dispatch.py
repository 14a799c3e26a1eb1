"""From the wire to the action: what does not exist is refused by the cloud's own error."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from tests.support.cloud_sdk import LAUNCH, Sdk
from tests.support.emulator import Emulator


@pytest.mark.parametrize(
    ("action", "parameters", "code"),
    [
        pytest.param("MakeCoffee", {}, "InvalidAction", id="an action that does not exist"),
        pytest.param("ResizeInstanceDisks", {}, "InvalidAction", id="one that is not imitated"),
        pytest.param(
            "DescribeInstances", {"Colour": "red"}, "UnknownParameter", id="an unknown field"
        ),
        pytest.param(
            "RunInstances",
            {**LAUNCH, "Placement": {"Zone": "ap-guangzhou-3", "Shelf": 4}},
            "UnknownParameter",
            id="an unknown field further in",
        ),
        pytest.param(
            "RunInstances",
            {**LAUNCH, "TagSpecification": [{"ResourceType": "instance", "Tag": []}]},
            "UnknownParameter",
            id="an unknown field in a list",
        ),
        pytest.param("DescribeInstances", {"Limit": "20"}, "InvalidParameter", id="a wrong type"),
        pytest.param("DescribeInstances", {"Limit": True}, "InvalidParameter", id="bool for int"),
        pytest.param(
            "DescribeInstances", {"InstanceIds": "ins-aaaaaaaa"}, "InvalidParameter", id="no list"
        ),
        pytest.param(
            "RunInstances", {**LAUNCH, "Placement": "here"}, "InvalidParameter", id="no object"
        ),
    ],
)
def test_refused(sdk: Sdk, action: str, parameters: dict[str, Any], code: str) -> None:
    assert sdk.refusal(action, **parameters) == code
    assert sdk.states() == {}


def test_a_service_that_is_not_imitated(sdk: Sdk) -> None:
    assert sdk.refusal("DescribeVpcs", service="vpc") == "NoSuchProduct"


def test_a_version_that_does_not_exist(sdk: Sdk) -> None:
    client = CommonClient("cvm", "2016-01-01", sdk.cvm.credential, "ap-guangzhou", sdk.cvm.profile)
    with pytest.raises(Exception, match="NoSuchVersion"):
        client.call_json("DescribeInstances", {})


def test_a_region_that_does_not_exist(sdk: Sdk, emulator: Emulator) -> None:
    assert Sdk(emulator, region="eu-north-9").refusal("DescribeZones") == "UnsupportedRegion"


def test_no_region(sdk: Sdk, emulator: Emulator) -> None:
    assert Sdk(emulator, region="").refusal("DescribeZones") == "MissingParameter"


def test_the_key_of_an_ordinary_user_may_look_and_not_launch(sdk: Sdk, emulator: Emulator) -> None:
    user = Sdk(
        emulator,
        secret_id=emulator.ready["userSecretId"],
        secret_key=emulator.ready["userSecretKey"],
    )
    assert user.instances() == []
    assert user.refusal("RunInstances", **LAUNCH) == "UnauthorizedOperation"


def test_parameters_in_a_query_are_refused_and_not_ignored(sdk: Sdk) -> None:
    sdk.cvm.profile.httpProfile.reqMethod = "GET"
    with pytest.raises(Exception, match="UnsupportedOperation"):
        sdk.cvm.call_json("DescribeInstances", {"InstanceIds": ["ins-00000000"]})


def within_one_second(deed: Callable[[], Any]) -> Any:
    """What the deed gives, done anew until all of it fell into one second of the clock."""
    for _ in range(20):
        while time.time() % 1 > 0.05:
            time.sleep(0.005)
        second = int(time.time())
        outcome = error = None
        try:
            outcome = deed()
        except (AssertionError, TencentCloudSDKException) as caught:
            error = caught
        if int(time.time()) == second:
            if error is not None:
                raise error
            return outcome
    raise AssertionError("the host is too slow for a second's worth of calls")


@pytest.mark.parametrize(
    ("action", "limit", "parameters"),
    [
        pytest.param("RunInstances", 10, {**LAUNCH, "DryRun": True}, id="10 launches"),
        pytest.param("DescribeZones", 20, {}, id="20 lists of zones"),
    ],
)
def test_a_call_over_the_limit_of_its_second_is_refused(
    sdk: Sdk, emulator: Emulator, action: str, limit: int, parameters: dict[str, Any]
) -> None:
    def code() -> str:
        try:
            sdk.cvm.call_json(action, parameters)
        except TencentCloudSDKException as error:
            return str(error.get_code())
        return "OK"

    emulator.settings(rateLimitFactor=1)
    codes = within_one_second(lambda: [code() for _ in range(limit + 2)])
    assert codes == ["OK"] * limit + ["RequestLimitExceeded"] * 2


def test_regions_do_not_share_a_limit(sdk: Sdk, emulator: Emulator) -> None:
    emulator.settings(rateLimitFactor=0.05)
    shanghai = Sdk(emulator, region="ap-shanghai")

    def one_each_and_one_more() -> str:
        sdk.ask("DescribeZones")
        shanghai.ask("DescribeZones")
        return sdk.refusal("DescribeZones")

    assert within_one_second(one_each_and_one_more) == "RequestLimitExceeded"
