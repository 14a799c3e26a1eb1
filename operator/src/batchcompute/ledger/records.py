"""The kinds of ledger record, as frozen data (protocols.md 7, "Ledger").

Every record carries its number ``seq`` and a random ``nonce`` by which its author knows
it again after a lost reply. Times are Unix seconds on the API server's clock (R30).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from batchcompute.ledger import names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class LaunchState(StrEnum):
    """Where a launch stands; ``Bound`` and ``Void`` are never left again (R3, R19)."""

    INTENT = "Intent"  # written before the call; replayed until notAfter
    SEARCH = "Search"  # outcome unknown at notAfter; looked for by tag and name
    BOUND = "Bound"  # ids are decided
    VOID = "Void"  # nothing was made; the members are free again


@dataclass(frozen=True, slots=True)
class Member:
    """One slot of a launch: which attempt of which instance the machine is for."""

    slot: int
    job_uid: str
    namespace: str
    job: str
    task: str
    index: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Lead:
    """A leader begins; the number it takes is the one its predecessor would have used."""

    seq: int
    nonce: str
    holder: str


@dataclass(frozen=True, slots=True)
class Launch:
    """One RunInstances call: members, the exact request, and what became of it (R1).

    ``request`` is the complete body, kept while it may be sent again and dropped at
    ``Bound`` or ``Void`` (its hash stays). ``ids`` maps slot to instance id; slots
    without an id were freed, so after binding both have the same keys.
    """

    seq: int
    nonce: str
    owner: str
    state: LaunchState
    namespace: str
    credential: str  # name of the credential copy (R18); "" for the operator's own
    region: str
    zone: str
    charge_type: str
    definition: str  # hash of the machine definition: batch key, breaker, sold-out table
    workspace: str  # cos://bucket/prefix/ of the mailbox of its members
    created_at: float  # on the author's clock; KeyTime of every signature starts 300 s before
    not_after: float  # no send after this moment
    request: bytes = field(repr=False)
    request_sha: str
    members: tuple[Member, ...]
    ids: Mapping[int, str] = field(default_factory=dict)
    bound_at: float | None = None
    void: str = ""  # the code by which nothing was made

    @property
    def launch_id(self) -> str:
        return names.launch_id(self.seq, self.nonce)

    @property
    def client_token(self) -> str:
        return names.client_token(self.owner, self.seq, self.nonce)

    @property
    def unsettled(self) -> bool:
        """True while machines that no record names yet may belong to it (R4)."""
        return self.state in (LaunchState.INTENT, LaunchState.SEARCH)

    def mid(self, slot: int) -> str:
        return names.member_id(self.launch_id, slot)

    def by_mid(self) -> Iterator[tuple[str, Member]]:
        """Every stored member under its id; none once the launch is void."""
        if self.state is not LaunchState.VOID:
            for member in self.members:
                yield self.mid(member.slot), member


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt given to a node (R17)."""

    mid: str
    n: int
    job_uid: str
    namespace: str
    job: str
    task: str
    index: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Assign:
    """Runs given to nodes, at most 100 (R17)."""

    seq: int
    nonce: str
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """Machines that end without a durable result: reason by ``mid``, at most 100 (R5)."""

    seq: int
    nonce: str
    reasons: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Abandon:
    """Machines let go by the user's wish; kept until the cloud no longer has them.

    ``namespace``, ``credential`` and ``region`` tell whose they are, as in :class:`Launch`.
    """

    seq: int
    nonce: str
    ids: tuple[str, ...]
    namespace: str = ""
    credential: str = ""
    region: str = ""


Record = Lead | Launch | Assign | Stop | Abandon


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as the API server holds it; ``created`` is its creationTimestamp."""

    record: Record
    uid: str
    resource_version: str
    created: float

    @property
    def seq(self) -> int:
        return self.record.seq
