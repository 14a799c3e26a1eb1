"""make up, make down, make -s env: what they promise, in clones of their own."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from dev.cluster.kubectl import run_kubectl
from tests.support.clone import Clone
from tests.support.cloud_sdk import LAUNCH, Sdk
from tests.support.leftovers import Watch

NAMES = [
    "COS_ENDPOINT",
    "EMULATOR_CONTROL",
    "KUBECONFIG",
    "NO_PROXY",
    "PATH",
    "TENCENTCLOUD_ENDPOINT",
    "TENCENTCLOUD_REGION",
    "TENCENTCLOUD_SECRET_ID",
    "TENCENTCLOUD_SECRET_KEY",
    "WORKSPACE_BUCKET",
]


@pytest.fixture(scope="module")
def watch():
    with Watch() as watch:
        yield watch


@pytest.fixture(scope="module")
def clone(tmp_path_factory, watch):
    clone = Clone(tmp_path_factory.mktemp("clones") / "one")
    yield clone
    clone.make("down")


@pytest.fixture
def up(clone):
    said = clone.make("up")
    assert said.returncode == 0, said.stdout + said.stderr
    return clone


def shell(clone: Clone, script: str) -> subprocess.CompletedProcess[str]:
    """A script in a shell that has evaluated the exports."""
    argv, env = clone.command("-s", "env")
    line = f'eval "$({" ".join(argv)})" && {script}'
    return subprocess.run(["sh", "-c", line], env=env, capture_output=True, text=True, timeout=60)


def exported(clone: Clone) -> dict[str, str]:
    names = " ".join(NAMES)
    said = shell(clone, f'for name in {names}; do eval "echo $name=\\$$name"; done')
    return dict(line.split("=", 1) for line in said.stdout.splitlines())


def processes(clone: Clone) -> dict[str, int]:
    record = json.loads((clone.run_folder / "up" / "record.json").read_text())
    return {name: pid for name, pid, _ in record["processes"]}


def test_with_nothing_up_env_fails_with_a_sentence(clone):
    clone.make("down")
    said = clone.make("-s", "env")
    assert said.returncode != 0
    assert said.stdout == ""
    assert "nothing is up in this clone: run `make up`" in said.stderr


def test_env_prints_the_names_of_the_contract_and_nothing_else(up):
    said = up.make("-s", "env")
    assert said.returncode == 0
    lines = said.stdout.splitlines()
    assert all(line.startswith("export ") for line in lines)
    assert sorted(line.removeprefix("export ").partition("=")[0] for line in lines) == NAMES


def test_what_env_names_answers(up):
    found = exported(up)
    for name in ("TENCENTCLOUD_ENDPOINT", "COS_ENDPOINT", "EMULATOR_CONTROL"):
        assert found[name].startswith("http://127.0.0.1:")
    with urllib.request.urlopen(f"{found['EMULATOR_CONTROL']}/machines") as answer:
        assert answer.status == 200
    kubectl = shell(up, "command -v kubectl && kubectl get bcj,bci -A")
    assert kubectl.returncode == 0, kubectl.stderr
    assert kubectl.stdout.startswith(str(up.run_folder))


def test_the_operator_runs_as_its_own_account_and_never_as_admin(up):
    config = up.run_folder / "up" / "operator.kubeconfig"
    who = json.loads(run_kubectl(config, "auth", "whoami", "-o", "json").stdout)
    name = who["status"]["userInfo"]["username"]
    assert name == "system:serviceaccount:batchcompute-system:batchcompute-operator"
    environ = psutil.Process(processes(up)["operator"]).environ()
    assert environ["KUBECONFIG"] == str(config)
    for verb, what in (("list", "secrets"), ("create", "jobs.batchcompute.io"), ("get", "nodes")):
        assert run_kubectl(config, "auth", "can-i", verb, what, "-A").stdout.strip() == "no"


def test_up_twice_is_up_once(up):
    before = processes(up)
    said = up.make("up")
    assert said.returncode == 0
    assert "already up" in said.stdout
    assert processes(up) == before


def test_the_operator_is_started_again_when_it_ends(up):
    before = processes(up)
    os.kill(before["operator"], 9)
    deadline = time.monotonic() + 30
    while processes(up)["operator"] == before["operator"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert {k: v for k, v in processes(up).items() if k != "operator"} == {
        k: v for k, v in before.items() if k != "operator"
    }


def test_another_clone_and_a_copy_of_this_one_touch_nothing(up, tmp_path):
    other = Clone(tmp_path / "other")
    copy = Clone(tmp_path / "copy")
    # Not the machines' roots: device nodes lie in there.
    ignored = shutil.ignore_patterns("cloud")
    shutil.copytree(up.run_folder, copy.run_folder, symlinks=True, ignore=ignored)
    assert (copy.run_folder / "up" / "record.json").exists()
    for stranger in (other, copy):
        assert stranger.make("down").returncode == 0
        assert stranger.make("-s", "env").returncode != 0
    assert all(psutil.pid_exists(pid) for pid in processes(up).values())
    assert shell(up, "kubectl get ns").returncode == 0


def assert_down(clone: Clone, watch: Watch) -> None:
    assert clone.make("down").returncode == 0
    assert watch.leftovers() == []
    assert watch.ports >= 5
    assert [p.name for p in (clone.run_folder / "up").iterdir() if p.name != "log"] in (
        [],
        ["cluster"],
    )
    keys = [p for p in clone.run_folder.rglob("*") if p.suffix in (".key", ".kubeconfig", ".json")]
    assert keys == []


def test_down_leaves_no_process_port_mount_or_key(up, watch):
    assert_down(up, watch)
    assert clone_is_down(up)


def test_down_twice_is_down_once(up, watch):
    assert_down(up, watch)
    assert_down(up, watch)


CRASHES = {
    "the supervisor is killed": ["supervisor"],
    "everything is killed at once": None,
    "the emulator is killed": ["emulator"],
    "the API server is killed": ["kube-apiserver"],
}


@pytest.mark.parametrize("victims", CRASHES.values(), ids=CRASHES.keys())
def test_down_after_a_crash_cleans_up_and_up_works_again(up, watch, victims):
    start_machine(up)
    watch.look()
    assert watch.saw_a_machine
    running = processes(up)
    for name in victims or running:
        os.kill(running[name], 9)
    assert_down(up, watch)
    assert up.make("up").returncode == 0
    assert shell(up, "kubectl get bcj").returncode == 0


def start_machine(clone: Clone) -> None:
    """An instance that runs a process, started by the vendor's SDK."""
    names = exported(clone)
    account = SimpleNamespace(
        address=names["TENCENTCLOUD_ENDPOINT"].removeprefix("http://"),
        secret_id=names["TENCENTCLOUD_SECRET_ID"],
        secret_key=names["TENCENTCLOUD_SECRET_KEY"],
    )
    script = base64.b64encode(b"#!/bin/sh\nsleep 1000\n").decode()
    Sdk(account).ask("RunInstances", UserData=script, **LAUNCH)
    deadline = time.monotonic() + 30
    while "sleep" not in machines(names["EMULATOR_CONTROL"]):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def machines(control: str) -> str:
    with urllib.request.urlopen(f"{control}/machines") as answer:
        text: str = answer.read().decode()
        return text


def clone_is_down(clone: Clone) -> bool:
    return not Path(clone.run_folder / "up" / "record.json").exists()
