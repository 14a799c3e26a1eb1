"""A machine's life: panic, power off, memory."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from tencentcloud_emulator.machines.connector import Listener
from tests.support.eventually import eventually
from tests.support.machines import Machines, namespaces_of

TICK = "while :; do echo $((n += 1)); sleep 0.02; done"


async def test_nothing_runs_in_a_frozen_machine_until_it_is_thawed(machines: Machines) -> None:
    machine = await machines.start(TICK)
    await machine.prints("3")
    await machine.handle.freeze()
    frozen = machine.console()
    await asyncio.sleep(0.5)
    assert machine.console() == frozen
    assert not machine.handle.exited.done()
    await machine.handle.thaw()
    await eventually(lambda: len(machine.console()) > len(frozen) + 20, "it goes on")


async def test_a_frozen_machine_can_be_killed(machines: Machines) -> None:
    machine = await machines.start(TICK)
    await machine.prints("3")
    await machine.handle.freeze()
    await asyncio.wait_for(machine.handle.kill(), 5)


@pytest.mark.parametrize("command", ["poweroff", "shutdown -h now", "shutdown -P +1", "halt"])
async def test_the_guest_can_power_itself_off(machines: Machines, command: str) -> None:
    machine = await machines.start(f"{command}; sleep 1000")
    await asyncio.wait_for(machine.handle.exited, 20)
    await machine.handle.kill()


async def test_power_off_gives_services_time_to_end(machines: Machines) -> None:
    machine = await machines.start(
        "sh -c 'trap \"sleep 0.3; echo in order; exit\" TERM; while :; do sleep 0.02; done' &\n"
        "sleep 0.3; poweroff; sleep 1000"
    )
    await asyncio.wait_for(machine.handle.exited, 20)
    assert "in order" in machine.console().splitlines()


async def test_power_off_waits_three_seconds_for_those_that_do_not(machines: Machines) -> None:
    machine = await machines.start("trap '' TERM; poweroff; while :; do sleep 1; done")
    begin = time.monotonic()
    await asyncio.wait_for(machine.handle.exited, 20)
    assert time.monotonic() - begin >= 2.5


async def test_a_process_over_the_memory_limit_is_ended_and_the_machine_lives_on(
    machines: Machines,
) -> None:
    machine = await machines.run(
        "python3 -c 'x = bytearray(300 << 20); print(\"small: fine\")'\n"
        "python3 -c 'x = bytearray(2 << 30); print(\"large: fine\")'\n"
        "echo status: $?",
        memory_gib=1,
    )
    said = machine.said()
    assert said["small"] == "fine"
    assert "large" not in said
    assert said["status"] in ("137", "1")


MANY_SMALL = """
echo begun
for i in $(seq 400); do
  sh -c 'x=$(head -c 4000000 /dev/zero | tr "\\0" x); sleep 60; echo $x' &
done 2>/dev/null
wait"""


async def test_when_many_small_processes_fill_the_memory_it_is_not_pid_1_that_ends(
    machines: Machines,
) -> None:
    """Each is smaller than PID 1: by size alone the kernel would choose that."""
    machine = await machines.start(MANY_SMALL)
    limited = isinstance(machine.runtime.processes, Listener)  # else memory is limited for each
    await eventually(
        lambda: (
            any(e.signal == signal.SIGKILL for e in machine.processes.values())
            if limited
            else "begun" in machine.console()
        ),
        "memory runs out",
        60,
    )
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(machine.handle.exited), 3)
    assert namespaces_of(machine.handle.pid)


async def test_orphans_are_reaped(machines: Machines) -> None:
    machine = await machines.run(
        "for i in 1 2 3 4 5; do (sh -c 'sleep 0.1' &) ; done; sleep 0.5\n"
        "echo zombies: $(grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l)"
    )
    assert machine.said()["zombies"] == "0"


async def test_a_console_of_more_than_4_mib_is_cut_and_says_so(machines: Machines) -> None:
    machine = await machines.start("yes | head -c 6000000; poweroff; sleep 100")
    await asyncio.wait_for(machine.handle.exited, 30)
    console = machine.console()
    assert 3_900_000 < len(console) < 4_300_000
    assert console.endswith("... (the console is full)\n")
