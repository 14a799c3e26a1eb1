"""Wider bounds than the tests have time for.

``PYTHONPATH=operator/src:. python -m tests.component.model``

Each line of bounds: crashes, lost replies, mishaps of machines, forgotten tokens, leader
starts, machines, launches, deletions. Half a minute to several minutes and up to 1 GB each.
"""

from __future__ import annotations

import time

from tests.component.model.explore import explore
from tests.component.model.world import Rules, World

BOUNDS = (
    (1, 1, 0, 1, 2, 3, 2, False),
    (0, 1, 0, 1, 2, 3, 2, False),
    (0, 0, 1, 1, 2, 3, 2, False),
    (0, 1, 1, 0, 2, 2, 2, False),
    (1, 0, 0, 0, 3, 2, 2, True),
)


def main() -> None:
    for bounds in BOUNDS:
        crashes, losses, mishaps, forgotten, starts, machines, launches, deletes = bounds
        began = time.monotonic()
        world = World(crashes=crashes, losses=losses, mishaps=mishaps, forgotten=forgotten)
        rules = Rules(starts=starts, machines=machines, launches=launches, deletes=deletes)
        found = explore(rules, world)
        print(bounds, f"{found.states:,} states, {time.monotonic() - began:.0f} s", *found.trace)


if __name__ == "__main__":
    main()
