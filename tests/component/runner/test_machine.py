"""The whole way on an emulated machine: user data, true host names, narrow temporary keys.

The bucket is the emulator's, which shares no code with us: it decides whether our signatures
are COS signatures, and executes what it is asked with the signer's policy (R10).
"""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from batchcompute.cloud.credential import Credential
from batchcompute.mailbox.client import CosClient
from batchcompute.mailbox.definition import Definition, Input, Output
from batchcompute.mailbox.grants import Granter, boot_key_time, key_time, signer_policies
from batchcompute.mailbox.inbound import Reason, Result, parse_beat, parse_result
from batchcompute.mailbox.keys import attempt_path, launch_id, machine_id, run_id
from batchcompute.mailbox.layout import DONE_LIMIT, LIVE_LIMIT, MIB, Layout
from batchcompute.mailbox.records import (
    Box,
    Cancel,
    Deadlines,
    Directory,
    DirSlot,
    DirState,
    Run,
    SlotKind,
)
from batchcompute.runner.userdata import runner_sha256, runner_source, user_data
from tests.support.cloud_sdk import REGION, Sdk
from tests.support.emulator import Emulator, emulator_fixture

emulator = emulator_fixture(scope="module", machines="real", pending_seconds=0.1)

LAYOUT = Layout.of("batch", "0a1b2c3d")
LIMITS = Deadlines(setup=60, command=60, upload=60, grace=1)
DATA = "data-1250000000"


def assume(sdk: Sdk, role: str, policy: dict[str, object]) -> Credential:
    reply = sdk.ask(
        "AssumeRole", "sts", RoleArn=f"qcs::cam::uin/100000000001:roleName/{role}",
        RoleSessionName="test", DurationSeconds=3600, Policy=quote(json.dumps(policy)),
    )  # fmt: skip
    keys = reply["Credentials"]
    return Credential(
        keys["TmpSecretId"], keys["TmpSecretKey"], keys["Token"], float(reply["ExpiredTime"])
    )


@dataclass
class Cloud:
    """What the operator does, in a few lines."""

    emulator: Emulator
    sdk: Sdk
    workspace: CosClient
    data: CosClient
    put: Credential
    get: Credential
    user: Credential
    seq: int = 0

    @property
    def base(self) -> str:
        return f"http://{self.workspace.host}"

    async def launch(self, *tasks: Definition) -> list[str]:
        """One launch with a machine for each task; their run ids."""
        type(self).seq += 1
        launch, now = launch_id(type(self).seq, "aaaaaa"), time.time()
        await self.workspace.put(LAYOUT.runner(runner_sha256()), runner_source())
        early = Granter.of(
            LAYOUT, self.base, self.put, self.get,
            boot_key_time(now, 600, self.put), boot_key_time(now, 600, self.get),
        )  # fmt: skip
        script = user_data(launch, early.boot(launch, runner_sha256()), 600, runner_sha256())
        self.ids = self.sdk.launch(
            InstanceCount=len(tasks), InstanceType="S5.SMALL1", UserData=script
        )
        rids = [run_id(machine_id(launch, slot), 0) for slot in range(len(tasks))]
        await self.direct(launch, now, tasks)
        return rids

    async def direct(self, launch: str, now: float, tasks: tuple[Definition, ...]) -> None:
        granter = Granter.of(
            LAYOUT, self.base, self.put, self.get,
            key_time(now, LIMITS.total(), self.put), key_time(now, LIMITS.total(), self.get),
        )  # fmt: skip
        self.granter = granter
        slots = []
        for number, instance in enumerate(sorted(self.ids)):
            mid = machine_id(launch, number)
            path = self.attempt(launch, number)
            run = Run(0, path, str(number), {"BATCH_TASK_INSTANCE_INDEX": str(number)}, LIMITS,
                      granter.run(run_id(mid, 0), path))  # fmt: skip
            slots.append(DirSlot(instance, mid, SlotKind.RUN, granter.box_get(mid), run))
        directory = Directory(
            launch, DirState.BOUND, self.base, granter.put_grant, granter.get_grant, 1,
            {str(number): task for number, task in enumerate(tasks)}, slots,
        )  # fmt: skip
        await self.workspace.put(LAYOUT.directory(launch), directory.encode())

    @staticmethod
    def attempt(launch: str, number: int) -> str:
        return attempt_path("team-a", "wc", launch[2:10], "count", number, 0)

    async def result(self, rid: str, seconds: float = 60) -> Result:
        found = await self.wait(self.workspace, LAYOUT.done(rid), DONE_LIMIT, seconds)
        return parse_result(found)

    async def wait(self, cos: CosClient, key: str, limit: int, seconds: float = 60) -> bytes:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = await cos.get(key, limit)
            if found is not None:
                return found.body
            await asyncio.sleep(0.1)
        raise AssertionError(f"{key} did not appear")

    async def stream(self, rid: str, name: str) -> bytes:
        path = self.attempt(rid[:17], int(rid[18:21]))
        page = await self.workspace.list_all(f"{LAYOUT.prefix}{path}{name}.")
        bodies = [await self.workspace.get(entry.key, 64 * MIB) for entry in page.entries]
        return b"".join(body.body for body in bodies if body)


@pytest.fixture
async def cloud(emulator: Emulator) -> AsyncIterator[Cloud]:
    sdk = Sdk(emulator)
    bucket = str(emulator.ready["workspaceBucket"])
    policies = signer_policies(1250000000, bucket, REGION, LAYOUT.prefix)
    key = Credential(emulator.secret_id, emulator.secret_key)
    reading: dict[str, Any] = {
        "version": "2.0",
        "statement": [
            {
                "effect": "allow",
                "action": ["name/cos:*"],
                "resource": [
                    f"qcs::cos:{REGION}:uid/1250000000:{DATA}/in/*",
                    f"qcs::cos:{REGION}:uid/1250000000:{DATA}/out/*",
                ],
            },
        ],
    }
    async with aiohttp.ClientSession() as session:
        cos = [
            CosClient(session, emulator.endpoint, name, REGION, lambda: key, time.time)
            for name in (bucket, DATA)
        ]
        made = Cloud(
            emulator, sdk, cos[0], cos[1],
            assume(sdk, "BatchComputePut", policies["put"]),
            assume(sdk, "BatchComputeGet", policies["get"]),
            assume(sdk, "BatchComputeData", reading),
        )  # fmt: skip
        yield made
        if ids := [name for name, state in sdk.states().items() if state == "RUNNING"]:
            sdk.terminate(*ids)


async def test_two_machines_of_one_launch(cloud: Cloud) -> None:
    host = f"http://{cloud.data.host}"
    await cloud.data.put("in/a/words ä.txt", b"one two\n")
    task = Definition(
        "hostname; cat in/a/*; cat in/a/words* | tr a-z A-Z > out/result; "
        "head -c 3000000 /dev/urandom > out/big; sha256sum < out/big; id -u",
        inputs=(Input(host, "in/", "in", "user"),),
        outputs=(Output("out", host, "out/", "user"),),
        part_mib=1,
        data={"user": cloud.user},
    )
    rids = await cloud.launch(task, Definition("echo no >&2; exit 3"))
    first, second = [await cloud.result(rid) for rid in rids]
    assert first.reason is Reason.COMPLETED, first.message
    assert (second.reason, second.exit and second.exit.code) == (Reason.NON_ZERO_EXIT, 3)
    assert await cloud.stream(rids[1], "err") == b"no\n"
    name, words, digest, uid = (await cloud.stream(rids[0], "out")).decode().splitlines()
    assert (words, uid) == ("one two", "0")
    assert name.startswith("VM-")
    assert first.outputs.files == 2, first
    result = await cloud.data.get("out/result", 100)
    assert result is not None and result.body == b"ONE TWO\n"
    big = await cloud.data.get("out/big", 4_000_000)
    assert big is not None and sha256(big.body).hexdigest() == digest.split()[0]
    assert first.outputs.files == 2


async def test_cancel_ends_by_term_then_kill_with_its_log_in_the_bucket(cloud: Cloud) -> None:
    [rid] = await cloud.launch(Definition("trap '' TERM; echo up; while :; do sleep 1; done"))
    await cloud.wait(cloud.workspace, LAYOUT.live(rid, 1), LIVE_LIMIT)
    box = Box(rid[:21], 1, cancel=Cancel(0, "Terminated"))
    await cloud.workspace.put(LAYOUT.box(rid[:21]), box.encode())
    result = await cloud.result(rid)
    assert result.reason is Reason.CANCELLED
    assert result.exit is not None and result.exit.status == 137
    assert await cloud.stream(rid, "out") == b"up\n"


async def test_out_of_memory_is_told_apart(cloud: Cloud) -> None:
    hungry = """exec python3 -c 'x = [b"x" * (n << 20) for n in range(1, 9999)]'"""
    [rid] = await cloud.launch(Definition(hungry))
    result = await cloud.result(rid)
    assert result.exit is not None
    assert result.reason is Reason.OUT_OF_MEMORY, (result, await cloud.stream(rid, "err"))


async def test_a_task_that_kills_everything_falls_silent_and_reports_nothing_false(
    cloud: Cloud,
) -> None:
    [rid] = await cloud.launch(Definition("echo up; sleep 1; kill -9 -1; sleep 60"))
    beat = parse_beat(await cloud.wait(cloud.workspace, LAYOUT.live(rid, 1), LIVE_LIMIT))
    assert beat.line.p == 1
    with pytest.raises(AssertionError, match="did not appear"):
        await cloud.result(rid, 6)


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        pytest.param({"x-cos-copy-source": "batch/secret"}, "", id="a copy of another key"),
        pytest.param({}, "&acl", id="a change of rights"),
    ],
)
async def test_a_signature_for_a_log_key_does_nothing_else(
    cloud: Cloud, headers: dict[str, str], query: str
) -> None:
    """R10: what a root task has in hand cannot read or open what is not its own."""
    await cloud.workspace.put("batch/secret", b"another tenant's")
    key = LAYOUT.log(cloud.attempt(launch_id(999, "aaaaaa"), 0), "out", 0)
    span = key_time(time.time(), 60, cloud.put)
    granter = Granter.of(LAYOUT, cloud.base, cloud.put, cloud.get, span, span)
    url = granter.put.url("PUT", key).replace(cloud.base, cloud.emulator.endpoint) + query
    source = headers.get("x-cos-copy-source")
    sent = {"Host": cloud.workspace.host}
    if source:
        sent["x-cos-copy-source"] = f"{cloud.workspace.host}/{source}"
    request = urllib.request.Request(url, data=b"", headers=sent, method="PUT")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)
    with caught.value:
        assert caught.value.code == 403
    assert await cloud.workspace.get(key, 1000) is None


async def test_the_same_url_writes_the_log_itself(cloud: Cloud) -> None:
    key = LAYOUT.log(cloud.attempt(launch_id(998, "aaaaaa"), 0), "out", 0)
    span = key_time(time.time(), 60, cloud.put)
    granter = Granter.of(LAYOUT, cloud.base, cloud.put, cloud.get, span, span)
    url = granter.put.url("PUT", key).replace(cloud.base, cloud.emulator.endpoint)
    sent = {"Host": cloud.workspace.host}
    request = urllib.request.Request(url, data=b"log", headers=sent, method="PUT")
    urllib.request.urlopen(request, timeout=10).close()
    found = await cloud.workspace.get(key, 1000)
    assert found is not None and found.body == b"log"
