"""Temporary keys: made by the vendor's client, used with it, narrowed and expired."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.support.cloud_sdk import LAUNCH, Sdk
from tests.support.emulator import Emulator

LOOK = json.dumps(
    {
        "version": "2.0",
        "statement": [{"effect": "allow", "action": ["cvm:Describe*"], "resource": ["*"]}],
    }
)


def role(emulator: Emulator, name: str) -> str:
    arn: str = emulator.ready["roles"][name]
    return arn


def with_key(emulator: Emulator, reply: dict[str, Any]) -> Sdk:
    key = reply["Credentials"]
    return Sdk(
        emulator, secret_id=key["TmpSecretId"], secret_key=key["TmpSecretKey"], token=key["Token"]
    )


def federate(sdk: Sdk, **changes: Any) -> dict[str, Any]:
    return sdk.ask("GetFederationToken", "sts", **{"Name": "x", "Policy": LOOK, **changes})


def test_a_federated_key_may_do_what_its_policy_allows(sdk: Sdk, emulator: Emulator) -> None:
    key = with_key(emulator, federate(sdk))
    assert key.instances() == []
    assert key.refusal("RunInstances", **LAUNCH) == "UnauthorizedOperation"


def test_an_ordinary_user_may_not_federate(sdk: Sdk, emulator: Emulator) -> None:
    ready = emulator.ready
    user = Sdk(emulator, secret_id=ready["userSecretId"], secret_key=ready["userSecretKey"])
    code = user.refusal("GetFederationToken", "sts", Name="x", Policy=LOOK)
    assert code == "UnauthorizedOperation"


def test_a_role_has_its_own_policy_only(sdk: Sdk, emulator: Emulator) -> None:
    arn = role(emulator, "BatchComputeData")
    key = with_key(emulator, sdk.ask("AssumeRole", "sts", RoleArn=arn, RoleSessionName="s1"))
    assert key.refusal("DescribeInstances") == "UnauthorizedOperation"
    assert key.ask("GetCallerIdentity", "sts")["Type"] == "CAMRole"


def test_a_policy_given_for_a_role_adds_nothing_to_it(sdk: Sdk, emulator: Emulator) -> None:
    arn = role(emulator, "BatchComputeData")
    reply = sdk.ask("AssumeRole", "sts", RoleArn=arn, RoleSessionName="s1", Policy=LOOK)
    assert with_key(emulator, reply).refusal("DescribeInstances") == "UnauthorizedOperation"


def test_the_end_of_a_key_is_told_and_kept(sdk: Sdk, emulator: Emulator) -> None:
    reply = federate(sdk, DurationSeconds=1)
    assert abs(reply["ExpiredTime"] - time.time()) <= 2
    key = with_key(emulator, reply)
    while time.time() < reply["ExpiredTime"] + 1.1:
        time.sleep(0.05)
    assert key.refusal("DescribeInstances") == "AuthFailure.TokenFailure"


@pytest.mark.parametrize("token", [pytest.param(None, id="without"), pytest.param("x", id="wrong")])
def test_a_temporary_key_needs_its_token(sdk: Sdk, emulator: Emulator, token: str | None) -> None:
    key = federate(sdk)["Credentials"]
    spoilt = Sdk(
        emulator, secret_id=key["TmpSecretId"], secret_key=key["TmpSecretKey"], token=token
    )
    assert spoilt.refusal("DescribeInstances") == "AuthFailure.TokenFailure"


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "no role": ("AssumeRole", {"RoleArn": None}, "MissingParameter"),
    "a role that does not exist": (
        "AssumeRole", {"RoleArn": "qcs::cam::uin/100000000001:roleName/No"},
        "ResourceNotFound.RoleNotFound",
    ),
    "a role of another account": (
        "AssumeRole", {"RoleArn": "qcs::cam::uin/100000000009:roleName/BatchComputeData"},
        "ResourceNotFound.RoleNotFound",
    ),
    "a role only instances may have": (
        "AssumeRole", {"RoleArn": "qcs::cam::uin/100000000001:roleName/BatchComputeNode"},
        "UnauthorizedOperation",
    ),
    "a role that is none": ("AssumeRole", {"RoleArn": "me"}, "InvalidParameter.ResouceError"),
    "a session that is none": (
        "AssumeRole", {"RoleSessionName": "a b"}, "InvalidParameter.ParamError",
    ),
    "13 hours": ("AssumeRole", {"DurationSeconds": 46_800}, "InvalidParameter.OverTimeError"),
    "a policy that is none": (
        "AssumeRole", {"Policy": "allow all"}, "InvalidParameter.StrategyFormatError",
    ),
    "37 hours of federation": (
        "GetFederationToken", {"DurationSeconds": 133_200}, "InvalidParameter.OverTimeError",
    ),
    "a name with a digit": ("GetFederationToken", {"Name": "a1"}, "InvalidParameter.ParamError"),
    "federation without a policy": ("GetFederationToken", {"Policy": None}, "MissingParameter"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("action", "changes", "code"), [pytest.param(*case, id=name) for name, case in REFUSED.items()]
)
def test_refused(
    sdk: Sdk, emulator: Emulator, action: str, changes: dict[str, Any], code: str
) -> None:
    whole = {
        "AssumeRole": {
            "RoleArn": role(emulator, "BatchComputeData"), "RoleSessionName": "s1",
        },
        "GetFederationToken": {"Name": "x", "Policy": LOOK},
    }[action]  # fmt: skip
    wanted = {k: v for k, v in {**whole, **changes}.items() if v is not None}
    assert sdk.refusal(action, "sts", **wanted) == code


def test_a_temporary_key_cannot_federate(sdk: Sdk, emulator: Emulator) -> None:
    key = with_key(emulator, federate(sdk))
    code = key.refusal("GetFederationToken", "sts", Name="x", Policy=LOOK)
    assert code == "FailedOperation.TempKeyNotAllowed"


def test_who_am_i(sdk: Sdk, emulator: Emulator) -> None:
    who = sdk.ask("GetCallerIdentity", "sts")
    assert who["AccountId"] == emulator.ready["uin"]
    assert who["Arn"] == "qcs::cam::uin/100000000001:uin/100000000002"


def test_a_reset_ends_temporary_keys(sdk: Sdk, emulator: Emulator) -> None:
    key = with_key(emulator, federate(sdk))
    emulator.reset()
    assert key.refusal("DescribeInstances") == "AuthFailure.SecretIdNotFound"
