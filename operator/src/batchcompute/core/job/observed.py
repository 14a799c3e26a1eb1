"""What the planner of a Job is given: everything that was read, frozen, nothing to ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from batchcompute.core.job.tally import Tally
from batchcompute.vocabulary import Reason


@dataclass(frozen=True, slots=True)
class Edge:
    """One ``dependsOn`` entry with its policy filled in."""

    task: str
    policy: str


@dataclass(frozen=True, slots=True)
class Failure:
    """The last failed attempt of one instance, as ``recentFailures`` shows it."""

    index: int
    attempt: int
    reason: str
    ended: float
    exit_code: int | None = None
    message: str = ""
    stderr: str = ""


@dataclass(frozen=True, slots=True)
class Idle:
    """A claim that no open ledger member and no launch stands for."""

    index: int
    attempt: int


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """One task after the merge, with the state of its instances."""

    name: str
    edges: tuple[Edge, ...]
    tally: Tally
    cap: int | None = None
    idle: tuple[Idle, ...] = ()
    failures: tuple[Failure, ...] = ()
    template_revision: str | None = None

    @property
    def size(self) -> int:
        """Number of instances."""
        return self.tally.size


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a Job is not accepted.

    ``lasting``: nothing but a new Job can mend it. ``missing``: something that it names is
    not there; ``overdue`` says that it has been missing for five minutes.
    """

    reason: Reason
    message: str
    lasting: bool
    missing: bool = False
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """What holds the launches of a Job up, said in one sentence."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class JobFacts:
    """One Job as it was read.

    ``open_members`` counts ledger members of this uid that are not closed: machines that
    are asked for, exist, or may exist. ``slots`` is how many launches may be enlisted now.
    ``complaint``: an edit of an accepted Job that has no effect; it is said and nothing else.
    Times are Unix seconds.
    """

    generation: int
    created: float
    tasks: tuple[TaskFacts, ...] = ()
    refusal: Refusal | None = None
    cap: int | None = None
    terminate: bool = False
    deadline_seconds: int | None = None
    deleting: bool = False
    abandon: bool = False
    finalizer: bool = False
    revisions_stored: bool = True
    open_members: int = 0
    enlisted: int = 0
    slots: int = 0
    wait: Wait | None = None
    old_run: bool = False
    complaint: Refusal | None = None
    resolved: Mapping[str, Any] = field(default_factory=dict)
    status: Mapping[str, Any] = field(default_factory=dict)
