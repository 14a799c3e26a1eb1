"""What describing a machine by its id proves (R6). Times are Unix seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

ABSENT_APART = 10.0  # two absent replies at least this far apart
YOUNG = 600.0  # an id bound more recently may be absent only because listings lag

LAUNCH_FAILED = "LAUNCH_FAILED"
RUNNING = "RUNNING"
TERMINATING = "TERMINATING"
STOPPED = frozenset({"STOPPED", "SHUTDOWN"})


class Standing(StrEnum):
    """What may be concluded about a machine."""

    UNSEEN = "Unseen"  # never described, or absent so far without proving anything
    ALIVE = "Alive"  # may be executing: every state not named below
    LEAVING = "Leaving"  # TERMINATING: still executes until it is gone
    HALTED = "Halted"  # STOPPED, SHUTDOWN: not running, still to be terminated
    NEVER_RAN = "NeverRan"  # LAUNCH_FAILED, listed or vanished meanwhile
    GONE = "Gone"


@dataclass(frozen=True, slots=True)
class Sightings:
    """What the by-id replies said of one id, and since when.

    ``seen``: it was in a reply, or a beat of it was read. ``absent_since`` is the first of
    the successive replies without it, ``absent_last`` the newest. ``running_since`` is the
    first reply of this leader that said RUNNING.
    """

    state: str | None = None
    seen: bool = False
    described_at: float | None = None
    running_since: float | None = None
    absent_since: float | None = None
    absent_last: float | None = None
    never_ran: bool = False

    def with_reply(self, state: str | None, at: float) -> Sightings:
        """One more complete by-id reply; ``None`` when the id was not in it."""
        if state is None:
            since = at if self.absent_since is None else self.absent_since
            return replace(self, absent_since=since, absent_last=at, described_at=at)
        running = self.running_since
        return Sightings(
            state=state,
            seen=True,
            described_at=at,
            running_since=at if running is None and state == RUNNING else running,
            never_ran=self.never_ran or state == LAUNCH_FAILED,
        )

    def with_beat(self) -> Sightings:
        """It beat: so it exists, whatever a listing says."""
        return replace(self, seen=True)

    def absent(self, bound_at: float) -> bool:
        """R6: absent twice, 10 s apart, and seen before or bound 10 minutes ago."""
        if self.absent_since is None or self.absent_last is None:
            return False
        twice = self.absent_last - self.absent_since >= ABSENT_APART
        return twice and (self.seen or self.absent_last - bound_at >= YOUNG)


def standing(sightings: Sightings, bound_at: float) -> Standing:
    """The conclusion; ``bound_at`` is when the id was bound to its slot."""
    if sightings.absent(bound_at):
        return Standing.GONE
    if sightings.never_ran:
        return Standing.NEVER_RAN
    state = sightings.state
    if state is None:
        return Standing.ALIVE if sightings.seen else Standing.UNSEEN
    if state == TERMINATING:
        return Standing.LEAVING
    return Standing.HALTED if state in STOPPED else Standing.ALIVE
