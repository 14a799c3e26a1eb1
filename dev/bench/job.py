"""The job of a bench: N instances in TASKS tasks, nothing to move, one definition."""

from __future__ import annotations

from typing import Any

NAMESPACE = "default"


def manifest(name: str, instances: int, tasks: int) -> dict[str, Any]:
    """Tasks without edges that share the instances as evenly as possible."""
    small, more = divmod(instances, tasks)
    return {
        "apiVersion": "batchcompute.io/v1alpha1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "tasks": [
                {
                    "name": f"task-{number}",
                    "instances": small + (number < more),
                    "application": {"command": "true"},
                    "compute": {"imageId": "img-batch001", "instanceType": "S5.MEDIUM4"},
                }
                for number in range(min(tasks, instances))
            ]
        },
    }
