"""The operator's own decisions, put to abstract facts: nothing is decided here.

A machine is known by its last by-id replies, one letter each: R present, T TERMINATING,
F LAUNCH_FAILED, y absent while its binding is young, o absent later. They become real
``Sightings``; ages and deadlines are such that whatever may be over is over when ``late``.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from batchcompute.core import gone, launching, member, orphans
from batchcompute.core.gone import Sightings
from batchcompute.core.member_facts import (
    Action,
    Beat,
    Deadlines,
    Exit,
    Look,
    MemberFacts,
    Pulse,
    ReadBootNote,
    Result,
)
from batchcompute.ledger import names
from batchcompute.vocabulary import Reason

if TYPE_CHECKING:
    from tests.component.model.world import Machine, Record

STATES = {"R": "RUNNING", "T": "TERMINATING", "F": "LAUNCH_FAILED", "y": None, "o": None}
RESULTS = {"done": Reason.COMPLETED, "duplicate": Reason.DUPLICATE_START}
SOON, LATE = 60.0, 50_000.0
NONCE = "abcdef"


def replies(machine: Machine) -> tuple[str, ...]:
    """What by-id replies may say now, absent ones twice and 10 s apart.

    Listings lag, but less than ten minutes (R6); a machine that is gone may be young too.
    """
    if machine.phase == "dead":
        return ("yy", "oo")
    if not machine.listed:
        return ("yy",)
    if machine.phase == "failed":
        return ("F",)
    return ("T" if machine.ending else "R",)


@cache
def proves(said: str, *, gone_rule: bool) -> bool:
    """Whether it is kept: it is a proof, which no later reply takes back."""
    sightings = _sightings(said, gone_rule)
    return sightings.never_ran or gone.standing(sightings) is gone.Standing.GONE


@cache
def facts(
    replies: str,
    phase: str,
    result: str,
    *,
    current: bool,
    settled: bool,
    stop: bool,
    late: bool,
    gone_rule: bool,
) -> MemberFacts:
    """Facts that are true of a machine in ``phase`` with those replies."""
    now = LATE if late else SOON
    sightings = _sightings(replies, gone_rule)
    beaten = phase in ("ready", "run", "hung", "wedged", "ended")
    silent = phase in ("hung", "wedged") and late
    return MemberFacts(
        mid="m",
        instance_id="i",
        sightings=sightings.with_beat() if beaten else sightings,
        deadlines=Deadlines(command=1e9),
        current=current,
        settled=settled,
        stop=Reason.MACHINE_LOST if stop else None,
        result=Result(RESULTS[result], Exit(code=0)) if result else None,
        beat=Beat(1, now, 1.0) if beaten else None,
        looked_at=LATE,
        boot_note="",
        pulse=Pulse.SILENT if silent else Pulse.BEATING,
        silent_since=now - 600 if silent else None,
        mailbox_clean=True,
    )


def _sightings(replies: str, gone_rule: bool) -> Sightings:
    """Without the rule the first TERMINATING or absence is taken for the end (C4)."""
    if not gone_rule and replies[-1:] in ("T", "y", "o"):
        return Sightings(0.0, seen=True, gone_at=1.0)
    found = Sightings(0.0)
    for place, letter in enumerate(replies):
        at = (1000.0 if letter == "o" else 1.0) + 20.0 * place
        found = found.with_reply(STATES[letter], at)
    return found


@cache
def action(known: MemberFacts, late: bool) -> Action | None:
    """The first thing that ``member.decide`` wants done; the exact keys were just read."""
    wanted = member.decide(known, LATE if late else SOON).actions
    assert not any(isinstance(a, Look | ReadBootNote) for a in wanted)
    return wanted[0] if wanted else None


def may_start_next(known: MemberFacts) -> bool:
    return member.may_start_next(known)


@cache
def binding(ids: tuple[int, ...]) -> int | None:
    """The machine of slot 0, by the real rule (R3)."""
    chosen = launching.bind([0], [f"{i:03d}" for i in ids])
    return int(chosen[0]) if chosen else None


@cache
def after_search(found: tuple[int, ...], all_listed: bool) -> str:
    """``bind``, ``void`` or ``wait``, by the real rule at its latest moment."""
    seen = launching.Sightings(frozenset(map(str, found)), 0.0)
    now = 1500.0 if all_listed else 700.0
    step = launching.after_search(seen, wanted=1, not_after=600.0, now=now)
    return {launching.Bind: "bind", launching.Void: "void"}.get(type(step), "wait")


@cache
def is_stranger(number: int, machine: Machine, ledger: tuple[Record, ...]) -> bool:
    """R4 on a machine that is old enough and was seen twice, against a quorum listing."""
    launches = {s: r for s, r in enumerate(ledger, 1) if r.kind == "launch"}
    view = orphans.LedgerView(
        owner="us",
        head=len(ledger),
        root_intact=True,
        launches={seq: names.launch_id(seq, NONCE) for seq in launches},
        unsettled=frozenset(s for s, r in launches.items() if r.state in ("Intent", "Search")),
        ids=frozenset(str(r.machine) for r in launches.values() if r.machine is not None),
    )
    seen = orphans.CloudMachine(str(number), "", 0.0, "us", names.launch_id(machine.launch, NONCE))
    return orphans.judge(seen, view, 0.0, LATE) is orphans.Verdict.STRANGER
