"""The two narrow signers of the mailbox and the keys of user paths: all made by STS (R10, R22)."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from batchcompute.cloud.credential import Credential
from batchcompute.runtime.clock import Clock
from batchcompute.settings import Signer, Workspace

log = logging.getLogger(__name__)

SIGNER_SECONDS = 12 * 3600
"""AssumeRole's longest; renewed at half of it (protocols.md, R10)."""
DATA_SECONDS = 12 * 3600
RETRY_SECONDS = 30.0

Policy = Mapping[str, Any]
Maker = Callable[[str, Policy, int], Awaitable[Credential]]
"""``make(session name, policy, seconds)``: temporary keys that this policy narrows."""


class SignerError(Exception):
    """There is no narrow signer; the text says which setting mends it."""


class NarrowSigners:
    """``put`` and ``get``: what may sign for machines, and nothing else may."""

    def __init__(
        self,
        workspace: Workspace,
        policies: Mapping[str, Policy],
        *,
        assume: Callable[[str, str, Policy, int], Awaitable[Credential]],
        federate: Maker,
        secret: Callable[[str], Awaitable[Credential]],
        clock: Clock,
    ) -> None:
        self._configured = {"put": workspace.put_signer, "get": workspace.get_signer}
        self._policies = policies
        self._assume = assume
        self._federate = federate
        self._secret = secret
        self._clock = clock
        self._made: dict[str, tuple[Credential, float]] = {}

    @property
    def put(self) -> Credential:
        return self._made["put"][0]

    @property
    def get(self) -> Credential:
        return self._made["get"][0]

    async def open(self) -> None:
        """Make both; :class:`SignerError` when the operator may not."""
        for name in ("put", "get"):
            try:
                await self._renew(name)
            except Exception as error:
                raise SignerError(
                    f"no signer to {name} objects of the workspace could be made ({error}): set "
                    f"workspace.{name}Signer to a role that the operator's key may assume, or to "
                    "a Secret with a sub-user's key"
                ) from error

    async def run(self) -> None:
        """Renew each at half of its life, for ever."""
        while True:
            due = min(self._half(credential, made) for credential, made in self._made.values())
            await self._clock.sleep(min(3600.0, max(1.0, due - self._clock.now())))
            for name, (credential, made) in list(self._made.items()):
                if self._clock.now() >= self._half(credential, made):
                    await self._try(name)

    async def _try(self, name: str) -> None:
        try:
            await self._renew(name)
        except Exception as error:
            log.warning("renewing the %s signer failed, again soon: %s", name, error)
            await self._clock.sleep(RETRY_SECONDS)

    async def _renew(self, name: str) -> None:
        self._made[name] = await self._make(name, self._configured[name]), self._clock.now()

    async def _make(self, name: str, signer: Signer | None) -> Credential:
        policy = self._policies[name]
        if signer is None:
            return await self._federate(f"batchcompute{name}", policy, SIGNER_SECONDS)
        if signer.secret_name is not None:
            return await self._secret(signer.secret_name)
        assert signer.role_arn is not None
        return await self._assume(signer.role_arn, f"batchcompute-{name}", policy, SIGNER_SECONDS)

    def _half(self, credential: Credential, made: float) -> float:
        if credential.expires is None:
            return self._clock.now() + 3600.0
        return made + (credential.expires - made) / 2


class DataKeys:
    """Temporary keys narrowed to declared paths, shared by all instances of a task (R22)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made: dict[str, tuple[Credential, float]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def get(self, account: str, policy: Policy, make: Maker) -> Credential:
        """Keys with at least half of their life left; one STS call however many ask."""
        text = json.dumps([account, policy], sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()
        async with self._locks.setdefault(key, asyncio.Lock()):
            found = self._made.get(key)
            if found is None or self._stale(*found):
                credential = await make("batchcomputedata", policy, DATA_SECONDS)
                self._made[key] = found = credential, self._clock.now()
                self._drop_expired()
            return found[0]

    def _drop_expired(self) -> None:
        now = self._clock.now()
        for key, (credential, _) in list(self._made.items()):
            if credential.expires is not None and credential.expires < now:
                del self._made[key]
        for key in self._locks.keys() - self._made.keys():
            if not self._locks[key].locked():
                del self._locks[key]

    def _stale(self, credential: Credential, made: float) -> bool:
        if credential.expires is None:
            return False
        return self._clock.now() >= made + (credential.expires - made) / 2


def data_policy(
    app_id: str, region: str, reads: list[tuple[str, str]], writes: list[tuple[str, str]]
) -> Policy:
    """What a task may do with its declared paths: ``(bucket, prefix)`` of inputs and outputs."""
    statements = []
    if reads:
        statements.append(
            {
                "effect": "allow",
                "action": ["name/cos:GetObject", "name/cos:HeadObject", "name/cos:GetBucket"],
                "resource": [_resource(app_id, region, *path) for path in sorted(reads)],
            }
        )
    if writes:
        statements.append(
            {
                "effect": "allow",
                "action": [
                    "name/cos:PutObject",
                    "name/cos:HeadObject",
                    "name/cos:InitiateMultipartUpload",
                    "name/cos:UploadPart",
                    "name/cos:ListParts",
                    "name/cos:CompleteMultipartUpload",
                    "name/cos:AbortMultipartUpload",
                ],
                "resource": [_resource(app_id, region, *path) for path in sorted(writes)],
            }
        )
    return {"version": "2.0", "statement": statements}


def _resource(app_id: str, region: str, bucket: str, prefix: str) -> str:
    return f"qcs::cos:{region}:uid/{app_id}:{bucket}/{prefix}*"
