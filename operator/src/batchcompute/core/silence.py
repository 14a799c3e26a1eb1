"""When missing beats prove something (R13). Times are the bucket's own, by its Date header."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from batchcompute.core.member_facts import Pulse

if TYPE_CHECKING:
    from collections.abc import Iterable

OVERDUE_BEATS = 8
LISTINGS = 3
TOGETHER_SECONDS = 120.0
TOGETHER_SHARE = 0.2
TOGETHER_LEAST = 10  # beating machines, below which a share says nothing


@dataclass(frozen=True, slots=True)
class Beats:
    """What successive complete listings of ``live/`` said of one machine.

    ``last`` is the LastModified of its newest beat, ``overdue`` the number of successive
    listings that found it too old, ``silent_since`` the Date of the one that made it silent.
    """

    last: float
    overdue: int = 0
    silent_since: float | None = None

    def with_listing(self, last: float | None, date: float, beat_seconds: float) -> Beats:
        """One more complete listing; absence from it is no verdict: the old beat just ages."""
        newest = self.last if last is None else max(self.last, last)
        if date - newest <= OVERDUE_BEATS * beat_seconds:
            return Beats(newest)
        overdue = self.overdue + 1
        since = date if overdue >= LISTINGS and self.silent_since is None else self.silent_since
        return replace(self, last=newest, overdue=overdue, silent_since=since)


def pulse(beats: Beats, *, date: float, signed_until: float, degraded: bool) -> Pulse:
    """``signed_until``: when the newest grants that the machine is known to have run out.

    Silence that outlasted them, or that came over many machines at once, proves nothing.
    """
    if beats.silent_since is None:
        return Pulse.BEATING
    return Pulse.NO_EVIDENCE if degraded or date > signed_until else Pulse.SILENT


def degraded(machines: Iterable[Beats]) -> bool:
    """Whether the mailbox, not a machine, is the likelier culprit (``MailboxDegraded``).

    ``machines``: all of one bucket that ever beat and are not ended.
    """
    known = list(machines)
    if len(known) < TOGETHER_LEAST:
        return False
    times = sorted(m.silent_since for m in known if m.silent_since is not None)
    first = 0
    most = 0
    for last, at in enumerate(times):
        while at - times[first] > TOGETHER_SECONDS:
            first += 1
        most = max(most, last - first + 1)
    return most >= TOGETHER_SHARE * len(known)
