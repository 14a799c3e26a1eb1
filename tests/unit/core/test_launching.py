"""From a reply or a search to the next state of a launch record (R3, R19, R23; rows 5 to 10)."""

from __future__ import annotations

import pytest

from batchcompute.core.launching import (
    Bind,
    Outcome,
    Reply,
    Search,
    Send,
    Sightings,
    Step,
    Void,
    after_reply,
    after_search,
    bind,
    halves,
    replay_delay,
)

NOT_AFTER = 1600.0

BINDS: dict[str, tuple[list[int], list[str], dict[int, str]]] = {
    "ids in any order go to ascending slots": (
        [2, 0, 1],
        ["ins-c", "ins-a", "ins-b"],
        {0: "ins-a", 1: "ins-b", 2: "ins-c"},
    ),
    "fewer ids leave the last slots free": (
        [0, 1, 2],
        ["ins-b", "ins-a"],
        {0: "ins-a", 1: "ins-b"},
    ),
    "more ids leave strangers": ([0], ["ins-b", "ins-a"], {0: "ins-a"}),
    "an id that was listed twice is one machine": ([0, 1], ["ins-a", "ins-a"], {0: "ins-a"}),
    "slots that are not contiguous": ([7, 3], ["ins-a", "ins-b"], {3: "ins-a", 7: "ins-b"}),
    "no ids at all": ([0], [], {}),
}


@pytest.mark.parametrize(("slots", "ids", "expected"), BINDS.values(), ids=BINDS)
def test_binding(slots: list[int], ids: list[str], expected: dict[int, str]) -> None:
    assert bind(slots, ids) == expected
    assert bind(slots[::-1], ids[::-1]) == expected


MADE = Reply(Outcome.MADE, ("ins-b", "ins-a"))
NO_STOCK = Reply(Outcome.NOTHING, code="ResourceInsufficient.SpecifiedInstanceType")
LIMITED, LOST = Reply(Outcome.THROTTLED), Reply(Outcome.UNKNOWN, code="InternalError")
REPLIES: dict[str, tuple[Reply, int, bool, float, Step]] = {
    "made: bind": (MADE, 1, False, 1000, Bind(("ins-b", "ins-a"))),
    "made after an unknown send: bind": (MADE, 3, True, 1000, Bind(("ins-b", "ins-a"))),
    "made without a single id is unknown": (Reply(Outcome.MADE), 1, False, 1000, Send(1001)),
    "nothing made: void with its code": (NO_STOCK, 1, False, 1000, Void(NO_STOCK.code)),
    "nothing made now, but perhaps before: replay": (NO_STOCK, 1, True, 1000, Send(1001)),
    "throttled: not executed, ask again": (LIMITED, 2, False, 1000, Send(1002)),
    "unknown: the same bytes again": (LOST, 4, True, 1000, Send(1008)),
    "the last replay stays before notAfter": (LOST, 9, True, 1569, Send(1599)),
    "no send at notAfter or later: search": (LOST, 9, True, 1570, Search(1600)),
    "unknown after notAfter: search now": (LOST, 9, True, 1700, Search(1700)),
    "nothing made after an unknown send and notAfter: search": (
        NO_STOCK, 9, True, 1700, Search(1700),
    ),
    "throttled until notAfter: search all the same": (LIMITED, 9, False, 1590, Search(1600)),
}  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "sends", "unknown", "now", "step"), REPLIES.values(), ids=REPLIES
)
def test_after_a_reply(reply: Reply, sends: int, unknown: bool, now: float, step: Step) -> None:
    found = after_reply(reply, sends=sends, unknown_before=unknown, not_after=NOT_AFTER, now=now)
    assert found == step


def test_replays_come_after_1_2_4_up_to_30_seconds() -> None:
    assert [replay_delay(n) for n in range(1, 9)] == [1, 2, 4, 8, 16, 30, 30, 30]


SEARCHES: dict[str, tuple[set[str], float, float, Step]] = {
    "all found: bind": ({"ins-b", "ins-a"}, 1700, 1700, Bind(("ins-a", "ins-b"))),
    "some found, just now": ({"ins-a"}, 1700, 1700, Search(1730)),
    "some found, no change for three minutes: these are all": (
        {"ins-a"}, 1700, 1880, Bind(("ins-a",)),
    ),
    "some found, no change for less": ({"ins-a"}, 1700, 1879, Search(1909)),
    "some found late: still waits for the rest": ({"ins-a"}, 2490, 2510, Search(2540)),
    "none yet": (set(), 0, 1700, Search(1730)),
    "the last look is 15 minutes after the last send": (set(), 0, 2480, Search(2500)),
    "none 15 minutes after the last send: void": (set(), 0, 2500, Void("Unknown")),
    "more than asked for: bind those, the others are strangers": (
        {"ins-c", "ins-a", "ins-b"}, 1700, 1700, Bind(("ins-a", "ins-b", "ins-c")),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("ids", "changed", "now", "step"), SEARCHES.values(), ids=SEARCHES)
def test_after_a_search(ids: set[str], changed: float, now: float, step: Step) -> None:
    seen = Sightings(frozenset(ids), changed)
    assert after_search(seen, wanted=2, not_after=NOT_AFTER, now=now) == step


def test_ids_once_found_stay_found_when_a_listing_lags() -> None:
    seen = Sightings().with_listing(frozenset({"ins-a"}), 10)
    assert seen.with_listing(frozenset(), 20) == seen
    more = seen.with_listing(frozenset({"ins-b"}), 30)
    assert (sorted(more.ids), more.changed_at) == (["ins-a", "ins-b"], 30)


def test_halving_a_hundred_to_singles_takes_seven_rounds_and_loses_nobody() -> None:
    batches: list[tuple[int, ...]] = [tuple(range(100))]
    rounds = 0
    while any(len(b) > 1 for b in batches):
        batches = [half for b in batches for half in (halves(b) or (b,))]
        rounds += 1
    assert rounds == 7
    assert [n for b in batches for n in b] == list(range(100))
    assert halves([1]) == ()
