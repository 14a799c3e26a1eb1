"""The API server's own speed: create plus one status write per TaskInstance, from a bare client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from dev.bench.api import Api
from dev.bench.costs import cpu_seconds
from dev.bench.report import Floor

NAMESPACE = "bench-floor"
GROUP = "/apis/batchcompute.io/v1alpha1"
PATH = f"{GROUP}/namespaces/{NAMESPACE}/taskinstances"
IN_FLIGHT = 32


async def floor(api: Api, instances: int, pids: Mapping[str, int]) -> Floor:
    """Its objects are gone when it returns; CPU seconds of `pids`, and of this client."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    await api.call("POST", "/api/v1/namespaces", namespace)
    numbers = iter(range(instances))
    before, own, began = cpu_seconds(pids), time.process_time(), time.monotonic()
    await asyncio.gather(*(_client(api, numbers) for _ in range(IN_FLIGHT)))
    rate = instances / (time.monotonic() - began)
    cpu = {name: after - before[name] for name, after in cpu_seconds(pids).items()}
    cpu["client"] = time.process_time() - own
    await api.call("DELETE", PATH)
    await api.call("DELETE", f"/api/v1/namespaces/{NAMESPACE}")
    await _until_gone(api)
    return Floor(rate, instances, cpu)


async def _until_gone(api: Api) -> None:
    while True:
        if await api.call("GET", f"/api/v1/namespaces/{NAMESPACE}") is None:
            return
        await asyncio.sleep(0.2)


async def _client(api: Api, numbers: Any) -> None:
    for number in numbers:
        made = await api.call("POST", PATH, instance(number))
        name, version = made["metadata"]["name"], made["metadata"]["resourceVersion"]
        body = {"metadata": {"resourceVersion": version}, "status": status(number)}
        await api.call("PATCH", f"{PATH}/{name}/status", body, "application/merge-patch+json")


def instance(number: int) -> dict[str, Any]:
    """As the operator makes one."""
    return {
        "apiVersion": "batchcompute.io/v1alpha1",
        "kind": "TaskInstance",
        "metadata": {
            "name": f"bench.task-0.{number}",
            "labels": {
                "batchcompute.io/job": "bench",
                "batchcompute.io/task": "task-0",
                "batchcompute.io/index": str(number),
            },
        },
        "spec": {
            "job": "bench",
            "jobUID": "00000000-0000-4000-8000-000000000000",
            "task": "task-0",
            "index": number,
        },
    }


def status(number: int) -> dict[str, Any]:
    """A final status of the usual size."""
    time_, path = "2026-01-01T00:00:00Z", "cos://batchcompute-1250000000/0a1b2c3d/v1/jobs/default/"
    attempt = {
        "exitCode": 0,
        "instanceId": f"ins-{number:08x}",
        "zone": "ap-guangzhou-3",
        "instanceType": "S5.MEDIUM4",
        "launchTime": time_,
        "runningTime": time_,
        "endTime": time_,
        "stdout": f"{path}bench.00000000/task-0/{number}/0/out",
        "stderr": f"{path}bench.00000000/task-0/{number}/0/err",
    }
    return {
        **attempt,
        "observedGeneration": 1,
        "phase": "Succeeded",
        "attempt": 0,
        "attempts": [{**attempt, "number": 0}],
    }
