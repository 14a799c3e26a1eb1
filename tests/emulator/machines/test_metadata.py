"""The metadata service's answers."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest
from multidict import CIMultiDict

from tencentcloud_emulator.account import Account, ExpiredKey, Role
from tencentcloud_emulator.clock import ManualClock
from tencentcloud_emulator.http import RawRequest
from tencentcloud_emulator.machines.port import MachineSpec
from tencentcloud_emulator.metadata import Metadata
from tencentcloud_emulator.policy import Policy
from tencentcloud_emulator.record import MachineRecord, Placed

START = 1_700_000_000.0  # 2023-11-14T22:13:20Z
SPEC = MachineSpec(
    instance_id="ins-1a2b3c4d",
    instance_name="word count",
    hostname="VM-3-5-linux",
    uuid="9f1c7a6e-0000-4000-8000-000000000001",
    app_id="1250000000",
    region="ap-guangzhou",
    zone="ap-guangzhou-3",
    image_id="img-batch001",
    cloud_init=True,
    cpu=2,
    memory_gib=4,
    private_ip="10.0.3.5",
    user_data=b"#!/bin/sh\necho \xff\n",
    charge_type="SPOTPAID",
    cam_role="Reader",
)
PLACED = Placed("vpc-1", "subnet-1", (), (), {}, (), {})
ROLE = "/latest/meta-data/cam/security-credentials/Reader"


class Asker:
    """One machine and the service it asks."""

    def __init__(self, **changes: Any) -> None:
        policy = Policy.parse(
            '{"version":"2.0","statement":[{"effect":"allow","action":"*","resource":"*"}]}'
        )
        self.clock = ManualClock(START)
        rng = random.Random(7)
        roles = {"Reader": Role("Reader", policy, for_instances=True)}
        self.account = Account("1250000000", "100000000001", rng, {}, roles)
        self.service = Metadata(self.account, self.clock)
        spec = replace(SPEC, **changes)
        self.record = MachineRecord(spec, PLACED, START, {}, "request-1")

    async def ask(self, path: str, method: str = "GET") -> tuple[int, bytes]:
        request = RawRequest(method, path, path, "", CIMultiDict(), "metadata.tencentyun.com", None)  # type: ignore[arg-type]
        reply = await self.service.handle(request, self.record)
        assert isinstance(reply.body, bytes)
        return reply.status, reply.body


FILES = {
    "/": b"1.0\n2017-09-19\nlatest",
    "/latest": b"meta-data/\nuser-data",
    "/latest/": b"meta-data/\nuser-data",
    "/latest/meta-data/": b"instance-id\ninstance-name\nuuid\nlocal-ipv4\napp-id\nplacement/\n"
    b"payment/\ncam/",
    "/latest/meta-data": b"instance-id\ninstance-name\nuuid\nlocal-ipv4\napp-id\nplacement/\n"
    b"payment/\ncam/",
    "/latest/meta-data/placement/": b"region\nzone",
    "/latest/meta-data/instance-id": b"ins-1a2b3c4d",
    "/1.0/meta-data/instance-id": b"ins-1a2b3c4d",
    "/2017-09-19/meta-data/instance-id": b"ins-1a2b3c4d",
    "/latest/meta-data/instance-name": b"word count",
    "/latest/meta-data/uuid": b"9f1c7a6e-0000-4000-8000-000000000001",
    "/latest/meta-data/local-ipv4": b"10.0.3.5",
    "/latest/meta-data/app-id": b"1250000000",
    "/latest/meta-data/placement/region": b"ap-guangzhou",
    "/latest/meta-data/placement/zone": b"ap-guangzhou-3",
    "/latest/meta-data/payment/charge-type": b"SPOTPAID",
    "/latest/meta-data/cam/security-credentials/": b"Reader",
    "/latest/user-data": b"#!/bin/sh\necho \xff\n",
}
MISSING = [
    "/2016-01-01/meta-data/instance-id",
    "/latest/meta-data/instance-id/",
    "/latest/meta-data/nothing",
    "/latest/meta-data/spot/termination-time",
    "/latest/meta-data/spot/",
    "/latest/meta-data/cam/security-credentials/Other",
    "/latest/meta",
    "/meta-data/instance-id",
]


@pytest.mark.parametrize(("path", "text"), FILES.items())
async def test_what_is_there(path: str, text: bytes) -> None:
    assert await Asker().ask(path) == (200, text)


@pytest.mark.parametrize("path", MISSING)
async def test_what_is_not_there(path: str) -> None:
    assert (await Asker().ask(path))[0] == 404


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
async def test_nothing_can_be_changed(method: str) -> None:
    assert (await Asker().ask("/latest/meta-data/uuid", method))[0] == 405


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        pytest.param({"user_data": None}, "/latest/user-data", id="no user data"),
        pytest.param({"cam_role": None}, ROLE, id="no role"),
        pytest.param({"cam_role": None}, "/latest/meta-data/cam/", id="no role, no directory"),
        pytest.param({"cam_role": "Deleted"}, f"{ROLE[:-6]}Deleted", id="a role that is gone"),
    ],
)
async def test_what_a_machine_without_it_finds(changes: dict[str, Any], path: str) -> None:
    assert (await Asker(**changes).ask(path))[0] == 404


async def test_a_reclaim_is_told_in_utc_plus_8() -> None:
    asker = Asker()
    asker.record.reclaim_at = START + 120
    told = await asker.ask("/latest/meta-data/spot/termination-time")
    assert told == (200, b"2023-11-15 06:15:20")
    assert b"spot/" in (await asker.ask("/latest/meta-data/"))[1].splitlines()


async def test_keys_of_a_role_are_good_until_they_expire() -> None:
    asker = Asker()
    status, text = await asker.ask(ROLE)
    keys = json.loads(text)
    assert status == 200
    assert set(keys) == {
        "TmpSecretId", "TmpSecretKey", "ExpiredTime", "Expiration", "Token", "Code",
    }  # fmt: skip
    assert (keys["Code"], keys["ExpiredTime"]) == ("Success", START + 3600)
    assert keys["Expiration"] == "2023-11-14T23:13:20Z"
    principal = asker.account.principal_for(keys["TmpSecretId"], keys["Token"], START + 3599)
    assert principal.secret_key == keys["TmpSecretKey"]
    assert principal.arn == "qcs::sts::uin/100000000001:assumed-role/Reader/ins-1a2b3c4d"
    with pytest.raises(ExpiredKey):
        asker.account.principal_for(keys["TmpSecretId"], keys["Token"], START + 3600)


async def test_keys_of_a_role_are_renewed_at_half_their_life_and_the_old_stay_good() -> None:
    asker = Asker()
    first = json.loads((await asker.ask(ROLE))[1])
    asker.clock.advance(1800)
    assert json.loads((await asker.ask(ROLE))[1]) == first
    asker.clock.advance(1)
    second = json.loads((await asker.ask(ROLE))[1])
    assert second["TmpSecretId"] != first["TmpSecretId"]
    assert second["ExpiredTime"] == START + 1801 + 3600
    for keys in (first, second):
        asker.account.principal_for(keys["TmpSecretId"], keys["Token"], asker.clock.now())
