"""What happens without the operator: machines boot, work, hang, wake, end; the cloud forgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.component.model.world import Machine, Phase, Rules, World, changed, paired

if TYPE_CHECKING:
    from collections.abc import Iterator

Step = tuple[str, World]


def steps(world: World, rules: Rules) -> Iterator[Step]:
    for number, machine in enumerate(world.machines):
        if machine.phase != "dead":
            yield from _machine(world, number, machine, rules)
    if world.forgotten and world.tokens:
        yield "the cloud forgets a token", world._replace(tokens=world.tokens[1:], forgotten=0)


def _machine(world: World, number: int, machine: Machine, rules: Rules) -> Iterator[Step]:
    def to(phase: Phase, result: str = machine.result) -> World:
        moved = machine._replace(phase=phase, result=result)
        return world._replace(machines=changed(world.machines, number, moved))

    name = f"machine {number}"
    if not machine.listed:
        seen = machine._replace(listed=True)
        yield f"{name} is listed", world._replace(machines=changed(world.machines, number, seen))
    if machine.ending or machine.phase == "failed":
        gone = Machine(machine.launch, phase="dead", result=machine.result)
        machines = changed(world.machines, number, gone)
        yield f"{name} is gone", world._replace(machines=machines)
    elif world.mishaps:
        yield from _mishap(world, number, machine)
    match machine.phase:
        case "new":
            named = paired(world.dirs, machine.launch)
            if named is not None:
                yield f"{name} reads its directory", to("ready" if named == number else "idle")
        case "ready":
            yield _start(world, number, machine, rules)
        case "run":
            yield f"{name} writes its result", to("ended", "done")
        case "hung":
            yield f"{name} wakes", to("run")
        case "wedged":
            yield f"{name} wakes", to("ready")


def _start(world: World, number: int, machine: Machine, rules: Rules) -> Step:
    """R7: the key of the attempt is written once; who does not get it does not execute."""
    attempt = world.ledger[machine.launch - 1].attempt
    holder = paired(world.locks, attempt)
    free = not rules.start_lock or holder in (None, number)
    locks = (*world.locks, (attempt, number)) if holder is None else world.locks
    moved = (
        machine._replace(phase="run")
        if free
        else machine._replace(phase="ended", result="duplicate")
    )
    machines = changed(world.machines, number, moved)
    return f"machine {number} starts: {moved.phase}", world._replace(machines=machines, locks=locks)


def _mishap(world: World, number: int, machine: Machine) -> Iterator[Step]:
    hangs: dict[str, Phase] = {"run": "hung", "ready": "wedged"}
    found: list[tuple[str, Machine]] = []
    if machine.phase in hangs:
        found.append(("hangs", machine._replace(phase=hangs[machine.phase])))
    if machine.phase == "new":
        found.append(("fails to launch", machine._replace(phase="failed", listed=True)))
    if machine.phase in ("run", "ready"):
        found.append(("is reclaimed", machine._replace(ending=True, listed=True)))
    for what, moved in found:
        yield (
            f"machine {number} {what}",
            world._replace(
                machines=changed(world.machines, number, moved), mishaps=world.mishaps - 1
            ),
        )
