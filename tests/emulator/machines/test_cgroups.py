"""Control groups of both versions, without touching the host's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tencentcloud_emulator.machines import cgroups
from tencentcloud_emulator.machines.cgroups import Group, Hierarchies, Limits, find

LIMITS = Limits(memory=1 << 30, processes=64, cpu=2)
V1 = """
30 23 0:26 / {root}/memory rw,relatime - cgroup cgroup rw,memory
31 23 0:27 / {root}/pids rw,relatime - cgroup cgroup rw,pids
32 23 0:28 / {root}/freezer rw,relatime - cgroup cgroup rw,freezer
33 23 0:29 / {root}/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
34 23 0:30 / {root}/systemd rw,relatime - cgroup cgroup rw,name=systemd
35 23 0:31 / {root}/unified rw,relatime - cgroup2 cgroup2 rw
"""
V2 = "36 23 0:32 / {root}/unified rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
DISK = "21 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"


def places(root: Path, text: str, controllers: str = "") -> str:
    (root / "unified").mkdir(exist_ok=True)
    (root / "unified" / "cgroup.controllers").write_text(controllers)
    return DISK + text.format(root=root).lstrip()


@pytest.mark.parametrize(
    ("text", "controllers", "version", "names"),
    [
        pytest.param(V1, "", 1, ["memory", "pids", "freezer", "cpu,cpuacct"], id="version 1"),
        pytest.param(V1, "hugetlb", 1, ["memory", "pids", "freezer", "cpu,cpuacct"], id="hybrid"),
        pytest.param(V2, "cpuset cpu io memory pids", 2, ["unified"], id="version 2"),
    ],
)
def test_where_groups_can_be_made(
    tmp_path: Path, text: str, controllers: str, version: int, names: list[str]
) -> None:
    found = find(places(tmp_path, text, controllers))
    assert found == Hierarchies(version, tuple(tmp_path / name for name in names))


@pytest.mark.parametrize(
    ("text", "controllers"),
    [
        pytest.param("", "", id="no hierarchy is mounted"),
        pytest.param(V2, "cpu io", id="version 2 without memory and pids"),
        pytest.param(V1.splitlines()[1], "", id="version 1 without pids"),
    ],
)
def test_where_they_cannot(tmp_path: Path, text: str, controllers: str) -> None:
    assert find(places(tmp_path, text, controllers)) is None


def test_version_2_hands_its_controllers_down_to_each_machine(tmp_path: Path) -> None:
    family = tmp_path / f"{cgroups.FAMILY}-key"
    group = Group(2, (family / "ins-1",))
    for directory in (tmp_path, family, family / "ins-1"):
        directory.mkdir(exist_ok=True)
        (directory / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    for name in ("memory.max", "memory.swap.max", "cpu.max", "pids.max"):
        (family / "ins-1" / name).write_text("max")
    group.create(LIMITS)
    for directory in (tmp_path, family):
        assert (directory / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
    limits = {f.name: f.read_text() for f in (family / "ins-1").glob("*.max")}
    assert limits == {
        "memory.max": "1073741824",
        "memory.swap.max": "0",
        "cpu.max": "200000 100000",
        "pids.max": "64",
    }


@pytest.mark.parametrize(
    ("version", "file", "frozen", "thawed"),
    [(1, "freezer.state", "FROZEN", "THAWED"), (2, "cgroup.freeze", "1", "0")],
)
def test_freezing(tmp_path: Path, version: int, file: str, frozen: str, thawed: str) -> None:
    group = Group(version, (tmp_path,))
    (tmp_path / file).write_text("")
    assert group.freeze(True)
    assert (tmp_path / file).read_text() == frozen
    assert group.freeze(False)
    assert (tmp_path / file).read_text() == thawed


@pytest.mark.parametrize(
    ("version", "file", "text", "frozen"),
    [
        (1, "freezer.state", "FREEZING\n", False),
        (1, "freezer.state", "FROZEN\n", True),
        (2, "cgroup.events", "populated 1\nfrozen 0\n", False),
        (2, "cgroup.events", "populated 1\nfrozen 1\n", True),
    ],
)
def test_a_freeze_takes_its_time(
    tmp_path: Path, version: int, file: str, text: str, frozen: bool
) -> None:
    (tmp_path / file).write_text(text)
    assert Group(version, (tmp_path,)).frozen() is frozen


def test_without_a_freezer_nothing_is_frozen(tmp_path: Path) -> None:
    assert not Group(1, (tmp_path,)).freeze(True)
    assert not Group(1, ()).frozen()


def test_remove_takes_groups_of_the_guest_along(tmp_path: Path) -> None:
    (tmp_path / "a" / "inner" / "most").mkdir(parents=True)
    Group(1, (tmp_path / "a", tmp_path / "missing")).remove()
    assert not (tmp_path / "a").exists()


def test_sweep_leaves_no_directory_of_the_key_and_spares_the_others(tmp_path: Path) -> None:
    roots = (tmp_path / "memory", tmp_path / "pids")
    for root in roots:
        (root / f"{cgroups.FAMILY}-mine" / "ins-1").mkdir(parents=True)
        (root / f"{cgroups.FAMILY}-yours" / "ins-1").mkdir(parents=True)
    assert cgroups.sweep(Hierarchies(1, roots), "mine") == 1
    left = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_dir())
    assert [p for p in left if "mine" in p] == []
    assert [p for p in left if "ins-1" in p] == [
        f"{name}/{cgroups.FAMILY}-yours/ins-1" for name in ("memory", "pids")
    ]
    assert cgroups.sweep(Hierarchies(1, roots), "yours") == 1
    assert [p for root in roots for p in root.iterdir()] == []
    assert cgroups.sweep(None, "mine") == 0
