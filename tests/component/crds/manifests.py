"""Small valid objects for the tables to spoil."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

API_VERSION = "batchcompute.io/v1alpha1"
COMPUTE: Json = {"imageId": "img-batch001", "instanceType": "S5.MEDIUM4"}


def task(name: str = "a", /, **fields: Any) -> Json:
    """A task that is complete without a template. A field of None is left out."""
    whole = {"name": name, "application": {"command": "true"}, "compute": COMPUTE, **fields}
    return {key: value for key, value in whole.items() if value is not None}


def job(*tasks: Json, name: str = "demo", **spec: Any) -> Json:
    return {
        "apiVersion": API_VERSION,
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"tasks": list(tasks) or [task()], **spec},
    }


def template(name: str = "counter", /, **fields: Any) -> Json:
    return {
        "apiVersion": API_VERSION,
        "kind": "TaskTemplate",
        "metadata": {"name": name},
        "spec": {"task": fields},
    }


def compute_env(name: str = "pool", /, **spec: Any) -> Json:
    return {
        "apiVersion": API_VERSION,
        "kind": "ComputeEnv",
        "metadata": {"name": name},
        "spec": {"compute": COMPUTE, **spec},
    }


def task_instance(name: str = "demo.a.0", /, **spec: Any) -> Json:
    return {
        "apiVersion": API_VERSION,
        "kind": "TaskInstance",
        "metadata": {"name": name},
        "spec": {"job": "demo", "jobUID": "u", "task": "a", "index": 0, **spec},
    }


def compute_node(name: str = "pool-a", /) -> Json:
    return {
        "apiVersion": API_VERSION,
        "kind": "ComputeNode",
        "metadata": {"name": name},
        "spec": {"env": "pool", "envUID": "u"},
    }
