"""Clouds by credential: the operator's own key, or a Secret with a copy of it (R18)."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import logging
from collections.abc import Collection, Mapping

from batchcompute.cloud.credential import Credential
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
    ) -> None:
        self._own = own
        self._tencent = tencent
        self._client = client
        self._secrets = secrets
        self._namespace = namespace
        self._clock = clock
        self._copied: dict[str, Mapping[str, bytes]] = {}
        self._copies: set[str] = set()
        self._listed = False

    async def get(self, namespace: str, credential: str, region: str) -> Cloud:
        """``credential``: name of a Secret of ``namespace``, or "" for the operator's own key."""
        key = self._own if not credential else await self._of_secret(namespace, credential)
        return TencentCloud(self._tencent, key, region, clock=self._clock)

    async def _of_secret(self, namespace: str, name: str) -> Credential:
        data = await self._secrets.read(namespace, name)
        copy = copy_name(namespace, name)
        if data is None or "secretId" not in data or "secretKey" not in data:
            data = await self._read_copy(copy)
            if data is None:
                raise CredentialMissing(f"Secret {namespace}/{name} is gone and was never copied")
        elif self._copied.get(copy) != data:
            await self._write_copy(copy, namespace, name, data)
            self._copied[copy] = data
            self._copies.add(copy)
        token = data.get("token", b"").decode() or None
        return Credential(data["secretId"].decode(), data["secretKey"].decode(), token)

    async def _read_copy(self, copy: str) -> Mapping[str, bytes] | None:
        try:
            body = await self._client.get(SECRETS, self._namespace, copy)
        except NotFound:
            return None
        return decode(body.get("data") or {})

    async def _write_copy(
        self, copy: str, namespace: str, name: str, data: Mapping[str, bytes]
    ) -> None:
        body = {
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
            patch = {"data": body["data"]}
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


def copy_name(namespace: str, name: str) -> str:
    """Name of the copy in the operator's namespace."""
    digest = hashlib.sha256(f"{namespace}/{name}".encode()).hexdigest()
    return f"bc-credential-{digest[:16]}"
