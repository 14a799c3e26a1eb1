"""The one effect of a command, as the API server, the cloud or the bucket carries it out."""

from __future__ import annotations

from tests.component.model import judgement
from tests.component.model.world import (
    EXECUTING,
    Machine,
    Process,
    Record,
    Rules,
    Violation,
    World,
    changed,
    paired,
)

DOWN = Process()


def perform(world: World, process: Process, rules: Rules) -> tuple[World, Process]:
    """World and process after the command; the process has seen the reply."""
    assert process.command is not None
    match process.command.do:
        case "launch" | "stop":
            return _append(world, process, rules)
        case "call":
            return _call(world, process, rules)
        case "bind" | "void" | "search":
            return _transition(world, process, rules)
        case "direct":
            return _direct(world, process)
        case "finish":
            return _finish(world, process)
        case "terminate":
            return _terminate(world, process, rules)
        case "sweep":
            return _sweep(world, process)
    raise AssertionError(process.command)


def _append(world: World, process: Process, rules: Rules) -> tuple[World, Process]:
    """R2: created at the next number that this process knows of, or not at all."""
    command = process.command
    assert command is not None
    if command.do == "launch":
        record = Record("launch", process.number, command.seq, "Intent")
    else:
        record = Record("stop", process.number, target=command.seq)
    head = len(process.view)
    if head < len(world.ledger):
        taken = world.ledger[head]
        if taken[:3] == record[:3] and taken.target == record.target:
            view = (*process.view, taken)  # its own nonce: the reply was lost
            return world, process._replace(view=view, command=None)
        hole = taken.kind == "hole" and not rules.floor
        if rules.fence and not hole:
            return world, DOWN
    if command.do == "launch":
        _check_append(world, rules)
    if head < len(world.ledger) and rules.fence:  # into the hole
        ledger = changed(world.ledger, head, record)
        view = (*process.view, record)
    else:
        ledger = (*world.ledger, record)
        view = (*process.view, record) if rules.fence else ledger
    return world._replace(ledger=ledger), process._replace(view=view, command=None)


def _check_append(world: World, rules: Rules) -> None:
    """Invariant (a), by what is true and not by what a process knows."""
    if "a" not in rules.invariants:
        return
    for record in world.ledger:
        if record.kind != "launch" or record.state == "Void":
            continue
        machine = None if record.machine is None else world.machines[record.machine]
        if machine is None or (machine.phase not in ("dead", "failed") and not machine.result):
            raise Violation("a", "a launch is recorded while an older member may still work")


def _call(world: World, process: Process, rules: Rules) -> tuple[World, Process]:
    """RunInstances: the token gives the same machine again, unless the cloud forgot it."""
    assert process.command is not None
    seq = process.command.seq
    number = paired(world.tokens, seq)
    if number is None:
        if len(world.machines) >= rules.machines:
            return world, process._replace(command=None)
        number = len(world.machines)
        world = world._replace(
            machines=(*world.machines, Machine(seq)), tokens=(*world.tokens, (seq, number))
        )
    bind = process.command._replace(do="bind", ids=(number,))
    return world, process._replace(command=bind)


def _transition(world: World, process: Process, rules: Rules) -> tuple[World, Process]:
    """R3: by compare-and-swap from what this process read; a conflict reads again."""
    command = process.command
    assert command is not None
    at = command.seq - 1
    standing = world.ledger[at]
    decided = standing.state in ("Bound", "Void")
    if standing != process.view[at] and rules.bind_by_cas:
        done = decided or command.do == "search"
        view = changed(process.view, at, standing)
        return world, process._replace(view=view, command=None if done else command)
    if decided and rules.bind_by_cas:
        return world, process._replace(command=None)
    if command.do == "bind":
        record = standing._replace(state="Bound", machine=judgement.binding(command.ids))
    else:
        record = standing._replace(state="Void" if command.do == "void" else "Search")
    after = world._replace(ledger=changed(world.ledger, at, record))
    return after, process._replace(view=changed(process.view, at, record), command=None)


def _direct(world: World, process: Process) -> tuple[World, Process]:
    command = process.command
    assert command is not None
    others = tuple(pair for pair in world.dirs if pair[0] != command.seq)
    dirs = tuple(sorted((*others, (command.seq, command.ids[0]))))
    return world._replace(dirs=dirs), process._replace(command=None)


def _finish(world: World, process: Process) -> tuple[World, Process]:
    """A status write under the resourceVersion that was read; a conflict reads again."""
    command = process.command
    assert command is not None
    if world.status != process.status:
        return world, process._replace(status=world.status, command=None)
    status = world.status._replace(
        attempt=command.seq, ended=command.to == "ended", version=world.status.version + 1
    )
    return world._replace(status=status), process._replace(status=status, command=None)


def _terminate(world: World, process: Process, rules: Rules) -> tuple[World, Process]:
    command = process.command
    assert command is not None
    for number in command.ids:
        machine = world.machines[number]
        if machine.phase == "dead":
            continue
        _check_kill(world, number, rules)
        ending = machine._replace(ending=True, listed=True)
        world = world._replace(machines=changed(world.machines, number, ending))
    return world, process._replace(command=None)


def _check_kill(world: World, number: int, rules: Rules) -> None:
    """Invariant (c): a result, a stop record, or a stranger by R4; never a working machine."""
    machine = world.machines[number]
    seq = next((s for s, r in enumerate(world.ledger, 1) if r.machine == number), None)
    stopped = any(r.kind == "stop" and r.target == seq for r in world.ledger)
    if "c" not in rules.invariants or machine.result or stopped or machine.phase == "failed":
        return
    if seq is None and world.ledger[machine.launch - 1].state in ("Bound", "Void"):
        return
    working = machine.phase in (*EXECUTING, "ready", "new")
    woken = machine.phase == "run" or rules.stop_record
    if working and woken:
        raise Violation("c", f"machine {number} is terminated while it works")


def _sweep(world: World, process: Process) -> tuple[World, Process]:
    """The cloud was listed; now the ledger, by quorum, and then the judgement (R4)."""
    command = process.command
    assert command is not None
    stop = tuple(
        n
        for n in command.ids
        if judgement.is_stranger(n, world.machines[n]._replace(phase="new"), world.ledger)
    )
    todo = command._replace(do="terminate", ids=stop) if stop else None
    return world, process._replace(command=todo)
