"""Stopping all of a machine at once, as a kernel panic does, and going on."""

from __future__ import annotations

import asyncio
import os
import signal
import time

from .cgroups import Group
from .processes import descendants

PATIENCE_SECONDS = 2.0
POLL_SECONDS = 0.005


async def freeze(group: Group | None, pid: int) -> None:
    """Freezes the group; without one, stops every process below PID 1 `pid`, and PID 1."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    if group and group.freeze(True):
        while not group.frozen() and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)
        return
    stopped: set[int] = set()
    while new := {pid, *descendants(pid)} - stopped:  # a process may have forked meanwhile
        for process in new:
            _signal(process, signal.SIGSTOP)
        stopped |= new


async def thaw(group: Group | None, pid: int) -> None:
    if group and group.freeze(False):
        return
    for process in (*descendants(pid), pid):
        _signal(process, signal.SIGCONT)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
