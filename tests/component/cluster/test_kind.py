"""CLUSTER=kind on a machine without an engine: what is asked of docker and kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev.cluster.build import CannotBuild
from dev.cluster.kind import KindCluster, delete_left

SCRIPT = '#!/bin/sh\necho "$0 $*" >> "{calls}"\n{body}\n'


def program(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(SCRIPT.format(calls=folder / "calls", body=body))
    path.chmod(0o755)


REFUSALS = {
    "no docker": ({}, "CLUSTER=kind needs a container engine that answers `docker info`"),
    "a docker client without an engine": (
        {"docker": "exit 1", "kind": "true"},
        "CLUSTER=kind needs a container engine that answers `docker info`",
    ),
    "no kind": ({"docker": "true"}, "CLUSTER=kind needs kind on PATH"),
}


@pytest.mark.parametrize(("programs", "sentence"), REFUSALS.values(), ids=REFUSALS.keys())
def test_what_is_missing_is_one_sentence(programs, sentence, tmp_path, monkeypatch):
    for name, body in programs.items():
        program(tmp_path, name, body)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotBuild) as refused:
        KindCluster.start(tmp_path / "cluster")
    assert str(refused.value) == sentence


def test_a_cluster_of_its_own_name_is_made_and_deleted(tmp_path, monkeypatch):
    program(tmp_path, "docker", "true")
    program(tmp_path, "kind", "true")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    one, two = (KindCluster.start(tmp_path / name) for name in ("one", "two"))
    one.stop()
    assert one.name != two.name
    calls = (tmp_path / "calls").read_text()
    assert f"kind create cluster --name={one.name} --image=kindest/node:v1.36.3" in calls
    assert f"kind delete cluster --name={one.name}" in calls
    assert f"kind delete cluster --name={two.name}" not in calls


def test_the_cluster_of_a_crashed_owner_is_deleted_and_no_other(tmp_path, monkeypatch):
    program(tmp_path, "docker", "true")
    program(tmp_path, "kind", "true")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    crashed = KindCluster.start(tmp_path / "crashed")
    (tmp_path / "never").mkdir()
    for folder in ("crashed", "crashed", "never"):
        delete_left(tmp_path / folder)
    deletions = [line for line in (tmp_path / "calls").read_text().splitlines() if "delete" in line]
    assert len(deletions) == 1
    assert crashed.name in deletions[0]
