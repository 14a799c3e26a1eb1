"""An in-memory :class:`SecretStore` that behaves as the API server does, and fails on demand."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeVar

from batchcompute.ledger.store import AlreadyExists, Conflict, NotFound, StoredSecret, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")
FINALIZER = "batchcompute.io/ledger"
How = Literal["lost request", "lost reply", "late", "pause", "refused"]


@dataclass
class Fault:
    """What happens to the next call of ``verb``.

    ``lost request``: no effect, no reply. ``lost reply``: the effect, no reply. ``late``: no
    reply, the effect at :meth:`SecretMemory.deliver`. ``pause``: before the effect, until ``go``.
    ``refused``: nobody listens, no effect.
    """

    verb: str
    how: How
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)


class SecretMemory:
    """One namespace of ledger Secrets; any number of ledgers may share it."""

    def __init__(self, now: Callable[[], float] = lambda: 0.0) -> None:
        self.secrets: dict[str, StoredSecret] = {}
        self.calls: list[tuple[str, str]] = []
        self._faults: deque[Fault] = deque()
        self._late: list[Callable[[], object]] = []
        self._numbers = itertools.count(1)
        self._now = now

    def fault(self, verb: str, how: How) -> Fault:
        """Arrange for the next call of ``verb`` that no earlier fault takes."""
        self._faults.append(one := Fault(verb, how))
        return one

    def deliver(self) -> None:
        """Requests that were late arrive; what they would answer goes to nobody."""
        for effect in self._late:
            try:
                effect()
            except (AlreadyExists, Conflict, NotFound):
                continue
        self._late.clear()

    async def list(self) -> list[StoredSecret]:
        return await self._call("list", "", lambda: [*self.secrets.values()])

    async def get(self, name: str) -> StoredSecret:
        return await self._call("get", name, lambda: self._read(name))

    async def create(
        self, name: str, data: Mapping[str, bytes], labels: Mapping[str, str]
    ) -> StoredSecret:
        return await self._call("create", name, lambda: self._create(name, data, labels))

    async def replace(self, secret: StoredSecret) -> StoredSecret:
        return await self._call("replace", secret.name, lambda: self._replace(secret))

    async def delete(self, name: str, uid: str) -> None:
        return await self._call("delete", name, lambda: self._delete(name, uid))

    async def _call(self, verb: str, name: str, effect: Callable[[], T]) -> T:
        self.calls.append((verb, name))
        fault = next((f for f in self._faults if f.verb == verb), None)
        if fault is None:
            return effect()
        self._faults.remove(fault)
        fault.reached.set()
        if fault.how == "pause":
            await fault.go.wait()
            return effect()
        if fault.how == "refused":
            raise ConnectionRefusedError(f"{verb} {name}")
        if fault.how == "lost reply":
            effect()
        elif fault.how == "late":
            self._late.append(effect)
        raise Unknown(f"{verb} {name}: connection reset")

    def _read(self, name: str) -> StoredSecret:
        if name not in self.secrets:
            raise NotFound(name)
        return self.secrets[name]

    def _create(
        self, name: str, data: Mapping[str, bytes], labels: Mapping[str, str]
    ) -> StoredSecret:
        if name in self.secrets:
            raise AlreadyExists(name)
        n = next(self._numbers)
        made = StoredSecret(
            name, f"uid-{n}", str(n), self._now(), dict(data), dict(labels), (FINALIZER,)
        )
        self.secrets[name] = made
        return made

    def _replace(self, secret: StoredSecret) -> StoredSecret:
        standing = self._read(secret.name)
        if (standing.uid, standing.resource_version) != (secret.uid, secret.resource_version):
            raise Conflict(secret.name)
        made = replace(secret, resource_version=str(next(self._numbers)))
        self.secrets[secret.name] = made
        return made

    def _delete(self, name: str, uid: str) -> None:
        if self._read(name).uid != uid:
            raise Conflict(name)
        del self.secrets[name]
