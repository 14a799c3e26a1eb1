"""Whatever the way a machine ends, nothing of it is left on the host."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tencentcloud_emulator.machines import traces
from tencentcloud_emulator.machines.runtime import MachineFailed
from tests.support.eventually import eventually
from tests.support.machines import Machines, host_view, machines_in, namespaces_of

FOREVER = "(setsid sleep 1000 &); sleep 1000"
HOLDER = """
import asyncio, json, sys
from pathlib import Path
from typing import Any
from tests.support.machines import machines_in

async def main():
    async with machines_in(Path(sys.argv[1])) as machines:
        held = [await machines.start(sys.argv[2]) for _ in range(2)]
        pids = [m.handle.pid for m in held]
        keepers = [m.handle.keeper_pid for m in held]
        print(json.dumps({"pids": pids, "keepers": keepers}), flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@contextmanager
def emulator_process(
    state_dir: Path,
) -> Iterator[tuple[subprocess.Popen[str], dict[str, list[int]]]]:
    """Another process that has two machines, and the process ids it tells."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(state_dir), FOREVER],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        assert holder.stdout is not None
        yield holder, json.loads(holder.stdout.readline())
    finally:
        holder.kill()
        holder.communicate()


def all_namespaces(pids: list[int]) -> frozenset[str]:
    return frozenset().union(*(namespaces_of(p) for p in pids)) - namespaces_of("self")


async def test_kill_leaves_nothing(machines: Machines, tmp_path: Path) -> None:
    before = host_view(tmp_path, frozenset())
    machine = await machines.start(FOREVER)
    own = all_namespaces([machine.handle.pid])
    there = host_view(tmp_path, own)
    assert there.processes
    assert len(there.namespaces) == 6
    assert len(there.files) == 2
    await machine.handle.kill()
    left = host_view(tmp_path, own)
    assert (left.processes, left.namespaces, left.mounts) == (frozenset(), frozenset(), frozenset())
    assert [Path(f).name for f in left.files] == ["base"]
    assert [g for g in left.groups - before.groups if "ins-" in g] == []


async def test_killing_twice_and_at_once_is_killing(machines: Machines) -> None:
    machine = await machines.start(FOREVER)
    await asyncio.gather(*(machine.handle.kill() for _ in range(3)))
    await machine.handle.kill()
    assert machine.handle.exited.done()


async def test_close_leaves_nothing(tmp_path: Path) -> None:
    async with machines_in(tmp_path) as machines:
        started = [await machines.start(FOREVER) for _ in range(2)]
        own = all_namespaces([m.handle.pid for m in started])
        assert len(own) == 12
    assert host_view(tmp_path, own).empty()


async def test_a_killed_emulator_leaves_nothing_but_its_directory(tmp_path: Path) -> None:
    with emulator_process(tmp_path) as (holder, told):
        own = all_namespaces(told["pids"])
        assert len(own) == 12
        holder.send_signal(signal.SIGKILL)
        await eventually(lambda: not host_view(tmp_path, own).namespaces, "its machines end", 10)
        await eventually(
            lambda: (
                [Path(f).name for f in host_view(tmp_path, own).files] == ["base"]
                and not host_view(tmp_path, own).groups
            ),
            "their keepers have cleaned up",
        )
    left = host_view(tmp_path, own)
    assert not left.processes
    assert not left.groups


async def test_with_its_keepers_killed_too_the_next_start_cleans_up(tmp_path: Path) -> None:
    with emulator_process(tmp_path) as (holder, told):
        own = all_namespaces(told["pids"])
        for keeper in told["keepers"]:
            os.kill(keeper, signal.SIGSTOP)  # they cannot clean up when the emulator is gone
        holder.send_signal(signal.SIGKILL)
        for keeper in told["keepers"]:
            os.kill(keeper, signal.SIGKILL)
        await eventually(lambda: not host_view(tmp_path, own).namespaces, "the machines end", 10)
        assert len(host_view(tmp_path, own).files) == 3
    async with machines_in(tmp_path):
        left = host_view(tmp_path, own)
        assert [Path(f).name for f in left.files] == ["base"]
        assert not left.groups


async def test_a_killed_keeper_takes_its_machine_along(machines: Machines, tmp_path: Path) -> None:
    machine = await machines.start(FOREVER)
    own = all_namespaces([machine.handle.pid])
    os.kill(machine.handle.keeper_pid, signal.SIGKILL)
    await asyncio.wait_for(machine.handle.exited, 10)
    left = host_view(tmp_path, own)
    assert not left.processes
    assert [Path(f).name for f in left.files] == ["base"]
    assert [g for g in left.groups if "ins-" in g] == []


async def test_an_interrupt_at_the_terminal_reaches_the_emulator_only(machines: Machines) -> None:
    machine = await machines.start(FOREVER)
    assert os.getpgid(machine.handle.keeper_pid) != os.getpgid(0)
    assert os.getsid(machine.handle.keeper_pid) != os.getsid(0)


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        pytest.param("private_ip", "nowhere", "illegal IP address", id="a bad address"),
        pytest.param("hostname", "x" * 65, "sethostname", id="a host name of 65 characters"),
    ],
)
async def test_a_machine_that_cannot_start_leaves_nothing(
    machines: Machines, tmp_path: Path, field: str, value: str, why: str
) -> None:
    wrong: dict[str, Any] = {field: value}
    with pytest.raises(MachineFailed, match=why):
        await machines.start_spec(replace(machines.spec(None), **wrong))
    left = host_view(tmp_path, frozenset())
    assert [Path(f).name for f in left.files] == ["base"]
    assert [g for g in left.groups if "ins-" in g] == []


async def test_a_state_directory_with_a_path_of_300_characters(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 150) / ("e" * 150)
    deep.mkdir(parents=True)
    async with machines_in(deep) as machines:
        await machines.run("python3 -c 'import urllib.request as r; r.urlopen(\"http://a.b/\")'")
        assert machines.front.asked == [("ins-00000001", "a.b", "/")]


def test_the_groups_of_two_state_directories_are_told_apart(tmp_path: Path) -> None:
    assert traces.key_of(tmp_path / "a") != traces.key_of(tmp_path / "b")
    assert traces.key_of(tmp_path / "a") == traces.key_of(tmp_path / "x" / ".." / "a")
