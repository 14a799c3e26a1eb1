"""How a new leader takes the ledger over: list, append ``lead``, raise the floor (R2)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from batchcompute.ledger import codec, names, root, writes
from batchcompute.ledger.errors import Deposed, ForeignLedger
from batchcompute.ledger.records import Entry, Lead
from batchcompute.ledger.store import LOST, AlreadyExists, Conflict, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from batchcompute.ledger.records import Record
    from batchcompute.ledger.store import SecretStore, StoredSecret
    from batchcompute.ledger.writes import Backoff


@dataclass(frozen=True, slots=True)
class Listed:
    """One consistent listing of the ledger.

    ``zombies`` were created by a leader that had been replaced, and never acted upon.
    """

    root: root.Root
    root_secret: StoredSecret
    entries: tuple[Entry, ...]
    zombies: tuple[StoredSecret, ...]

    @property
    def head(self) -> int:
        return max((entry.seq for entry in self.entries), default=0)


async def read(
    store: SecretStore, owner: str, nonce: Callable[[], str], backoff: Backoff
) -> Listed:
    """A quorum listing; makes the root when there is none. Raises :class:`ForeignLedger`."""
    while True:
        secrets = await writes.list_all(store, backoff)
        found = next((s for s in secrets if s.name == names.ROOT_NAME), None)
        records = [s for s in secrets if root.is_record(s)]
        if found is not None:
            return _listed(owner, found, records)
        fresh = root.Root(owner=owner, birth=nonce(), intact=not records)
        try:
            await store.create(names.ROOT_NAME, root.encode(fresh), {codec.KIND_LABEL: "root"})
        except AlreadyExists:
            pass  # another process made it: list again
        except LOST:
            await backoff.wait()


def _listed(owner: str, found: StoredSecret, records: list[StoredSecret]) -> Listed:
    known = root.decode(found.data)
    if known.owner != owner:
        raise ForeignLedger(f"the ledger belongs to {known.owner}, this operator is {owner}")
    entries, zombies = [], []
    for secret in sorted(records, key=lambda s: s.name):
        record = codec.decode(secret.name, secret.data)
        if known.admits(record.seq, secret.uid):
            entries.append(entry_of(record, secret))
        else:
            zombies.append(secret)
    return Listed(known, found, tuple(entries), tuple(zombies))


def entry_of(record: Record, secret: StoredSecret) -> Entry:
    return Entry(record, secret.uid, secret.resource_version, secret.created)


async def take_over(
    store: SecretStore, owner: str, holder: str, nonce: Callable[[], str], backoff: Backoff
) -> Listed:
    """The ledger as this leader found it, its own ``lead`` record last.

    Raises :class:`Deposed` when yet another leader took over meanwhile.
    """
    while True:
        listed = await read(store, owner, nonce, backoff)
        lead = Lead(max(listed.head, listed.root.floor) + 1, nonce(), holder)
        try:
            secret = await writes.create(store, lead, backoff)
        except Deposed:
            continue  # the number was taken: list again
        entries = (*listed.entries, entry_of(lead, secret))
        raised = listed.root.raised(lead.seq, frozenset(entry.uid for entry in entries))
        saved = await _raise_floor(store, listed.root_secret, raised, backoff)
        return Listed(raised, saved, entries, listed.zombies)


async def _raise_floor(
    store: SecretStore, secret: StoredSecret, raised: root.Root, backoff: Backoff
) -> StoredSecret:
    while True:
        try:
            return await store.replace(replace(secret, data=root.encode(raised)))
        except NotFound:
            raise Deposed("the root of the ledger was deleted during the take-over") from None
        except LOST:
            await backoff.wait()
        except Conflict:
            pass
        again = await writes.get(store, names.ROOT_NAME, backoff)
        if again is None:
            raise Deposed("the root of the ledger was deleted during the take-over")
        standing = root.decode(again.data)
        if standing == raised:
            return again
        if standing.floor > raised.floor:
            raise Deposed(f"a later leader holds record {standing.floor}")
        secret = again
