"""Single writes to the store, carried through lost replies to a certain end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from batchcompute.ledger import codec, names, root
from batchcompute.ledger.errors import Deposed
from batchcompute.ledger.store import LOST, AlreadyExists, Conflict, NotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from batchcompute.ledger.records import Record
    from batchcompute.ledger.store import SecretStore, StoredSecret

FIRST_DELAY = 0.1
LAST_DELAY = 5.0


@dataclass(slots=True)
class Backoff:
    """Waits between repeats: 0.1 s doubling to 5 s. Losing the Lease ends the process."""

    sleep: Callable[[float], Awaitable[object]]
    delay: float = FIRST_DELAY

    async def wait(self) -> None:
        await self.sleep(self.delay)
        self.delay = min(2 * self.delay, LAST_DELAY)


async def list_all(store: SecretStore, backoff: Backoff) -> list[StoredSecret]:
    while True:
        try:
            return await store.list()
        except LOST:
            await backoff.wait()


async def get(store: SecretStore, name: str, backoff: Backoff) -> StoredSecret | None:
    """``None`` when there certainly is no such Secret."""
    while True:
        try:
            return await store.get(name)
        except NotFound:
            return None
        except LOST:
            await backoff.wait()


async def read_root(store: SecretStore, backoff: Backoff) -> root.Root | None:
    secret = await get(store, names.ROOT_NAME, backoff)
    return None if secret is None else root.decode(secret.data)


async def create(store: SecretStore, record: Record, backoff: Backoff) -> StoredSecret:
    """Create a record; after a lost reply its nonce tells whether it is there (section 3, 3).

    Raises :class:`Deposed` when the number belongs to somebody else.
    """
    name, data = names.secret_name(record.seq), codec.encode(record)
    labels = {codec.KIND_LABEL: codec.kind_of(record)}
    while True:
        try:
            return await store.create(name, data, labels)
        except AlreadyExists:
            taken = True
        except LOST:
            taken = False
            await backoff.wait()
        found = await get(store, name, backoff)
        if found is not None and codec.decode(name, found.data).nonce == record.nonce:
            return found
        if found is not None or taken:
            raise Deposed(f"record {record.seq} was written by another leader")


async def delete(store: SecretStore, name: str, uid: str, backoff: Backoff) -> None:
    """Delete exactly that Secret; one that is gone, or has another uid, is no matter."""
    while True:
        try:
            await store.delete(name, uid)
        except LOST:
            await backoff.wait()
        except (Conflict, NotFound):
            return
        else:
            return
