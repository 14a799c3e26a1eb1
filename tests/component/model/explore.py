"""Breadth-first over every interleaving, and random walks to rest."""

from __future__ import annotations

import gc
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.component.model import leader, surroundings
from tests.component.model.world import Rules, Violation, World, check

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Found:
    """``trace``: the steps to the first violation, empty when there is none."""

    states: int
    trace: list[str]
    violation: Violation | None = None


def steps(world: World, rules: Rules) -> Iterator[tuple[str, World]]:
    yield from leader.steps(world, rules)
    yield from surroundings.steps(world, rules)


def same(world: World) -> World:
    """Which of the two processes is which does not matter."""
    first, second = world.processes
    if first.number < second.number:
        return world._replace(processes=(second, first))
    return world


def explore(rules: Rules, start: World | None = None, at_most: int | None = None) -> Found:
    """Every reachable state (or the first ``at_most``), or the shortest way to a violation."""
    gc.disable()  # nothing here is garbage, and looking for it takes a third of the time
    try:
        return _explore(rules, start or World(), at_most)
    finally:
        gc.enable()


def _explore(rules: Rules, first: World, at_most: int | None) -> Found:
    came: dict[World, tuple[World, str] | None] = {first: None}
    queue = deque([first])
    while queue and (at_most is None or len(came) < at_most):
        world = queue.popleft()
        walk = steps(world, rules)
        while True:
            try:
                what, after = next(walk)
                after = same(after)
                if after in came:
                    continue
                check(after, rules.invariants)
            except StopIteration:
                break
            except Violation as violation:
                return Found(len(came), [*_trace(came, world), str(violation)], violation)
            came[after] = (world, what)
            queue.append(after)
    return Found(len(came), [])


def _trace(came: dict[World, tuple[World, str] | None], world: World) -> list[str]:
    found: list[str] = []
    step = came[world]
    while step is not None:
        world, what = step
        found.append(what)
        step = came[world]
    return found[::-1]
