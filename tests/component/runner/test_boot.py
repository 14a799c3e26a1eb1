"""The boot script, run by this host's shell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from batchcompute.mailbox.definition import Definition
from batchcompute.mailbox.inbound import Reason, parse_boot_fail
from batchcompute.runner.userdata import render, runner_sha256, runner_source
from tests.support.runner import LAUNCH, LAYOUT, WS, Host

TOOLS = ("sh", "od", "tr", "sleep", "tail", "mkdir", "chmod", "cat", "mv", "setsid", "touch")


def programs(folder: Path, *more: str) -> str:
    """A PATH with the needed tools and ``more``, nothing else."""
    folder.mkdir()
    for name in (*TOOLS, *more):
        found = os.path.realpath(sys.executable) if name == "python3" else shutil.which(name)
        assert found, f"{name} is not on this host"
        (folder / name).symlink_to(found)
    return str(folder)


def boot(host: Host, path: str, sha: str = "", deadline: int = 600) -> int:
    sha = sha or runner_sha256()
    script = host.folder / "user-data"
    script.write_bytes(render(LAUNCH, host.granter.boot(LAUNCH, sha), deadline, sha))
    env = {
        "PATH": path,
        "http_proxy": host.bucket.url,
        "BATCHCOMPUTE_STATE": str(host.state),
        "BATCHCOMPUTE_METADATA": host.metadata.url,
        "BATCHCOMPUTE_CGROUP": "",
    }
    return subprocess.run(["sh", script], env=env, timeout=60).returncode


def note(host: Host) -> str:
    return parse_boot_fail(host.bucket.get(WS, LAYOUT.boot_fail(LAUNCH)) or b"")


@pytest.mark.parametrize("tool", ["curl", "python3"])
def test_from_user_data_to_done(host: Host, tool: str) -> None:
    host.direct(Definition("echo hi"))
    host.bucket.put(WS, LAYOUT.runner(runner_sha256()), runner_source())
    host.bucket.fault = lambda request: "503" if request.nth == 1 else None
    path = programs(host.folder / "bin", *{tool, "python3"})
    assert boot(host, path) == 0, (host.state / "boot.log").read_text()
    assert host.result().reason is Reason.COMPLETED
    assert host.stream("out") == b"hi\n"
    assert oct(os.stat(host.state / "slot.json").st_mode & 0o777) == "0o600"
    assert host.bucket.get(WS, LAYOUT.boot_fail(LAUNCH)) is None


def test_a_second_boot_starts_no_second_run(host: Host) -> None:
    host.direct(Definition("echo hi; sleep 4"))
    host.bucket.put(WS, LAYOUT.runner(runner_sha256()), runner_source())
    path = os.environ["PATH"]
    assert boot(host, path) == 0
    assert boot(host, path) == 0
    assert host.result().reason is Reason.COMPLETED
    assert host.stream("out") == b"hi\n"
    assert "another runner works here" in (host.state / "runner.log").read_text()


def test_a_runner_that_was_changed_is_not_started(host: Host) -> None:
    host.bucket.put(WS, LAYOUT.runner(runner_sha256()), b"print('evil')")
    assert boot(host, os.environ["PATH"]) == 1
    assert "the runner's sha256 is " in note(host)
    assert not (host.state / "runner.py").exists()


def test_a_runner_that_cannot_be_fetched_is_told(host: Host) -> None:
    assert boot(host, os.environ["PATH"], deadline=40) == 1
    assert note(host).endswith("boot: the runner cannot be fetched")
    assert "404" in note(host)
    assert "q-signature" not in note(host)


def test_an_image_without_python_is_told(host: Host) -> None:
    assert boot(host, programs(host.folder / "bin", "curl")) == 1
    assert note(host).endswith("boot: Python 3.6 or newer is not on this image")
