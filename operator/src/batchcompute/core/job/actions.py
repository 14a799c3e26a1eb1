"""What the planner of a Job may ask for: a closed set of records, applied in the order given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from batchcompute.vocabulary import Reason


@dataclass(frozen=True, slots=True)
class AddFinalizer:
    """Before the first claim: no machine may outlive the knowledge of it."""


@dataclass(frozen=True, slots=True)
class StoreRevisions:
    """Keep every template used as an immutable ControllerRevision, before the first claim."""


@dataclass(frozen=True, slots=True)
class Enlist:
    """Offer instances of one task to the launch; ``launches`` are (index, attempt)."""

    task: str
    launches: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take everything of the job that is not asked for yet out of the launch."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Cancel every open ledger member of the job (TERM, grace, KILL, log, then the machine)."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class SettleIdle:
    """End claims that no machine was ever asked for."""

    task: str
    launches: tuple[tuple[int, int], ...]
    reason: Reason


@dataclass(frozen=True, slots=True)
class Abandon:
    """Close the open members without their machines: what the annotation asks for."""


@dataclass(frozen=True, slots=True)
class RemoveFinalizer:
    """Last of all: nothing of the job is open any more."""


Action = (
    AddFinalizer
    | StoreRevisions
    | Enlist
    | Withdraw
    | Stop
    | SettleIdle
    | Abandon
    | RemoveFinalizer
)


@dataclass(frozen=True, slots=True)
class Announcement:
    """An Event to record once the status that tells the same was written."""

    reason: Reason
    message: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class JobPlan:
    """The answer of :func:`batchcompute.core.job.plan.plan`.

    ``status`` is the whole status to store, ``None`` when it stands already; ``urgent``
    says that more than counts differ. ``next_look`` is in Unix seconds.
    """

    actions: tuple[Action, ...] = ()
    status: Mapping[str, Any] | None = None
    urgent: bool = False
    announcements: tuple[Announcement, ...] = field(default=())
    next_look: float | None = None
