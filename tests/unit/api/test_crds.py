"""The generated CRDs: current, bounded, and with defaults and ownership where the contract says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field

from batchcompute.api import crdgen, docgen
from batchcompute.api.base import ApiModel
from batchcompute.api.crdgen import manifest, object_schema
from batchcompute.api.kinds import COMPUTE_ENV, CRDS, JOB, TASK_TEMPLATE, Crd
from batchcompute.api.schema import Context, SchemaError, structural

Json = dict[str, Any]
ROOT = Path(__file__).parents[3]


def nodes(schema: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    yield path, schema
    for name, below in schema.get("properties", {}).items():
        yield from nodes(below, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from nodes(schema["additionalProperties"], f"{path}.*")


def spec(crd: Crd) -> Json:
    found: Json = object_schema(crd)["properties"]["spec"]
    return found


def merged(crd: Crd, name: str) -> Json:
    below: Json = spec(crd)["properties"][name]
    items: Json = below.get("items", below)
    return items


IN_TASKS = {
    "tasks of a Job": merged(JOB, "tasks"),
    "the task of a template": merged(TASK_TEMPLATE, "task"),
}


def test_the_committed_crds_are_current() -> None:
    assert crdgen.main(["--check", "--directory", str(ROOT / "crds")]) == 0


def test_the_committed_reference_is_current() -> None:
    assert docgen.main(["--check", "--directory", str(ROOT / "docs" / "reference")]) == 0


def test_a_stale_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert crdgen.main(["--directory", str(tmp_path)]) == 0
    file = tmp_path / "batchcompute.io_jobs.yaml"
    file.write_text(file.read_text().replace("bcjobs", "bcjobz"))
    capsys.readouterr()
    assert crdgen.main(["--check", "--directory", str(tmp_path)]) == 1
    assert capsys.readouterr().out == (f"{file} is stale: run python -m batchcompute.api.crdgen\n")


@pytest.mark.parametrize("crd", CRDS, ids=lambda crd: crd.kind)
def test_everything_in_spec_is_bounded(crd: Crd) -> None:
    """CEL's cost is estimated from bounds; what has none costs as much as can be."""
    unbounded = []
    for path, node in nodes(spec(crd)):
        limits = {
            "string": {"maxLength", "enum"},
            "array": {"maxItems"},
            "integer": {"maximum"},
            "object": {"properties", "maxProperties"},
        }.get(node["type"])
        if limits and not limits & set(node):
            unbounded.append(path)
    assert unbounded == []


@pytest.mark.parametrize("schema", IN_TASKS.values(), ids=IN_TASKS)
def test_no_default_where_a_merge_follows(schema: Json) -> None:
    assert [path for path, node in nodes(schema) if "default" in node] == []


@pytest.mark.parametrize("schema", IN_TASKS.values(), ids=IN_TASKS)
def test_a_task_is_owned_as_a_whole(schema: Json) -> None:
    for path, node in nodes(schema):
        if node["type"] == "object" and "properties" in node:
            assert node["x-kubernetes-map-type"] == "atomic", path
        if node["type"] == "array":
            kind = "map" if path == ".env" else "atomic"
            assert node["x-kubernetes-list-type"] == kind, path


def test_only_what_no_template_brings_is_required_in_a_task() -> None:
    required = {
        path: node["required"]
        for path, node in nodes(IN_TASKS["tasks of a Job"])
        if "required" in node and "[]" not in path
    }
    assert required == {
        "": ["name"],
        ".templateRef": ["name"],
        ".computeEnvRef": ["name"],
        ".application.docker.credentialsSecretRef": ["name"],
        ".compute.login.passwordSecretRef": ["name", "key"],
        ".redirect.stdout.credentialsSecretRef": ["name"],
        ".redirect.stderr.credentialsSecretRef": ["name"],
    }


def test_an_env_requires_what_a_merge_would_have_brought() -> None:
    compute = spec(COMPUTE_ENV)["properties"]["compute"]
    assert compute["required"] == ["imageId"]
    assert compute["properties"]["virtualPrivateCloud"]["required"] == ["vpcId", "subnetId"]


@pytest.mark.parametrize("crd", CRDS, ids=lambda crd: crd.kind)
def test_no_rule_of_the_root_but_the_name(crd: Crd) -> None:
    rules = object_schema(crd).get("x-kubernetes-validations", [])
    assert all("self.metadata.name" in rule["rule"] for rule in rules)
    assert len(rules) <= 1


@pytest.mark.parametrize("crd", CRDS, ids=lambda crd: crd.kind)
def test_no_marker_of_ours_is_left(crd: Crd) -> None:
    assert "x-batchcompute" not in str(manifest(crd))


class Unbounded(ApiModel):
    names: tuple[str, ...] = ()


class Either(ApiModel):
    value: int | str


class Anything(ApiModel):
    value: Any = None


class Above(ApiModel):
    size: Annotated[int, Field(gt=3)]


@pytest.mark.parametrize("model", [Unbounded, Either, Anything], ids=lambda model: model.__name__)
def test_a_model_that_a_crd_cannot_say_is_refused(model: type[ApiModel]) -> None:
    with pytest.raises(SchemaError):
        structural(model, Context(), {})


def test_an_exclusive_bound_becomes_the_boolean_form() -> None:
    size = structural(Above, Context(), {})["properties"]["size"]
    assert (size["minimum"], size["exclusiveMinimum"]) == (3, True)
