"""The ledger's Secrets over the Kubernetes API: a ``batchcompute.ledger.store.SecretStore``."""

from __future__ import annotations

import base64
import contextlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

import aiohttp

from batchcompute.kube import errors
from batchcompute.kube.resources import SECRETS
from batchcompute.kube.secrets import decode
from batchcompute.kube.transport import NOT_SENT
from batchcompute.ledger.codec import FINALIZER, SECRET_TYPE
from batchcompute.ledger.store import AlreadyExists, Conflict, NotFound, StoredSecret, Unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from batchcompute.kube.client import Client

TYPE_SELECTOR = f"type={SECRET_TYPE}"
PAGE = 100  # of Secrets of up to 768 KiB each


class LedgerSecretStore:
    """Secrets of type ``batchcompute.io/ledger`` in one namespace. No cache: every read is a
    quorum read, every write compares and swaps (R2)."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    async def list(self) -> list[StoredSecret]:
        """Raises Unknown when the server cannot be reached; a list cut by age starts again."""
        while True:
            found: list[StoredSecret] = []
            with _translated("list"):
                try:
                    async for page in self._client.pages(
                        SECRETS, self._namespace, limit=PAGE, field_selector=TYPE_SELECTOR
                    ):
                        found += [_stored(body) for body in page.items]
                except errors.Gone:
                    continue
            return found

    async def get(self, name: str) -> StoredSecret:
        with _translated(name):
            return _stored(await self._client.get(SECRETS, self._namespace, name))

    async def create(
        self, name: str, data: Mapping[str, bytes], labels: Mapping[str, str]
    ) -> StoredSecret:
        meta = {
            "name": name,
            "namespace": self._namespace,
            "labels": dict(labels),
            "finalizers": [FINALIZER],
        }
        with _translated(name):
            return _stored(await self._client.create(SECRETS, _body(meta, data)))

    async def replace(self, secret: StoredSecret) -> StoredSecret:
        meta = {
            "name": secret.name,
            "namespace": self._namespace,
            "uid": secret.uid,
            "resourceVersion": secret.resource_version,
            "labels": dict(secret.labels),
            "finalizers": list(secret.finalizers),
        }
        with _translated(secret.name):
            return _stored(await self._client.replace(SECRETS, _body(meta, secret.data)))

    async def delete(self, name: str, uid: str) -> None:
        """Mark it deleted, then take the finalizer off: what dies between is finished by the next
        call. Removing the finalizer first would leave a record that anybody may delete."""
        with contextlib.suppress(NotFound), _translated(name):
            await self._client.delete(SECRETS, self._namespace, name, uid=uid)
            await self._client.merge_patch(
                SECRETS, self._namespace, name, {"metadata": {"finalizers": None}}, uid=uid
            )


def _body(meta: dict[str, Any], data: Mapping[str, bytes]) -> dict[str, Any]:
    return {
        "apiVersion": SECRETS.api_version,
        "kind": SECRETS.kind,
        "type": SECRET_TYPE,
        "metadata": meta,
        "data": {name: base64.b64encode(value).decode() for name, value in data.items()},
    }


def _stored(body: dict[str, Any]) -> StoredSecret:
    meta = body["metadata"]
    return StoredSecret(
        name=meta["name"],
        uid=meta["uid"],
        resource_version=meta["resourceVersion"],
        created=datetime.fromisoformat(meta["creationTimestamp"]).timestamp(),
        data=decode(body.get("data") or {}),
        labels=meta.get("labels") or {},
        finalizers=tuple(meta.get("finalizers") or ()),
        deleting="deletionTimestamp" in meta,
    )


@contextlib.contextmanager
def _translated(what: str) -> Iterator[None]:
    """The client's errors as the store's; other refusals pass (certainly nothing happened)."""
    try:
        yield
    except errors.NotFound as error:
        raise NotFound(str(error)) from None
    except errors.AlreadyExists as error:
        raise AlreadyExists(str(error)) from None
    except errors.Conflict as error:
        raise Conflict(str(error)) from None
    except NOT_SENT:
        raise
    except (errors.OutcomeUnknown, aiohttp.ClientError, TimeoutError) as error:
        raise Unknown(f"{what}: {type(error).__name__}: {error}") from None
