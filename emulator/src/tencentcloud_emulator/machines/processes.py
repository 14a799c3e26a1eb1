"""Which processes run in the machines, with start, end and exit code.

The kernel tells of every fork, exec and exit (the proc connector, `CN_PROC`), with times of its
own clock: nothing is missed and no process is too short, but it asks for root outside of
containers. Where it is refused, each machine's tree is read every 50 ms instead: shorter processes
are not seen, and no exit code is known.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from .port import ProcessEvent

EVENT_NONE, EVENT_FORK, EVENT_EXEC, EVENT_EXIT = 0, 1, 2, 0x8000_0000
_EVENT_AT = 36  # after nlmsghdr and cn_msg
_DATA_AT = 52

Report = Callable[[ProcessEvent], None]


@dataclass(frozen=True, slots=True)
class Fork:
    parent: int
    child: int
    at: float


@dataclass(frozen=True, slots=True)
class Exec:
    pid: int


@dataclass(frozen=True, slots=True)
class Exit:
    pid: int
    status: int
    """As wait(2) gives it."""
    at: float


def parse(message: bytes) -> Fork | Exec | Exit | None:
    """One message of the proc connector; None for threads and what else it tells of.

    `at` is in seconds of CLOCK_MONOTONIC.
    """
    if len(message) < _DATA_AT + 16:
        return None
    what, _, nanoseconds = struct.unpack_from("=IIQ", message, _EVENT_AT)
    a, b, c, d = struct.unpack_from("=IIII", message, _DATA_AT)
    at = nanoseconds / 1e9
    if what == EVENT_FORK and c == d:
        return Fork(b, c, at)
    if what == EVENT_EXEC:
        return Exec(b)
    if what == EVENT_EXIT and a == b:
        return Exit(a, c, at)
    return None


def argv_of(pid: int) -> tuple[str, ...]:
    """Its command line; empty if the process has ended."""
    raw = _read(pid, "cmdline").removesuffix(b"\0")
    return tuple(part.decode(errors="replace") for part in raw.split(b"\0")) if raw else ()


def name_of(pid: int) -> tuple[str, ...]:
    """The program's name, which is left of a process that has just ended, or nothing."""
    name = _read(pid, "comm").decode(errors="replace").strip()
    return (name,) if name else ()


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def descendants(root: int) -> Iterator[int]:
    """All processes below `root`, without it. Orphans are below it too if it is their PID 1."""
    try:
        threads = list(Path(f"/proc/{root}/task").iterdir())
        children = [int(p) for t in threads for p in (t / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return
    for child in children:
        yield child
        yield from descendants(child)


@dataclass(slots=True)
class Watch:
    """One machine. Its PID 1 (`root`, a process id of the host) is not among its processes."""

    root: int
    report: Report
    ended: Callable[[], None]
    """Called when PID 1 has ended and the end of every process has been reported."""
    running: dict[int, ProcessEvent] = field(default_factory=dict)


@dataclass(slots=True)
class Table:
    """The processes of all watched machines. `wall` turns CLOCK_MONOTONIC into Unix time."""

    wall: Callable[[float], float]
    argv: Callable[[int], tuple[str, ...]] = argv_of
    name: Callable[[int], tuple[str, ...]] = name_of
    _of: dict[int, Watch] = field(default_factory=dict)

    def add(self, watch: Watch) -> None:
        self._of[watch.root] = watch

    def watches(self) -> list[Watch]:
        return [watch for pid, watch in self._of.items() if pid == watch.root]

    def apply(self, event: Fork | Exec | Exit) -> None:
        """Takes over what the kernel tells, and reports it if it is a machine's."""
        match event:
            case Fork(parent, child, at) if watch := self._of.get(parent):
                above = watch.running.get(parent)
                self._begin(watch, child, above.argv if above else (), at)
            case Exec(pid) if watch := self._of.get(pid):
                if pid in watch.running:
                    argv = self.argv(pid) or self.name(pid)
                    watch.running[pid] = replace(watch.running[pid], argv=argv)
                    watch.report(watch.running[pid])
            case Exit(pid, status, at) if watch := self._of.get(pid):
                if pid == watch.root:
                    self._end_machine(watch, at)
                else:
                    self._end(watch, pid, status, at)

    def reconcile(self, at: float, alive: Callable[[int], Iterator[int]] = descendants) -> None:
        """Compares with what is there: after events were lost, or because there are none."""
        for watch in self.watches():
            there = set(alive(watch.root))
            for pid in watch.running.keys() - there:
                self._end(watch, pid, None, at)
            for pid in there - watch.running.keys():
                self._begin(watch, pid, self.argv(pid) or self.name(pid), at)
            for pid in there:
                known = watch.running[pid]
                if (argv := self.argv(pid)) and argv != known.argv:
                    watch.running[pid] = replace(known, argv=argv)
                    watch.report(watch.running[pid])

    def end_machine(self, root: int, at: float) -> None:
        """Its PID 1 has ended, by another source than the kernel's events."""
        if watch := self._of.get(root):
            self._end_machine(watch, at)

    def _begin(self, watch: Watch, pid: int, argv: tuple[str, ...], at: float) -> None:
        event = ProcessEvent(pid, argv, self.wall(at))
        self._of[pid] = watch
        watch.running[pid] = event
        watch.report(event)

    def _end(self, watch: Watch, pid: int, status: int | None, at: float) -> None:
        del self._of[pid]
        event = replace(watch.running.pop(pid), ended=self.wall(at))
        if status is not None:
            number = status & 0x7F
            event = replace(event, exit_code=None if number else status >> 8, signal=number or None)
        watch.report(event)

    def _end_machine(self, watch: Watch, at: float) -> None:
        for pid in list(watch.running):
            self._end(watch, pid, None, at)
        del self._of[watch.root]
        watch.ended()
