"""How the kinds look through kubectl: explain, columns, names, selectors, scale, ownership."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from batchcompute.api.crdgen import object_schema
from batchcompute.api.kinds import CRDS, Crd
from dev.cluster.cluster import Cluster
from tests.component.crds.manifests import compute_env, job, task, task_instance
from tests.component.crds.server import Server

Json = dict[str, Any]


def kubectl(cluster: Cluster, *arguments: str, input: str | None = None) -> str:
    done = cluster.kubectl(*arguments, input=input)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, "a warning, for instance of an ambiguous short name"
    return done.stdout


def undescribed(schema: Json, path: str) -> Iterator[str]:
    for name, below in schema.get("properties", {}).items():
        if not below.get("description") and (path, name) != ("", "metadata"):
            yield f"{path}.{name}"
        yield from undescribed(below, f"{path}.{name}")
    if "items" in schema:
        yield from undescribed(schema["items"], f"{path}[]")


@pytest.mark.parametrize("crd", CRDS, ids=lambda crd: crd.kind)
def test_every_field_has_a_description(crd: Crd) -> None:
    assert list(undescribed(object_schema(crd), "")) == []


@pytest.mark.parametrize("crd", CRDS, ids=lambda crd: crd.kind)
def test_explain_knows_every_field(server: Server, cluster: Cluster, crd: Crd) -> None:
    for part, model in (("spec", crd.spec), ("status", crd.status)):
        text = kubectl(cluster, "explain", f"{crd.short_names[0]}.{part}")
        names = {field.alias or name for name, field in model.model_fields.items()}
        for name in names:
            shown = re.search(rf"^  {name}\t<.*>.*\n(?:  [^\n]*\n)*?    \S+", text, re.M)
            assert shown, f"{part}.{name} is not explained:\n{text}"
        assert "<no description>" not in text


def test_short_names_win_beside_batch_v1_jobs(server: Server, cluster: Cluster) -> None:
    name = server.fresh_name()
    server.create("jobs", job(name=name)).ok()
    for short in ("bcj", "bcjob", "bcjobs"):
        shown = kubectl(cluster, "get", short, name, "-o", "name")
        assert shown == f"job.batchcompute.io/{name}\n"


def test_get_reads_well(server: Server, cluster: Cluster) -> None:
    name = server.fresh_name()
    server.create("jobs", job(name=name)).ok()
    status: Json = {
        "observedGeneration": 1,
        "phase": "Running",
        "tasksDone": "1/3",
        "instances": {"total": 102, "running": 19, "succeeded": 81, "failed": 1},
    }
    server.patch("jobs", name, {"status": status}, of="status").ok()
    server.create("taskinstances", task_instance(f"{name}.a.0", job=name)).ok()
    end: Json = {
        "phase": "Failed",
        "attempt": 1,
        "instanceId": "ins-1",
        "instanceType": "S5.MEDIUM4",
        "exitCode": 2,
        "reason": "NonZeroExit",
    }
    server.patch("taskinstances", f"{name}.a.0", {"status": end}, of="status").ok()
    shown = kubectl(cluster, "get", f"bcj/{name}", f"bci/{name}.a.0")
    rows = [re.sub(r"  +", "  ", re.sub(r"\d+s$", "AGE", line)) for line in shown.splitlines()]
    assert rows == [
        "NAME  PHASE  TASKS  TOTAL  RUNNING  SUCCEEDED  FAILED  AGE",
        f"job.batchcompute.io/{name}  Running  1/3  102  19  81  1  AGE",
        "",
        "NAME  PHASE  ATTEMPT  INSTANCE  TYPE  EXIT  REASON  AGE",
        f"taskinstance.batchcompute.io/{name}.a.0  Failed  1  ins-1  S5.MEDIUM4  2  NonZeroExit  "
        "AGE",
    ]


def test_the_category_lists_every_kind(server: Server, cluster: Cluster) -> None:
    listed = kubectl(cluster, "api-resources", "--categories=batchcompute", "-o", "name")
    assert sorted(listed.split()) == sorted(f"{crd.plural}.batchcompute.io" for crd in CRDS)


SELECTORS = {
    "jobs by phase": ("bcj", "status.phase=Running"),
    "instances by phase": ("bci", "status.phase!=Succeeded"),
    "instances by job and task": ("bci", "spec.job=demo,spec.task=a"),
    "envs by phase": ("bce", "status.phase=Active"),
    "nodes by phase": ("bcn", "status.phase=Running"),
}


@pytest.mark.parametrize(("kind", "selector"), SELECTORS.values(), ids=SELECTORS)
def test_field_selectors_work(server: Server, cluster: Cluster, kind: str, selector: str) -> None:
    done = cluster.kubectl("get", kind, "--field-selector", selector)
    assert done.returncode == 0, done.stderr


def test_scale_sets_desired_nodes(server: Server, cluster: Cluster) -> None:
    name = server.fresh_name()
    server.create("computeenvs", compute_env(name)).ok()
    kubectl(cluster, "scale", f"bce/{name}", "--replicas=3")
    assert server.get("computeenvs", name)["spec"]["desiredNodes"] == 3


def test_scale_under_autoscaling_is_told_why_not(server: Server, cluster: Cluster) -> None:
    name = server.fresh_name()
    server.create("computeenvs", compute_env(name, autoscaling={"maxNodes": 5})).ok()
    refused = cluster.kubectl("scale", f"bce/{name}", "--replicas=3")
    assert refused.returncode != 0
    assert "autoscaling decides the number of nodes" in refused.stderr


def test_server_side_apply_owns_a_task_as_a_whole(server: Server, cluster: Cluster) -> None:
    """Ownership field by field would double the object."""
    name = server.fresh_name()
    tasks = [task(f"t{n}", env=[{"name": "A", "value": "v" * 100}]) for n in range(50)]
    text = yaml.safe_dump(job(*tasks, name=name))
    kubectl(cluster, "apply", "--server-side", "-f", "-", input=text)
    stored = server.get("jobs", name)
    owned = stored["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:tasks"]
    assert owned['k:{"name":"t0"}'] == {}
    assert len(json.dumps(owned)) < 0.2 * len(json.dumps(tasks))
