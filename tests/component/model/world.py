"""One index, one cloud, one ledger, two processes: the state of the explicit-state model.

Everything is an immutable tuple, so that states can be hashed. A machine's id is its place in
``machines``, a record's number its place in ``ledger`` plus one. Time is left out: whatever
may have happened by now may have happened.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeVar

T = TypeVar("T")

# new: booting; ready: read a directory that names it; run: executes; wedged, hung: the same
# two without a sign of life; ended: wrote its result; idle: no directory names it.
Phase = Literal["new", "ready", "run", "wedged", "hung", "ended", "idle", "failed", "dead"]
EXECUTING = frozenset({"run", "hung"})


class Machine(NamedTuple):
    """``listed``: by-id and tag listings show it. ``ending``: TERMINATING, still executes.

    ``result`` is what it wrote for good: nothing, ``done`` or ``duplicate``.
    """

    launch: int
    listed: bool = False
    phase: Phase = "new"
    ending: bool = False
    result: str = ""


class Record(NamedTuple):
    """``author``: the incarnation that wrote it (its nonce). A stop names a launch record;
    a hole is a number whose record was deleted.
    """

    kind: Literal["lead", "launch", "stop", "hole"]
    author: int
    attempt: int = 0
    state: str = ""
    machine: int | None = None
    target: int = 0


class Status(NamedTuple):
    """Of the TaskInstance; ``version`` is its resourceVersion."""

    attempt: int = 0
    ended: bool = False
    version: int = 0


class Command(NamedTuple):
    """What a process has decided and not done yet: it may pause here as long as it likes."""

    do: str
    seq: int = 0
    ids: tuple[int, ...] = ()
    to: str = ""


class Process(NamedTuple):
    """``number`` 0 is down. ``view``: the ledger as it knows it. ``replies``: proofs alone."""

    number: int = 0
    view: tuple[Record, ...] = ()
    status: Status = Status()
    replies: tuple[tuple[int, str], ...] = ()
    command: Command | None = None


class World(NamedTuple):
    """Everything outside and inside the processes; the last five are what may still go wrong."""

    ledger: tuple[Record, ...] = ()
    machines: tuple[Machine, ...] = ()
    tokens: tuple[tuple[int, int], ...] = ()  # launch, machine: what the cloud remembers
    dirs: tuple[tuple[int, int], ...] = ()  # launch, machine that its directory names
    locks: tuple[tuple[int, int], ...] = ()  # attempt, machine that holds its start key
    status: Status = Status()
    processes: tuple[Process, ...] = (Process(), Process())
    started: int = 0
    crashes: int = 1
    losses: int = 1
    mishaps: int = 1
    forgotten: int = 1


class Rules(NamedTuple):
    """The protocol with rules taken out, and the bounds of the exploration."""

    bind_by_cas: bool = True  # R3
    stop_record: bool = True  # R5
    verdict_record: bool = True  # step 9: a stop record also for what went by itself
    gone: bool = True  # R6
    fence: bool = True  # R2
    start_lock: bool = True  # R7
    floor: bool = True  # the fence where a record was deleted
    deletes: bool = False
    starts: int = 2
    machines: int = 3
    launches: int = 2
    invariants: frozenset[str] = frozenset("abcde")


class Violation(Exception):
    """``rule`` is the letter of the invariant of section 7."""

    def __init__(self, rule: str, what: str) -> None:
        super().__init__(f"({rule}) {what}")
        self.rule = rule


def changed(items: tuple[T, ...], at: int, item: T) -> tuple[T, ...]:
    """``items`` with another one at ``at``."""
    return (*items[:at], item, *items[at + 1 :])


def paired(pairs: tuple[tuple[int, int], ...], key: int) -> int | None:
    """The value of ``key`` in a tuple of pairs."""
    return next((value for k, value in pairs if k == key), None)


def check(world: World, wanted: frozenset[str]) -> None:
    """The invariants that can be seen in a state; (a) and (c) are checked where they are made."""
    if "e" in wanted and sum(m.phase in EXECUTING for m in world.machines) > 1:
        raise Violation("e", "two machines execute one index at once")
    if "d" in wanted:
        for seq, machine in world.dirs:
            if world.ledger[seq - 1].machine != machine:
                raise Violation("d", f"directory {seq} names a machine that its record does not")
    if "b" in wanted:
        bound = [r.machine for r in world.ledger if r.machine is not None]
        if len(bound) != len(set(bound)):
            raise Violation("b", "two records name one machine")
