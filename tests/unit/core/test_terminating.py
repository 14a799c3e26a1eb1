"""TerminateInstances in batches (R24; row 32)."""

from __future__ import annotations

import pytest

from batchcompute.core.terminating import Going, after_refusal, batches, terminable

STATES: dict[str, tuple[str | None, bool, bool]] = {
    "running": ("RUNNING", False, True),
    "pending": ("PENDING", False, False),
    "pending when last seen, but it wrote done": ("PENDING", True, True),
    "never described": (None, False, False),
    "never described, but it wrote done": (None, True, True),
    "stopped": ("STOPPED", False, True),
    "in the recycle bin: again": ("SHUTDOWN", False, True),
    "going already": ("TERMINATING", True, False),
    "rebooting": ("REBOOTING", False, False),
}


@pytest.mark.parametrize(("state", "done", "expected"), STATES.values(), ids=STATES)
def test_what_can_be_terminated(state: str | None, done: bool, expected: bool) -> None:
    assert terminable(state, wrote_done=done) is expected


def going(n: int, charge: str = "POSTPAID_BY_HOUR", credential: str = "") -> Going:
    return Going(f"ins-{n:03d}", credential, "ap-guangzhou", charge)


def test_a_call_holds_one_account_region_and_charge_type_and_a_hundred_ids() -> None:
    machines = [
        *(going(n) for n in range(150)),
        *(going(n, "SPOTPAID") for n in range(200, 203)),
        *(going(n, credential="bc-cred-1") for n in range(300, 302)),
    ]
    calls = batches(reversed(machines))
    assert sorted(len(c) for c in calls) == [2, 3, 50, 100]
    assert all(len({m.group for m in c}) == 1 for c in calls)
    assert sorted(m.instance_id for c in calls for m in c) == [m.instance_id for m in machines]
    assert batches([]) == []


def test_one_pending_machine_does_not_keep_the_others() -> None:
    batch = [going(n) for n in range(4)]
    states = {m.instance_id: "RUNNING" for m in batch} | {"ins-002": "PENDING"}
    assert [[m.instance_id for m in c] for c in after_refusal(batch, states)] == [
        ["ins-000", "ins-001", "ins-003"]
    ]


def test_gone_and_going_machines_are_dropped() -> None:
    batch = [going(n) for n in range(3)]
    assert after_refusal(batch, {"ins-000": None, "ins-001": "TERMINATING"}) == []


def test_a_refusal_that_nothing_explains_is_bisected_to_the_culprit() -> None:
    todo, calls, terminated = [tuple(going(n) for n in range(100))], 0, set()
    states = {m.instance_id: "RUNNING" for m in todo[0]}
    while todo:
        batch = todo.pop()
        calls += 1
        if any(m.instance_id == "ins-042" for m in batch):
            todo += after_refusal(batch, states)
        else:
            terminated |= {m.instance_id for m in batch}
    assert len(terminated) == 99
    assert calls <= 2 * 7 + 1
