"""Which processes ran in a machine, with start, end and exit code."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator

import pytest

from tencentcloud_emulator.machines import connector
from tencentcloud_emulator.machines.connector import Listener, Scanner
from tencentcloud_emulator.machines.port import ProcessEvent
from tencentcloud_emulator.machines.processes import (
    Exec,
    Exit,
    Fork,
    Table,
    Watch,
    descendants,
    parse,
)
from tests.support.eventually import eventually
from tests.support.machines import Machines

INIT, SHELL, TASK = 100, 101, 102
SIGKILL = 9


def message(what: int, *numbers: int, nanoseconds: int = 5_000_000_000) -> bytes:
    body = struct.pack("=IIQ", what, 0, nanoseconds) + struct.pack("=6I", *(*numbers, *[0] * 6)[:6])
    return bytes(36) + body


MESSAGES = {
    "a fork": (message(1, 10, 11, 12, 12), Fork(11, 12, 5.0)),
    "a new thread": (message(1, 10, 10, 13, 12), None),
    "an exec": (message(2, 13, 12), Exec(12)),
    "an exit": (message(0x80000000, 12, 12, 7 << 8, 17), Exit(12, 7 << 8, 5.0)),
    "the end of a thread": (message(0x80000000, 13, 12, 0, 17), None),
    "a change of user": (message(4, 12, 12, 0, 0), None),
    "the answer to the subscription": (message(0, 0, 0, 0, 0), None),
    "a cut message": (message(1, 10, 11, 12, 12)[:60], None),
}


@pytest.mark.parametrize(("raw", "event"), MESSAGES.values(), ids=MESSAGES)
def test_what_the_kernel_says(raw: bytes, event: object) -> None:
    assert parse(raw) == event


class Seen:
    """A table that watches one machine, and what it reported."""

    def __init__(self) -> None:
        self.events: list[ProcessEvent] = []
        self.ended = 0
        self.argv = {SHELL: ("sh", "-c", "x"), TASK: ("task",)}
        self.table = Table(lambda at: 1000.0 + at, lambda pid: self.argv.get(pid, ()), self._name)
        self.table.add(Watch(INIT, self.events.append, self._end))

    def _name(self, pid: int) -> tuple[str, ...]:
        return (f"name of {pid}",)

    def _end(self) -> None:
        self.ended += 1

    def after(self, *events: Fork | Exec | Exit) -> list[ProcessEvent]:
        """The last report of each process, oldest first."""
        for event in events:
            self.table.apply(event)
        return list({(e.pid, e.started): e for e in self.events}.values())


STARTED = (Fork(INIT, SHELL, 1.0), Exec(SHELL), Fork(SHELL, TASK, 2.0), Exec(TASK))
SH = ProcessEvent(SHELL, ("sh", "-c", "x"), 1001.0)
HISTORIES: dict[str, tuple[list[Fork | Exec | Exit], list[ProcessEvent]]] = {
    "a process that goes on": ([*STARTED], [SH, ProcessEvent(TASK, ("task",), 1002.0)]),
    "one with exit code 7": (
        [*STARTED, Exit(TASK, 7 << 8, 3.0)],
        [SH, ProcessEvent(TASK, ("task",), 1002.0, 1003.0, exit_code=7)],
    ),
    "one that was killed": (
        [*STARTED, Exit(TASK, SIGKILL, 3.0)],
        [SH, ProcessEvent(TASK, ("task",), 1002.0, 1003.0, signal=SIGKILL)],
    ),
    "one that dumped core": (
        [*STARTED, Exit(TASK, 0x80 | 11, 3.0)],
        [SH, ProcessEvent(TASK, ("task",), 1002.0, 1003.0, signal=11)],
    ),
    "a copy of the shell": (
        [*STARTED[:2], Fork(SHELL, TASK, 2.0), Exit(TASK, 0, 2.5)],
        [SH, ProcessEvent(TASK, ("sh", "-c", "x"), 1002.0, 1002.5, exit_code=0)],
    ),
    "an orphan's child": (
        [*STARTED, Exit(SHELL, 0, 3.0), Fork(TASK, 103, 4.0)],
        [
            ProcessEvent(SHELL, ("sh", "-c", "x"), 1001.0, 1003.0, exit_code=0),
            ProcessEvent(TASK, ("task",), 1002.0),
            ProcessEvent(103, ("task",), 1004.0),
        ],
    ),
    "one that was too short to be asked for its command line": (
        [*STARTED[:2], Fork(SHELL, 120, 2.0), Exec(120), Exit(120, 0, 2.1)],
        [SH, ProcessEvent(120, ("name of 120",), 1002.0, 1002.1, exit_code=0)],
    ),
    "a process id that is used again": (
        [*STARTED, Exit(TASK, 0, 3.0), Fork(SHELL, TASK, 4.0)],
        [
            SH,
            ProcessEvent(TASK, ("task",), 1002.0, 1003.0, exit_code=0),
            ProcessEvent(TASK, ("sh", "-c", "x"), 1004.0),
        ],
    ),
    "processes of the host": (
        [Fork(1, 50, 1.0), Exec(50), Fork(50, 51, 2.0), Exit(51, 0, 3.0)],
        [],
    ),
    "PID 1 itself": ([Exec(INIT)], []),
}


@pytest.mark.parametrize(("events", "history"), HISTORIES.values(), ids=HISTORIES)
def test_histories(events: list[Fork | Exec | Exit], history: list[ProcessEvent]) -> None:
    assert Seen().after(*events) == history


def test_with_pid_1_every_process_ends() -> None:
    seen = Seen()
    history = seen.after(*STARTED, Exit(INIT, SIGKILL, 9.0))
    assert [e.ended for e in history] == [1009.0, 1009.0]
    assert seen.ended == 1
    assert seen.after(Fork(INIT, 105, 10.0)) == history


def test_lost_events_are_made_up_for() -> None:
    seen = Seen()
    seen.after(*STARTED)
    seen.argv = {SHELL: ("sh", "-c", "y"), 110: ("new",)}

    def alive(root: int) -> Iterator[int]:
        assert root == INIT
        yield from (SHELL, 110, 111)

    seen.table.reconcile(7.0, alive)
    assert seen.after() == [
        ProcessEvent(SHELL, ("sh", "-c", "y"), 1001.0),
        ProcessEvent(TASK, ("task",), 1002.0, 1007.0),
        ProcessEvent(110, ("new",), 1007.0),
        ProcessEvent(111, ("name of 111",), 1007.0),
    ]


SCRIPT = """
sh -c 'sleep 0.2; exit 7'
sleep 100 & sleep 0.1; kill -9 $!; wait
python3 -c 'import threading; [threading.Thread(target=print).start() for _ in range(9)]'
(setsid sleep 0.3 &)
sleep 0.6"""


async def test_every_process_of_a_machine_is_reported(machines: Machines) -> None:
    told = isinstance(machines.runtime.processes, Listener)  # else no code and no signal is known
    assert told or connector.subscribe() is None
    begin = time.time()
    machine = await machines.run(SCRIPT)
    await eventually(lambda: all(e.ended for e in machine.processes.values()), "all ended")
    found = {e.argv: (e.exit_code, e.signal) for e in machine.processes.values()}
    assert found["sh", "-c", "sleep 0.2; exit 7"] == (7 if told else None, None)
    assert found["sleep", "100"] == (None, SIGKILL if told else None)
    assert found["sleep", "0.3"] == (0 if told else None, None)
    assert found["/bin/bash", "/var/lib/cloud/instance/scripts/part-001"] == (
        0 if told else None,
        None,
    )
    for event in machine.processes.values():
        assert event.ended is not None
        assert begin - 0.1 <= event.started <= event.ended <= time.time() + 0.1
    slept = next(e for e in machine.processes.values() if e.argv == ("sleep", "0.3"))
    assert slept.ended is not None
    assert 0.2 < slept.ended - slept.started < 1.5


async def test_kill_is_the_end_of_each_process(machines: Machines) -> None:
    machine = await machines.start("sleep 50 & sleep 60")
    await eventually(
        lambda: {("sleep", "50"), ("sleep", "60")} <= {e.argv for e in machine.processes.values()},
        "both run",
    )
    await machine.handle.kill()
    if isinstance(machines.runtime.processes, Listener):
        assert [e.signal for e in machine.processes.values()] == [SIGKILL] * 3
    assert all(e.ended for e in machine.processes.values())


async def test_where_the_kernel_does_not_tell_the_tree_is_read(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connector, "subscribe", lambda: None)
    machines.runtime.processes = connector.open_processes()
    assert isinstance(machines.runtime.processes, Scanner)
    machine = await machines.run("(setsid sleep 1 &); sleep 2 & sleep 0.5")
    argvs = {e.argv for e in machine.processes.values()}
    assert {("sleep", "1"), ("sleep", "2"), ("sleep", "0.5")} <= argvs
    ended = next(e for e in machine.processes.values() if e.argv == ("sleep", "0.5"))
    await eventually(
        lambda: machine.processes[ended.pid, ended.started].ended, "its end was seen", 2
    )
    await machine.handle.kill()
    assert all(e.ended for e in machine.processes.values())


def test_the_command_line_that_was_seen_outlives_its_process() -> None:
    seen = Seen()
    seen.after(*STARTED)
    seen.argv.clear()
    seen.table.reconcile(7.0, lambda _: iter((SHELL, TASK)))
    assert seen.after() == [SH, ProcessEvent(TASK, ("task",), 1002.0)]


def test_a_process_that_is_gone_has_no_descendants() -> None:
    assert list(descendants(2**22 + 1)) == []
