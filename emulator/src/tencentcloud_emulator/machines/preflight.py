"""What this host lacks for machines to run on it, found out by starting one."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from . import base, traces
from .cgroups import Group, Limits
from .ids import of_this_user
from .launch import PYTHON, Plan, keeper_command, keeper_environment
from .rootfs import Identity

TRIAL_SECONDS = 20.0
USERS = (
    "User namespaces are not permitted here ({}): set the sysctls user.max_user_namespaces to 10000"
    ", kernel.unprivileged_userns_clone to 1 and kernel.apparmor_restrict_unprivileged_userns to 0,"
    " as far as there are any, or run as root outside of a container."
)
OVERLAY = "There is no overlay file system ({}): load its kernel module (modprobe overlay)."
OTHER = "A machine cannot be assembled here ({}): run on Linux 5.11 or later, not in a container."
NO_LINUX = "The emulator's machines need Linux: run in a Linux virtual machine."
NO_PYTHON = f"There is no {PYTHON}: install it (apt-get install -y python3)."


def preflight(python: str = PYTHON, platform: str = sys.platform) -> list[str]:
    """One sentence for each thing that is missing, with its mend; empty if machines run here."""
    if platform != "linux":
        return [NO_LINUX]
    if not os.access(python, os.X_OK):
        return [NO_PYTHON]
    problem = trial()
    return [] if problem is None else [sentence(problem)]


def sentence(problem: str) -> str:
    """Turns the error of a failed start into advice."""
    if "unshare" in problem or "uid_map" in problem or "gid_map" in problem:
        return USERS.format(problem)
    if "mount overlay" in problem and "No such device" in problem:
        return OVERLAY.format(problem)
    return OTHER.format(problem)


def trial() -> str | None:
    """Starts a machine that does nothing and ends it; gives the error if that fails."""
    directory = Path(tempfile.mkdtemp(prefix="machine-trial-"))
    front = socket.socket(socket.AF_UNIX)
    try:
        plan = _plan(directory)
        _bind(front, plan.directory, "front")
        base.build(plan.base, plan.ids, [])
        return _start_and_end(plan)
    except OSError as error:
        return str(error)
    finally:
        front.close()
        traces.sweep(directory)
        shutil.rmtree(directory)


def _bind(front: socket.socket, directory: Path, name: str) -> None:
    """By the folder's descriptor: the whole path may be longer than a socket's may be."""
    folder = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        front.bind(f"/proc/self/fd/{folder}/{name}")
    finally:
        os.close(folder)


def _plan(directory: Path) -> Plan:
    machine = directory / "machines" / "trial"
    machine.mkdir(parents=True)
    group = None
    if hierarchies := traces.hierarchies():
        families = hierarchies.family(traces.key_of(directory))
        group = Group(hierarchies.version, tuple(family / "trial" for family in families))
    return Plan(
        directory=machine,
        base=directory / "machines" / "base",
        console=directory / "console",
        ids=of_this_user(),
        identity=Identity("trial", "10.0.0.2", "169.254.0.23"),
        limits=Limits(1 << 30, 64, 1),
        group=group,
        user_data=None,
        runs_user_data=False,
    )


def _start_and_end(plan: Plan) -> str | None:
    keeper = subprocess.run(
        keeper_command(),
        input=f"{plan.to_json()}\ngo\n",
        capture_output=True,
        text=True,
        env=keeper_environment(),
        timeout=TRIAL_SECONDS,
        check=False,
    )
    said: dict[str, object] = {}
    for line in keeper.stdout.splitlines():
        said |= json.loads(line)
    if "error" in said:
        return str(said["error"])
    return None if "running" in said and "ended" in said else keeper.stderr.strip()
