"""What a program leaves behind: processes, namespaces, mounts, ports, control groups.

Everything that it starts is found, also what leaves its session or its parent: while `Watch` is
open, orphans are handed to this process (PR_SET_CHILD_SUBREAPER) instead of init.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
import time
from pathlib import Path
from types import TracebackType

import psutil

from tencentcloud_emulator.machines import traces

PR_SET_CHILD_SUBREAPER = 36
NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
SAMPLE_SECONDS = 0.05


class Watch:
    """Follows all new descendants of this process; `leftovers` says what is there of theirs."""

    def __init__(self) -> None:
        self._before: set[int] = set()
        self._own = _namespaces(os.getpid())
        self._mounts = _mounts()
        self._seen_namespaces: set[str] = set()
        self._seen_ports: set[tuple[int, str]] = set()
        self._seen_groups: set[Path] = set()
        self._done = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Watch:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._before = {child.pid for child in psutil.Process().children(recursive=True)}
        self._sampler.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._sampler.join()
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
        for process in self.processes():
            process.kill()

    def processes(self) -> list[psutil.Process]:
        """New descendants that still run."""
        found = []
        for child in psutil.Process().children(recursive=True):
            try:
                if child.pid not in self._before and child.status() != psutil.STATUS_ZOMBIE:
                    found.append(child)
            except psutil.NoSuchProcess:
                continue
        return found

    @property
    def ports(self) -> int:
        """How many listeners were noticed. A watch that saw nothing proves nothing."""
        return len(self._seen_ports)

    @property
    def saw_a_machine(self) -> bool:
        """Namespaces, and control groups where this user can make any."""
        groups = bool(self._seen_groups) or traces.hierarchies() is None
        return bool(self._seen_namespaces) and groups

    def leftovers(self, seconds: float = 5.0) -> list[str]:
        """A line for each thing left after at most `seconds` (an orphan may need a moment)."""
        deadline = time.monotonic() + seconds
        while (left := self._left()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return left

    def _left(self) -> list[str]:
        processes = self.processes()
        # The kernel gives a free namespace's number away again, also to others on this host: only
        # those of our descendants are ours. One without a process is held by a mount, see there.
        inhabited = {ns for p in processes for ns in _namespaces(p.pid)}
        return [
            *(f"process {p.pid} {_command(p)}" for p in processes),
            *(f"namespace {ns}" for ns in sorted(self._seen_namespaces & inhabited)),
            *(f"port {port}" for port, _ in sorted(self._seen_ports & _listening())),
            *(f"group {group}" for group in sorted(self._seen_groups) if group.exists()),
            *(f"mount {mount}" for mount in sorted(_mounts() - self._mounts)),
        ]

    def _sample(self) -> None:
        while not self._done.wait(SAMPLE_SECONDS):
            self.look()

    def look(self) -> None:
        """Notes what its descendants have now; else that is done every few milliseconds."""
        for process in self.processes():
            self._seen_namespaces |= _namespaces(process.pid) - self._own
            self._seen_groups |= _groups(process.pid)
            if _link(process.pid, "net") in self._own:
                self._seen_ports |= _listening(process.pid)


def _namespaces(pid: int) -> set[str]:
    return {link for name in NAMESPACES if (link := _link(pid, name))}


def _link(pid: int, name: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/{name}")
    except OSError:
        return ""


def _groups(pid: int) -> set[Path]:
    """Control groups of an emulated machine that the process is in."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return set()
    found = set()
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if "tencentcloud-emulator" in path:
            mount = Path("/sys/fs/cgroup", controllers.split(",")[0].removeprefix("name="))
            found.add(mount / path.lstrip("/"))
    return found


def _listening(pid: int | None = None) -> set[tuple[int, str]]:
    """Port and socket of every TCP listener of the host's network, or of one process there."""
    own = None if pid is None else _sockets(pid)
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and (own is None or fields[9] in own):
                found.add((int(fields[1].rpartition(":")[2], 16), fields[9]))
    return found


def _sockets(pid: int) -> set[str]:
    found = set()
    with contextlib.suppress(OSError):  # ended in the meantime
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            target = os.readlink(descriptor)
            if target.startswith("socket:["):
                found.add(target[8:-1])
    return found


def _mounts() -> set[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return {line.split(" - ")[0].split()[4] + " " + line.split(" - ")[1] for line in lines}


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())[:200]
    except psutil.Error:
        return "?"
