"""One machine's part: from user data to `done`."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

from tests.support.hollow.http import Pool
from tests.support.hollow.presigned import ONCE, Url
from tests.support.hollow.script import Boot

PROTOCOL = 1
VERSION = "hollow"
BEAT_SECONDS = 15.0

BOOT_ID = "00000000-0000-4000-8000-000000000000"
FORBID = f"{ONCE}: true\r\n"
WAIT_SECONDS = (0.5, 0.5, 1, 2, 2, 5)
TRIES = 60


class Refused(Exception):
    """The mailbox gave an answer that a runner could not go on with."""


@dataclass
class World:
    """What all machines share: connections, what was read and found good so far, the counts."""

    pool: Pool
    command_seconds: float = 0.0
    done: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    parsed: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    verified: dict[str, bytes] = field(default_factory=dict)

    async def get(self, url: str) -> tuple[int, bytes]:
        self.requests["GET"] += 1
        return await self.pool.request("GET", url)

    async def put(self, url: str, body: bytes, once: bool = False) -> None:
        self.requests["PUT"] += 1
        status, said = await self.pool.request("PUT", url, body, FORBID if once else "")
        if status != 200:
            raise Refused(f"PUT {url.partition('?')[0]}: {status} {said.decode()}")


async def act(world: World, instance_id: str, boot: Boot) -> None:
    """The whole life of one machine, up to `done`; raises Refused."""
    await _runner(world, boot)
    directory = await _directory(world, boot)
    slot = directory["slots"].get(instance_id)
    if slot is None or slot["kind"] != "run":
        raise Refused(f"{instance_id} has no run in the directory of {boot.launch}")
    await Hollow(world, directory, slot, instance_id, _prefix(boot)).run()


async def _runner(world: World, boot: Boot) -> None:
    """Every machine reads its runner; the digest of equal bytes is taken once."""
    status, runner = await world.get(boot.runner)
    if status == 200 and world.verified.get(boot.runner_sha256) == runner:
        return
    if status != 200 or hashlib.sha256(runner).hexdigest() != boot.runner_sha256:
        raise Refused(f"runner: {status}")
    world.verified[boot.runner_sha256] = runner


async def _directory(world: World, boot: Boot) -> Mapping[str, Any]:
    for attempt in range(TRIES):
        status, body = await world.get(boot.directory)
        if status == 200:
            # Every machine reads its directory; a hundred equal ones are decoded once.
            if boot.launch not in world.parsed:
                world.parsed[boot.launch] = orjson.loads(body)
            return world.parsed[boot.launch]
        if status != 404:
            raise Refused(f"directory of {boot.launch}: {status} {body[:200]!r}")
        await asyncio.sleep(WAIT_SECONDS[min(attempt, len(WAIT_SECONDS) - 1)])
    raise Refused(f"no directory of {boot.launch}")


def _prefix(boot: Boot) -> str:
    """`P` of the mailbox, out of the directory's own key."""
    path = urlsplit(boot.directory).path.lstrip("/")
    return path.removesuffix(f"dir/{boot.launch}")


class Hollow:
    """A run of one slot, in the order of the runner."""

    def __init__(
        self,
        world: World,
        directory: Mapping[str, Any],
        slot: Mapping[str, Any],
        instance_id: str,
        prefix: str,
    ) -> None:
        self._world = world
        self._write = Url(directory["host"], prefix, directory["put"])
        self._box = Url(directory["host"], prefix, directory["get"])(
            f"box/{slot['mid']}", slot["boxGet"]
        )
        self._every = directory.get("beat", BEAT_SECONDS)
        self._slot, self._run = slot, slot["run"]
        self._instance = instance_id
        self._rid = f"{slot['mid']}.{self._run['n']}"
        self._taken = time.monotonic()

    async def run(self) -> None:
        sig, path = self._run["sig"], self._run["A"]
        started: dict[str, Any] = {"mid": self._slot["mid"], "instance": self._instance}
        await self._beat(0)
        lock = {"v": PROTOCOL, **started, "nonce": self._rid, "boot": BOOT_ID}
        await self._put(f"{path}start", sig["start"], orjson.dumps(lock), once=True)
        if self._world.command_seconds:  # the runner says nothing of a command that ends at once
            await self._command()
        await self._beat(2)
        result = orjson.dumps(self._result())
        await self._put(f"{path}result.json", sig["result"], result, once=True)
        await self._put(f"done/{self._rid}", sig["done"], result, once=True)
        self._world.done += 1

    async def _command(self) -> None:
        left = self._world.command_seconds
        while left > 0:
            await self._beat(1)
            await self._world.get(self._box)  # mostly 404: there is nothing to say
            await asyncio.sleep(min(left, self._every))
            left -= self._every

    async def _beat(self, phase: int) -> None:
        line: dict[str, Any] = {"v": PROTOCOL, "mid": self._slot["mid"], "n": self._run["n"]}
        line |= {"p": phase, "rev": 0, "boot": BOOT_ID, "elapsed": self._elapsed()}
        line |= {"out": 0, "err": 0, "msg": ""}
        if phase == 2:
            line["exit"] = {"code": 0, "signal": None, "oom": False}
        body = orjson.dumps(line) + b"\n"
        await self._put(f"live/{self._rid}.{phase}", self._run["sig"]["live"][phase], body)

    async def _put(self, name: str, signature: str, body: bytes, once: bool = False) -> None:
        await self._world.put(self._write(name, signature, once), body, once)

    def _elapsed(self) -> float:
        return round(time.monotonic() - self._taken, 3)

    def _result(self) -> dict[str, Any]:
        end = self._elapsed()
        start = max(0.0, end - self._world.command_seconds)
        return {
            "v": PROTOCOL,
            "mid": self._slot["mid"],
            "n": self._run["n"],
            "A": self._run["A"],
            "outcome": "Succeeded",
            "reason": "Completed",
            "message": "",
            "exit": {"code": 0, "signal": None, "oom": False},
            "elapsed": {"setup": start, "start": start, "exit": end, "end": end},
            "usage": {"cpu": 0.0, "memory": 0},
            "outputs": {"state": "Skipped", "files": 0, "bytes": 0},
            "log": {"out": [], "err": []},
            "runner": VERSION,
        }
