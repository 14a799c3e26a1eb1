"""Machines that no record names, and which of them may be stopped (R4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from batchcompute.ledger import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

AGE_SECONDS = 600.0
APART_SECONDS = 300.0
NAME_MARK = "bc-"
AFTER_LEAD = (0.0, 600.0)
WHILE_OPEN = 300.0
AFTER_CLOSED = (900.0, 1500.0)


class Verdict(StrEnum):
    """What a machine of a complete listing is."""

    FOREIGN = "Foreign"  # neither our tag nor a name of ours
    RECORDED = "Recorded"  # a record names it
    UNDECIDED = "Undecided"  # its launch could still be bound to it
    YOUNG = "Young"  # not old enough, or not seen long enough
    STRANGER = "Stranger"  # to be terminated
    REPORT = "Report"  # looks like ours without proof: reported, never stopped
    BEHIND = "Behind"  # of a future that the ledger does not know: LedgerBehind


@dataclass(frozen=True, slots=True)
class CloudMachine:
    """One machine of a complete listing; ``owner`` and ``launch`` are its tags."""

    instance_id: str
    name: str
    created_at: float
    owner: str | None = None
    launch: str | None = None


@dataclass(frozen=True, slots=True)
class LedgerView:
    """A quorum listing of the ledger made after the cloud listing.

    ``launches``: the launch id of every launch record by number. ``unsettled``: the numbers in
    ``Intent`` or ``Search``. ``ids``: every instance id that a record names.
    """

    owner: str
    head: int
    root_intact: bool
    launches: Mapping[int, str]
    unsettled: frozenset[int]
    ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Sweep:
    """``stop``: strangers to terminate. ``first_seen``: to be given to the next sweep.

    ``behind`` not empty: nothing was judged a stranger at all.
    """

    stop: tuple[str, ...]
    report: tuple[str, ...]
    behind: tuple[str, ...]
    first_seen: Mapping[str, float] = field(default_factory=dict)


def judge(machine: CloudMachine, ledger: LedgerView, first_seen: float, now: float) -> Verdict:
    """One machine against the ledger; ``first_seen``: the sweep that saw it unrecorded first."""
    if machine.instance_id in ledger.ids:
        return Verdict.RECORDED
    if machine.owner != ledger.owner:
        ours = machine.owner is None and _launch_of_name(machine.name) is not None
        return Verdict.REPORT if ours else Verdict.FOREIGN
    launch = names.parse_launch_id(machine.launch or _launch_of_name(machine.name) or "")
    if launch is None or not ledger.root_intact:
        return Verdict.REPORT
    seq, _ = launch
    if seq > ledger.head:
        return Verdict.BEHIND
    recorded = ledger.launches.get(seq)
    if recorded is not None and names.parse_launch_id(recorded) != launch:
        return Verdict.REPORT  # the number was used twice: this machine is of another history
    if seq in ledger.unsettled:
        return Verdict.UNDECIDED
    old = now - machine.created_at >= AGE_SECONDS and now - first_seen >= APART_SECONDS
    return Verdict.STRANGER if old else Verdict.YOUNG


def sweep(
    machines: Iterable[CloudMachine],
    ledger: LedgerView,
    first_seen: Mapping[str, float],
    now: float,
) -> Sweep:
    """A complete cloud listing against the ledger as it was listed after it."""
    verdicts = {
        m.instance_id: judge(m, ledger, first_seen.get(m.instance_id, now), now) for m in machines
    }

    def those(*wanted: Verdict) -> tuple[str, ...]:
        return tuple(sorted(i for i, verdict in verdicts.items() if verdict in wanted))

    behind = those(Verdict.BEHIND)
    unproven = those(Verdict.YOUNG, Verdict.STRANGER)
    return Sweep(
        stop=() if behind else those(Verdict.STRANGER),
        report=those(Verdict.REPORT),
        behind=behind,
        first_seen={i: first_seen.get(i, now) for i in unproven},
    )


def next_sweep(last: float | None, lead_at: float, open_launches: bool, closed_at: float | None,
               now: float) -> float | None:  # fmt: skip
    """When to sweep next (R4), ``None``: not before the next launch.

    ``closed_at``: when this leader closed its last launch record.
    """
    due = [lead_at + wait for wait in AFTER_LEAD]
    if closed_at is not None and not open_launches:
        due += [closed_at + wait for wait in AFTER_CLOSED]
    if open_launches:
        due.append(now if last is None else last + WHILE_OPEN)
    left = [at for at in due if last is None or at > last]
    return min(left, default=None)


def _launch_of_name(name: str) -> str | None:
    """The launch id in ``[<instanceName>-]bc-<L>``, to which the cloud may append a suffix."""
    _, mark, rest = name.rpartition(NAME_MARK)
    launch = rest[:17]
    return launch if mark and names.parse_launch_id(launch) else None
