"""The fleet's states over a clock that only the test moves, and a runtime it plays."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tencentcloud_emulator import catalogue
from tencentcloud_emulator.clock import ManualClock, Timers
from tencentcloud_emulator.fleet import Fleet
from tencentcloud_emulator.machines.port import MachineSpec, ProcessEvent
from tencentcloud_emulator.network import Addresses
from tencentcloud_emulator.record import PROCESSES_KEPT, MachineRecord, Placed
from tencentcloud_emulator.settings import Settings
from tests.support.eventually import eventually


@dataclass(eq=False)
class Guest:
    """A machine the test plays."""

    spec: MachineSpec
    events: Callable[[ProcessEvent], None]
    exited: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    log: list[str] = field(default_factory=list)

    async def kill(self) -> None:
        self.log.append("kill")
        if not self.exited.done():
            self.exited.set_result(None)

    async def freeze(self) -> None:
        self.log.append("freeze")

    async def thaw(self) -> None:
        self.log.append("thaw")


class Runtime:
    """Starts guests when it is allowed to, or fails."""

    def __init__(self) -> None:
        self.guests: dict[str, Guest] = {}
        self.may_start = asyncio.Event()
        self.may_start.set()
        self.broken = False

    async def start(self, spec: MachineSpec, events: Callable[[ProcessEvent], None]) -> Guest:
        await self.may_start.wait()
        if self.broken:
            raise OSError("no namespaces here")
        self.guests[spec.instance_id] = Guest(spec, events)
        return self.guests[spec.instance_id]

    def console(self, instance_id: str) -> Path | None:
        return None

    async def close(self) -> None:
        return None


class World:
    """A fleet with settings of 10 s to RUNNING and 10 s to absent."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.timers = Timers(self.clock)
        self.settings = Settings(pending_seconds=10, terminating_seconds=10)
        self.addresses = Addresses(catalogue.build().subnets)
        self.fleet = Fleet(self.clock, self.timers, self.settings, self.addresses)
        self.runtime = Runtime()
        self.fleet.runtime = self.runtime

    def launch(self, name: str = "ins-aaaaaaaa", ends: float | None = None) -> MachineRecord:
        subnet = "subnet-batchgz3"
        spec = MachineSpec(
            instance_id=name, instance_name=name, hostname=name, uuid="u", app_id="1",
            region="ap-guangzhou", zone="ap-guangzhou-3", image_id="img-batch001",
            cloud_init=True, cpu=1, memory_gib=1, private_ip=self.addresses.take(subnet),
        )  # fmt: skip
        placed = Placed("vpc-batchgz1", subnet, (), (), {}, (), {})
        record = MachineRecord(spec, placed, self.clock.now(), {}, "r")
        self.fleet.launch(record, ends)
        return record

    async def go(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.timers.run_due()
        for _ in range(5):
            await asyncio.sleep(0)
        self.timers.run_due()

    async def running(self) -> tuple[MachineRecord, Guest]:
        record = self.launch()
        await self.go(10)
        assert record.state == "RUNNING"
        return record, self.runtime.guests[record.instance_id]


@pytest.fixture
async def world() -> World:
    return World()


def states(record: MachineRecord) -> list[str]:
    return [state for state, _ in record.states]


async def test_a_launch_takes_its_time(world: World) -> None:
    record = world.launch()
    await world.go(9.9)
    assert record.state == "PENDING"
    assert world.runtime.guests == {}
    await world.go(0.1)
    assert record.state == "RUNNING"
    assert [at - record.created for _, at in record.states] == [0, 10]
    assert set(world.runtime.guests) == {record.instance_id}


async def test_a_termination_kills_at_once_and_takes_its_time(world: World) -> None:
    record, guest = await world.running()
    world.fleet.terminate(record, "TerminateInstances", "r2")
    await world.go(0)
    assert guest.log == ["kill"]
    await world.go(9.9)
    assert record.instance_id in world.fleet.listed
    await world.go(0.1)
    assert record.instance_id not in world.fleet.listed
    assert states(record) == ["PENDING", "RUNNING", "TERMINATING", "GONE"]


async def test_a_guest_that_shuts_down_is_stopped_and_stays(world: World) -> None:
    record, guest = await world.running()
    guest.exited.set_result(None)
    await world.go(1000)
    assert record.state == "STOPPED"
    assert record.instance_id in world.fleet.listed


async def test_a_machine_that_cannot_be_started_failed_to_launch(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.runtime.broken = True
    record = world.launch()
    await world.go(10)
    assert record.state == "LAUNCH_FAILED"
    assert "no namespaces here" in caplog.text
    await world.go(world.settings.launch_failed_seconds)
    assert world.fleet.listed == {}


async def test_what_is_terminated_while_it_starts_is_killed(world: World) -> None:
    world.runtime.may_start.clear()
    record = world.launch()
    await world.go(10)
    world.fleet.terminate(record, "TerminateInstances", "r2")
    world.runtime.may_start.set()
    await world.go(0)
    assert world.runtime.guests[record.instance_id].log == ["kill"]


async def test_what_panics_while_it_starts_is_frozen(world: World) -> None:
    world.runtime.may_start.clear()
    record = world.launch()
    await world.go(10)
    world.fleet.panic(record)
    world.runtime.may_start.set()
    await world.go(0)
    assert world.runtime.guests[record.instance_id].log == ["freeze"]
    assert record.state == "RUNNING"


async def test_panic_and_thaw(world: World) -> None:
    record, guest = await world.running()
    world.fleet.panic(record)
    world.fleet.thaw(record)
    await world.go(0)
    assert guest.log == ["freeze", "thaw"]


async def test_a_timer_that_is_due_terminates(world: World) -> None:
    record = world.launch(ends=world.clock.now() + 300)
    await world.go(299)
    assert record.state == "RUNNING"
    await world.go(1)
    assert (record.state, record.ended_by) == ("TERMINATING", "ActionTimer")


async def test_a_timer_of_what_is_gone_does_nothing(world: World) -> None:
    record = world.launch(ends=world.clock.now() + 300)
    world.fleet.vanish(record, keep_running=False)
    await world.go(300)
    assert states(record) == ["PENDING", "GONE"]
    assert record.ended_by == "vanish"


async def test_a_reclaim_gives_notice(world: World) -> None:
    record, guest = await world.running()
    world.fleet.reclaim(record, 120)
    assert record.reclaim_at == world.clock.now() + 120
    await world.go(119)
    assert (record.state, guest.log) == ("RUNNING", [])
    await world.go(1)
    assert (record.state, guest.log) == ("TERMINATING", ["kill"])


@pytest.mark.parametrize("keep", [True, False])
async def test_what_vanishes_may_run_on(world: World, keep: bool) -> None:
    record, guest = await world.running()
    world.fleet.vanish(record, keep_running=keep)
    await world.go(0)
    assert world.fleet.listed == {}
    assert guest.log == ([] if keep else ["kill"])


async def test_a_reset_ends_also_what_runs_on_unseen(world: World) -> None:
    record, guest = await world.running()
    world.fleet.vanish(record, keep_running=True)
    await world.fleet.reset()
    assert guest.log == ["kill"]
    assert world.fleet.find(record.instance_id) is None


async def test_a_reset_forgets_what_was_to_come(world: World) -> None:
    world.launch()
    await world.fleet.reset()
    await world.go(10)
    assert world.runtime.guests == {}


async def test_processes_are_told_with_their_end(world: World) -> None:
    record, guest = await world.running()
    guest.events(ProcessEvent(7, ("sh",), 1.0))
    guest.events(ProcessEvent(8, ("true",), 1.5))
    guest.events(ProcessEvent(7, ("sh",), 1.0, 2.0, 3))
    told = record.as_json()["processes"]
    assert told == [
        {"pid": 7, "argv": ["sh"], "start": 1.0, "end": 2.0, "exitCode": 3, "signal": None},
        {"pid": 8, "argv": ["true"], "start": 1.5, "end": None, "exitCode": None, "signal": None},
    ]


async def test_a_pid_that_is_used_again_is_another_process(world: World) -> None:
    record, guest = await world.running()
    guest.events(ProcessEvent(7, ("a",), 1.0, 2.0, 0))
    guest.events(ProcessEvent(7, ("b",), 3.0, 4.0, 0))
    assert len(record.processes) == 2


async def test_of_very_many_processes_the_oldest_that_ended_are_dropped(world: World) -> None:
    record, guest = await world.running()
    guest.events(ProcessEvent(1, ("init",), 1.0))
    for pid in range(2, PROCESSES_KEPT + 12):
        guest.events(ProcessEvent(pid, ("true",), float(pid), pid + 0.5, 0))
    assert len(record.processes) == PROCESSES_KEPT
    assert record.processes_dropped == 11
    assert [pid for pid, _ in record.processes][:2] == [1, 13]


async def test_the_loop_runs_what_is_due() -> None:
    timers, done = Timers(LoopClock()), []
    timers.attach(asyncio.get_running_loop())
    timers.after(0.03, lambda: done.append("late"))
    timers.after(0.01, lambda: done.append("early"))
    await eventually(lambda: len(done) == 2, "both timers")
    assert done == ["early", "late"]


async def test_a_timer_that_fails_stops_no_other() -> None:
    loop, failed = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _, context: failed.append(str(context["exception"])))
    timers, done = Timers(LoopClock()), []
    timers.attach(loop)
    timers.after(0.01, lambda: [][1])
    timers.after(0.02, lambda: done.append("late"))
    await eventually(lambda: done, "the second timer")
    assert failed == ["list index out of range"]


class LoopClock:
    """The loop's own clock."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


def test_addresses_are_given_out_once_and_freed_ones_last() -> None:
    pool, subnet = Addresses(catalogue.build().subnets), "subnet-smallgz3"
    pool.take_this(subnet, "10.0.192.3")
    first = pool.take(subnet)
    assert first == "10.0.192.2"
    pool.give_back(subnet, first)
    assert [pool.take(subnet) for _ in range(4)] == [
        "10.0.192.4", "10.0.192.5", "10.0.192.6", "10.0.192.2",
    ]  # fmt: skip
    assert pool.left(subnet) == 0
