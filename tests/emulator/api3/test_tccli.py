"""tccli, the vendor's command, unmodified."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.cloud_sdk import Sdk
from tests.support.emulator import Emulator

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def tccli() -> Path:
    """The command, in an environment of its own."""
    made = subprocess.run(
        [ROOT / "dev" / "env", "tccli"], check=True, stdout=subprocess.PIPE, text=True
    )
    return Path(made.stdout.strip()) / "bin" / "tccli"


class Tccli:
    """Calls it with the emulator's keys and a home of its own."""

    def __init__(self, command: Path, emulator: Emulator, home: Path) -> None:
        self._command = command
        self._emulator = emulator
        self._home = home

    def run(
        self, service: str, action: str, *arguments: str, true_name: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """With its endpoint set, or by the true name with the emulator as HTTP proxy."""
        emulator = self._emulator
        endpoint = f"http://{service}.tencentcloudapi.com" if true_name else emulator.endpoint
        proxy = {"http_proxy": emulator.endpoint} if true_name else {"NO_PROXY": "127.0.0.1"}
        return subprocess.run(
            [self._command, service, action, "--endpoint", endpoint, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self._home),
                "TENCENTCLOUD_SECRET_ID": emulator.secret_id,
                "TENCENTCLOUD_SECRET_KEY": emulator.secret_key,
                "TENCENTCLOUD_REGION": "ap-guangzhou",
                **proxy,
            },
        )

    def ask(self, service: str, action: str, *arguments: str) -> dict[str, Any]:
        done = self.run(service, action, *arguments)
        assert done.returncode == 0, done.stderr
        reply: dict[str, Any] = json.loads(done.stdout)
        return reply


@pytest.fixture
def cli(tccli: Path, sdk: Sdk, emulator: Emulator, tmp_path: Path) -> Tccli:
    return Tccli(tccli, emulator, tmp_path)


def test_an_instance_from_launch_to_termination(cli: Tccli, sdk: Sdk, wait: Any) -> None:
    made = cli.ask(
        "cvm", "RunInstances", "--Placement", '{"Zone": "ap-guangzhou-3"}',
        "--ImageId", "img-batch001", "--InstanceType", "S5.MEDIUM4", "--InstanceCount", "2",
        "--TagSpecification", '[{"ResourceType":"instance","Tags":[{"Key":"k","Value":"v"}]}]',
    )  # fmt: skip
    ids = made["InstanceIdSet"]
    wait(lambda: set(sdk.states().values()) == {"RUNNING"}, "RUNNING")
    seen = cli.ask("cvm", "DescribeInstances", "--InstanceIds", json.dumps(ids))
    assert {i["InstanceId"] for i in seen["InstanceSet"]} == set(ids)
    assert seen["InstanceSet"][0]["Tags"] == [{"Key": "k", "Value": "v"}]
    cli.ask("cvm", "TerminateInstances", "--InstanceIds", json.dumps(ids))
    wait(lambda: sdk.states() == {}, "absent")


@pytest.mark.parametrize(
    ("action", "field"),
    [
        ("DescribeZones", "ZoneSet"),
        ("DescribeImages", "ImageSet"),
        ("DescribeInstanceTypeConfigs", "InstanceTypeConfigSet"),
    ],
)
def test_what_there_is(cli: Tccli, action: str, field: str) -> None:
    assert len(cli.ask("cvm", action)[field]) >= 2


def test_who_am_i(cli: Tccli, emulator: Emulator) -> None:
    assert cli.ask("sts", "GetCallerIdentity")["AccountId"] == emulator.ready["uin"]


def test_by_the_true_name_through_the_proxy(cli: Tccli) -> None:
    done = cli.run("cvm", "DescribeZones", true_name=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["TotalCount"] == 3


def test_a_refusal_is_told_on_standard_error(cli: Tccli) -> None:
    done = cli.run("cvm", "TerminateInstances", "--InstanceIds", '["ins-00000000"]')
    assert done.returncode == 255
    assert "code:InvalidInstanceId.NotFound" in done.stderr
