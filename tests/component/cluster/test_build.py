"""The cache of built programs: its key, its one builder, its sentences. No compiler runs here."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dev.cluster import build

FAKE_GO = """#!/bin/sh
if [ "$1" = version ]; then echo "${FAKE_GO_VERSION:-go version go1.26.8 linux/amd64}"; exit; fi
echo "$@" >> "$FAKE_GO_CALLS"
[ -z "$FAKE_GO_FAILS" ] || exit 1
while [ "$1" != -o ]; do shift; done
touch "$2/etcd" "$2/kube-apiserver" "$2/kube-controller-manager"
"""


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A module of our own to change, an empty cache and a go that only notes its calls."""
    module = tmp_path / "go"
    shutil.copytree(build.MODULE, module)
    fake = tmp_path / "bin" / "go"
    fake.parent.mkdir()
    fake.write_text(FAKE_GO)
    fake.chmod(0o755)
    monkeypatch.setattr(build, "MODULE", module)
    monkeypatch.setenv("PATH", f"{fake.parent}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FAKE_GO_CALLS", str(tmp_path / "calls"))
    return tmp_path


def builds(world: Path) -> int:
    calls = world / "calls"
    return len(calls.read_text().splitlines()) if calls.exists() else 0


def test_it_builds_once_and_says_what_it_needs_before(world, capfd):
    first = build.binaries()
    said = capfd.readouterr().err
    assert "minutes" in said and "GiB of disk" in said and "network" in said
    assert build.binaries() == first
    assert capfd.readouterr().err == ""
    assert builds(world) == 1
    assert first.parent == world / "cache" / "batchcompute-operator"


def append(path: Path) -> None:
    with path.open("a") as file:
        file.write("\n// changed\n")


CHANGES = {
    "a requirement": lambda world, _: append(world / "go" / "go.mod"),
    "a checksum": lambda world, _: append(world / "go" / "go.sum"),
    "a main": lambda world, _: append(world / "go" / "etcd" / "main.go"),
    "a flag": lambda _, patch: patch.setattr(build, "_FLAGS", (*build._FLAGS, "-race")),
    "the Go version": lambda _, patch: patch.setenv(
        "FAKE_GO_VERSION", "go version go1.27.0 linux/amd64"
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_each_of_these_makes_another_build(world, monkeypatch, change):
    first = build.binaries()
    change(world, monkeypatch)
    assert build.binaries() != first
    assert builds(world) == 2


def test_a_build_that_fails_leaves_nothing_and_is_tried_again(world, monkeypatch):
    monkeypatch.setenv("FAKE_GO_FAILS", "1")
    with pytest.raises(build.CannotBuild, match="go build"):
        build.binaries()
    cache = world / "cache" / "batchcompute-operator"
    assert [p.name for p in cache.iterdir()] == [".cluster.lock"]
    monkeypatch.delenv("FAKE_GO_FAILS")
    assert (build.binaries() / "etcd").exists()


def test_what_a_killed_builder_left_is_removed(world):
    left = world / "cache" / "batchcompute-operator" / ".cluster-killed"
    left.mkdir(parents=True)
    build.binaries()
    assert not left.exists()


REFUSALS = {
    "no Go at all": ("PATH", "/nonexistent", "Go 1.26 or newer is needed on PATH"),
    "an old Go": (
        "FAKE_GO_VERSION",
        "go version go1.19.8 linux/amd64",
        "Go 1.26 or newer is needed; `go version` says: go version go1.19.8 linux/amd64",
    ),
}


@pytest.mark.parametrize(("name", "value", "sentence"), REFUSALS.values(), ids=REFUSALS.keys())
def test_what_is_missing_is_one_sentence_before_anything_is_built(
    world, monkeypatch, name, value, sentence
):
    monkeypatch.setenv(name, value)
    with pytest.raises(build.CannotBuild) as refused:
        build.binaries()
    assert str(refused.value) == sentence
    assert not (world / "cache").exists()
