"""SIGKILL of the operator at ten moments of a job's life: nothing lost, nothing twice, none left.

Judged by what the cloud saw: process times of the machines, and the machines that are listed.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import time
import urllib.request
from collections import defaultdict
from typing import Any

import pytest
import yaml

from dev.stack.demo.account import Bucket, instances
from dev.stack.stack import Stack

KILLS = 10
LONGEST = 4.0
"""Seconds from a start of the operator to its end: while it takes over, and while it works."""
STEP = 14
"""Seconds that each command runs, so that the job outlasts the kills."""
JOB_SECONDS = 300.0
GONE_SECONDS = 90.0

COMPUTE = {"imageId": "img-batch001", "instanceType": "S5.MEDIUM4"}
OUT = "cos://data-1250000000/crash/{}/"


def task(name: str, command: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "application": {"command": f"set -eu; sleep {STEP}; {command}"},
        "compute": COMPUTE,
        **more,
    }


def copied(step: str, path: str) -> dict[str, str]:
    return {"source": OUT.format(step), "path": path, "mode": "Copy"}


JOB: dict[str, Any] = {
    "apiVersion": "batchcompute.io/v1alpha1",
    "kind": "Job",
    "metadata": {"name": "crash", "namespace": "default"},
    "spec": {
        "tasks": [
            task(
                "square",
                "i=$BATCH_TASK_INSTANCE_INDEX; "
                'if [ "$i$BATCH_TASK_ATTEMPT" = 20 ]; then exit 9; fi; '
                "echo $((i * i)) > /data/out/$i",
                instances=4,
                maxRetries=1,
                outputMappings=[{"path": "/data/out/", "destination": OUT.format("squares")}],
            ),
            task(
                "sum",
                "cat /data/in/* | awk '{n += $1} END {print n}' > /data/out/sum",
                dependsOn=[{"task": "square"}],
                inputMappings=[copied("squares", "/data/in/")],
                outputMappings=[{"path": "/data/out/", "destination": OUT.format("sum")}],
            ),
        ]
    },
}


def test_ten_kills_between_apply_and_complete(stack: Stack) -> None:
    seed = int(os.environ.get("CRASH_SEED") or random.SystemRandom().randrange(10**6))
    print(f"CRASH_SEED={seed}")
    rng = random.Random(seed)
    kubectl(stack, "apply", "-f", "-", input=yaml.safe_dump(JOB))
    moments = []
    for _ in range(KILLS):
        moment = rng.uniform(0.0, LONGEST)
        wait_for(moment)
        assert stack.operator.running(), "the kill must hit a live operator"
        assert phase(stack) not in ("Succeeded", "Failed"), "the kill must hit a live job"
        assert stack.operator.signal(signal.SIGKILL) == -signal.SIGKILL
        moments.append(round(moment, 2))
        stack.launch_operator()
    print(f"killed after {moments} s of its life")
    until(lambda: phase(stack) in ("Succeeded", "Failed"), "the job ends", JOB_SECONDS)
    assert phase(stack) == "Succeeded", kubectl(stack, "get", "bcj,bci", "-o", "yaml")
    assert Bucket(stack.cloud, "data-1250000000").get("crash/sum/sum") == b"14\n"
    until(lambda: not instances(stack.cloud), "every machine goes", GONE_SECONDS)
    check_attempts(stack)
    check_overlaps(stack)


def check_attempts(stack: Stack) -> None:
    """One failure that was asked for; no attempt was lost to the kills."""
    failed = {
        (item["spec"]["task"], item["spec"]["index"]): [
            attempt.get("exitCode") for attempt in item["status"]["attempts"]
        ]
        for item in task_instances(stack)
    }
    assert failed == {
        ("square", 0): [0],
        ("square", 1): [0],
        ("square", 2): [9, 0],
        ("square", 3): [0],
        ("sum", 0): [0],
    }


def check_overlaps(stack: Stack) -> None:
    """No index ran twice at once, and no attempt twice at all, by the machines' process times."""
    owners = {
        attempt["instanceId"]: (item["spec"]["task"], item["spec"]["index"])
        for item in task_instances(stack)
        for attempt in item["status"]["attempts"]
    }
    runs: dict[tuple[str, int], list[tuple[float, float]]] = defaultdict(list)
    for machine in control(stack, "/machines"):
        commands = [p for p in machine["processes"] if is_command(p["argv"])]
        if not commands:
            continue
        assert machine["id"] in owners, f"{machine['id']} ran a command and no attempt names it"
        assert len(commands) == 1, f"{machine['id']} ran its command {len(commands)} times"
        runs[owners[machine["id"]]].append((commands[0]["start"], commands[0]["end"]))
    assert {key: len(spans) for key, spans in runs.items()} == {
        ("square", 0): 1,
        ("square", 1): 1,
        ("square", 2): 2,
        ("square", 3): 1,
        ("sum", 0): 1,
    }
    for spans in runs.values():
        ordered = sorted(spans)
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(ordered))


def is_command(argv: list[str]) -> bool:
    return len(argv) == 3 and argv[1] == "-c" and argv[2].startswith("set -eu; sleep ")


def task_instances(stack: Stack) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads(kubectl(stack, "get", "bci", "-o", "json"))["items"]
    return [item for item in items if item["spec"]["job"] == "crash"]


def phase(stack: Stack) -> str:
    return kubectl(stack, "get", "bcj", "crash", "-o", "jsonpath={.status.phase}")


def kubectl(stack: Stack, *args: str, input: str | None = None) -> str:
    return str(stack.cluster.kubectl(*args, input=input).stdout)  # type: ignore[attr-defined]


def control(stack: Stack, path: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(stack.cloud.control + path, timeout=30) as answer:
        return [json.loads(line) for line in answer]


def wait_for(seconds: float) -> None:
    """The moments of the kills are times by nature; everything else waits for a condition."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(min(0.02, max(0.0, deadline - time.monotonic())))


def until(condition: Any, what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.5)
