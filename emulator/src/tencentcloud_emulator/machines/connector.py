"""Where the process table gets its events from: the kernel's proc connector, or reading /proc."""

from __future__ import annotations

import asyncio
import errno
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Protocol

from .processes import Exec, Exit, Fork, Report, Table, Watch, parse

NETLINK_CONNECTOR = 11
CN_IDX_PROC = 1
SO_RCVBUFFORCE = 33
BUFFER_BYTES = 8 << 20
ACK_SECONDS = 0.5
SCAN_SECONDS = 0.05
_SUBSCRIBE, _UNSUBSCRIBE = 1, 2


class Processes(Protocol):
    """Reports the processes of machines, in the event loop's thread."""

    def watch(self, root: int, report: Report) -> asyncio.Future[None]:
        """Begins with `root`, a PID 1 that has no child yet. The future is done when it ended and
        the end of each of its processes was reported."""

    def ended(self, root: int) -> None:
        """Says that PID 1 is known to have ended."""

    async def close(self) -> None: ...


def open_processes() -> Processes:
    """The kernel's events if they can be had; else a reader of /proc."""
    connector = subscribe()
    return Scanner() if connector is None else Listener(connector)


def subscribe() -> socket.socket | None:
    """A socket that receives the kernel's process events; None where that is not permitted."""
    try:
        connector = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_CONNECTOR)
    except OSError:
        return None
    try:
        connector.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
        connector.bind((0, CN_IDX_PROC))
        connector.send(_control(_SUBSCRIBE))
        connector.settimeout(ACK_SECONDS)
        connector.recv(4096)  # containers get no answer
        connector.setblocking(False)
    except OSError:
        connector.close()
        return None
    return connector


def _control(operation: int) -> bytes:
    message = struct.pack("=IIIIHHI", CN_IDX_PROC, 1, 0, 0, 4, 0, operation)
    return struct.pack("=IHHII", 16 + len(message), 3, 0, 0, os.getpid()) + message


class Clockwork:
    """Turns CLOCK_MONOTONIC into Unix time, so that one machine's times keep their order."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._offset = now() - time.monotonic()

    def wall(self, monotonic: float) -> float:
        return monotonic + self._offset


class _Reporter:
    """A table whose reports reach the event loop in its own thread."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.table = Table(Clockwork().wall)

    def add(self, root: int, report: Report) -> asyncio.Future[None]:
        done: asyncio.Future[None] = self.loop.create_future()

        def end() -> None:
            if not done.done():
                done.set_result(None)

        self.table.add(
            Watch(
                root,
                lambda event: self._soon(lambda: report(event)),
                lambda: self._soon(end),
            )
        )
        return done

    def _soon(self, call: Callable[[], None]) -> None:
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(call)


class Listener:
    """Reads the kernel's events, in a thread: a command line may be gone a moment later."""

    def __init__(self, connector: socket.socket) -> None:
        self._connector = connector
        self._reporter = _Reporter()
        self._lock = threading.Lock()
        self._stop_reader, self._stop_writer = os.pipe()
        self._thread = threading.Thread(target=self._run, name="process-events", daemon=True)
        self._thread.start()

    def watch(self, root: int, report: Report) -> asyncio.Future[None]:
        with self._lock:
            return self._reporter.add(root, report)

    def ended(self, root: int) -> None:
        """The kernel's own word comes, if a little later."""

    async def close(self) -> None:
        os.close(self._stop_writer)
        await asyncio.to_thread(self._thread.join)
        os.close(self._stop_reader)
        self._connector.close()

    def _run(self) -> None:
        while True:
            waited = [self._connector.fileno(), self._stop_reader]
            ready, _, _ = select.select(waited, [], [])
            if self._stop_reader in ready:
                return
            with self._lock:
                self._drain()

    def _drain(self) -> None:
        for _ in range(1000):
            try:
                event = parse(self._connector.recv(4096))
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._reporter.table.reconcile(time.monotonic())
                continue
            if isinstance(event, Fork | Exec | Exit):
                self._reporter.table.apply(event)


class Scanner:
    """Reads every machine's tree of processes over and over."""

    def __init__(self) -> None:
        self._reporter = _Reporter()
        self._task: asyncio.Task[None] | None = None

    def watch(self, root: int, report: Report) -> asyncio.Future[None]:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
        return self._reporter.add(root, report)

    def ended(self, root: int) -> None:
        self._reporter.table.end_machine(root, time.monotonic())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            self._reporter.table.reconcile(time.monotonic())
            await asyncio.sleep(SCAN_SECONDS)
