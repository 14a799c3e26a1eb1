"""COS of the emulator behind its real front, on a port of its own, in a thread of the test."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from qcloud_cos import CosConfig, CosS3Client

from tencentcloud_emulator import catalogue
from tencentcloud_emulator.account import Account, Policy, Principal, Role
from tencentcloud_emulator.calls import CallLog
from tencentcloud_emulator.cos.service import Cos
from tencentcloud_emulator.faults import Fault, Faults
from tencentcloud_emulator.http import RawRequest
from tencentcloud_emulator.identity import build_account
from tencentcloud_emulator.server import Front
from tencentcloud_emulator.settings import Settings

T = TypeVar("T")
REGION = catalogue.HOME_REGION
BUCKET = catalogue.WORKSPACE_BUCKET
OTHER = catalogue.DATA_BUCKET
KEYS = {"operator": ("AKIDoperator", "operator-secret"), "user": ("AKIDuser", "user-secret")}


class ShiftedClock:
    """The host's clock, `shift` seconds on."""

    def __init__(self) -> None:
        self.shift = 0.0

    def now(self) -> float:
        return time.time() + self.shift

    def monotonic(self) -> float:
        return time.monotonic() + self.shift


class NoApi3:
    """Nothing but COS is served here."""

    async def handle(self, request: RawRequest) -> NoReturn:
        raise AssertionError(f"not for COS: {request.method} {request.target}")


class CosServer:
    """One emulated COS with the account's two buckets, and clients for it."""

    def __init__(self, directory: Path) -> None:
        rng = random.Random(7)
        self.clock, self.settings = ShiftedClock(), Settings()
        self.calls, self.faults = CallLog(), Faults()
        self.account: Account = build_account(KEYS, rng)
        self.cos = Cos(
            account=self.account,
            clock=self.clock,
            settings=self.settings,
            calls=self.calls,
            faults=self.faults,
            rng=rng,
            directory=directory,
            default_region=REGION,
        )
        for name, region in catalogue.build().buckets.items():
            self.cos.create_bucket(name, region)
        self.port = 0
        self.loop = asyncio.new_event_loop()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs it in the server's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def client(self, key: str | Principal = "operator", *, bucket: str = BUCKET) -> CosS3Client:
        """The SDK, path style: `http://127.0.0.1:<port>/<bucket>/<key>`."""
        return self._client(key, Domain=f"{self.address}/{bucket}")

    def client_at_names(self, key: str | Principal = "operator", region: str = REGION) -> Any:
        """The SDK, connected here, with the true host names in its requests."""
        return self._client(key, Region=region, IP="127.0.0.1", Port=self.port)

    def client_by_proxy(self, key: str | Principal = "operator", region: str = REGION) -> Any:
        """The SDK with this server as its HTTP proxy: true names in the request line too."""
        return self._client(key, Region=region, Proxies={"http": f"http://{self.address}"})

    def _client(self, key: str | Principal, **config: Any) -> CosS3Client:
        if isinstance(key, Principal):
            secret_id, secret_key, token = key.secret_id, key.secret_key, key.token
        else:
            (secret_id, secret_key), token = KEYS[key], None
        parts = CosConfig(
            SecretId=secret_id, SecretKey=secret_key, Token=token, Scheme="http", **config
        )
        return CosS3Client(parts, retry=0)

    def temporary(self, *statements: tuple[str, str], seconds: float = 3600.0) -> Principal:
        """A temporary key that may do what the (action, resource below the account) say."""
        policy = Policy.parse(
            {
                "version": "2.0",
                "statement": [
                    {
                        "effect": "allow",
                        "action": [f"name/cos:{action}"],
                        "resource": [f"qcs::cos:{REGION}:uid/{self.account.app_id}:{resource}"],
                    }
                    for action, resource in statements
                ],
            }
        )
        role = Role("test", policy)
        return self.account.assume(role, "session", None, seconds, self.clock.now())

    def fail(self, **fault: object) -> None:
        self.faults.add(Fault.parse(fault))

    def codes(self, action: str) -> list[str]:
        """The codes of this action's calls so far."""
        return [call.code for call in self.calls.since(0, action)]


@contextmanager
def serving(directory: Path) -> Iterator[CosServer]:
    """Starts one, and ends it with everything it has open."""
    server = CosServer(directory)
    thread = threading.Thread(target=server.loop.run_forever, name="cos")
    thread.start()
    try:
        front = Front(NoApi3(), server.cos, _no_metadata, lambda _: None)
        server.port = server.run(front.serve_tcp("127.0.0.1", 0))
        yield server
        server.run(front.close())
    finally:
        server.loop.call_soon_threadsafe(server.loop.stop)
        thread.join(10)
        server.loop.run_until_complete(server.loop.shutdown_default_executor())
        server.loop.close()


async def _no_metadata(*_: object) -> NoReturn:
    raise AssertionError("no machine asks here")
