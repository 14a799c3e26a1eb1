"""The emulator put together: one account's cloud behind one front and one control port."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import random
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from . import catalogue, identity
from .api3.dispatch import Api3
from .api3.handlers import HANDLERS
from .calls import CallLog
from .clock import Clock, SystemClock, Timers
from .cloud import Cloud
from .control import Control
from .cos.service import Cos
from .faults import Faults
from .fleet import Fleet
from .machines.runtime import open_runtime
from .metadata import Metadata
from .network import Addresses
from .server import Front
from .settings import Settings


@dataclass(frozen=True, slots=True)
class Config:
    """How it is started. Ports 0 are free ones."""

    state_dir: Path
    port: int = 0
    control_port: int = 0
    light: bool = False
    settings: Settings = field(default_factory=Settings)


def claim(state_dir: Path) -> IO[bytes]:
    """Makes the directory, and this process its only user while the file returned is open."""
    state_dir.mkdir(parents=True, exist_ok=True)
    lock = (state_dir / "lock").open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise OSError(f"another emulator uses {state_dir}") from error
    return lock


class Emulator:
    """Serves from `start` to `close`."""

    def __init__(self, config: Config, clock: Clock | None = None) -> None:
        self._config = config
        self._clock = clock or SystemClock()
        self._rng = random.SystemRandom()
        self._claim = claim(config.state_dir)
        self._keys = identity.load_keys(config.state_dir, self._rng)
        self.endpoint = self.control_endpoint = ""
        self._build()

    def _build(self) -> None:
        config, clock = self._config, self._clock
        world = catalogue.build()
        account = identity.build_account(self._keys, self._rng)
        settings, timers = replace(config.settings), Timers(clock)
        addresses = Addresses(world.subnets)
        self.cloud = Cloud(
            account=account,
            catalogue=world,
            clock=clock,
            timers=timers,
            settings=settings,
            addresses=addresses,
            fleet=Fleet(clock, timers, settings, addresses),
            rng=random.Random(self._rng.getrandbits(64)),  # noqa: S311 (ids, no secrets)
            calls=CallLog(),
            faults=Faults(),
        )
        self.cos = Cos(
            account=account,
            clock=clock,
            settings=settings,
            calls=self.cloud.calls,
            faults=self.cloud.faults,
            rng=self.cloud.rng,
            directory=config.state_dir / "objects",
            default_region=catalogue.HOME_REGION,
        )
        self._make_buckets()
        self.api3 = Api3(self.cloud, HANDLERS)
        metadata = Metadata(account, clock)
        self.front = Front(self.api3, self.cos, metadata.handle, self.cloud.fleet.find)
        self._control = Control(self.cloud, self.reset)

    async def start(self) -> None:
        """Makes ready what machines need, then listens on both ports."""
        if not self._config.light:
            self.cloud.fleet.runtime = await open_runtime(self._config.state_dir, self.front)
        self.cloud.timers.attach(asyncio.get_running_loop())
        port = await self.front.serve_tcp("127.0.0.1", self._config.port)
        control = await self._control.serve("127.0.0.1", self._config.control_port)
        self.endpoint = f"http://127.0.0.1:{port}"
        self.control_endpoint = f"http://127.0.0.1:{control}"

    async def reset(self) -> None:
        """Everything as at the start: no instance, no object, no fault, no call; the same keys."""
        cloud = self.cloud
        await cloud.fleet.reset()
        self.cos.reset()
        self._make_buckets()
        self.api3.limits.clear()
        cloud.tokens.forget()
        cloud.account.forget_temporary()
        cloud.faults.clear()
        cloud.settings.change(self._config.settings.as_json())
        cloud.calls.clear()

    async def close(self) -> None:
        """Ends every machine, then stops listening."""
        await self.cloud.fleet.close()
        await self._control.close()
        await self.front.close()
        self._claim.close()

    def ready(self) -> dict[str, object]:
        """What the ready file tells."""
        cloud = self.cloud
        operator, user = self._keys[identity.OPERATOR], self._keys[identity.USER]
        return {
            "pid": os.getpid(),
            "endpoint": self.endpoint,
            "control": self.control_endpoint,
            "secretId": operator[0],
            "secretKey": operator[1],
            "userSecretId": user[0],
            "userSecretKey": user[1],
            "appId": catalogue.APP_ID,
            "uin": catalogue.UIN,
            "region": catalogue.HOME_REGION,
            "regions": list(cloud.catalogue.regions),
            "zones": list(cloud.catalogue.zones),
            "workspaceBucket": catalogue.WORKSPACE_BUCKET,
            "dataBucket": catalogue.DATA_BUCKET,
            "roles": {name: cloud.account.role_arn(name) for name in cloud.account.roles},
            "machines": "light" if self._config.light else "real",
        }

    def write_ready(self, path: Path) -> None:
        """Writes the ready file whole or not at all; it holds keys, so for its owner only."""
        new = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(self.ready(), file, indent=1)
        new.rename(path)

    def _make_buckets(self) -> None:
        for bucket, region in self.cloud.catalogue.buckets.items():
            self.cos.create_bucket(bucket, region)
