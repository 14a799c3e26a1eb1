"""The ledger of one leader: take over, append, transitions by compare-and-swap, closing."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from batchcompute.core import launching
from batchcompute.ledger import codec, names, takeover, writes
from batchcompute.ledger.errors import Deposed
from batchcompute.ledger.index import LedgerIndex
from batchcompute.ledger.records import (
    Abandon,
    Entry,
    Launch,
    LaunchState,
    Lead,
    Record,
    Stop,
)
from batchcompute.ledger.store import LOST, Conflict, NotFound, StoredSecret

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from batchcompute.ledger.root import Root
    from batchcompute.ledger.store import SecretStore

REWRITE_SHARE = 0.25  # a launch with at most this share open is rewritten with those only
REWRITE_AFTER = 60.0  # seconds since it came to that: short stragglers cost no write

R = TypeVar("R", bound=Record)


class Ledger:
    """All writes of one leader to the ledger.

    ``nonce`` gives 32 random hex digits, ``now`` Unix seconds on the API server's clock,
    ``sleep`` waits between repeats of a lost reply. ``take_over`` comes first.
    """

    def __init__(
        self,
        store: SecretStore,
        *,
        owner: str,
        holder: str,
        nonce: Callable[[], str],
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.owner = owner
        self.holder = holder
        self.index = LedgerIndex()
        self.root: Root
        self._store = store
        self._nonce = nonce
        self._now = now
        self._sleep = sleep
        self._appending = asyncio.Lock()
        self._changing: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._sparse_since: dict[int, float] = {}

    @property
    def head(self) -> int:
        return self.index.head

    async def take_over(self) -> None:
        """List, append ``lead``, raise the floor; from then on this process decides (R2).

        Raises :class:`ForeignLedger`, :class:`~batchcompute.ledger.codec.BadRecord`,
        :class:`Deposed` (another leader was faster at the very last step).
        """
        async with self._appending:
            taken = await takeover.take_over(
                self._store, self.owner, self.holder, self._nonce, self._backoff()
            )
            self.index = LedgerIndex()
            for entry in taken.entries:
                self.index.put(entry)
            self.root = taken.root
        for secret in taken.zombies:
            await writes.delete(self._store, secret.name, secret.uid, self._backoff())

    async def append(self, build: Callable[[int, str], R]) -> Entry:
        """Write the record ``build(seq, nonce)`` under the next number.

        Returns once the record is certainly in the ledger and this process certainly was
        the leader when it was written. Raises :class:`Deposed`, and
        :class:`~batchcompute.ledger.codec.RecordTooLarge` before anything was written.
        A caller that gives up leaves the append to its end: a record that is there and not known
        to be there would depose this process at the next one.
        """
        return await asyncio.shield(self._append(build))

    async def _append(self, build: Callable[[int, str], R]) -> Entry:
        async with self._appending:
            record = build(self.head + 1, self._nonce())
            secret = await writes.create(self._store, record, self._backoff())
            await self._confirm(record.seq, secret)
            standing = codec.decode(secret.name, secret.data)  # a successor may have bound it
            entry = takeover.entry_of(standing, secret)
            self.index.put(entry)
            return entry

    async def append_stops(self, reasons: Mapping[str, str]) -> Entry | None:
        """Record why these members end (R5); those that have a ``stop`` already are left out.

        At most ``codec.MAX_REASONS`` per call. Terminate only after this returned.
        """
        new = {m: r for m, r in reasons.items() if self.index.stop_reason(m) is None}
        if not new:
            return None
        return await self.append(lambda seq, nonce: Stop(seq, nonce, new))

    async def fence(self) -> None:
        """Prove that nobody else leads, before an end is written that no other record tells.

        Raises :class:`Deposed`. Costs one ``lead`` record; the one before it closes.
        """
        await self.append(lambda seq, nonce: Lead(seq, nonce, self.holder))

    async def append_abandon(
        self, ids: Iterable[str], account: tuple[str, str, str] = ("", "", "")
    ) -> Entry:
        """Let machines go: their members close, the sweep leaves them alone.

        ``account``: namespace, credential and region that they were launched with.
        """
        named = tuple(sorted(ids))
        return await self.append(lambda seq, nonce: Abandon(seq, nonce, named, *account))

    # -- transitions of a launch (R3, R19) ------------------------------------------

    async def bind(self, seq: int, ids: Iterable[str]) -> Launch:
        """Decide which slot has which id; the record that stands is returned.

        If another process bound it first, its decision is returned and the ids given here
        that it does not name are strangers. Raises :class:`Deposed` when the record is gone.
        """
        wanted = tuple(ids)

        def bound(launch: Launch) -> Launch | None:
            if not launch.unsettled:
                return None
            chosen = launching.bind([m.slot for m in launch.members], wanted)
            members = tuple(m for m in launch.members if m.slot in chosen)
            return replace(
                launch, state=LaunchState.BOUND, ids=chosen, members=members,
                bound_at=self._now(), request=b"",
            )  # fmt: skip

        return await self._transition(seq, bound)

    async def search(self, seq: int) -> Launch:
        """``Intent`` to ``Search``: no send any more."""

        def searching(launch: Launch) -> Launch | None:
            intent = launch.state is LaunchState.INTENT
            return replace(launch, state=LaunchState.SEARCH) if intent else None

        return await self._transition(seq, searching)

    async def void(self, seq: int, code: str) -> Launch:
        """Nothing was made, by ``code``: the members are free again."""

        def voided(launch: Launch) -> Launch | None:
            if not launch.unsettled:
                return None
            return replace(launch, state=LaunchState.VOID, void=code, request=b"")

        return await self._transition(seq, voided)

    # -- closing ----------------------------------------------------------------------

    def close(self, mids: Iterable[str]) -> None:
        """Members whose machine is gone or never ran, and whose outcome is durable."""
        self.index.close(mids)

    def vanished(self, ids: Iterable[str]) -> None:
        """Abandoned machines that are gone (R6); their record closes with the last one."""
        self.index.vanished(ids)

    async def relist(self) -> takeover.Listed:
        """A quorum listing for the sweep (R4); it changes nothing in memory."""
        return await takeover.read(self._store, self.owner, self._nonce, self._backoff())

    async def settle(self) -> int:
        """Delete closed records and rewrite sparse launches; the number of writes made.

        Safe at any moment and in any order: closing is a fact about a machine, so even an
        old leader may do it.
        """
        made = 0
        for entry in self.index.closable():
            name = names.secret_name(entry.seq)
            await writes.delete(self._store, name, entry.uid, self._backoff())
            self.index.drop(entry.seq)
            self._sparse_since.pop(entry.seq, None)
            self._changing.pop(entry.seq, None)
            made += 1
        for entry in self._sparse():
            await self._transition(entry.seq, self._thin)
            made += 1
        return made

    def _sparse(self) -> list[Entry]:
        found = []
        for entry in self.index.launches():
            launch = entry.record
            assert isinstance(launch, Launch)
            few = len(self.index.open_of(entry)) <= REWRITE_SHARE * len(launch.members)
            if not few or launch.state is not LaunchState.BOUND or not self.index.open_of(entry):
                self._sparse_since.pop(entry.seq, None)
            elif (
                self._now() - self._sparse_since.setdefault(entry.seq, self._now()) >= REWRITE_AFTER
            ):
                found.append(entry)
        return found

    def _thin(self, launch: Launch) -> Launch | None:
        still = self.index.open_of(self.index.entries[launch.seq])
        members = tuple(m for m in launch.members if launch.mid(m.slot) in still)
        if launch.state is not LaunchState.BOUND or len(members) == len(launch.members):
            return None
        ids = {m.slot: launch.ids[m.slot] for m in members}
        return replace(launch, members=members, ids=ids)

    # -- inside -------------------------------------------------------------------------

    async def _confirm(self, seq: int, secret: StoredSecret) -> None:
        """A later leader may have deleted what would have refused this number."""
        root = await writes.read_root(self._store, self._backoff())
        if root is None or not root.admits(seq, secret.uid):
            await writes.delete(self._store, secret.name, secret.uid, self._backoff())
            raise Deposed(f"record {seq} lies below the floor of a later leader")

    async def _transition(self, seq: int, change: Callable[[Launch], Launch | None]) -> Launch:
        async with self._changing[seq]:
            backoff = self._backoff()
            held = self.index.entries.get(seq)
            secret = _as_stored(held) if held else None
            while True:
                secret = secret or await writes.get(self._store, names.secret_name(seq), backoff)
                if secret is None:
                    raise Deposed(f"record {seq} was closed by another leader")
                launch = codec.decode(secret.name, secret.data)
                assert isinstance(launch, Launch), f"{secret.name} is no launch"
                wanted = change(launch)
                try:
                    if wanted is not None:
                        changed = replace(secret, data=codec.encode(wanted))
                        secret, launch = await self._store.replace(changed), wanted
                except (Conflict, NotFound):
                    secret = None
                except LOST:
                    secret = None
                    await backoff.wait()
                else:
                    self.index.put(takeover.entry_of(launch, secret))
                    return launch

    def _backoff(self) -> writes.Backoff:
        return writes.Backoff(self._sleep)


def _as_stored(entry: Entry) -> StoredSecret:
    return StoredSecret(
        name=names.secret_name(entry.seq),
        uid=entry.uid,
        resource_version=entry.resource_version,
        created=entry.created,
        data=codec.encode(entry.record),
        labels={codec.KIND_LABEL: codec.kind_of(entry.record)},
        finalizers=(codec.FINALIZER,),
    )
