"""One run: the floor first, then the operator, on the same API server."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dev.cluster.cluster import Cluster
from dev.cluster.start import Launch
from dev.stack.cloud import Pace
from dev.stack.environment import child_environment
from dev.stack.paths import ROOT
from dev.stack.stack import Stack
from tests.support.bench import job
from tests.support.bench.api import Api
from tests.support.bench.costs import cloud_calls, cpu_seconds, peak_memory_mib
from tests.support.bench.floor import GROUP, floor
from tests.support.bench.report import Found

LIGHT = Pace(pending_seconds=0.5, terminating_seconds=1.0, machines="light")
JOB = f"{GROUP}/namespaces/{job.NAMESPACE}/jobs/{job.NAME}"
LOOK_SECONDS = 0.2
MEASURED = ("kube-apiserver", "etcd", "kube-controller-manager", "operator", "emulator", "hollow")


class BenchFailed(Exception):
    """The job did not complete; the text says how far it came."""


def bench(
    directory: Path,
    instances: int,
    tasks: int,
    *,
    seconds: float = 0.0,
    say: Callable[[str], None],
) -> Found:
    """Runs it in `directory`; `seconds` is how long each command takes."""
    cluster = Cluster.start(directory / "cluster")
    try:
        stack = Stack.start(directory, cluster=cluster, pace=LIGHT)
        try:
            stack.operator.stop()
            with hollow(stack, directory, seconds) as pid:
                return asyncio.run(_run(stack, cluster, pid, instances, tasks, say))
        finally:
            stack.stop()
    finally:
        cluster.stop()


@contextmanager
def hollow(stack: Stack, directory: Path, seconds: float) -> Iterator[int]:
    """The client that acts out the machines, in a process of its own; gives its pid."""
    launch = Launch(directory)
    argv = [sys.executable, "-m", "tests.support.hollow", "--seconds", str(seconds)]
    argv += ["--endpoint", stack.cloud.endpoint, "--control", stack.cloud.control]
    environment = child_environment()
    environment["PYTHONPATH"] += f":{ROOT}"
    child = launch.start("hollow", argv, env=environment, on_owners_death=signal.SIGTERM)
    try:
        yield child.pid
        child.check()
    finally:
        launch.stop()


async def _run(
    stack: Stack,
    cluster: Cluster,
    hollow_pid: int,
    instances: int,
    tasks: int,
    say: Callable[[str], None],
) -> Found:
    async with Api(cluster.admin_client_config) as api:
        lowest = await floor(api, min(instances, 2000))
        say(f"floor                {lowest:.0f} instances/s: create plus one status write")
        stack.start_operator()
        pids = {**cluster.pids, "hollow": hollow_pid}
        pids |= {"operator": stack.operator.pid, "emulator": stack.cloud.child.pid}
        pids = {name: pids[name] for name in MEASURED}
        writes, calls = await api.writes(), cloud_calls(stack.cloud.control)
        cpu, began = cpu_seconds(pids), time.monotonic()
        applied = cluster.kubectl(
            "apply", "-f", "-", input=json.dumps(job.manifest(instances, tasks))
        )
        if applied.returncode:
            raise BenchFailed(applied.stderr)
        await _until(stack, api, "Complete")
        wall = time.monotonic() - began
        await _until(stack, api, "ResourcesReleased")
        used = {name: after - cpu[name] for name, after in cpu_seconds(pids).items()}
        return Found(
            instances=instances,
            floor=lowest,
            wall_seconds=wall,
            writes=await api.writes() - writes,
            calls=cloud_calls(stack.cloud.control) - calls,
            cpu=used,
            operator_peak_mib=peak_memory_mib(stack.operator.pid),
        )


async def _until(stack: Stack, api: Api, condition: str, seconds: float = 900.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        found: Mapping[str, Any] = await api.call("GET", JOB)
        status = found.get("status", {})
        states = {c["type"]: c["status"] for c in status.get("conditions", [])}
        if states.get(condition) == "True":
            return
        if states.get("Failed") == "True" or time.monotonic() > deadline:
            raise BenchFailed(f"not {condition}: {json.dumps(status)[:2000]}")
        stack.check()
        stack.operator.check()
        await asyncio.sleep(LOOK_SECONDS)
