"""What by-id replies prove (R6; protocols.md 3, rows 14, 15, 31)."""

from __future__ import annotations

import pytest

from batchcompute.core.gone import Sightings, Standing, standing

BOUND = 1000.0
Replies = list[tuple[float, str | None]]

CASES: dict[str, tuple[Replies, Standing]] = {
    "never described": ([], Standing.UNSEEN),
    "a young id that listings do not show yet": (
        [(1005, None), (1100, None), (1590, None)],
        Standing.UNSEEN,
    ),
    "never seen, and still absent ten minutes after binding": (
        [(1005, None), (1600, None)],
        Standing.GONE,
    ),
    "seen, then absent once": ([(1005, "RUNNING"), (1020, None)], Standing.ALIVE),
    "seen, then absent twice within ten seconds": (
        [(1005, "RUNNING"), (1020, None), (1029, None)],
        Standing.ALIVE,
    ),
    "seen, then absent twice ten seconds apart": (
        [(1005, "RUNNING"), (1020, None), (1030, None)],
        Standing.GONE,
    ),
    "absent, there again, absent: the pages had shifted": (
        [(1005, "RUNNING"), (1020, None), (1025, "RUNNING"), (1030, None)],
        Standing.ALIVE,
    ),
    "TERMINATING still executes": ([(1005, "RUNNING"), (1010, "TERMINATING")], Standing.LEAVING),
    "LAUNCH_FAILED never ran": ([(1005, "PENDING"), (1300, "LAUNCH_FAILED")], Standing.NEVER_RAN),
    "LAUNCH_FAILED and vanished": (
        [(1300, "LAUNCH_FAILED"), (1310, None), (1320, None)],
        Standing.GONE,
    ),
    "STOPPED does not run, and is still there": ([(1005, "STOPPED")], Standing.HALTED),
    "SHUTDOWN does not run, and is still there": ([(1005, "SHUTDOWN")], Standing.HALTED),
    "PENDING may run at any moment": ([(1005, "PENDING")], Standing.ALIVE),
    "a state that nobody knows may run": ([(1005, "SERVICE_LIVE_MIGRATE")], Standing.ALIVE),
}


@pytest.mark.parametrize(("replies", "expected"), CASES.values(), ids=CASES)
def test_replies_prove(replies: Replies, expected: Standing) -> None:
    sightings = Sightings(BOUND)
    for at, state in replies:
        sightings = sightings.with_reply(state, at)
    assert standing(sightings) is expected


def test_a_beat_makes_a_young_id_seen() -> None:
    absent = Sightings(BOUND).with_reply(None, 1010).with_reply(None, 1020)
    assert standing(absent) is Standing.UNSEEN
    beaten = absent.with_beat()
    assert standing(beaten) is Standing.ALIVE
    assert standing(beaten.with_reply(None, 1030)) is Standing.GONE


def test_the_moments_that_verdicts_count_from() -> None:
    sightings = Sightings(BOUND)
    for at, state in [(1, "PENDING"), (2, "RUNNING"), (3, "RUNNING"), (4, "STOPPED"), (5, None)]:
        sightings = sightings.with_reply(state, at)
    assert (sightings.running_since, sightings.state_since) == (2, 4)
    assert sightings.with_reply(None, 15).with_reply(None, 99).gone_at == 15
