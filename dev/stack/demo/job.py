"""The demo's Job: its manifest with another number of shards, and what the cluster says of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from dev.cluster.kubectl import run_kubectl
from dev.stack.paths import DEMO_JOB

NAME = "wordcount"
NAMESPACE = "default"

Json = Mapping[str, Any]


class JobError(Exception):
    """The job cannot be made or read; the text is kubectl's."""


def manifest(shards: int) -> dict[str, Any]:
    """manifests/demo/job.yaml for `shards` instances of `count`."""
    job: dict[str, Any] = yaml.safe_load(DEMO_JOB.read_text())
    for task in job["spec"]["tasks"]:
        if task["name"] == "split":
            task["env"] = [{"name": "SHARDS", "value": str(shards)}]
        elif task["name"] == "count":
            task["instances"] = shards
    return job


def shards_in_manifest() -> int:
    tasks = yaml.safe_load(DEMO_JOB.read_text())["spec"]["tasks"]
    return next(int(task["instances"]) for task in tasks if task["name"] == "count")


def apply(kubeconfig: Path, shards: int) -> None:
    """The file as it is for its own number of shards, else changed."""
    if shards == shards_in_manifest():
        said = run_kubectl(kubeconfig, "apply", "-f", str(DEMO_JOB))
    else:
        said = run_kubectl(kubeconfig, "apply", "-f", "-", input=json.dumps(manifest(shards)))
    if said.returncode:
        raise JobError(said.stderr.strip())


def read(kubeconfig: Path) -> Json:
    found: Json = _get(kubeconfig, "jobs.batchcompute.io", NAME)
    return found


def instances(kubeconfig: Path) -> list[Json]:
    """The job's TaskInstances, as the cluster lists them."""
    items: list[Json] = _get(
        kubeconfig, "taskinstances.batchcompute.io", f"--selector=batchcompute.io/job={NAME}"
    )["items"]
    return items


def _get(kubeconfig: Path, *what: str) -> Any:
    said = run_kubectl(kubeconfig, "get", "-n", NAMESPACE, *what, "-o", "json")
    if said.returncode:
        raise JobError(said.stderr.strip())
    return json.loads(said.stdout)


def condition(job: Json, kind: str) -> Json:
    """The condition of that type; empty when it is not there."""
    conditions = job.get("status", {}).get("conditions", [])
    return next((c for c in conditions if c["type"] == kind), {})


def is_true(job: Json, kind: str) -> bool:
    return bool(condition(job, kind).get("status") == "True")
