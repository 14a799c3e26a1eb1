"""What this leader has seen of each open ledger member's machine."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from batchcompute.core.gone import Sightings
from batchcompute.core.member_facts import Beat, Cancel, Pulse, Result, Wish
from batchcompute.ledger.index import OpenMember
from batchcompute.ledger.records import Launch
from batchcompute.mailbox.inbound import Result as DoneRecord


@dataclass(frozen=True, slots=True)
class MachineInfo:
    """What the cloud says of the machine, as a status shows it."""

    zone: str = ""
    instance_type: str = ""
    private_ip: str = ""
    charge_type: str = ""


@dataclass
class Tracked:
    """One bound member. Times are Unix seconds on the operator's clock.

    ``beats`` holds the LastModified of the newest beat by phase, ``begun`` when that phase's
    clock began. ``done_at`` is the LastModified of the result. ``wish`` is the instance's own,
    with the time it was first seen. ``refresh_at`` is when its signatures are due for renewal,
    ``signed_until`` until when it surely holds good ones; ``rev`` is that of the last box written
    by this leader. ``refused`` is the ETag of an object at its result's key that is none.
    """

    open: OpenMember
    launch: Launch
    sightings: Sightings
    adopted: bool = False
    asked_type: str = ""
    machine: MachineInfo = field(default_factory=MachineInfo)
    beats: dict[int, float] = field(default_factory=dict)
    begun: dict[int, float] = field(default_factory=dict)
    beat: Beat | None = None
    result: Result | None = None
    record: DoneRecord | None = None
    done_at: float | None = None
    looked_at: float | None = None
    boot_note: str | None = None
    pulse: Pulse = Pulse.BEATING
    silent_since: float | None = None
    wish: Wish | None = None
    cancel: Cancel | None = None
    mailbox_clean: bool = False
    terminate_at: float | None = None
    settled: bool = False
    progressed: bool = False
    refresh_at: float | None = None
    signed_until: float = 0.0
    renewal: tuple[float, float] | None = None
    refused: str = ""
    rev: int = 0
    described_at: float = 0.0
    describe_every: float = 10.0

    def granted(self, at: float, until: float) -> None:
        """A box with signatures was written. It is read by a machine whose old ones are good;
        of another only a later beat tells (R13)."""
        self.renewal = at, until
        if at < self.signed_until:
            self.signed_until = until

    def beats_at(self, at: float) -> None:
        """Its newest beat. After the old signatures it is the proof that it holds the new ones."""
        if self.renewal is not None and at > max(self.signed_until, self.renewal[0]):
            self.signed_until = self.renewal[1]

    @property
    def mid(self) -> str:
        return self.open.mid

    @property
    def rid(self) -> str:
        """The run of an elastic machine is always number 0."""
        return f"{self.open.mid}.0"

    @property
    def instance_id(self) -> str:
        assert self.open.instance_id is not None, "only bound members are tracked"
        return self.open.instance_id

    @property
    def bound_at(self) -> float:
        assert self.open.bound_at is not None, "only bound members are tracked"
        return self.open.bound_at

    @property
    def phase(self) -> int | None:
        """The highest phase it beat in."""
        return max(self.beats, default=None)


class Tracker:
    """The bound open members by ``mid``."""

    def __init__(self) -> None:
        self._by_mid: dict[str, Tracked] = {}
        self._pending: deque[Tracked] = deque()

    def __len__(self) -> int:
        return len(self._by_mid)

    def __iter__(self) -> Iterator[Tracked]:
        return iter(list(self._by_mid.values()))

    def get(self, mid: str) -> Tracked | None:
        return self._by_mid.get(mid)

    def add(self, one: Tracked) -> None:
        if self._by_mid.setdefault(one.mid, one) is one:
            self._pending.append(one)

    def drop(self, mid: str) -> None:
        self._by_mid.pop(mid, None)

    @property
    def unsettled(self) -> bool:
        """Whether the outcome of a member is still to come; what is settled stays so."""
        while self._pending and self._is_past(self._pending[0]):
            self._pending.popleft()
        return bool(self._pending)

    def _is_past(self, one: Tracked) -> bool:
        return one.settled or self._by_mid.get(one.mid) is not one
