"""What the control plane asks of whatever runs the machines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class DiskSpec:
    """A disk of a machine; `size_gib` in GiB. The system disk is not among a machine's `disks`."""

    disk_id: str
    disk_type: str
    size_gib: int


@dataclass(frozen=True, slots=True)
class MachineSpec:
    """All a machine is made of. `user_data` is decoded; it runs only if `cloud_init`."""

    instance_id: str
    instance_name: str
    hostname: str
    uuid: str
    app_id: str
    region: str
    zone: str
    image_id: str
    cloud_init: bool
    cpu: int
    memory_gib: int
    private_ip: str
    user_data: bytes | None = None
    charge_type: str = "POSTPAID_BY_HOUR"
    cam_role: str | None = None
    instance_type: str = ""
    disks: tuple[DiskSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class ProcessEvent:
    """A process inside a machine began (`ended` is None) or ended. Times in Unix seconds.

    `pid` is unique in the machine's life as far as the runtime can tell processes apart; the
    event of the end repeats pid, argv and started. `signal` is the number that killed it.
    """

    pid: int
    argv: tuple[str, ...]
    started: float
    ended: float | None = None
    exit_code: int | None = None
    signal: int | None = None


class MachineHandle(Protocol):
    """One machine that was started.

    `exited` is done when the guest is down: by its own shutdown, or by `kill`.
    """

    exited: asyncio.Future[None]

    async def kill(self) -> None:
        """Power off hard: every process, mount and cgroup gone and its root removed."""

    async def freeze(self) -> None:
        """A panic: nothing in it runs any more, but the machine stays."""

    async def thaw(self) -> None:
        """Undo `freeze`."""


class MachineRuntime(Protocol):
    """Starts machines."""

    async def start(
        self, spec: MachineSpec, events: Callable[[ProcessEvent], None]
    ) -> MachineHandle:
        """Starts the machine; raises if it cannot, and then nothing of it is left."""

    def console(self, instance_id: str) -> Path | None:
        """Where what the machine printed is, also when it is gone; None if it cannot print."""

    async def close(self) -> None:
        """Kills every machine and leaves nothing behind."""


@dataclass(slots=True)
class _LightHandle:
    exited: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    async def kill(self) -> None:
        if not self.exited.done():
            self.exited.set_result(None)

    async def freeze(self) -> None:
        return None

    async def thaw(self) -> None:
        return None


class LightRuntime:
    """Machines in which no process runs: for figures, with a client that acts them out."""

    async def start(
        self, spec: MachineSpec, events: Callable[[ProcessEvent], None]
    ) -> MachineHandle:
        return _LightHandle()

    def console(self, instance_id: str) -> Path | None:
        return None

    async def close(self) -> None:
        return None
