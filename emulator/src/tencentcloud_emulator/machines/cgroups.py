"""Limits around a machine's processes: control groups of either version.

All of an emulator's groups lie below `<hierarchy>/tencentcloud-emulator-<key>/`, so that the next
start with the same state directory finds what a crash has left.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FAMILY = "tencentcloud-emulator"
V1_CONTROLLERS = ("memory", "pids", "freezer", "cpu")
PATIENCE_SECONDS = 5.0
CPU_WEIGHT_OF_ALL = 512
"""In v1 shares of 1024: all machines together weigh half as much as one ordinary process."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`memory` in bytes; `processes` counts threads too, as the kernel does; `cpu` in CPUs."""

    memory: int
    processes: int
    cpu: int


@dataclass(frozen=True, slots=True)
class Hierarchies:
    """Where groups can be made: v1 has a directory per controller, v2 one for all."""

    version: int
    roots: tuple[Path, ...]

    def family(self, key: str) -> tuple[Path, ...]:
        return tuple(root / f"{FAMILY}-{key}" for root in self.roots)


def find(mountinfo: str) -> Hierarchies | None:
    """The hierarchies that limit memory and processes, from the text of /proc/self/mountinfo."""
    v1: dict[str, Path] = {}
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        place, kind = Path(left.split()[4]), right.split()
        if kind[0] == "cgroup2" and _controls(place):
            return Hierarchies(2, (place,))
        if kind[0] == "cgroup":
            for controller in set(kind[2].split(",")) & set(V1_CONTROLLERS):
                v1[controller] = place
    if "memory" in v1 and "pids" in v1 and "freezer" in v1:
        return Hierarchies(1, tuple(dict.fromkeys(v1[c] for c in V1_CONTROLLERS if c in v1)))
    return None


def _controls(place: Path) -> bool:
    try:
        return {"memory", "pids"} <= set((place / "cgroup.controllers").read_text().split())
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class Group:
    """One machine's group, in every hierarchy. With no directory it limits nothing."""

    version: int
    directories: tuple[Path, ...]

    def create(self, limits: Limits) -> None:
        """Raises OSError where this user or container may not make groups."""
        for directory in self.directories:
            if self.version == 2:
                _delegate(directory)
            directory.mkdir(parents=True, exist_ok=True)
            for name, value in _settings(self.version, limits):
                if (directory / name).exists():
                    (directory / name).write_text(value)
            shares = directory.parent / "cpu.shares"
            if shares.exists():
                shares.write_text(str(CPU_WEIGHT_OF_ALL))

    def add(self, pid: int) -> None:
        for directory in self.directories:
            (directory / "cgroup.procs").write_text(str(pid))

    def freeze(self, frozen: bool) -> bool:
        """Stops or resumes all of it. False if there is no group to do it with."""
        for directory in self.directories:
            if self.version == 2:
                (directory / "cgroup.freeze").write_text("1" if frozen else "0")
                return True
            state = directory / "freezer.state"
            if state.exists():
                state.write_text("FROZEN" if frozen else "THAWED")
                return True
        return False

    def frozen(self) -> bool:
        """Whether the last process has stopped; until then a freeze is under way."""
        for directory in self.directories:
            if self.version == 2:
                return "frozen 1" in (directory / "cgroup.events").read_text()
            state = directory / "freezer.state"
            if state.exists():
                return state.read_text().strip() == "FROZEN"
        return False

    def pids(self) -> set[int]:
        found: set[int] = set()
        for directory in self.directories:
            try:
                found.update(map(int, (directory / "cgroup.procs").read_text().split()))
            except FileNotFoundError:
                continue
        return found

    def remove(self) -> None:
        """Kills what is left in it and removes it; OSError if that fails for five seconds."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while left := [d for d in self.directories if d.exists()]:
            for pid in self.pids():
                _kill(pid)
            if self.pids():
                self.freeze(False)
            for directory in left:
                _remove_tree(directory, time.monotonic() > deadline)
            if any(d.exists() for d in left):
                time.sleep(0.005)

    def remove_family(self) -> None:
        """Removes what the groups of all machines lie in, unless there is another machine."""
        for family in {directory.parent for directory in self.directories}:
            try:
                family.rmdir()
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.EBUSY, errno.ENOTEMPTY):
                    raise


def _settings(version: int, limits: Limits) -> Iterable[tuple[str, str]]:
    if version == 2:
        yield "memory.max", str(limits.memory)
        yield "memory.swap.max", "0"
        yield "cpu.max", f"{limits.cpu * 100_000} 100000"
    else:
        yield "memory.limit_in_bytes", str(limits.memory)
        yield "memory.memsw.limit_in_bytes", str(limits.memory)
        yield "cpu.cfs_quota_us", str(limits.cpu * 100_000)
    yield "pids.max", str(limits.processes)


def _delegate(directory: Path) -> None:
    """v2: every group above must hand its controllers down before a limit can be set."""
    family = directory.parent
    family.mkdir(parents=True, exist_ok=True)
    for above in (family.parent, family):
        offered = set((above / "cgroup.controllers").read_text().split())
        wanted = offered & {"memory", "pids", "cpu"}
        (above / "cgroup.subtree_control").write_text(" ".join(f"+{c}" for c in sorted(wanted)))


def _remove_tree(directory: Path, last: bool) -> None:
    """Groups are removed by rmdir, innermost first; the guest may have made some of its own."""
    for below, _, _ in os.walk(directory, topdown=False):
        try:
            os.rmdir(below)
        except FileNotFoundError:
            continue
        except OSError as error:
            if error.errno != errno.EBUSY or last:
                raise


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def sweep(hierarchies: Hierarchies | None, key: str) -> int:
    """Removes the groups an emulator of this key has left, with their processes; tells how many."""
    if hierarchies is None:
        return 0
    names = {p.name for family in hierarchies.family(key) for p in _directories(family)}
    for name in names:
        Group(hierarchies.version, tuple(f / name for f in hierarchies.family(key))).remove()
    for family in hierarchies.family(key):
        if family.is_dir():
            family.rmdir()
    return len(names)


def _directories(family: Path) -> list[Path]:
    return [p for p in family.iterdir() if p.is_dir()] if family.is_dir() else []
