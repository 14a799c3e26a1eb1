"""The ledger in memory: what is open, by every key that a decision asks for."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from batchcompute.ledger.records import Abandon, Assign, Entry, Launch, Lead, Member, Stop

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

InstanceKey = tuple[str, str, int]  # job uid, task, index


@dataclass(frozen=True, slots=True)
class OpenMember:
    """A machine slot that is not ended: launched, or about to be.

    ``instance_id`` is ``None`` while the launch is not bound.
    """

    mid: str
    member: Member
    seq: int
    instance_id: str | None
    credential: str
    bound_at: float | None

    @property
    def key(self) -> InstanceKey:
        return self.member.job_uid, self.member.task, self.member.index


class LedgerIndex:
    """Kept current by :class:`~batchcompute.ledger.ledger.Ledger`; readers never change it."""

    def __init__(self) -> None:
        self.head = 0
        self.entries: dict[int, Entry] = {}
        self._open: dict[str, OpenMember] = {}
        self._by_key: dict[InstanceKey, list[str]] = defaultdict(list)
        self._by_job: dict[str, set[str]] = defaultdict(set)
        self._by_instance: dict[str, str] = {}
        self._closed: dict[int, set[str]] = defaultdict(set)
        self._stops: dict[str, str] = {}
        self._vanished: set[str] = set()

    # -- reading ------------------------------------------------------------------

    def current(self, job_uid: str, task: str, index: int) -> OpenMember | None:
        """The open member of an instance in the newest record, if any (R15)."""
        mids = self._by_key.get((job_uid, task, index))
        return self._open[mids[0]] if mids else None

    def members_of(self, job_uid: str, task: str, index: int) -> list[OpenMember]:
        """All open members of an instance, the newest record first."""
        return [self._open[mid] for mid in self._by_key.get((job_uid, task, index), ())]

    def by_mid(self, mid: str) -> OpenMember | None:
        return self._open.get(mid)

    def by_instance(self, instance_id: str) -> OpenMember | None:
        mid = self._by_instance.get(instance_id)
        return self._open[mid] if mid else None

    def of_job(self, job_uid: str) -> list[OpenMember]:
        """Open members of a Job; its finalizer waits for none to be left (R18)."""
        return [self._open[mid] for mid in sorted(self._by_job.get(job_uid, ()))]

    def count_of_job(self, job_uid: str) -> int:
        """How many open members a Job has."""
        return len(self._by_job.get(job_uid, ()))

    def credentials(self) -> frozenset[tuple[str, str]]:
        """Secrets of open members and abandoned machines: their copies are kept (R18)."""
        members = {
            (one.member.namespace, one.credential) for one in self._open.values() if one.credential
        }
        let_go = {(one.namespace, one.credential) for one in self.abandons() if one.credential}
        return frozenset(members | let_go)

    def open_members(self) -> Iterator[OpenMember]:
        return iter(self._open.values())

    def launches(self) -> list[Entry]:
        """Launch records, oldest first."""
        return [e for _, e in sorted(self.entries.items()) if isinstance(e.record, Launch)]

    def unsettled(self) -> list[Entry]:
        """Launch records in ``Intent`` or ``Search``, oldest first."""
        return [e for e in self.launches() if isinstance(e.record, Launch) and e.record.unsettled]

    def launch(self, seq: int) -> Launch | None:
        entry = self.entries.get(seq)
        return entry.record if entry and isinstance(entry.record, Launch) else None

    def stop_reason(self, mid: str) -> str | None:
        """Why this machine was ended without a durable result, if it was (R5)."""
        return self._stops.get(mid)

    def recorded_ids(self) -> frozenset[str]:
        """Every instance id that a record names: none of them is a stranger (R4)."""
        found: set[str] = set()
        for entry in self.entries.values():
            if isinstance(entry.record, Launch):
                found.update(entry.record.ids.values())
            elif isinstance(entry.record, Abandon):
                found.update(entry.record.ids)
        return frozenset(found)

    def abandons(self) -> list[Abandon]:
        """Records of machines that were let go and may still be there."""
        return [e.record for e in self.entries.values() if isinstance(e.record, Abandon)]

    def abandoned_ids(self) -> frozenset[str]:
        return frozenset(one for record in self.abandons() for one in record.ids)

    def open_of(self, entry: Entry) -> frozenset[str]:
        """The mids of a launch record that are still open."""
        if not isinstance(entry.record, Launch):
            return frozenset()
        closed = self._closed.get(entry.seq, set())
        return frozenset(mid for mid, _ in entry.record.by_mid() if mid not in closed)

    def closable(self) -> list[Entry]:
        """Records that nothing needs any more, but never the newest."""
        newest_lead = max(
            (s for s, e in self.entries.items() if isinstance(e.record, Lead)), default=0
        )
        stored = {mid for e in self.launches() for mid, _ in self._stored(e)}
        return [
            entry
            for seq, entry in sorted(self.entries.items())
            if seq < self.head and self._is_closed(entry, newest_lead, stored)
        ]

    # -- changing -----------------------------------------------------------------

    def put(self, entry: Entry) -> None:
        """A record as just read or written."""
        self.drop(entry.seq, forget_closed=False)
        self.entries[entry.seq] = entry
        self.head = max(self.head, entry.seq)
        record = entry.record
        if isinstance(record, Launch):
            closed = self._closed.get(entry.seq, set())
            for mid, member in record.by_mid():
                if mid not in closed:
                    self._add(OpenMember(
                        mid, member, record.seq, record.ids.get(member.slot),
                        record.credential, record.bound_at,
                    ))  # fmt: skip
        elif isinstance(record, Stop):
            self._stops.update(record.reasons)
        elif isinstance(record, Abandon):
            self.close([self._by_instance[i] for i in record.ids if i in self._by_instance])

    def drop(self, seq: int, *, forget_closed: bool = True) -> None:
        """A record was deleted (or is about to be put again)."""
        entry = self.entries.pop(seq, None)
        if entry is None:
            return
        if isinstance(entry.record, Launch):
            for mid, _ in entry.record.by_mid():
                self._remove(mid)
        elif isinstance(entry.record, Stop):
            for mid in entry.record.reasons:
                self._stops.pop(mid, None)
        if forget_closed:
            self._closed.pop(seq, None)

    def close(self, mids: Iterable[str]) -> None:
        """Members ended: gone, or never ran. Unknown mids are ignored."""
        for mid in mids:
            found = self._open.get(mid)
            if found is not None:
                self._closed[found.seq].add(mid)
                self._remove(mid)

    def vanished(self, ids: Iterable[str]) -> None:
        """Abandoned machines that the cloud no longer has (R6)."""
        self._vanished |= self.abandoned_ids().intersection(ids)

    # -- inside -------------------------------------------------------------------

    def _is_closed(self, entry: Entry, newest_lead: int, stored: set[str]) -> bool:
        match entry.record:
            case Lead(seq=seq):
                return seq < newest_lead
            case Launch():
                return not self.open_of(entry)
            case Stop(reasons=reasons):
                return stored.isdisjoint(reasons)
            case Assign(runs=runs):
                return stored.isdisjoint(run.mid for run in runs)
            case Abandon(ids=ids):
                return self._vanished.issuperset(ids)

    def _stored(self, entry: Entry) -> Iterable[tuple[str, Member]]:
        return entry.record.by_mid() if isinstance(entry.record, Launch) else ()

    def _add(self, one: OpenMember) -> None:
        self._open[one.mid] = one
        mids = self._by_key[one.key]
        mids.append(one.mid)
        mids.sort(reverse=True)  # ten-digit numbers: the newest record first
        self._by_job[one.member.job_uid].add(one.mid)
        if one.instance_id is not None:
            self._by_instance[one.instance_id] = one.mid

    def _remove(self, mid: str) -> None:
        one = self._open.pop(mid, None)
        if one is None:
            return
        self._by_key[one.key].remove(mid)
        if not self._by_key[one.key]:
            del self._by_key[one.key]
        self._by_job[one.member.job_uid].discard(mid)
        if not self._by_job[one.member.job_uid]:
            del self._by_job[one.member.job_uid]
        if one.instance_id is not None:
            self._by_instance.pop(one.instance_id, None)
