"""The instances: their states, which change by the clock and never by being read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from .clock import Clock, Timers
from .follow import Changes
from .machines.port import LightRuntime, MachineHandle, MachineRuntime, ProcessEvent
from .network import Addresses
from .record import GONE, LAUNCH_FAILED, PENDING, RUNNING, SHUTDOWN, STOPPED, TERMINATING
from .record import MachineRecord as Record
from .settings import Settings

log = logging.getLogger(__name__)

REMEMBERED = 50_000
"""So many gone instances are kept for the history."""


class Fleet:
    """All instances of the account. Every method but `close` and `reset` takes effect at once;
    what the runtime does about it follows in the background.
    """

    def __init__(
        self,
        clock: Clock,
        timers: Timers,
        settings: Settings,
        addresses: Addresses,
    ) -> None:
        self.runtime: MachineRuntime = LightRuntime()
        self.changes = Changes()
        self.listed: dict[str, Record] = {}
        """Every instance that is not gone, oldest first."""
        self.gone: dict[str, Record] = {}
        self._clock = clock
        self._timers = timers
        self._settings = settings
        self._addresses = addresses
        self._tasks: set[asyncio.Task[None]] = set()

    def find(self, instance_id: str) -> Record | None:
        """An instance that is there or was."""
        return self.listed.get(instance_id) or self.gone.get(instance_id)

    def launch(self, record: Record, ends: float | None) -> None:
        """Takes in a new instance; `ends` is when its ActionTimer is due (Unix seconds)."""
        self.listed[record.instance_id] = record
        self._enter(record, PENDING)
        self._timers.after(self._settings.pending_seconds, lambda: self._come_up(record))
        if ends is not None:
            self._timers.after(
                ends - self._clock.now(), lambda: self.terminate(record, "ActionTimer", "")
            )

    def terminate(self, record: Record, why: str, request_id: str) -> None:
        """TERMINATING now, its processes killed, and absent after a time. Twice is once."""
        if record.state in (TERMINATING, GONE):
            return
        record.ended_by = why
        record.request_id = request_id or record.request_id
        record.operation, record.operation_state = "TerminateInstances", "OPERATING"
        self._enter(record, TERMINATING)
        self._spawn(self._take_down(record, self._settings.terminating_seconds))

    def isolate(self, record: Record, request_id: str) -> None:
        """Into the recycle bin: powered off and SHUTDOWN until it is terminated again."""
        record.request_id = request_id
        record.operation, record.operation_state = "TerminateInstances", "SUCCESS"
        self._enter(record, SHUTDOWN)
        self._spawn(self._power_off(record))

    def kill(self, record: Record) -> None:
        """The guest loses its power: every process dies, the instance is STOPPED."""
        self._spawn(self._power_off(record))
        if record.state == RUNNING:
            self._enter(record, STOPPED)

    def panic(self, record: Record) -> None:
        """Nothing in the guest runs any more; the cloud goes on saying RUNNING."""
        record.panicked = True
        self.changes.note(record)
        if record.handle is not None:
            self._spawn(record.handle.freeze())

    def thaw(self, record: Record) -> None:
        """The guest wakes after a hang."""
        record.panicked = False
        self.changes.note(record)
        if record.handle is not None:
            self._spawn(record.handle.thaw())

    def reclaim(self, record: Record, seconds: float) -> None:
        """Announces a spot reclaim in the guest's metadata; it is carried out in `seconds`."""
        record.reclaim_at = self._clock.now() + seconds
        self.changes.note(record)
        self._timers.after(seconds, lambda: self.terminate(record, "reclaim", ""))

    def vanish(self, record: Record, keep_running: bool) -> None:
        """Absent at once. With `keep_running` its processes live on, unseen, until a reset."""
        record.ended_by = "vanish"
        self._leave(record)
        if not keep_running:
            self._spawn(self._power_off(record))

    async def reset(self) -> None:
        """Ends every instance and forgets them all."""
        self._timers.clear()
        records = [*self.listed.values(), *self.gone.values()]
        for record in list(self.listed.values()):
            record.ended_by = "reset"
            self._leave(record)
        await asyncio.gather(*(self._power_off(record) for record in records))
        await self._settle()
        self.gone.clear()
        self._addresses.clear()

    async def close(self) -> None:
        """Ends every machine and leaves nothing behind."""
        await self.reset()
        await self.runtime.close()

    def _come_up(self, record: Record) -> None:
        if record.state != PENDING:
            return
        if record.launch_failure is not None:
            self._fail(record, record.launch_failure)
            return
        record.operation_state = "SUCCESS"
        self._enter(record, RUNNING)
        self._spawn(self._start(record))

    async def _start(self, record: Record) -> None:
        try:
            handle = await self.runtime.start(
                record.spec, lambda event: self._process(record, event)
            )
        except Exception:
            log.exception("%s could not be started", record.instance_id)
            if record.state == RUNNING:
                self._fail(record, "The machine could not be started; see the emulator's log.")
            return
        record.handle = handle
        if record.state != RUNNING:  # terminated or killed meanwhile
            await self._power_off(record)
            return
        if record.panicked:
            await handle.freeze()
        handle.exited.add_done_callback(lambda _: self._guest_down(record, handle))

    def _fail(self, record: Record, message: str) -> None:
        record.operation_state, record.operation_error = "FAILED", message
        record.ended_by = LAUNCH_FAILED
        self._enter(record, LAUNCH_FAILED)
        self._timers.after(self._settings.launch_failed_seconds, lambda: self._leave(record))

    def _guest_down(self, record: Record, handle: MachineHandle) -> None:
        """The guest ended itself: by shutdown, or because its first process died."""
        if record.handle is handle and record.state == RUNNING:
            self._enter(record, STOPPED)

    async def _take_down(self, record: Record, seconds: float) -> None:
        due = self._clock.monotonic() + seconds
        await self._power_off(record)
        self._timers.after(due - self._clock.monotonic(), lambda: self._leave(record))

    async def _power_off(self, record: Record) -> None:
        handle, record.handle = record.handle, None
        if handle is not None:
            await handle.kill()

    def _leave(self, record: Record) -> None:
        if self.listed.pop(record.instance_id, None) is None:
            return
        self._addresses.give_back(record.placed.subnet_id, record.spec.private_ip)
        self.gone[record.instance_id] = record
        while len(self.gone) > REMEMBERED:
            self.gone.pop(next(iter(self.gone)))
        self._enter(record, GONE)

    def _enter(self, record: Record, state: str) -> None:
        record.state = state
        record.states.append((state, self._clock.now()))
        self.changes.note(record)

    def _process(self, record: Record, event: ProcessEvent) -> None:
        record.note_process(event)
        self.changes.note(record)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(_logged(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _settle(self) -> None:
        while self._tasks:
            await asyncio.gather(*self._tasks)


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:
        log.exception("a machine did not do as told")
