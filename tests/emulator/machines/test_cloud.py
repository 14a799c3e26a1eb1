"""Instances of the whole emulator: what the cloud's API and control API show of real machines."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from qcloud_cos import CosConfig, CosS3Client

from tests.support.cloud_sdk import Sdk
from tests.support.emulator import Emulator, emulator_fixture, running_emulator
from tests.support.machines import host_view, namespaces_of

ROOT = Path(__file__).parents[3]
PUT = """
put() { python3 -c 'import sys, urllib.request as r
r.urlopen(r.Request(sys.argv[1], sys.stdin.buffer.read(), method="PUT"))' "$1"; }
get() { python3 -c 'import sys, urllib.request as r
print(r.urlopen("http://metadata.tencentyun.com/latest/" + sys.argv[1]).read().decode())' "$1"; }
"""
TICK = "i=0; while :; do sh -c 'exit 0'; sleep 0.05; done"

emulator = emulator_fixture(scope="module", machines="real")


def eventually(condition: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def user_data(script: str) -> str:
    return base64.b64encode(f"#!/bin/bash\n{PUT}\n{script}\n".encode()).decode()


class Account:
    """The account's owner, with SDKs only."""

    def __init__(self, emulator: Emulator) -> None:
        emulator.reset()
        emulator.settings(rateLimitFactor=0)
        self.emulator = emulator
        self.sdk = Sdk(emulator)
        self.bucket = str(emulator.ready["workspaceBucket"])
        keys = {"SecretId": emulator.secret_id, "SecretKey": emulator.secret_key}
        host, _, port = emulator.address.partition(":")
        self._signer = CosS3Client(CosConfig(Region="ap-guangzhou", Scheme="http", **keys))
        here = CosConfig(Region="ap-guangzhou", Scheme="http", IP=host, Port=port, **keys)
        self._cos = CosS3Client(here, retry=0)

    def launch(self, script: str, **changes: Any) -> str:
        return self.sdk.launch(UserData=user_data(script), **changes)[0]

    def put_url(self, key: str) -> str:
        """Presigned, by the bucket's true name."""
        url: str = self._signer.get_presigned_url(self.bucket, key, "PUT", Expired=600)
        return url

    def text(self, key: str) -> str:
        body = self._cos.get_object(Bucket=self.bucket, Key=key)["Body"].get_raw_stream()
        content: bytes = body.read()
        return content.decode()

    def has(self, key: str) -> bool:
        return bool(self._cos.object_exists(self.bucket, key))

    def await_text(self, key: str) -> str:
        eventually(lambda: self.has(key), f"the machine has put {key}")
        return self.text(key)

    def state(self, instance_id: str) -> str:
        return self.sdk.states().get(instance_id, "absent")

    def history(self, instance_id: str) -> list[dict[str, Any]]:
        processes: list[dict[str, Any]] = self.emulator.machine(instance_id)["processes"]
        return processes

    def namespaces(self, instance_id: str) -> frozenset[str]:
        eventually(lambda: self.history(instance_id), "it runs something")
        return namespaces_of(self.history(instance_id)[0]["pid"]) - namespaces_of("self")


@pytest.fixture
def account(emulator: Emulator) -> Account:
    return Account(emulator)


def test_tccli_makes_an_instance_that_runs_a_script_with_no_operator_about(
    account: Account, tmp_path: Path
) -> None:
    made = subprocess.run(
        [ROOT / "dev" / "env", "tccli"], check=True, stdout=subprocess.PIPE, text=True
    )
    script = f"get meta-data/instance-id | put '{account.put_url('from/tccli')}'; exit 3"
    done = subprocess.run(
        [
            f"{made.stdout.strip()}/bin/tccli", "cvm", "RunInstances",
            "--endpoint", account.emulator.endpoint, "--Placement", '{"Zone": "ap-guangzhou-3"}',
            "--ImageId", "img-batch001", "--InstanceType", "S5.MEDIUM4",
            "--UserData", user_data(script),
        ],
        capture_output=True,
        text=True,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "TENCENTCLOUD_SECRET_ID": account.emulator.secret_id,
            "TENCENTCLOUD_SECRET_KEY": account.emulator.secret_key,
            "TENCENTCLOUD_REGION": "ap-guangzhou",
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (instance,) = json.loads(done.stdout)["InstanceIdSet"]
    assert account.await_text("from/tccli") == f"{instance}\n"
    argv = ["/bin/bash", "/var/lib/cloud/instance/scripts/part-001"]
    eventually(
        lambda: 3 in [p["exitCode"] for p in account.history(instance) if p["argv"] == argv],
        "the history has its exit code",
    )
    assert account.state(instance) == "RUNNING"


METADATA = ["instance-id", "instance-name", "uuid", "local-ipv4", "placement/region",
            "placement/zone", "payment/charge-type", "app-id"]  # fmt: skip


def test_an_instance_finds_in_metadata_what_describe_instances_says(account: Account) -> None:
    script = f"for k in {' '.join(METADATA)}; do get meta-data/$k; done | put"
    instance = account.launch(f"{script} '{account.put_url('md')}'", InstanceName="count words")
    found = dict(zip(METADATA, account.await_text("md").splitlines(), strict=True))
    (told,) = account.sdk.instances(InstanceIds=[instance])
    assert found == {
        "instance-id": instance,
        "instance-name": "count words",
        "uuid": told["Uuid"],
        "local-ipv4": told["PrivateIpAddresses"][0],
        "placement/region": "ap-guangzhou",
        "placement/zone": told["Placement"]["Zone"],
        "payment/charge-type": told["InstanceChargeType"],
        "app-id": "1250000000",
    }


def test_an_image_without_cloud_init_runs_nothing(account: Account) -> None:
    quiet = account.launch(f"echo x | put '{account.put_url('quiet')}'", ImageId="img-batch002")
    loud = account.launch(f"echo x | put '{account.put_url('loud')}'")
    account.await_text("loud")
    eventually(lambda: account.state(quiet) == "RUNNING", "it runs")
    assert not account.has("quiet")
    assert account.history(quiet) == []
    assert account.history(loud)


def test_keys_of_the_instances_role_are_good(account: Account) -> None:
    role = "BatchComputeNode"
    account.launch(
        f"get meta-data/cam/security-credentials/{role} | put '{account.put_url('keys')}'",
        CamRoleName=role,
    )
    keys = json.loads(account.await_text("keys"))
    owner = Sdk(
        account.emulator,
        secret_id=keys["TmpSecretId"],
        secret_key=keys["TmpSecretKey"],
        token=keys["Token"],
    )
    assert role in owner.ask("GetCallerIdentity", "sts")["Arn"]


def test_terminate_leaves_no_process_namespace_group_or_file(account: Account) -> None:
    groups = host_view(account.emulator.state_dir, frozenset()).groups
    instance = account.launch(f"(setsid sleep 1000 &); {TICK}")
    own = account.namespaces(instance)
    assert len(own) == 6
    there = host_view(account.emulator.state_dir, own)
    assert there.processes
    assert [f for f in there.files if f.endswith(instance)]
    account.sdk.terminate(instance)
    eventually(lambda: account.state(instance) == "absent", "absent")
    left = host_view(account.emulator.state_dir, own)
    assert (left.processes, left.namespaces, left.mounts) == (frozenset(), frozenset(), frozenset())
    assert [p for p in (*left.groups, *left.files) if instance in p] == []
    assert left.groups == groups
    assert all(p["end"] for p in account.history(instance))


@pytest.mark.parametrize("how", ["by itself", "by the control API"])
def test_a_guest_without_power_is_stopped_and_still_listed(account: Account, how: str) -> None:
    instance = account.launch("sleep 0.5; poweroff; sleep 100" if how == "by itself" else TICK)
    own = account.namespaces(instance)
    if how != "by itself":
        account.emulator.do(instance, "kill")
    eventually(lambda: account.state(instance) == "STOPPED", "STOPPED")
    eventually(lambda: not host_view(account.emulator.state_dir, own).processes, "nothing runs")
    account.sdk.terminate(instance)
    eventually(lambda: account.state(instance) == "absent", "absent")


def test_after_a_panic_nothing_runs_and_the_state_stays_running(account: Account) -> None:
    instance = account.launch(TICK)
    eventually(lambda: len(account.history(instance)) > 5, "it ticks")
    account.emulator.do(instance, "panic")
    time.sleep(0.3)
    count = len(account.history(instance))
    time.sleep(0.5)
    assert len(account.history(instance)) == count
    assert account.state(instance) == "RUNNING"
    account.emulator.do(instance, "thaw")
    eventually(lambda: len(account.history(instance)) > count + 5, "it ticks again")


def test_a_reclaim_is_announced_inside_and_carried_out(account: Account) -> None:
    script = f"""
    until get meta-data/spot/termination-time > /tmp/told 2>/dev/null; do sleep 0.1; done
    put '{account.put_url("told")}' < /tmp/told
    sleep 1000"""
    instance = account.launch(script, InstanceChargeType="SPOTPAID")
    own = account.namespaces(instance)
    assert not account.has("told")
    account.emulator.do(instance, "reclaim", seconds=4)
    told = account.await_text("told").strip()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", told)
    local = datetime.strptime(told, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    assert abs(local.timestamp() - 8 * 3600 - time.time()) < 10
    eventually(lambda: account.state(instance) == "absent", "absent")
    assert not host_view(account.emulator.state_dir, own).processes


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=["TERM", "INT", "KILL"]
)
def test_however_the_emulator_ends_no_machine_is_left(number: int, tmp_path: Path) -> None:
    with running_emulator(tmp_path / "state", machines="real") as emulator:
        account = Account(emulator)
        instances = [account.launch(f"(setsid sleep 1000 &); {TICK}") for _ in range(2)]
        own = frozenset().union(*(account.namespaces(i) for i in instances))
        assert len(own) == 12
        emulator.process.send_signal(number)
        emulator.process.wait(20)
        eventually(lambda: not host_view(tmp_path / "state", own).namespaces, "all gone", 10)
    if number == signal.SIGKILL:
        with running_emulator(tmp_path / "state", machines="light"):
            pass
        with running_emulator(tmp_path / "state", machines="real"):
            left = host_view(tmp_path / "state", own)
            assert [Path(f).name for f in left.files] == ["base"]
            assert not left.groups
    assert host_view(tmp_path / "state", own).empty()
