"""Real machines for tests: a front that writes down what it is asked, and what the host shows."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from tencentcloud_emulator.machines import traces
from tencentcloud_emulator.machines.port import MachineSpec, ProcessEvent
from tencentcloud_emulator.machines.runtime import RealMachine, RealRuntime, open_runtime
from tests.support.eventually import eventually

THE_END = "the script has ended"


@dataclass(slots=True)
class FrontDouble:
    """Answers everything with the caller, host and path; `asked` has them too."""

    asked: list[tuple[str, str, str]] = field(default_factory=list)
    _servers: dict[str, tuple[asyncio.AbstractServer, web.Server]] = field(default_factory=dict)

    async def serve_unix(self, path: str | Path, instance_id: str) -> None:
        async def handle(request: web.BaseRequest) -> web.Response:
            asked = (instance_id, request.headers["Host"], request.raw_path)
            self.asked.append(asked)
            body = await request.content.read()
            return web.Response(body=body or " ".join(asked).encode())

        server = web.Server(handle, access_log=None)
        listener = await asyncio.get_running_loop().create_unix_server(server, str(path))
        self._servers[instance_id] = (listener, server)

    async def close_unix(self, instance_id: str) -> None:
        if found := self._servers.pop(instance_id, None):
            found[0].close()
            await found[1].shutdown(0.5)


@dataclass(slots=True)
class Running:
    """A started machine with what it reported so far."""

    spec: MachineSpec
    handle: RealMachine
    runtime: RealRuntime
    processes: dict[tuple[int, float], ProcessEvent]

    def console(self) -> str:
        path = self.runtime.console(self.spec.instance_id)
        return path.read_text(errors="replace") if path.exists() else ""

    async def prints(self, text: str, seconds: float = 20.0) -> None:
        """Waits until the console has a line that is `text`."""
        try:
            await eventually(lambda: text in self.console().splitlines(), text, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; the console has:\n{self.console()[-3000:]}") from None

    def said(self) -> dict[str, str]:
        """The console's lines of the form `key: value`."""
        pairs = (line.partition(": ") for line in self.console().splitlines())
        return {key: value for key, found, value in pairs if found}


@dataclass(slots=True)
class Machines:
    """Starts machines by their script; every one ends with the test."""

    runtime: RealRuntime
    front: FrontDouble
    _count: int = 0

    async def start(self, script: str, memory_gib: int = 1) -> Running:
        """A machine whose user data is this shell script."""
        return await self.start_spec(self.spec(f"#!/bin/bash\n{script}\n".encode(), memory_gib))

    async def run(self, script: str, seconds: float = 20.0, memory_gib: int = 1) -> Running:
        """Starts it and waits for the script's last line."""
        machine = await self.start(f"{script}\necho {shlex.quote(THE_END)}", memory_gib)
        await machine.prints(THE_END, seconds)
        return machine

    async def start_spec(self, spec: MachineSpec) -> Running:
        events: dict[tuple[int, float], ProcessEvent] = {}

        def take(event: ProcessEvent) -> None:
            events[event.pid, event.started] = event

        return Running(spec, await self.runtime.start(spec, take), self.runtime, events)

    def spec(self, user_data: bytes | None, memory_gib: int = 1) -> MachineSpec:
        self._count += 1
        return MachineSpec(
            instance_id=f"ins-{self._count:08d}",
            instance_name=f"test-{self._count}",
            hostname=f"VM-0-{self._count}-linux",
            uuid=f"00000000-0000-4000-8000-{self._count:012d}",
            app_id="1250000000",
            region="ap-guangzhou",
            zone="ap-guangzhou-3",
            image_id="img-batch001",
            cloud_init=True,
            cpu=2,
            memory_gib=memory_gib,
            private_ip=f"10.0.3.{self._count + 1}",
            user_data=user_data,
        )


@asynccontextmanager
async def machines_in(state_dir: Path) -> AsyncIterator[Machines]:
    """A runtime below `state_dir`, closed at the end."""
    front = FrontDouble()
    runtime = await open_runtime(state_dir, front)
    try:
        yield Machines(runtime, front)
    finally:
        await runtime.close()


@dataclass(frozen=True, slots=True)
class HostView:
    """What of the machines of one state directory shows on the host."""

    processes: frozenset[int]
    namespaces: frozenset[str]
    mounts: frozenset[str]
    groups: frozenset[str]
    files: frozenset[str]

    def empty(self) -> bool:
        return not any((self.processes, self.namespaces, self.mounts, self.groups, self.files))


NAMESPACE_KINDS = ("user", "mnt", "pid", "net", "uts", "ipc")


def namespaces_of(pid: int | str) -> frozenset[str]:
    """Like `pid:[4026531836]`; empty if the process is gone."""
    try:
        return frozenset(os.readlink(f"/proc/{pid}/ns/{kind}") for kind in NAMESPACE_KINDS)
    except OSError:
        return frozenset()


def host_view(state_dir: Path, namespaces: frozenset[str]) -> HostView:
    """What is left of machines that had these namespaces of their own.

    The kernel uses a namespace's number again when it is gone: a process with such a number is
    another's, unless its root is below `state_dir`.
    """
    own = namespaces - namespaces_of("self")
    processes: set[int] = set()
    alive: set[str] = set()
    for pid in (int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()):
        shared = namespaces_of(pid) & own
        if shared and _has_its_root_in(pid, state_dir):
            processes.add(pid)
            alive |= shared
    key = traces.key_of(state_dir)
    places = traces.hierarchies()
    groups = {
        str(directory)
        for family in (places.family(key) if places else ())
        for directory in (family, *family.glob("*"))
        if directory.is_dir()
    }
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    return HostView(
        frozenset(processes),
        frozenset(alive),
        frozenset(line for line in mounts if str(state_dir) in line),
        frozenset(groups),
        frozenset(map(str, (state_dir / "machines").glob("*"))),
    )


def _has_its_root_in(pid: int, state_dir: Path) -> bool:
    try:
        mounts = Path(f"/proc/{pid}/mountinfo").read_text()
    except OSError:
        return False
    return "/".join((*state_dir.parts[1:][-3:], "machines", "ins-")) in mounts
