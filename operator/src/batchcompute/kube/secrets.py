"""Users' Secrets, read by name when needed; never listed, watched or cached."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from typing import TYPE_CHECKING

import aiohttp

from batchcompute.kube.errors import ApiError, NotFound
from batchcompute.kube.resources import SECRETS

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from batchcompute.kube.client import Client
    from batchcompute.runtime.clock import Clock

log = logging.getLogger(__name__)

MISSING_SECONDS = 1.0  # api.md: what waits for a Secret is accepted within a second of it

Name = tuple[str, str]


class SecretReader:
    """``read`` gives a Secret's data, or ``None`` when it is missing.

    Callers that ask at the same time share one GET. A missing Secret is asked for again once a
    second, by :meth:`run`, for as long as somebody waits; when it appears every waiter is woken
    once. So it costs one GET a second, however many Jobs name it.
    """

    def __init__(self, client: Client, wake: Callable[[Hashable], None], *, clock: Clock) -> None:
        self._client = client
        self._wake = wake
        self._clock = clock
        self._flights: dict[Name, asyncio.Task[Mapping[str, bytes] | None]] = {}
        self._waiters: dict[Name, set[Hashable]] = {}
        self._missing_at: dict[Name, float] = {}
        self._wanted = asyncio.Event()

    async def read(
        self, namespace: str, name: str, *, waiter: Hashable | None = None
    ) -> Mapping[str, bytes] | None:
        """The decoded data. A ``waiter`` is given to ``wake`` when a missing one has appeared.

        Raises ApiError other than NotFound.
        """
        key = (namespace, name)
        data = None if self._known_missing(key) else await self._shared(key)
        if data is None and waiter is not None:
            self._waiters.setdefault(key, set()).add(waiter)
            self._wanted.set()
        return data

    def forget(self, waiter: Hashable) -> None:
        """That waiter no longer waits for anything."""
        for key in [key for key, waiters in self._waiters.items() if waiter in waiters]:
            self._waiters[key].discard(waiter)
            if not self._waiters[key]:
                del self._waiters[key]

    async def run(self) -> None:
        """Ask again for what is missing and waited for, for ever."""
        while True:
            await self._wanted.wait()
            await self._clock.sleep(MISSING_SECONDS)
            await asyncio.gather(*(self._look(key) for key in list(self._waiters)))
            if not self._waiters:
                self._wanted.clear()
                self._missing_at.clear()

    async def _look(self, key: Name) -> None:
        try:
            found = await self._shared(key) is not None
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            log.info("Secret %s/%s: %s", *key, error)
            return
        if found:
            for waiter in self._waiters.pop(key, set()):
                self._wake(waiter)

    def _known_missing(self, key: Name) -> bool:
        """True while :meth:`run` looks after this key and asked less than a second ago."""
        asked = self._missing_at.get(key)
        fresh = asked is not None and self._clock.monotonic() - asked < MISSING_SECONDS
        return fresh and key in self._waiters

    async def _shared(self, key: Name) -> Mapping[str, bytes] | None:
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.get_running_loop().create_task(self._fetch(key))
            self._flights[key] = flight
            flight.add_done_callback(lambda _: self._flights.pop(key, None))
        return await asyncio.shield(flight)

    async def _fetch(self, key: Name) -> Mapping[str, bytes] | None:
        try:
            body = await self._client.get(SECRETS, *key)
        except NotFound:
            self._missing_at[key] = self._clock.monotonic()
            return None
        self._missing_at.pop(key, None)
        return decode(body.get("data") or {})


def decode(data: Mapping[str, str]) -> dict[str, bytes]:
    """The values of a Secret as bytes."""
    try:
        return {name: base64.b64decode(value or "") for name, value in data.items()}
    except binascii.Error:
        raise ValueError("a Secret whose data is not base64") from None
