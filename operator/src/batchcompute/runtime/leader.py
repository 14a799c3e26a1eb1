"""Leader election on a Lease: at most one replica works, and an ended one hands over at once."""

from __future__ import annotations

import logging
import math
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any

import aiohttp

from batchcompute.kube.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    NotFound,
    OutcomeUnknown,
)
from batchcompute.kube.resources import LEASES

if TYPE_CHECKING:
    from collections.abc import Callable

    from batchcompute.kube.client import Client
    from batchcompute.runtime.clock import Clock
    from batchcompute.runtime.metrics import Metrics

log = logging.getLogger(__name__)

LEASE_SECONDS = 15.0
GIVE_UP_SECONDS = 10.0  # below the lease: the old leader is gone before a new one may be
RENEW_SECONDS = 2.0
TRANSIENT = (ApiError, OutcomeUnknown, aiohttp.ClientError, TimeoutError)


class Elector:
    """Holds the Lease ``namespace/name`` as ``identity``.

    A lease counts as expired when *this* process has seen it unchanged for its duration by its own
    monotonic clock; nobody's wall clock is compared. A lease that this identity still holds (a
    setting, or the pod's name) is taken at once: a restart waits for nobody. What an overlap may
    do is bounded by the ledger, not by this class (R2).
    """

    def __init__(
        self,
        client: Client,
        namespace: str,
        name: str,
        identity: str,
        *,
        clock: Clock,
        lease_seconds: float = LEASE_SECONDS,
        renew_seconds: float = RENEW_SECONDS,
        give_up_seconds: float = GIVE_UP_SECONDS,
        metrics: Metrics | None = None,
        rng: Random | None = None,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self.identity = identity
        self._clock = clock
        self._lease_seconds = math.ceil(lease_seconds)
        self._renew_seconds = renew_seconds
        self._give_up_seconds = give_up_seconds
        self._gauge = metrics.leader.labels(name) if metrics else None
        self._rng = rng or Random()  # noqa: S311 - jitter
        self._seen_version = ""
        self._seen_at = 0.0
        self._held: dict[str, Any] | None = None

    @property
    def is_leader(self) -> bool:
        return self._held is not None

    async def acquire(self) -> None:
        """Return once the lease is ours. Errors of the API server are waited out."""
        waiting_for = None
        while True:
            try:
                holder = await self._try()
                if holder is None:
                    self._set_leader(True)
                    log.info("%s leads (lease %s)", self.identity, self._name)
                    return
                if holder != waiting_for:
                    log.info("lease %s is held by %s; waiting", self._name, holder)
                    waiting_for = holder
            except TRANSIENT as error:
                log.warning("lease %s: %s: %s", self._name, type(error).__name__, error)
            await self._pause()

    async def keep(self, lost: Callable[[str], None]) -> None:
        """Renew until that has failed for 10 s or another holds the lease; then ``lost(why)``."""
        renewed = self._clock.monotonic()
        while True:
            await self._pause()
            started = self._clock.monotonic()
            why = ""
            try:
                holder = await self._try()
                if holder is None:
                    renewed = started
                    continue
                why, renewed = f"lease {self._name} is held by {holder}", float("-inf")
            except TRANSIENT as error:
                why = f"lease {self._name} not renewed: {type(error).__name__}: {error}"
                log.warning(why)
            if self._clock.monotonic() - renewed > self._give_up_seconds:
                self._set_leader(False)
                return lost(why)

    async def release(self) -> None:
        """Empty the holder, so that the next replica need not wait; errors are only logged."""
        held = self._held
        self._set_leader(False)
        if held is None:
            return
        held["spec"]["holderIdentity"] = ""
        held["spec"]["renewTime"] = _micro_time(self._clock.now())
        try:
            await self._client.replace(LEASES, held)
        except TRANSIENT as error:
            log.warning("lease %s not released: %s", self._name, error)

    async def _try(self) -> str | None:
        """Take or renew the lease. ``None``: it is ours; else who holds it."""
        try:
            lease = await self._client.get(LEASES, self._namespace, self._name)
        except NotFound:
            return await self._create()
        version = lease["metadata"]["resourceVersion"]
        if version != self._seen_version:
            self._seen_version, self._seen_at = version, self._clock.monotonic()
        spec = lease.setdefault("spec", {})
        holder = spec.get("holderIdentity") or ""
        if holder not in ("", self.identity) and not self._expired(spec):
            return str(holder)
        now = _micro_time(self._clock.now())
        if holder != self.identity or self._held is None:
            spec["acquireTime"] = now
            spec["leaseTransitions"] = (spec.get("leaseTransitions") or 0) + 1
        spec |= {
            "holderIdentity": self.identity,
            "renewTime": now,
            "leaseDurationSeconds": self._lease_seconds,
        }
        try:
            self._held = await self._client.replace(LEASES, lease)
        except Conflict:
            return "another replica (it was faster)"
        return None

    async def _create(self) -> str | None:
        now = _micro_time(self._clock.now())
        body = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"namespace": self._namespace, "name": self._name},
            "spec": {
                "holderIdentity": self.identity,
                "acquireTime": now,
                "renewTime": now,
                "leaseDurationSeconds": self._lease_seconds,
                "leaseTransitions": 0,
            },
        }
        try:
            self._held = await self._client.create(LEASES, body)
        except AlreadyExists:
            return "another replica (it was faster)"
        return None

    def _expired(self, spec: dict[str, Any]) -> bool:
        duration = float(spec.get("leaseDurationSeconds") or self._lease_seconds)
        return self._clock.monotonic() - self._seen_at > duration

    def _set_leader(self, leading: bool) -> None:
        if not leading:
            self._held = None
        if self._gauge:
            self._gauge.set(1 if leading else 0)

    async def _pause(self) -> None:
        await self._clock.sleep(self._renew_seconds * (0.9 + 0.2 * self._rng.random()))


def _micro_time(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
