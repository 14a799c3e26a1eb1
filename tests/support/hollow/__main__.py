"""`python -m tests.support.hollow --endpoint URL --control URL [--seconds S]`: until TERM."""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import signal
import sys
from functools import partial

import aiohttp
import orjson

from tests.support.hollow.http import Pool
from tests.support.hollow.machine import Refused, World, act
from tests.support.hollow.script import Boot, parse

CONNECTIONS = 64
PR_SET_PDEATHSIG = 1


async def follow(
    session: aiohttp.ClientSession, world: World, control: str, failed: list[str]
) -> None:
    """Starts a part for each machine that is RUNNING and not played yet."""
    seen: set[str] = set()
    users = UserData(control)
    tasks: set[asyncio.Task[None]] = set()

    def ended(task: asyncio.Task[None], instance_id: str) -> None:
        tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            failed.append(f"{instance_id}: {error}")
            print(failed[-1], file=sys.stderr, flush=True)

    async with session.get(f"{control}/machines?follow=1") as machines:
        async for line in machines.content:
            machine = orjson.loads(line)
            name = machine["id"]
            if machine["state"] != "RUNNING" or name in seen:
                continue
            seen.add(name)
            task = asyncio.create_task(play(world, users, name))
            tasks.add(task)
            task.add_done_callback(partial(ended, instance_id=name))


async def play(world: World, users: UserData, name: str) -> None:
    await act(world, name, await users.boot(name))


class UserData:
    """Every machine's user data is read; equal ones are parsed once."""

    def __init__(self, control: str) -> None:
        self._control = control
        self._pool = Pool(control, CONNECTIONS)
        self._boots: dict[bytes, Boot] = {}

    async def boot(self, name: str) -> Boot:
        url = f"{self._control}/machines/{name}/user-data"
        status, script = await self._pool.request("GET", url)
        if status != 200:
            raise Refused(f"user data of {name}: {status}")
        if script not in self._boots:
            self._boots[script] = parse(script)
        return self._boots[script]


async def main(options: argparse.Namespace) -> int:
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
    failed: list[str] = []
    async with aiohttp.ClientSession(timeout=timeout) as session:
        world = World(Pool(options.endpoint, CONNECTIONS), options.seconds)
        following = asyncio.create_task(follow(session, world, options.control, failed))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, following.cancel)
        try:
            await following
        except (asyncio.CancelledError, aiohttp.ClientError):
            print(f"{world.done} runs acted out, requests {dict(world.requests)}", flush=True)
    return 1 if failed else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.support.hollow", description=__doc__)
    parser.add_argument("--endpoint", required=True, help="of the emulated cloud, used as a proxy")
    parser.add_argument("--control", required=True, help="of its control API")
    parser.add_argument("--seconds", type=float, default=0.0, help="how long each command takes")
    return parser.parse_args()


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    sys.exit(asyncio.run(main(arguments())))
