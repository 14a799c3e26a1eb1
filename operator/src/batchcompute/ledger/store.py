"""What the ledger asks of the API server: Secrets of one namespace, by compare-and-swap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class StoreError(Exception):
    """Base of what a :class:`SecretStore` raises."""


class AlreadyExists(StoreError):
    """409 on create: the name is taken."""


class Conflict(StoreError):
    """409 on replace or delete: the resourceVersion is no longer that one."""


class NotFound(StoreError):
    """404: there is no such Secret."""


class Unknown(StoreError):
    """The reply was lost: the effect may or may not have happened, or may yet happen."""


LOST = (Unknown, OSError)  # OSError: the server cannot be reached now; asking again is right


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """A Secret as read. ``created`` is Unix seconds; ``repr`` shows no data."""

    name: str
    uid: str
    resource_version: str
    created: float
    data: Mapping[str, bytes]
    labels: Mapping[str, str]
    finalizers: tuple[str, ...] = ()
    deleting: bool = False

    def __repr__(self) -> str:
        return f"StoredSecret({self.name}@{self.resource_version})"


class SecretStore(Protocol):
    """Secrets of the ledger in the operator's namespace, type ``batchcompute.io/ledger``.

    Every method raises :class:`Unknown` when the reply is lost, ``OSError`` when the server
    was never reached, and any other exception only when certainly nothing happened (a refusal).
    """

    async def list(self) -> list[StoredSecret]:
        """All of them in one consistent quorum read (resourceVersion unset), root included."""

    async def get(self, name: str) -> StoredSecret:
        """A quorum read. Raises :class:`NotFound`."""

    async def create(
        self, name: str, data: Mapping[str, bytes], labels: Mapping[str, str]
    ) -> StoredSecret:
        """With the ledger's finalizer. Raises :class:`AlreadyExists`."""

    async def replace(self, secret: StoredSecret) -> StoredSecret:
        """Data, labels and finalizers under ``secret.resource_version``; uid must be the same.

        Raises :class:`Conflict`, :class:`NotFound`.
        """

    async def delete(self, name: str, uid: str) -> None:
        """With a uid precondition, then without the finalizer. Gone already is success.

        Raises :class:`Conflict` when the name now belongs to another uid.
        """
