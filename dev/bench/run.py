"""The runs: the floor first, then the operator, on the same API server."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.bench import job, sampled
from dev.bench.api import Api
from dev.bench.costs import Machine, cloud_calls, cpu_seconds, peak_memory_mib
from dev.bench.floor import GROUP, floor
from dev.bench.report import SMALL, Floor, Found
from dev.cluster.cluster import Cluster
from dev.cluster.process import Child
from dev.cluster.start import Launch
from dev.stack.cloud import Pace
from dev.stack.environment import child_environment
from dev.stack.paths import ROOT
from dev.stack.stack import Stack

LIGHT = Pace(pending_seconds=1.0, terminating_seconds=1.0, machines="light")
JOBS = f"{GROUP}/namespaces/{job.NAMESPACE}/jobs"
LOOK_SECONDS = 0.2
SAY_SECONDS = 2.0
LONGEST_SECONDS = 900.0
MEASURED = ("kube-apiserver", "etcd", "kube-controller-manager", "operator", "emulator", "hollow")
FLOOR_INSTANCES = 1000

Say = Callable[[str], None]


class BenchFailed(Exception):
    """The job did not complete; the text says how far it came."""


@dataclass(frozen=True)
class Wanted:
    """`seconds` is how long each command takes; `profile`: sample the operator."""

    instances: int
    tasks: int = 1
    seconds: float = 0.0
    profile: bool = False


@dataclass
class Bench:
    """What is running, by whom it is asked, and who is told."""

    stack: Stack
    cluster: Cluster
    api: Api
    hollow: Child
    say: Say

    @property
    def pids(self) -> dict[str, int]:
        pids = {**self.cluster.pids, "hollow": self.hollow.pid}
        pids |= {"operator": self.stack.operator.pid, "emulator": self.stack.cloud.child.pid}
        return {name: pids[name] for name in MEASURED}


def bench(directory: Path, wanted: Wanted, say: Say) -> list[Found]:
    """The wanted run, after one of `SMALL` instances when it is a larger one.

    Raises BenchFailed, and what the stack raises.
    """
    cluster = Cluster.start(directory / "cluster")
    try:
        stack = Stack.start(directory, cluster=cluster, pace=LIGHT)
        try:
            stack.operator.stop()
            with hollow(stack, directory, wanted.seconds) as machines:
                return asyncio.run(_runs(stack, cluster, machines, wanted, say))
        finally:
            stack.stop()
    finally:
        cluster.stop()


@contextmanager
def hollow(stack: Stack, directory: Path, seconds: float) -> Iterator[Child]:
    """The client that acts out the machines, in a process of its own."""
    launch = Launch(directory)
    argv = [sys.executable, "-m", "tests.support.hollow", "--seconds", str(seconds)]
    argv += ["--endpoint", stack.cloud.endpoint, "--control", stack.cloud.control]
    environment = child_environment(PYTHONPATH=str(ROOT))
    child = launch.start("hollow", argv, env=environment, on_owners_death=signal.SIGTERM)
    try:
        yield child
        child.check()
    finally:
        launch.stop()


async def _runs(
    stack: Stack, cluster: Cluster, machines: Child, wanted: Wanted, say: Say
) -> list[Found]:
    async with Api(cluster.admin_client_config) as api:
        measured = Bench(stack, cluster, api, machines, say)
        lowest = await _floor(measured, min(wanted.instances, FLOOR_INSTANCES))
        if wanted.profile:
            sampled.start_operator(stack)
        else:
            stack.start_operator()
        sizes = [wanted.instances] if wanted.instances <= SMALL else [SMALL, wanted.instances]
        found = [await _run(measured, lowest, size, wanted.tasks) for size in sizes]
        if wanted.profile:
            stack.operator.stop()
            for line in sampled.read(stack):
                say(line)
        return found


async def _floor(measured: Bench, instances: int) -> Floor:
    pids = {name: measured.cluster.pids[name] for name in ("kube-apiserver", "etcd")}
    found = await floor(measured.api, instances, pids)
    each = {name: 1000 * seconds / instances for name, seconds in found.cpu.items()}
    shares = ", ".join(f"{name} {ms:.2f}" for name, ms in each.items())
    measured.say(
        f"floor: {found.rate:.0f} instances/s: create plus one status write from a bare client"
    )
    measured.say(f"       {sum(each.values()):.2f} ms CPU per instance: {shares}")
    return found


async def _run(measured: Bench, lowest: Floor, instances: int, tasks: int) -> Found:
    api, control, pids = measured.api, measured.stack.cloud.control, measured.pids
    name = f"bench-{instances}"
    writes, calls = await api.writes(), cloud_calls(control)
    cpu, machine, began = cpu_seconds(pids), Machine(), time.monotonic()
    text = json.dumps(job.manifest(name, instances, tasks))
    applied = await asyncio.to_thread(measured.cluster.kubectl, "apply", "-f", "-", input=text)
    if applied.returncode:
        raise BenchFailed(applied.stderr)
    await _until(measured, name, "Complete", began)
    wall = time.monotonic() - began
    used = _difference(cpu_seconds(pids), cpu)
    others = machine.share_of_others(sum(used.values()))
    await _until(measured, name, "ResourcesReleased", began)
    return Found(
        instances=instances,
        tasks=tasks,
        floor=lowest,
        wall_seconds=wall,
        released_seconds=time.monotonic() - began,
        writes=await api.writes() - writes,
        calls=cloud_calls(control) - calls,
        cpu=used,
        operator_peak_mib=peak_memory_mib(pids["operator"]),
        cpu_released=_difference(cpu_seconds(pids), cpu),
        others=others,
    )


def _difference(after: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    return {name: seconds - before[name] for name, seconds in after.items()}


async def _until(measured: Bench, name: str, condition: str, began: float) -> None:
    said = time.monotonic()
    while True:
        found: Mapping[str, Any] = await measured.api.call("GET", f"{JOBS}/{name}")
        status = found.get("status", {})
        states = {c["type"]: c["status"] for c in status.get("conditions", [])}
        if states.get(condition) == "True":
            return
        passed = time.monotonic() - began
        if states.get("Failed") == "True" or passed > LONGEST_SECONDS:
            raise BenchFailed(f"not {condition}: {json.dumps(status)[:2000]}")
        if time.monotonic() - said >= SAY_SECONDS:
            said = time.monotonic()
            done = status.get("message", "not looked at yet")
            measured.say(f"  {passed:6.1f} s  {done}; waiting for {condition}")
        measured.stack.check()
        measured.hollow.check()
        measured.stack.operator.check()
        await asyncio.sleep(LOOK_SECONDS)
