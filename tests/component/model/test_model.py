"""Property 1 explored: every interleaving of two leaders, a cloud and what may go wrong.

The decisions are the operator's own (``member.decide``, ``gone``, ``orphans``, ``launching``,
``attempts``); the model is what lies around them. The negative controls take one rule out and
must find the double run or the wrong kill that the rule prevents.
"""

from __future__ import annotations

import random
from typing import NamedTuple

import pytest

from tests.component.model import closing
from tests.component.model.explore import explore
from tests.component.model.world import Rules, World


class Bounds(NamedTuple):
    crashes: int = 0
    losses: int = 0
    mishaps: int = 0
    forgotten: int = 0

    def world(self) -> World:
        return World(**self._asdict())


SAFE: dict[str, tuple[Bounds, Rules]] = {
    "a crash anywhere, and a machine that hangs and wakes, is reclaimed or fails to launch": (
        Bounds(crashes=1, mishaps=1),
        Rules(machines=2),
    ),
    "a crash anywhere and a lost reply anywhere": (Bounds(crashes=1, losses=1), Rules(machines=2)),
    "a crash anywhere and a forgotten token": (
        Bounds(crashes=1, forgotten=1),
        Rules(machines=2),
    ),
    "three leaders, and records that are deleted": (
        Bounds(crashes=1),
        Rules(starts=3, machines=2, launches=1, deletes=True),
    ),
}


@pytest.mark.parametrize(("bounds", "rules"), SAFE.values(), ids=SAFE)
def test_no_double_run_no_wrong_kill(bounds: Bounds, rules: Rules) -> None:
    found = explore(rules, bounds.world())
    print(f"{found.states:,} states")
    assert found.trace == []
    assert found.states > 20_000, "the model has lost its steps"


BROKEN: dict[str, tuple[Bounds, Rules, str]] = {
    "without binding by compare-and-swap (R3) a bound machine is killed as a stranger": (
        Bounds(forgotten=1),
        Rules(bind_by_cas=False, invariants=frozenset("c")),
        "c",
    ),
    "without the stop record (R5) a machine that woke up is killed": (
        Bounds(mishaps=1),
        Rules(stop_record=False, invariants=frozenset("c")),
        "c",
    ),
    "without a record before the verdict an old leader ends an attempt that was launched again": (
        Bounds(mishaps=1),
        Rules(verdict_record=False, machines=2, invariants=frozenset("c")),
        "c",
    ),
    "without the rule for gone (R6) two machines execute at once": (
        Bounds(mishaps=1),
        Rules(gone=False, machines=2, invariants=frozenset("e")),
        "e",
    ),
    "without fence and start lock (R2 and R7) two machines execute at once": (
        Bounds(),
        Rules(fence=False, start_lock=False, launches=3, invariants=frozenset("e")),
        "e",
    ),
    "without the fence alone (R2) there is a second fleet": (
        Bounds(),
        Rules(fence=False, invariants=frozenset("a")),
        "a",
    ),
    "without the floor a deleted record fences nobody": (
        Bounds(crashes=1),
        Rules(floor=False, start_lock=False, starts=3, deletes=True, invariants=frozenset("e")),
        "e",
    ),
}


@pytest.mark.parametrize(("bounds", "rules", "letter"), BROKEN.values(), ids=BROKEN)
def test_a_protocol_without_one_rule_is_found_out(
    bounds: Bounds, rules: Rules, letter: str
) -> None:
    found = explore(rules, bounds.world())
    print(f"{len(found.trace)} steps after {found.states:,} states", *found.trace, sep="\n  ")
    assert found.violation is not None
    assert found.violation.rule == letter


def test_the_start_lock_without_the_fence_prevents_the_double_run() -> None:
    """But not the surplus fleet, see above: its machines find the key written and do nothing."""
    rules = Rules(fence=False, machines=2, launches=1, starts=2, invariants=frozenset("e"))
    found = explore(rules, World(crashes=0, losses=0, mishaps=0, forgotten=0), at_most=20_000)
    print(f"{found.states:,} states")
    assert found.violation is None


def test_every_random_schedule_comes_to_rest() -> None:
    """Invariant (f): no machine left and no open record, whatever went wrong before."""
    for seed in range(400):
        world, trace = closing.walk(random.Random(seed))
        assert closing.at_rest(world), f"seed {seed}\n" + "\n".join(trace[-40:]) + f"\n{world}"
