"""What is known of one ledger member, and what can be done about it: data alone.

All times are Unix seconds on the operator's clock (R30), all durations seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batchcompute.core.gone import Sightings
    from batchcompute.vocabulary import Reason


class Budget(StrEnum):
    """What the end of an attempt uses up (property 7)."""

    USER = "User"  # maxRetries
    INFRASTRUCTURE = "Infrastructure"  # 10 an instance and run
    CREATION = "Creation"  # resourceMaxRetries
    NONE = "None"


@dataclass(frozen=True, slots=True)
class Exit:
    """How the command ended: ``code``, or the ``signal`` that ended it."""

    code: int | None = None
    signal: int | None = None
    oom: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """A durable result of this attempt: ``done`` or ``result.json``, already checked (R32)."""

    reason: Reason
    exit: Exit | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Beat:
    """The highest beat read: ``phase`` 0 set-up, 1 command, 2 delivering.

    ``at`` is when it was written and ``elapsed`` what it says of its phase's clock: in phase
    0 since the run was taken, later since the command began. ``spot``: it had the notice.
    """

    phase: int
    at: float
    elapsed: float
    exit: Exit | None = None
    spot: bool = False


class Pulse(StrEnum):
    """What the mailbox listings say of its beats (R13)."""

    BEATING = "Beating"
    SILENT = "Silent"
    NO_EVIDENCE = "NoEvidence"  # signatures ran out, or the mailbox is degraded


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long each part may take; the runner keeps them itself, the operator is the net."""

    boot: float = 1800.0
    setup: float = 3600.0
    command: float = 86400.0
    grace: float = 30.0
    upload: float = 3600.0

    @property
    def total(self) -> float:
        """From RUNNING to the very end."""
        return self.boot + self.setup + self.command + self.grace + self.upload


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody wants it to end: the Job's terminate, deadline or deletion, the instance's own."""

    reason: Reason
    since: float


@dataclass(frozen=True, slots=True)
class Cancel:
    """The box asks the runner to end: since when, and in whose name."""

    at: float
    reason: Reason


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended, and what that uses up."""

    reason: Reason
    budget: Budget
    exit_code: int | None = None
    signal: int | None = None
    message: str = ""

    @property
    def succeeded(self) -> bool:
        return self.reason.value == "Completed"


@dataclass(frozen=True, slots=True)
class MemberFacts:
    """One member of a bound launch.

    - ``current``: it is the newest open member of its instance (R15).
    - ``settled``: its outcome is durable in the TaskInstance's status, or belongs to nobody
      any more; kept across leaders by that status alone.
    - ``stop``: the reason of its ``stop`` record, if there is one (R5).
    - ``result``: the durable result, wherever it was read.
    - ``looked_at``: the last time that the exact keys ``done``, ``result.json`` and the beats
      were read (last look); what was found is in ``result`` and ``beat``.
    - ``boot_note``: ``boot/<L>.fail``; ``None`` while it was not read, "" when there is none.
    - ``silent_since``: when ``pulse`` became ``SILENT``.
    - ``cancel``: the cancel in its box, by this leader or found there.
    - ``mailbox_clean``: ``done``, ``live`` and ``box`` of this member were deleted.
    - ``terminate_at``: the last TerminateInstances of this leader that named it.
    - ``creation_left``: a LAUNCH_FAILED may be followed by another launch (resourceMaxRetries).
    - ``lost_after``: the wait between silence and the verdict (setting, 600).
    """

    mid: str
    instance_id: str
    sightings: Sightings
    deadlines: Deadlines
    current: bool = True
    settled: bool = False
    spot: bool = False
    stop: Reason | None = None
    result: Result | None = None
    beat: Beat | None = None
    looked_at: float | None = None
    boot_note: str | None = None
    pulse: Pulse = Pulse.BEATING
    silent_since: float | None = None
    wish: Wish | None = None
    cancel: Cancel | None = None
    mailbox_clean: bool = False
    terminate_at: float | None = None
    creation_left: bool = True
    lost_after: float = 600.0


@dataclass(frozen=True, slots=True)
class Look:
    """Read the exact keys: ``done``, ``result.json``, the beats."""


@dataclass(frozen=True, slots=True)
class ReadBootNote:
    """Read ``boot/<L>.fail``."""


@dataclass(frozen=True, slots=True)
class AskCancel:
    """Put ``cancel`` into the box: the runner sends TERM, waits, KILL, delivers the logs."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class RecordStop:
    """Append to the ledger that this member ends without a result (R5).

    Before Terminate, and before the Finish of a machine that went by itself: the append is
    the fence that a status write is not.
    """

    reason: Reason


@dataclass(frozen=True, slots=True)
class Finish:
    """Make the outcome durable: final status, or the next attempt (``attempts``)."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class CleanMailbox:
    """Delete ``done/<rid>``, ``live/<rid>.*`` and ``box/<mid>``; only after ``settled``."""


@dataclass(frozen=True, slots=True)
class Terminate:
    """TerminateInstances, batched (R24)."""


@dataclass(frozen=True, slots=True)
class Close:
    """The machine is gone and the outcome durable: close the member in the ledger."""


Action = Look | ReadBootNote | AskCancel | RecordStop | Finish | CleanMailbox | Terminate | Close


@dataclass(frozen=True, slots=True)
class MemberDecision:
    """Actions to perform now, in this order, and when to look again at the latest.

    ``describe_every``: how often its id must be described (10 while it is young, silent or
    going, 60 otherwise).
    """

    actions: tuple[Action, ...] = ()
    next_look: float | None = None
    describe_every: float = 60.0
