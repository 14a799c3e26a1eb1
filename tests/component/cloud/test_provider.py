"""Launch, look, list, terminate; keys; and every way a call can fail."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from batchcompute.api.compute import Compute
from batchcompute.cloud import errors
from batchcompute.cloud.credential import Credential
from batchcompute.cloud.port import MachineView
from batchcompute.cloud.tencent.client import TencentClient
from batchcompute.cloud.tencent.provider import TencentCloud
from batchcompute.cloud.tencent.translate import (
    ResolvedPlacement,
    encode,
    run_instances_request,
)
from batchcompute.runtime.metrics import Metrics
from tests.component.cloud.conftest import REGION, EagerClock
from tests.support.emulator import Emulator

OWNER = "batchcompute.io/owner"
PLACE = ResolvedPlacement("ap-guangzhou-3")


def request(token: str, count: int = 1, **compute: Any) -> bytes:
    wanted = {"imageId": "img-batch001", "instanceType": "S5.MEDIUM4", **compute}
    script = base64.b64encode(b"#!/bin/sh\ntrue\n").decode()
    return encode(
        run_instances_request(
            Compute.parse(wanted),
            PLACE,
            wanted["instanceType"],
            count,
            None,
            f"bc-{token}",
            token,
            script,
            {OWNER: "me", "project": "demo"},
            None,
        )
    )


async def until(cloud: TencentCloud, ids: tuple[str, ...], state: str) -> list[MachineView]:
    async with asyncio.timeout(10):
        while True:
            views = await cloud.describe_instances(ids)
            if len(views) == len(ids) and {view.state for view in views} == {state}:
                return views
            await asyncio.sleep(0.02)


async def test_from_launch_to_gone(cloud: TencentCloud, emulator: Emulator) -> None:
    reply = await cloud.run_instances(request("t1", 3))
    assert len(set(reply.instance_ids)) == 3
    assert reply.request_id
    views = await until(cloud, reply.instance_ids, "RUNNING")
    one = views[0]
    assert (one.zone, one.instance_type) == ("ap-guangzhou-3", "S5.MEDIUM4")
    assert one.charge_type == "POSTPAID_BY_HOUR"
    assert one.private_ip.count(".") == 3
    assert one.created > 1_700_000_000
    assert one.name.startswith("bc-t1")
    assert dict(one.tags) == {OWNER: "me", "project": "demo"}
    await cloud.terminate_instances(reply.instance_ids)
    async with asyncio.timeout(10):
        while await cloud.describe_instances(reply.instance_ids):
            await asyncio.sleep(0.02)
    assert await cloud.list_instances({OWNER: "me"}) == []


async def test_a_lost_reply_is_unknown_and_the_same_bytes_give_the_same_machines(
    cloud: TencentCloud, emulator: Emulator
) -> None:
    emulator.fault("RunInstances", lose_reply=True, count=1)
    with pytest.raises(errors.UnknownOutcomeError):
        await cloud.run_instances(request("t2", 2))
    reply = await cloud.run_instances(request("t2", 2))
    assert {view.instance_id for view in await cloud.list_instances()} == set(reply.instance_ids)
    assert len(emulator.calls("RunInstances")) == 2


async def test_the_bytes_arrive_as_they_were_given(cloud: TencentCloud, emulator: Emulator) -> None:
    await cloud.run_instances(request("t3"))
    (call,) = emulator.calls("RunInstances")
    sent = call["parameters"]
    assert sent["ClientToken"] == "t3"
    assert sent["InstanceName"] == "bc-t3"


REFUSALS = {
    "an image that is not there": ({"imageId": "img-00000000"}, errors.UserError),
    "a type that is not there": ({"instanceType": "XX9.HUGE1"}, errors.RefusedError),
}


@pytest.mark.parametrize(("compute", "kind"), REFUSALS.values(), ids=REFUSALS.keys())
async def test_what_cannot_be_is_refused_and_makes_nothing(
    cloud: TencentCloud, compute: dict[str, str], kind: type[errors.CloudError]
) -> None:
    with pytest.raises(kind):
        await cloud.run_instances(request("t4", 2, **compute))
    assert await cloud.list_instances() == []


FAULTS = {
    "sold out": ({"code": "ResourceInsufficient.SpecifiedInstanceType"}, errors.StockError),
    "a quota": ({"code": "LimitExceeded.InstanceQuota"}, errors.QuotaError),
    "throttled": ({"code": "RequestLimitExceeded"}, errors.ThrottledError),
    "no money": ({"code": "InvalidAccount.InsufficientBalance"}, errors.AccountError),
    "trouble inside": ({"code": "InternalError"}, errors.UnknownOutcomeError),
    "a proxy's 502": ({"status": 502}, errors.UnknownOutcomeError),
}


@pytest.mark.parametrize(("fault", "kind"), FAULTS.values(), ids=FAULTS.keys())
async def test_a_failed_launch_is_sent_once_and_has_its_type(
    cloud: TencentCloud,
    emulator: Emulator,
    fault: dict[str, Any],
    kind: type[errors.CloudError],
) -> None:
    emulator.fault("RunInstances", count=1, **fault)
    with pytest.raises(kind) as caught:
        await cloud.run_instances(request("t5"))
    assert type(caught.value) is kind
    assert len(emulator.calls("RunInstances")) == 1


async def test_a_description_is_repeated_until_it_comes(
    cloud: TencentCloud, emulator: Emulator
) -> None:
    emulator.fault("DescribeInstances", count=3, code="InternalError")
    assert await cloud.list_instances() == []
    emulator.fault("DescribeInstances", count=9, code="InternalError")
    with pytest.raises(errors.UnknownOutcomeError):
        await cloud.list_instances()


async def test_a_listing_reads_every_page_and_only_what_has_the_tag(
    cloud: TencentCloud, emulator: Emulator
) -> None:
    ids: set[str] = set()
    for number in range(3):
        reply = await cloud.run_instances(request(f"t6-{number}", 80))
        ids |= set(reply.instance_ids)
    listed = await cloud.list_instances({OWNER: "me"})
    assert {view.instance_id for view in listed} == ids
    assert len(listed) == 240
    assert await cloud.list_instances({OWNER: "somebody else"}) == []
    both = await cloud.list_instances({OWNER: "me", "project": "demo"})
    assert len(both) == 240


async def test_one_bad_id_spoils_a_termination_and_says_look_again(cloud: TencentCloud) -> None:
    reply = await cloud.run_instances(request("t7", 2))
    await until(cloud, reply.instance_ids, "RUNNING")
    with pytest.raises(errors.CloudError) as caught:
        await cloud.terminate_instances([*reply.instance_ids, "ins-00000000"])
    assert errors.terminate_hint(caught.value) is errors.TerminateHint.LOOK_AGAIN
    states = {view.state for view in await cloud.describe_instances(reply.instance_ids)}
    assert states == {"RUNNING"}


async def test_catalogue(cloud: TencentCloud) -> None:
    zones = {view.zone: view.available for view in await cloud.describe_zones()}
    assert zones["ap-guangzhou-3"]
    images = await cloud.describe_images(["img-batch001", "img-batch002", "img-00000000"])
    assert {view.image_id: view.cloud_init for view in images} == {
        "img-batch001": True,
        "img-batch002": False,
    }
    types = {view.instance_type: view for view in await cloud.describe_instance_types()}
    assert (types["S5.MEDIUM4"].cpu, types["S5.MEDIUM4"].memory_gib) == (2, 4)
    assert types["S5.MEDIUM4"].family == "S5"


POLICY = json.dumps(
    {
        "version": "2.0",
        "statement": [
            {
                "effect": "allow",
                "action": ["name/cos:GetObject"],
                "resource": ["qcs::cos:ap-guangzhou:uid/1250000000:data-1250000000/in/*"],
            }
        ],
    }
)


async def test_temporary_keys_of_a_role_sign_and_cannot_do_more_than_their_policy(
    cloud: TencentCloud, client: TencentClient
) -> None:
    role = "qcs::cam::uin/100000000001:roleName/BatchComputeGet"
    keys = await cloud.assume_role(role, session="batchcompute", seconds=1800, policy=POLICY)
    assert keys.token
    assert keys.expires
    assert keys.secret_key not in repr(keys)
    narrow = TencentCloud(client, keys, REGION, clock=EagerClock())
    with pytest.raises(errors.AuthError):
        await narrow.run_instances(request("t8"))


async def test_federation_keys_and_whose_key_it_is(cloud: TencentCloud) -> None:
    keys = await cloud.get_federation_token(name="batchcompute", seconds=1800, policy=POLICY)
    assert keys.token
    me = await cloud.get_caller_identity()
    assert me.account_id == "100000000001"
    assert me.arn.startswith("qcs::")


KEYS = {
    "an unknown id": lambda key: Credential("AKIDunknown", key.secret_key),
    "a wrong key": lambda key: Credential(key.secret_id, "wrong"),
    "a token that is none": lambda key: Credential(key.secret_id, key.secret_key, "nonsense"),
}


@pytest.mark.parametrize("spoil", KEYS.values(), ids=KEYS.keys())
async def test_a_bad_key_is_an_auth_error_and_is_not_in_its_text(
    client: TencentClient, key: Credential, spoil: Any
) -> None:
    bad = spoil(key)
    cloud = TencentCloud(client, bad, REGION, clock=EagerClock())
    with pytest.raises(errors.AuthError) as caught:
        await cloud.describe_zones()
    assert bad.secret_key not in str(caught.value)


async def test_a_cloud_that_is_away_is_unknown_without_quoting_what_was_sent() -> None:
    from batchcompute.cloud.limiter import RateLimiter

    clock = EagerClock()
    async with TencentClient(clock, RateLimiter(clock), endpoint="http://127.0.0.1:9") as client:
        cloud = TencentCloud(client, Credential("id", "hidden"), REGION, clock=clock)
        with pytest.raises(errors.UnknownOutcomeError) as caught:
            await cloud.run_instances(request("t9"))
    assert str(caught.value) == "Transport.ClientConnectorError"


async def test_calls_are_counted_by_action_and_code(
    cloud: TencentCloud, emulator: Emulator, metrics: Metrics
) -> None:
    await cloud.describe_zones()
    emulator.fault("RunInstances", count=1, code="LimitExceeded.InstanceQuota")
    with pytest.raises(errors.QuotaError):
        await cloud.run_instances(request("t10"))
    count = metrics.registry.get_sample_value
    for action, code in (("DescribeZones", "ok"), ("RunInstances", "LimitExceeded.InstanceQuota")):
        labels = {"service": "cvm", "action": action, "code": code}
        assert count("cloud_requests_total", labels) == 1
