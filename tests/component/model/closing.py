"""A random schedule, then nothing goes wrong any more: does everything come to rest?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchcompute.core.member_facts import Close
from tests.component.model import explore, judgement
from tests.component.model.world import Process, Rules, World, check

if TYPE_CHECKING:
    import random

RULES = Rules(starts=99, machines=99, launches=99)
TROUBLE = World(crashes=4, losses=4, mishaps=4, forgotten=1)
STEPS = 600


def walk(choose: random.Random) -> tuple[World, list[str]]:
    """The world after some trouble and then as many quiet steps as rest takes."""
    world, trace = TROUBLE, list[str]()
    for _ in range(choose.randrange(10, 120)):
        world = _step(world, choose, trace)
    world = world._replace(crashes=0, losses=0, mishaps=0, forgotten=0)
    for _ in range(STEPS):
        if at_rest(world):
            break
        world = _step(world, choose, trace)
    return world, trace


def _step(world: World, choose: random.Random, trace: list[str]) -> World:
    options = [(what, after) for what, after in explore.steps(world, RULES) if after != world]
    if not options:
        return world
    what, after = choose.choice(options)
    trace.append(what)
    check(after, RULES.invariants)
    return after


def at_rest(world: World) -> bool:
    """Invariant (f): ended, no machine left, and a leader that may close every record."""
    gone = all(machine.phase == "dead" for machine in world.machines)
    leader = max(world.processes, key=lambda process: process.number)
    return world.status.ended and gone and leader.view == world.ledger and _closed(leader, world)


def _closed(leader: Process, world: World) -> bool:
    proofs = dict(leader.replies)
    for seq, record in enumerate(leader.view, 1):
        if record.kind != "launch" or record.state == "Void":
            continue
        if record.machine is None:
            return False
        facts = judgement.facts(
            proofs.get(record.machine, "").replace("oo", "") + "oo",
            "dead",
            world.machines[record.machine].result,
            current=all(r.kind != "launch" for r in leader.view[seq:]),
            settled=True,
            stop=any(r.kind == "stop" and r.target == seq for r in leader.view),
            late=True,
            gone_rule=True,
        )
        if judgement.action(facts, True) != Close():
            return False
    return True
