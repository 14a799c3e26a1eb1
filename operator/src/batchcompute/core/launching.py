"""What becomes of a launch record after a call or a search: pure (protocols.md 7, 5 and 6)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

SEND_SECONDS = 600.0  # a record is sent again until created + this (R19)
SEARCH_SECONDS = 900.0  # a signed request is dead after 300 s; late tags are in by then
SEARCH_EVERY = 30.0
SETTLED_SECONDS = 180.0  # some machines found and no more for this long: these are all
REPLAY_DELAYS = (1.0, 2.0, 4.0, 8.0, 16.0)  # then every 30 s
REPLAY_LAST = 30.0


class Outcome(StrEnum):
    """The classes of a RunInstances reply (R19)."""

    MADE = "Made"
    NOTHING = "Nothing"  # a code of the exact list: certainly no machine
    THROTTLED = "Throttled"  # RequestLimitExceeded: not executed, ask again later
    UNKNOWN = "Unknown"  # everything else


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer to a send: ``ids`` when made, ``code`` otherwise."""

    outcome: Outcome
    ids: tuple[str, ...] = ()
    code: str = ""


@dataclass(frozen=True, slots=True)
class Bind:
    """Decide the ids (R3)."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Void:
    """Nothing was made; the members are free again."""

    code: str


@dataclass(frozen=True, slots=True)
class Send:
    """Send the stored bytes (again) at ``at``."""

    at: float


@dataclass(frozen=True, slots=True)
class Search:
    """Look for the machines by tag and name at ``at``; first write the state ``Search``."""

    at: float


Step = Bind | Void | Send | Search


def bind(slots: Sequence[int], ids: Sequence[str]) -> dict[int, str]:
    """Slot to instance id (R3): both ascending, so every leader decides alike.

    Slots beyond the ids stay without one and are freed; ids beyond the slots are strangers.
    """
    return dict(zip(sorted(slots), sorted(set(ids)), strict=False))


def replay_delay(sends: int) -> float:
    """Seconds to wait before send number ``sends`` + 1 after an unknown outcome."""
    return REPLAY_DELAYS[sends - 1] if 1 <= sends <= len(REPLAY_DELAYS) else REPLAY_LAST


def after_reply(
    reply: Reply, *, sends: int, unknown_before: bool, not_after: float, now: float
) -> Step:
    """The next step of a record in ``Intent`` after its ``sends``-th reply.

    ``unknown_before``: an earlier send of this record has an unknown outcome, or may have
    been made by another process. Then "nothing was made" speaks of this send alone, and
    the earlier one is found by replaying until ``not_after`` and by searching afterwards.
    """
    if reply.outcome is Outcome.MADE and reply.ids:
        return Bind(reply.ids)
    if reply.outcome is Outcome.NOTHING and not unknown_before:
        return Void(reply.code)
    at = now + replay_delay(sends)
    return Send(at) if at < not_after else Search(max(now, not_after))


@dataclass(frozen=True, slots=True)
class Sightings:
    """What the searches of one record have found: by tag or by name, each a full listing."""

    ids: frozenset[str] = frozenset()
    changed_at: float = 0.0

    def with_listing(self, ids: frozenset[str], now: float) -> Sightings:
        """One more complete listing; ids once seen stay (listings lag, R6)."""
        union = self.ids | ids
        return self if union == self.ids else Sightings(union, now)


def after_search(seen: Sightings, *, wanted: int, not_after: float, now: float) -> Step:
    """The next step of a record in ``Search`` after a complete listing at ``now``."""
    if len(seen.ids) >= wanted:
        return Bind(tuple(sorted(seen.ids)))
    if seen.ids:
        settled = now - seen.changed_at >= SETTLED_SECONDS
        return Bind(tuple(sorted(seen.ids))) if settled else Search(now + SEARCH_EVERY)
    if now >= not_after + SEARCH_SECONDS:
        return Void("Unknown")
    return Search(min(now + SEARCH_EVERY, not_after + SEARCH_SECONDS))


def halves(members: Sequence[T]) -> tuple[tuple[T, ...], ...]:
    """The next records after a stock or quota refusal (R23): two halves, none for a single.

    An empty result means that the offering is to be marked sold out for this member.
    """
    if len(members) < 2:
        return ()
    middle = (len(members) + 1) // 2
    return tuple(members[:middle]), tuple(members[middle:])
