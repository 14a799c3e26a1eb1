"""What the API server takes: the samples, the whole contract, and every bound at its limit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.cluster.cluster import Cluster
from tests.component.crds.manifests import COMPUTE, compute_env, job, task, task_instance, template
from tests.component.crds.server import Server

Json = dict[str, Any]

SAMPLES = sorted((Path(__file__).parents[3] / "manifests" / "samples").glob("*.yaml"))
CONTRACT = Path(__file__).with_name("contract.yaml")


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_a_sample_applies_strictly(server: Server, cluster: Cluster, path: Path) -> None:
    done = cluster.kubectl("apply", "--validate=strict", "--dry-run=server", "-f", str(path))
    assert done.returncode == 0, done.stderr
    assert not done.stderr


def test_the_contract_s_own_examples_apply_strictly(server: Server, cluster: Cluster) -> None:
    done = cluster.kubectl("apply", "--validate=strict", "--dry-run=server", "-f", str(CONTRACT))
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == len(list(yaml.safe_load_all(CONTRACT.read_text())))


def test_defaults_of_a_job_stand_outside_its_tasks(server: Server) -> None:
    manifest = job(task(dependsOn=[], env=[], outputOptions={}, redirect={"stdout": {}}))
    created = server.create("jobs", manifest, dry_run=True).ok()
    assert created["status"] == {"observedGeneration": -1}
    assert created["spec"] == {
        "tasks": manifest["spec"]["tasks"],
        "priority": 0,
        "dependencyPolicy": "Succeeded",
        "instanceCreationFailurePolicy": "Fail",
        "ttlAction": "Delete",
        "suspend": False,
        "terminate": False,
        "retry": 0,
    }


def test_a_template_gets_no_defaults(server: Server) -> None:
    manifest = template(compute={"dataDisks": [{"size": 10}], "spot": {}}, inputMappings=[])
    created = server.create("tasktemplates", manifest, dry_run=True).ok()
    assert created["spec"] == manifest["spec"]
    assert created["status"] == {"observedGeneration": -1}


def test_defaults_of_an_env_are_written(server: Server) -> None:
    manifest = compute_env(
        autoscaling={"maxNodes": 1},
        compute={**COMPUTE, "dataDisks": [{"size": 10}], "systemDisk": {}},
        inputMappings=[{"source": "cos://d-1250000000/", "path": "/in"}],
    )
    created = server.create("computeenvs", manifest, dry_run=True).ok()
    assert created["spec"] == {
        "desiredNodes": 0,
        "autoscaling": {"minNodes": 0, "maxNodes": 1, "idleSeconds": 300},
        "compute": {
            **COMPUTE,
            "chargeType": "PostpaidByHour",
            "systemDisk": {"size": 50, "encrypt": False},
            "dataDisks": [{"size": 10, "encrypt": False, "deleteWithInstance": True}],
        },
        "inputMappings": [
            {
                "source": "cos://d-1250000000/",
                "path": "/in",
                "mode": "Mount",
                "mountType": "COSFS",
            }
        ],
        "resourceMaxRetries": 7,
        "nodeInactivePolicy": "Recreate",
    }


def test_a_task_instance_starts_without_a_status_write(server: Server) -> None:
    created = server.create("taskinstances", task_instance(), dry_run=True).ok()
    assert created["status"] == {"observedGeneration": -1, "phase": "Starting", "attempt": 0}
    assert created["spec"]["terminate"] is False


def chain(tasks: int, edges: int) -> Json:
    """Every task depends on the `edges` tasks before it."""
    names = [f"t{n}" for n in range(tasks)]
    return job(
        *(
            task(name, dependsOn=[{"task": other} for other in names[max(0, n - edges) : n]])
            for n, name in enumerate(names)
        ),
        name="large",
    )


LARGE: dict[str, Json] = {
    "1000 tasks with 100 edges each": chain(1_000, 100),
    "1000 tasks with 20 variables each": job(
        *(
            task(f"t{n}", env=[{"name": f"E{k}", "value": "v"} for k in range(20)])
            for n in range(1_000)
        ),
    ),
    "a task with 100 variables and 32 mappings each way": job(
        task(
            env=[{"name": f"E{n}", "value": "v" * 1_000} for n in range(100)],
            inputMappings=[{"source": f"cos://d-1250000000/{'p' * 1_000}/", "path": "/i"}] * 32,
            outputMappings=[{"destination": "cos://d-1250000000/", "path": "/o"}] * 32,
        ),
    ),
    "a variable of 32 KiB": job(task(env=[{"name": "A", "value": "v" * 32_768}])),
    "a command of 16 KiB": job(task(application={"command": "c" * 16_384})),
    "500 commands": job(task(application={"commands": ["true"] * 500})),
    "100000 instances": job(task("a", instances=50_000), task("b", instances=50_000)),
    "a name of 52 characters": job(name="n" * 52),
}


@pytest.mark.parametrize("manifest", LARGE.values(), ids=LARGE)
def test_the_largest_is_accepted(server: Server, manifest: Json) -> None:
    server.create("jobs", manifest, dry_run=True).ok()


def test_a_job_close_to_1_mib_is_stored_and_its_status_written(server: Server) -> None:
    manifest = chain(1_000, 52)
    assert 1_000_000 < len(json.dumps(manifest)) < 1 << 20
    server.create("jobs", manifest).ok()
    status = {"status": {"observedGeneration": 1, "phase": "Running"}}
    assert server.patch("jobs", "large", status, of="status").ok()["status"]["phase"] == "Running"
