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
    NEVER_RAN = "NeverRan"  # LAUNCH_FAILED, still listed
    GONE = "Gone"


@dataclass(frozen=True, slots=True)
class Sightings:
    """What the by-id replies said of one id, and since when.

    ``bound_at``: when the id was bound to its slot. ``seen``: it was in a reply, or a beat of
    it was read. ``state_since``: the first of the successive replies with this ``state``.
    ``running_since``: the first reply, to this leader, that said RUNNING. ``absent_since``: the
    first of the successive replies without it. ``gone_at``: the reply that proved it gone (R6).
    """

    bound_at: float
    state: str | None = None
    seen: bool = False
    state_since: float | None = None
    running_since: float | None = None
    absent_since: float | None = None
    gone_at: float | None = None
    never_ran: bool = False

    def with_reply(self, state: str | None, at: float) -> Sightings:
        """One more complete by-id reply; ``None`` when the id was not in it."""
        if state is None:
            return self._absent(at)
        first = self.running_since is None and state == RUNNING
        return Sightings(
            bound_at=self.bound_at,
            state=state,
            seen=True,
            state_since=self.state_since if state == self.state else at,
            running_since=at if first else self.running_since,
            never_ran=self.never_ran or state == LAUNCH_FAILED,
        )

    def with_beat(self) -> Sightings:
        """It beat: so it exists, whatever a listing says."""
        return replace(self, seen=True)

    def _absent(self, at: float) -> Sightings:
        since = at if self.absent_since is None else self.absent_since
        proved = at - since >= ABSENT_APART and (self.seen or at - self.bound_at >= YOUNG)
        gone_at = at if proved and self.gone_at is None else self.gone_at
        return replace(self, absent_since=since, gone_at=gone_at)


def standing(sightings: Sightings) -> Standing:
    """The conclusion that the replies so far allow."""
    if sightings.gone_at is not None:
        return Standing.GONE
    if sightings.never_ran:
        return Standing.NEVER_RAN
    state = sightings.state
    if state is None:
        return Standing.ALIVE if sightings.seen else Standing.UNSEEN
    if state == TERMINATING:
        return Standing.LEAVING
    return Standing.HALTED if state in STOPPED else Standing.ALIVE
