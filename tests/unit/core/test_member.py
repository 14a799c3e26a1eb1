"""The life of a ledger member (protocols.md 7, steps 8 to 10; rows 12 to 37 of section 3)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from batchcompute.core.gone import Sightings
from batchcompute.core.member import decide, may_start_next
from batchcompute.core.member_facts import (
    AskCancel,
    Beat,
    Budget,
    Cancel,
    Deadlines,
    Exit,
    Finish,
    MemberDecision,
    MemberFacts,
    Pulse,
    RecordStop,
    Result,
    Wish,
)
from batchcompute.vocabulary import Reason

BOUND, NOW = 1000.0, 20_000.0
LIMITS = Deadlines(boot=1800, setup=3600, command=7200, grace=30, upload=3600)


def seen(*replies: tuple[float, str | None]) -> Sightings:
    sightings = Sightings(BOUND)
    for at, state in replies:
        sightings = sightings.with_reply(state, at)
    return sightings


NEW = MemberFacts("0000000002-aaaaaa-000", "ins-a", Sightings(BOUND), LIMITS)
RUNNING = replace(NEW, sightings=seen((1010, "RUNNING")), beat=Beat(1, NOW - 5, 100))
GONE = replace(NEW, sightings=seen((1010, "RUNNING"), (19_000, None), (19_010, None)))
LOOKED = replace(GONE, looked_at=19_011)
FAILED = replace(NEW, sightings=seen((1300, "LAUNCH_FAILED")))
STOPPED = replace(RUNNING, stop=Reason.MACHINE_LOST)
SETTLED = replace(RUNNING, settled=True)
DONE = Result(Reason.COMPLETED, Exit(code=0))
CANCELLED = Result(Reason.CANCELLED, Exit(signal=15))
BUSY: dict[str, dict[str, Any]] = {
    "silent": {"pulse": Pulse.SILENT, "silent_since": NOW - 599},
    "lost": {"pulse": Pulse.SILENT, "silent_since": NOW - 600, "looked_at": NOW},
    "wish": {"wish": Wish(Reason.TERMINATED, NOW - 400)},
}
LAST = BOUND + 600 + LIMITS.total + 300  # beyond which nothing of a member may be left


def words(decision: MemberDecision) -> str:
    """The actions as words: a class name, with the reason or outcome that it carries."""
    return ", ".join(_word(a) for a in decision.actions) or "wait"


def _word(action: object) -> str:
    name = type(action).__name__
    if isinstance(action, RecordStop | AskCancel):
        return f"{name} {action.reason}"
    if isinstance(action, Finish):
        out = action.outcome
        code = "" if out.exit_code is None else f" {out.exit_code}"
        return f"{name} {out.reason}{code} {out.budget}"
    return name


def boot(**change: Any) -> MemberFacts:
    return replace(NEW, sightings=seen((1010, "PENDING"), (1100, "RUNNING")), **change)


def beats(phase: int, began: float, at: float = NOW, **change: Any) -> MemberFacts:
    return replace(RUNNING, beat=Beat(phase, at, at - began), **change)


def lost(**change: Any) -> MemberFacts:
    """Gone, looked at and recorded, with what it left behind."""
    return replace(LOOKED, **{"stop": Reason.MACHINE_LOST} | change)


CASES: dict[str, tuple[MemberFacts, float, str]] = {
    # booting (12, 15, 16)
    "just bound": (NEW, BOUND, "wait"),
    "booting within the deadline": (boot(), 2899, "wait"),
    "no beat at the boot deadline: read why": (boot(), 2900, "Look, ReadBootNote"),
    "read, and still no beat: stop": (
        boot(boot_note="no curl", looked_at=2900), 2900, "RecordStop BootTimeout",
    ),
    "a look before the deadline proves nothing": (
        boot(boot_note="", looked_at=2899), 2901, "Look",
    ),
    "a new leader gives no more than ten minutes to be RUNNING": (
        replace(NEW, sightings=seen((9000, "RUNNING")), boot_note="", looked_at=9000),
        9000, "RecordStop BootTimeout",
    ),
    "PENDING for ever": (
        replace(NEW, sightings=seen((1010, "PENDING")), boot_note="", looked_at=3400),
        3400, "RecordStop BootTimeout",
    ),
    "LAUNCH_FAILED": (
        replace(NEW, sightings=seen((1300, "LAUNCH_FAILED"))), 1300,
        "Finish LaunchFailed Creation",
    ),
    "LAUNCH_FAILED and vanished before anybody wrote that down": (
        replace(NEW, sightings=seen((1300, "LAUNCH_FAILED"), (1310, None), (1320, None))),
        1320, "Finish LaunchFailed Creation",
    ),
    "LAUNCH_FAILED and no creation retry left: recorded before it counts": (
        replace(FAILED, creation_left=False), 1300, "RecordStop CreationFailed",
    ),
    "LAUNCH_FAILED, no creation retry left, recorded": (
        replace(FAILED, creation_left=False, stop=Reason.CREATION_FAILED), 1300,
        "Finish CreationFailed Creation",
    ),
    "LAUNCH_FAILED after a stop is no launch of the same attempt": (
        replace(FAILED, stop=Reason.BOOT_TIMEOUT), 1300, "Finish BootTimeout Infrastructure",
    ),
    "LAUNCH_FAILED while asked to end": (
        replace(FAILED, wish=Wish(Reason.DELETED, 1.0)), 1300, "RecordStop Deleted",
    ),
    "the relaunch is current: the failed one waits to vanish": (
        replace(NEW, sightings=seen((1300, "LAUNCH_FAILED")), current=False, mailbox_clean=True),
        1300, "wait",
    ),
    "the relaunch is current: the failed one has vanished": (
        replace(NEW, sightings=seen((1300, "LAUNCH_FAILED"), (1310, None), (1320, None)),
                current=False, mailbox_clean=True), 1320, "Close",
    ),
    # working
    "beating": (RUNNING, NOW, "wait"),
    "TERMINATING by somebody else: still executes": (
        replace(RUNNING, sightings=seen((1010, "RUNNING"), (NOW, "TERMINATING"))), NOW, "wait",
    ),
    "absent once": (
        replace(RUNNING, sightings=seen((1010, "RUNNING"), (NOW, None))), NOW, "wait",
    ),
    "switched off by hand: first a look": (
        replace(RUNNING, sightings=seen((1010, "STOPPED"))), NOW, "Look",
    ),
    "switched off by hand, no result": (
        replace(RUNNING, sightings=seen((1010, "STOPPED")), looked_at=1011),
        NOW, "RecordStop MachineLost",
    ),
    "a spot machine was switched off": (
        replace(RUNNING, sightings=seen((1010, "SHUTDOWN")), looked_at=1011, spot=True),
        NOW, "RecordStop SpotReclaimed",
    ),
    # silence (22, 23)
    "silent for less than lostAfter": (replace(RUNNING, **BUSY["silent"]), NOW, "wait"),
    "silent, not looked at since": (
        replace(RUNNING, **BUSY["lost"] | {"looked_at": NOW - 1}), NOW, "Look",
    ),
    "silent for lostAfter": (replace(RUNNING, **BUSY["lost"]), NOW, "RecordStop MachineLost"),
    "silent, and the look found its result": (
        replace(RUNNING, **BUSY["lost"], result=DONE), NOW, "Finish Completed 0 None",
    ),
    "no evidence is no silence": (
        replace(RUNNING, pulse=Pulse.NO_EVIDENCE, silent_since=1.0, looked_at=NOW),
        LAST - 1, "wait",
    ),
    "no evidence until its very last deadline": (
        replace(RUNNING, pulse=Pulse.NO_EVIDENCE, looked_at=LAST), LAST,
        "RecordStop MailboxExpired",
    ),
    # deadlines
    "set-up beyond its deadline": (
        beats(0, NOW - 3930), NOW, "AskCancel SetupFailed",
    ),
    "a command within its deadline and the net": (beats(1, NOW - 7529), NOW, "wait"),
    "a command that the runner does not end": (beats(1, NOW - 7530), NOW, "AskCancel TimedOut"),
    "delivering for too long": (beats(2, NOW - 11_160), NOW, "AskCancel OutputsLost"),
    "the cancel is not heeded": (
        beats(1, NOW - 8000, cancel=Cancel(NOW - 330, Reason.TIMED_OUT), looked_at=NOW), NOW,
        "RecordStop TimedOut",
    ),
    # a wish to end (37, 43)
    "asked to end: TERM by the runner": (
        replace(RUNNING, **BUSY["wish"]), NOW, "AskCancel Terminated",
    ),
    "asked, within grace and five minutes": (
        replace(RUNNING, **BUSY["wish"], cancel=Cancel(NOW - 329, Reason.TERMINATED)), NOW, "wait",
    ),
    "asked, and silent beyond grace and five minutes: look": (
        replace(RUNNING, **BUSY["wish"], cancel=Cancel(NOW - 330, Reason.TERMINATED)), NOW, "Look",
    ),
    "asked in vain": (
        replace(RUNNING, **BUSY["wish"], cancel=Cancel(NOW - 330, Reason.TERMINATED),
                looked_at=NOW), NOW, "RecordStop Terminated",
    ),
    "asked before the first beat: one look first": (
        boot(wish=Wish(Reason.DELETED, 1200)), 1200, "Look",
    ),
    "asked before the first beat, and there is none": (
        boot(wish=Wish(Reason.DELETED, 1200), looked_at=1201), 1201, "RecordStop Deleted",
    ),
    "the runner says Cancelled: in whose name": (
        replace(RUNNING, **BUSY["wish"], result=CANCELLED), NOW, "Finish Terminated None",
    ),
    "Cancelled for a deadline uses that budget": (
        beats(1, 0, cancel=Cancel(NOW, Reason.TIMED_OUT), result=CANCELLED), NOW,
        "Finish TimedOut User",
    ),
    "it succeeded before the cancel came": (
        replace(RUNNING, **BUSY["wish"], result=DONE), NOW, "Finish Completed 0 None",
    ),
    # stopped (R5)
    "a stop record, then terminate": (STOPPED, NOW, "Terminate"),
    "terminated a moment ago": (replace(STOPPED, terminate_at=NOW - 29), NOW, "wait"),
    "terminated, and still there": (replace(STOPPED, terminate_at=NOW - 30), NOW, "Terminate"),
    "stopped while PENDING: the cloud would refuse": (
        replace(STOPPED, sightings=seen((1010, "PENDING"))), NOW, "wait",
    ),
    "stopped and TERMINATING": (
        replace(STOPPED, sightings=seen((1010, "TERMINATING"))), NOW, "wait",
    ),
    "stopped, then it wakes up and beats: the verdict stands": (
        replace(STOPPED, pulse=Pulse.BEATING), NOW, "Terminate",
    ),
    "stopped, then its result arrives: it wins": (
        replace(STOPPED, result=DONE), NOW, "Finish Completed 0 None",
    ),
    # gone (24, 25, 26, R9)
    "gone: last look": (GONE, NOW, "Look"),
    "a look from before it was gone": (replace(GONE, looked_at=19_009), NOW, "Look"),
    "gone, nothing left behind: recorded before it counts": (
        LOOKED, NOW, "RecordStop MachineLost",
    ),
    "gone, nothing left behind, recorded": (lost(), NOW, "Finish MachineLost Infrastructure"),
    "a spot machine gone: recorded as that": (
        replace(LOOKED, spot=True), NOW, "RecordStop SpotReclaimed",
    ),
    "gone while asked to end: recorded as that": (
        replace(LOOKED, wish=Wish(Reason.DELETED, 1.0)), NOW, "RecordStop Deleted",
    ),
    "gone, result.json found": (lost(result=DONE), NOW, "Finish Completed 0 None"),
    "gone while the command ran": (
        lost(beat=Beat(1, 18_000, 9)), NOW, "Finish MachineLost Infrastructure",
    ),
    "gone while it delivered a failure: the code counts": (
        lost(beat=Beat(2, 18_000, 9, Exit(code=3))), NOW, "Finish NonZeroExit 3 User",
    ),
    "gone while it delivered after a signal": (
        lost(beat=Beat(2, 18_000, 9, Exit(signal=11))), NOW, "Finish Signal User",
    ),
    "gone while it delivered after the kernel's kill": (
        lost(beat=Beat(2, 18_000, 9, Exit(signal=9, oom=True))), NOW, "Finish OutOfMemory User",
    ),
    "gone while it delivered a success": (
        lost(beat=Beat(2, 18_000, 9, Exit(code=0))), NOW, "Finish OutputsLost 0 Infrastructure",
    ),
    "a spot machine gone while it delivered a success": (
        lost(beat=Beat(2, 18_000, 9, Exit(code=0)), spot=True, stop=Reason.SPOT_RECLAIMED), NOW,
        "Finish SpotReclaimed 0 Infrastructure",
    ),
    "a spot machine gone": (
        lost(spot=True, stop=Reason.SPOT_RECLAIMED), NOW, "Finish SpotReclaimed Infrastructure",
    ),
    "a spot machine gone after our stop": (
        lost(spot=True, stop=Reason.BOOT_TIMEOUT), NOW, "Finish BootTimeout Infrastructure",
    ),
    "a machine gone that had the notice": (
        replace(LOOKED, beat=Beat(1, 18_000, 9, spot=True)), NOW, "RecordStop SpotReclaimed",
    ),
    "stopped for a timeout, then gone": (
        lost(stop=Reason.TIMED_OUT, beat=Beat(1, 1, 1)), NOW, "Finish TimedOut User",
    ),
    "stopped by a wish, then gone": (
        lost(stop=Reason.TERMINATED, beat=Beat(1, 1, 1)), NOW, "Finish Terminated None",
    ),
    "stopped by a wish after exit 0, then gone": (
        lost(stop=Reason.DELETED, beat=Beat(2, 1, 1, Exit(code=0))), NOW, "Finish Deleted 0 None",
    ),
    # the end (27 to 31, 33)
    "settled: keys, then the machine": (SETTLED, NOW, "CleanMailbox, Terminate"),
    "settled and clean": (replace(SETTLED, mailbox_clean=True), NOW, "Terminate"),
    "settled, by a result that came while it was PENDING in the last reply": (
        replace(SETTLED, mailbox_clean=True, result=DONE, sightings=seen((1010, "PENDING"))),
        NOW, "Terminate",
    ),
    "settled, young and absent: not gone": (
        replace(SETTLED, mailbox_clean=True, beat=None, sightings=seen((1010, None), (1020, None))),
        NOW, "wait",
    ),
    "settled, TERMINATING: keys meanwhile": (
        replace(SETTLED, sightings=seen((1010, "TERMINATING"))), NOW, "CleanMailbox",
    ),
    "settled and gone": (replace(GONE, settled=True), NOW, "CleanMailbox, Close"),
    "an older member that still lives is stopped, never just terminated": (
        replace(RUNNING, current=False), NOW, "RecordStop MachineLost",
    ),
    "a result of an older member has no effect": (
        replace(RUNNING, current=False, result=DONE), NOW, "CleanMailbox, Terminate",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("facts", "now", "expected"), CASES.values(), ids=CASES)
def test_a_member(facts: MemberFacts, now: float, expected: str) -> None:
    assert words(decide(facts, now)) == expected


WAITS = {name: (facts, now) for name, (facts, now, words_) in CASES.items() if words_ == "wait"}


@pytest.mark.parametrize(("facts", "now"), WAITS.values(), ids=WAITS)
def test_every_wait_has_an_end(facts: MemberFacts, now: float) -> None:
    look = decide(facts, now).next_look
    assert look is not None
    assert now < look <= LAST + 600 + NOW


def test_the_boot_note_becomes_the_message() -> None:
    (finish,) = decide(replace(LOOKED, stop=Reason.BOOT_TIMEOUT, boot_note="no curl"), NOW).actions
    assert isinstance(finish, Finish)
    assert (finish.outcome.message, finish.outcome.budget) == ("no curl", Budget.INFRASTRUCTURE)


NEXT: dict[str, tuple[MemberFacts, bool]] = {
    "a durable result, written down": (replace(SETTLED, result=DONE), True),
    "a durable result that nobody wrote down yet": (replace(RUNNING, result=DONE), False),
    "gone, and its end written down": (replace(GONE, settled=True), True),
    "gone, and its end not written down": (GONE, False),
    "never ran: the same attempt again": (FAILED, True),
    "never ran, but a stop has its end in hand": (replace(FAILED, stop=Reason.DELETED), False),
    "never ran, stopped, written down": (
        replace(FAILED, stop=Reason.BOOT_TIMEOUT, settled=True), True,
    ),
    "written down, TERMINATING still executes": (
        replace(SETTLED, sightings=seen((1010, "TERMINATING"))), False,
    ),
    "stopped and hanging": (replace(STOPPED, settled=True), False),
    "switched off, may be switched on": (
        replace(SETTLED, sightings=seen((1, "STOPPED"))), False,
    ),
    "absent, too young to be gone": (
        replace(NEW, sightings=seen((1, None), (99, None)), settled=True), False,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("facts", "expected"), NEXT.values(), ids=NEXT)
def test_the_next_attempt_may_start(facts: MemberFacts, expected: bool) -> None:
    assert may_start_next(facts) is expected
