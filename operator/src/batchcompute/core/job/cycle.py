"""Find a circle in the dependencies of a job's tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SHOWN = 20


def find_cycle(upstream: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Tasks of one circle in the order in which they would run, empty when there is none.

    `upstream`: task -> the tasks that it depends on; names that are no keys are ignored.
    """
    done: set[str] = set()
    for start in upstream:
        trail: dict[str, None] = {}
        stack = [(start, False)]
        while stack:
            name, left = stack.pop()
            if left:
                del trail[name]
                done.add(name)
            elif name in trail:
                names = list(trail)
                return (name, *reversed(names[names.index(name) + 1 :]))
            elif name not in done and name in upstream:
                trail[name] = None
                stack.append((name, True))
                stack.extend((other, False) for other in upstream[name])
    return ()


def spelled_out(cycle: Sequence[str]) -> str:
    """`a -> b -> a`; a very long one is cut in the middle."""
    names = [*cycle, cycle[0]]
    if len(names) > _SHOWN:
        left_out = len(names) - _SHOWN
        names = [*names[: _SHOWN - 1], f"({left_out} more)", names[-1]]
    return " -> ".join(names)
