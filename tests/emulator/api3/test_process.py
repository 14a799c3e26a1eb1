"""The emulator as a process: its ready file, its keys, its end."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.cloud_sdk import Sdk
from tests.support.emulator import SOURCE, running_emulator


def test_two_run_side_by_side_with_keys_of_their_own(tmp_path: Path) -> None:
    with running_emulator(tmp_path / "a") as one, running_emulator(tmp_path / "b") as other:
        assert one.endpoint != other.endpoint
        stranger = Sdk(one, secret_id=other.secret_id, secret_key=other.secret_key)
        assert stranger.refusal("DescribeZones") == "AuthFailure.SecretIdNotFound"


def test_the_same_state_directory_keeps_its_keys(tmp_path: Path) -> None:
    with running_emulator(tmp_path) as first:
        key = first.secret_key
    with running_emulator(tmp_path) as again:
        assert again.secret_key == key
        assert Sdk(again).states() == {}


def test_the_ready_file_is_for_its_owner_only(tmp_path: Path) -> None:
    with running_emulator(tmp_path) as emulator:
        for name in ("ready.json", "keys.json"):
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
        assert emulator.ready["pid"] == emulator.process.pid
        assert emulator.ready["workspaceBucket"] == "batchcompute-1250000000"
        assert emulator.secret_key not in (tmp_path / "emulator.log").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with running_emulator(tmp_path) as emulator:
        Sdk(emulator).launch(InstanceCount=20)
        emulator.process.send_signal(number)
        assert emulator.process.wait(10) == 0


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    with running_emulator(tmp_path / "a") as first:
        port = first.address.rpartition(":")[2]
        done = subprocess.run(
            [sys.executable, "-m", "tencentcloud_emulator", "serve", "--machines", "light",
             "--state-dir", tmp_path / "b", "--port", port],
            capture_output=True, text=True, timeout=30,
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
        )  # fmt: skip
    assert done.returncode == 1
    assert "address already in use" in done.stderr


def test_a_state_directory_serves_one_emulator(tmp_path: Path) -> None:
    with running_emulator(tmp_path):
        done = subprocess.run(
            [sys.executable, "-m", "tencentcloud_emulator", "serve", "--machines", "light",
             "--state-dir", tmp_path],
            capture_output=True, text=True, timeout=30,
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
        )  # fmt: skip
    assert done.returncode == 1
    assert f"another emulator uses {tmp_path}" in done.stderr


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_it_ends_with_the_process_that_started_it(tmp_path: Path, wait: Any) -> None:
    starter = (
        "import subprocess, sys, time, pathlib\n"
        "subprocess.Popen(sys.argv[1:])\n"
        "ready = pathlib.Path(sys.argv[-1])\n"
        "while not ready.exists(): time.sleep(0.02)\n"
    )
    ready = tmp_path / "ready.json"
    subprocess.run(
        [sys.executable, "-c", starter, sys.executable, "-m", "tencentcloud_emulator", "serve",
         "--with-parent", "--machines", "light", "--state-dir", tmp_path, "--ready-file", ready],
        check=True, timeout=30, stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )  # fmt: skip
    pid = json.loads(ready.read_text())["pid"]
    try:
        wait(lambda: not alive(pid), "the emulator's end")
    finally:
        if alive(pid):
            os.kill(pid, signal.SIGKILL)
