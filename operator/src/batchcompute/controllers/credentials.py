"""Clouds by credential: the operator's own key, or a Secret with a copy of it (R18)."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any

from batchcompute.cloud.credential import Credential
from batchcompute.cloud.errors import RefusedError, ThrottledError
from batchcompute.cloud.port import Cloud
from batchcompute.cloud.tencent.client import TencentClient
from batchcompute.cloud.tencent.provider import TencentCloud
from batchcompute.kube.client import Client
from batchcompute.kube.errors import AlreadyExists, NotFound
from batchcompute.kube.resources import SECRETS
from batchcompute.kube.secrets import SecretReader, decode
from batchcompute.runtime.clock import Clock
from batchcompute.vocabulary import Label

log = logging.getLogger(__name__)


Data = Mapping[str, bytes]
Source = tuple[str, str]
"""Namespace and name of a user's Secret."""


class CredentialMissing(Exception):
    """Neither the Secret nor a copy of it is there."""


class Clouds:
    """``get`` gives the cloud of a credential and region; Secrets are read at every launch."""

    def __init__(
        self,
        own: Credential,
        tencent: TencentClient,
        client: Client,
        secrets: SecretReader,
        namespace: str,
        clock: Clock,
        *,
        in_use: Callable[[Source], bool] = lambda _: False,
    ) -> None:
        self._own = own
        self._in_use = in_use
        self._tencent = tencent
        self._client = client
        self._secrets = secrets
        self._namespace = namespace
        self._clock = clock
        self._copied: dict[str, Data] = {}
        self._foreign: dict[str, tuple[Data, Data]] = {}
        self._copies: set[str] = set()
        self._listed = False

    async def get(self, namespace: str, credential: str, region: str) -> Cloud:
        """``credential``: name of a Secret of ``namespace``, or "" for the operator's own key."""
        key = self._own
        if credential:
            key = _credential(await self._of_secret(namespace, credential, region))
        return self._cloud(key, region)

    def _cloud(self, key: Credential, region: str) -> Cloud:
        return TencentCloud(self._tencent, key, region, clock=self._clock)

    async def _of_secret(self, namespace: str, name: str, region: str) -> Data:
        data = await self._secrets.read(namespace, name)
        copy = copy_name(namespace, name)
        if data is None or "secretId" not in data or "secretKey" not in data:
            data = await self._read_copy(copy)
            if data is None:
                raise CredentialMissing(f"Secret {namespace}/{name} is gone and was never copied")
            return data
        if self._copied.get(copy) != data:
            kept = await self._kept(namespace, name, region, data)
            if kept is not None:
                return kept
            await self._write_copy(copy, namespace, name, data)
            self._copied[copy] = data
            self._copies.add(copy)
        return data

    async def _kept(self, namespace: str, name: str, region: str, data: Data) -> Data | None:
        """The copy that must stay although the Secret says something else: it alone can end the
        machines of its account (R18). ``None``: the Secret holds."""
        copy = copy_name(namespace, name)
        if not self._in_use((namespace, name)):
            self._foreign.pop(copy, None)
            return None
        refused, kept = self._foreign.get(copy, (None, None))
        if refused == data:
            return kept
        held = await self._read_copy(copy)
        if held is None or held == data or not await self._differs(held, data, region):
            return None
        log.warning(
            "Secret %s/%s is of another account, or of none: its old key is used until the last "
            "machine launched with it is gone",
            namespace,
            name,
        )
        self._foreign[copy] = data, held
        return held

    async def _differs(self, held: Data, data: Data, region: str) -> bool:
        """Whether the new key is of another account than the old one, which still works."""
        old = await self._account(held, region)
        return old is not None and await self._account(data, region) != old

    async def _account(self, data: Data, region: str) -> str | None:
        """Whose key it is; ``None`` when the cloud refuses it."""
        try:
            identity = await self._cloud(_credential(data), region).get_caller_identity()
        except ThrottledError:
            raise
        except RefusedError:
            return None
        return identity.account_id

    async def _read_copy(self, copy: str) -> Data | None:
        try:
            body = await self._client.get(SECRETS, self._namespace, copy)
        except NotFound:
            return None
        return decode(body.get("data") or {})

    async def _write_copy(self, copy: str, namespace: str, name: str, data: Data) -> None:
        body: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "namespace": self._namespace,
                "name": copy,
                "labels": {str(Label.COPY): "credential"},
                "annotations": {"batchcompute.io/copy-of": f"{namespace}/{name}"},
            },
            "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
        }
        try:
            await self._client.create(SECRETS, body)
        except AlreadyExists:
            before = await self._read_copy(copy) or {}
            gone = dict.fromkeys(before.keys() - data.keys())
            patch = {"data": {**gone, **body["data"]}}
            await self._client.merge_patch(SECRETS, self._namespace, copy, patch)

    async def unused(self, used: Collection[Source]) -> set[str]:
        """Names of the copies of credentials that are not in ``used``, whoever made them."""
        if not self._listed:
            async for page in self._client.pages(
                SECRETS, self._namespace, label_selector=f"{Label.COPY}=credential"
            ):
                self._copies.update(body["metadata"]["name"] for body in page.items)
            self._listed = True
        return self._copies - {copy_name(*source) for source in used}

    async def keep(self, used: Collection[Source]) -> None:
        """Delete all copies but these: no open launch names the others any more."""
        for copy in await self.unused(used):
            with contextlib.suppress(NotFound):
                await self._client.delete(SECRETS, self._namespace, copy)
            self._copies.discard(copy)
            self._copied.pop(copy, None)


def _credential(data: Data) -> Credential:
    token = data.get("token", b"").decode() or None
    return Credential(data["secretId"].decode(), data["secretKey"].decode(), token)


def copy_name(namespace: str, name: str) -> str:
    """Name of the copy in the operator's namespace."""
    digest = hashlib.sha256(f"{namespace}/{name}".encode()).hexdigest()
    return f"bc-credential-{digest[:16]}"
