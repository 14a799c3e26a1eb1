"""The sweep of strangers (R4; rows 7, 13, 39 and M13)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from batchcompute.core.orphans import CloudMachine, LedgerView, Verdict, judge, next_sweep, sweep

NOW = 10_000.0
LEDGER = LedgerView(
    owner="us",
    head=9,
    root_intact=True,
    launches={5: "0000000005-aaaaaa", 6: "0000000006-bbbbbb"},
    unsettled=frozenset({6}),
    ids=frozenset({"ins-known"}),
)
OLD = CloudMachine("ins-x", "bc-0000000005-aaaaaa", NOW - 600, "us", "0000000005-aaaaaa")

CASES: dict[str, tuple[CloudMachine, LedgerView, float, Verdict]] = {
    "a record names it": (replace(OLD, instance_id="ins-known"), LEDGER, 0, Verdict.RECORDED),
    "ours, old, seen five minutes ago, its launch bound to others": (
        OLD, LEDGER, NOW - 300, Verdict.STRANGER,
    ),
    "its record was closed and deleted": (
        replace(OLD, launch="0000000003-cccccc"), LEDGER, NOW - 300, Verdict.STRANGER,
    ),
    "its launch may still be bound to it": (
        replace(OLD, launch="0000000006-bbbbbb"), LEDGER, 0, Verdict.UNDECIDED,
    ),
    "less than ten minutes old": (replace(OLD, created_at=NOW - 599), LEDGER, 0, Verdict.YOUNG),
    "seen for less than five minutes": (OLD, LEDGER, NOW - 299, Verdict.YOUNG),
    "beyond the ledger's head": (
        replace(OLD, launch="0000000010-cccccc"), LEDGER, 0, Verdict.BEHIND,
    ),
    "the number with another nonce: of another history": (
        replace(OLD, launch="0000000005-dddddd"), LEDGER, 0, Verdict.REPORT,
    ),
    "another operator's": (replace(OLD, owner="them"), LEDGER, 0, Verdict.FOREIGN),
    "no tag and no name of ours": (
        replace(OLD, owner=None, launch=None, name="web-1"), LEDGER, 0, Verdict.FOREIGN,
    ),
    "a name of ours without the tag": (
        replace(OLD, owner=None, launch=None), LEDGER, 0, Verdict.REPORT,
    ),
    "a name of ours behind the user's own, with a suffix of the cloud": (
        replace(OLD, owner=None, launch=None, name="abc-x-bc-0000000005-aaaaaa1"),
        LEDGER, 0, Verdict.REPORT,
    ),
    "the launch tag is late: the name tells": (
        replace(OLD, launch=None), LEDGER, NOW - 300, Verdict.STRANGER,
    ),
    "our tag, but nothing tells the launch": (
        replace(OLD, launch=None, name="web"), LEDGER, 0, Verdict.REPORT,
    ),
    "the root of the ledger is missing": (
        OLD, replace(LEDGER, root_intact=False), NOW - 300, Verdict.REPORT,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("machine", "ledger", "seen", "verdict"), CASES.values(), ids=CASES)
def test_a_machine(
    machine: CloudMachine, ledger: LedgerView, seen: float, verdict: Verdict
) -> None:
    assert judge(machine, ledger, seen, NOW) is verdict


def test_a_stranger_is_stopped_by_the_second_sweep_only() -> None:
    first = sweep([OLD], LEDGER, {}, NOW)
    assert (first.stop, first.first_seen) == ((), {"ins-x": NOW})
    early = sweep([OLD], LEDGER, first.first_seen, NOW + 299)
    assert (early.stop, early.first_seen) == ((), {"ins-x": NOW})
    assert sweep([OLD], LEDGER, early.first_seen, NOW + 300).stop == ("ins-x",)


def test_one_machine_of_the_future_stops_every_stop() -> None:
    future = replace(OLD, instance_id="ins-y", launch="0000000010-cccccc")
    found = sweep([OLD, future], LEDGER, {"ins-x": 0.0}, NOW)
    assert (found.stop, found.behind) == ((), ("ins-y",))


def test_a_machine_that_was_bound_meanwhile_is_forgotten() -> None:
    bound = replace(LEDGER, ids=frozenset({"ins-x"}))
    assert sweep([OLD], bound, {"ins-x": 0.0}, NOW).first_seen == {}


SWEEPS: dict[str, tuple[float | None, bool, float | None, float | None]] = {
    "at leader start": (None, False, None, 0),
    "ten minutes after it": (0, False, None, 600),
    "then none, with nothing launched": (600, False, None, None),
    "every five minutes while a launch is open": (700, True, None, 1000),
    "a quarter of an hour after the last one closed": (5000, False, 5100, 6000),
    "and ten minutes later": (6000, False, 5100, 6600),
    "then none until the next launch": (6600, False, 5100, None),
}


@pytest.mark.parametrize(("last", "is_open", "closed", "due"), SWEEPS.values(), ids=SWEEPS)
def test_when_to_sweep(
    last: float | None, is_open: bool, closed: float | None, due: float | None
) -> None:
    assert next_sweep(last, 0.0, is_open, closed, now=5000.0) == due
