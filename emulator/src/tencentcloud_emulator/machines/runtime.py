"""Machines as real processes: the runtime behind the control plane's port."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Protocol

from . import base, traces
from .cgroups import Group, Limits
from .connector import Processes, open_processes
from .freezing import freeze, thaw
from .ids import of_this_user
from .launch import Plan, keeper_command, keeper_environment
from .port import MachineSpec, ProcessEvent
from .rootfs import Identity

log = logging.getLogger(__name__)

LINK_LOCAL = "169.254.0.23"
PROCESS_LIMIT = 1024
GIB = 1 << 30
PACKAGES = Path(__file__).parents[2]
LAST_EVENTS_SECONDS = 2.0
UNLIMITED = (
    "no control group is writable: a machine's memory and number of processes are limited "
    "by rlimits only, memory for each process apart"
)
STARTING_AT_ONCE = 2 * (os.cpu_count() or 1)


class MachineFailed(Exception):
    """The machine could not be started; the message says why. Nothing of it is left."""


class Front(Protocol):
    """Where a machine's requests go; by the socket they came in it is known whose they are."""

    async def serve_unix(self, path: str | Path, instance_id: str) -> None: ...

    async def close_unix(self, instance_id: str) -> None: ...


class RealRuntime:
    """Starts machines below `state_dir`, which must be this emulator's alone.

    Made by `open_runtime`.
    """

    def __init__(self, state_dir: Path, front: Front, processes: Processes) -> None:
        self.state_dir = state_dir
        self._front = front
        self.processes = processes
        self._ids = of_this_user()
        self._hierarchies = traces.hierarchies()
        self._machines: set[RealMachine] = set()
        self._starting = asyncio.Semaphore(STARTING_AT_ONCE)
        if self._hierarchies is None:
            log.warning(UNLIMITED)

    def console(self, instance_id: str) -> Path:
        """What the machine's user data printed; stays when the machine is gone."""
        return self.state_dir / "consoles" / f"{instance_id}.log"

    async def start(self, spec: MachineSpec, events: Callable[[ProcessEvent], None]) -> RealMachine:
        """Starts the machine; raises MachineFailed, and then nothing of it is left."""
        async with self._starting:
            plan = self._plan(spec)
            plan.directory.mkdir()
            await self._serve(plan.directory, spec.instance_id)
            try:
                machine = await RealMachine.start(plan, self.processes, events)
            except BaseException:
                await self._front.close_unix(spec.instance_id)
                raise
        self._machines.add(machine)
        machine.exited.add_done_callback(lambda _: self._ended(machine, spec.instance_id))
        return machine

    async def close(self) -> None:
        """Kills every machine and leaves nothing but the consoles."""
        await asyncio.gather(*(machine.kill() for machine in list(self._machines)))
        await self.processes.close()
        await asyncio.to_thread(traces.sweep, self.state_dir)

    def _ended(self, machine: RealMachine, instance_id: str) -> None:
        self._machines.discard(machine)
        closing = asyncio.ensure_future(self._front.close_unix(instance_id))
        machine.closing = closing

    def _plan(self, spec: MachineSpec) -> Plan:
        group = None
        if self._hierarchies:
            families = self._hierarchies.family(traces.key_of(self.state_dir))
            version = self._hierarchies.version
            group = Group(version, tuple(family / spec.instance_id for family in families))
        runs = spec.cloud_init and (spec.user_data or b"").startswith(b"#!")
        return Plan(
            directory=self.state_dir / "machines" / spec.instance_id,
            base=self.state_dir / "machines" / "base",
            console=self.console(spec.instance_id),
            ids=self._ids,
            identity=Identity(spec.hostname, spec.private_ip, LINK_LOCAL),
            limits=Limits(spec.memory_gib * GIB, PROCESS_LIMIT, spec.cpu),
            group=group,
            user_data=spec.user_data if spec.cloud_init else None,
            runs_user_data=runs,
        )

    async def _serve(self, directory: Path, instance_id: str) -> None:
        """By way of a descriptor: a socket's path has no more than 107 bytes."""
        fd = os.open(directory, os.O_PATH)
        try:
            await self._front.serve_unix(f"/proc/self/fd/{fd}/front", instance_id)
        finally:
            os.close(fd)


class RealMachine:
    """One machine and its keeper, the process that started it and cleans up after it."""

    def __init__(self, plan: Plan, keeper: asyncio.subprocess.Process) -> None:
        self.exited: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closing: asyncio.Future[None] | None = None
        self._plan = plan
        self._keeper = keeper
        self.pid = 0
        """PID 1, as the host numbers it."""
        self.keeper_pid = keeper.pid
        self._reports: asyncio.Future[None] | None = None
        self._waiting: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls, plan: Plan, processes: Processes, events: Callable[[ProcessEvent], None]
    ) -> RealMachine:
        async with _keeper(plan) as keeper:
            machine = cls(plan, keeper)
            machine.pid = int((await machine._hear("pid"))["pid"])
            machine._reports = processes.watch(machine.pid, events)
            machine._tell("go")
            await machine._hear("running")
        machine._waiting = asyncio.ensure_future(machine._wait(processes))
        return machine

    async def kill(self) -> None:
        """Power off hard. Returns when every process, mount, group and file of it is gone."""
        self._close_stdin()
        await asyncio.shield(self.exited)
        if self.closing is not None:
            await self.closing

    async def freeze(self) -> None:
        """Nothing in it runs any more; it can still be killed."""
        await freeze(self._plan.group, self.pid)

    async def thaw(self) -> None:
        await thaw(self._plan.group, self.pid)

    def _tell(self, word: str) -> None:
        assert self._keeper.stdin is not None
        self._keeper.stdin.write(word.encode() + b"\n")

    def _close_stdin(self) -> None:
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()

    async def _hear(self, what: str) -> dict[str, str]:
        assert self._keeper.stdout is not None
        line = await self._keeper.stdout.readline()
        said: dict[str, str] = json.loads(line) if line else {}
        if "notice" in said:
            log.warning("%s: %s", self._plan.directory.name, said["notice"])
            return await self._hear(what)
        if what not in said:
            raise MachineFailed(said.get("error", "its keeper ended without a word"))
        return said

    async def _wait(self, processes: Processes) -> None:
        assert self._keeper.stdout is not None
        assert self._reports is not None
        cleaned = b'"ended"' in await self._keeper.stdout.read()
        self._close_stdin()
        await self._keeper.wait()
        if not cleaned:
            log.warning("the keeper of a machine was killed; cleaning up in its place")
            await asyncio.to_thread(clean_up, self._plan)
        processes.ended(self.pid)
        await asyncio.wait([self._reports], timeout=LAST_EVENTS_SECONDS)
        self.exited.set_result(None)


@contextlib.asynccontextmanager
async def _keeper(plan: Plan) -> AsyncIterator[asyncio.subprocess.Process]:
    """The keeper, given its plan. If the body fails it ends the machine and is waited for.

    It has a session of its own: an interrupt from the terminal must not end it before its work.
    """
    with plan.console.open("ab") as console:
        keeper = await asyncio.create_subprocess_exec(
            *keeper_command(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=console,
            env=keeper_environment(),
            start_new_session=True,
        )
    assert keeper.stdin is not None
    keeper.stdin.write(plan.to_json().encode() + b"\n")
    try:
        yield keeper
    except BaseException:
        keeper.stdin.close()
        await keeper.wait()
        await asyncio.to_thread(clean_up, plan)
        raise


def clean_up(plan: Plan) -> None:
    """What the keeper does at its end, for a keeper that could not. Twice is once."""
    if plan.group:
        plan.group.remove()
    traces.remove_tree(plan.directory)


async def open_runtime(state_dir: Path, front: Front) -> RealRuntime:
    """Cleans up after a killed emulator of this state directory and makes what machines share."""
    await asyncio.to_thread(prepare, state_dir)
    return RealRuntime(state_dir, front, open_processes())


def prepare(state_dir: Path) -> None:
    """Makes the directories of machines and consoles, the first of them anew."""
    traces.sweep(state_dir)
    (state_dir / "machines").mkdir(parents=True)
    (state_dir / "consoles").mkdir(exist_ok=True)
    hidden = [state_dir.resolve(), Path.home(), PACKAGES]
    base.build(state_dir / "machines" / "base", of_this_user(), hidden)
