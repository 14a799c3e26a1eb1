"""What a process does: decide from what it knows, pause, do; crash or lose the reply anywhere."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from batchcompute.core import attempts
from batchcompute.core.member_facts import Close, Finish, RecordStop, Terminate
from tests.component.model import judgement
from tests.component.model.commands import perform
from tests.component.model.world import Command, Process, Record, Rules, World, changed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batchcompute.core.member_facts import MemberFacts

Step = tuple[str, World]


def steps(world: World, rules: Rules) -> Iterator[Step]:
    for place, process in enumerate(world.processes):
        if process.number == 0:
            if place == 0 or world.processes[0].number != 0:  # which of two that are down is one
                yield from _start(world, place, rules)
        else:
            yield from _alive(world, place, process, rules)


def _start(world: World, place: int, rules: Rules) -> Iterator[Step]:
    """List, append ``lead``: a pause between these two only leads to listing again."""
    if world.started < rules.starts:
        number = world.started + 1
        ledger = (*world.ledger, Record("lead", number))
        fresh = Process(number, ledger, world.status)
        yield (
            f"process {number} leads",
            _put(world._replace(started=number, ledger=ledger), place, fresh),
        )


def _alive(world: World, place: int, process: Process, rules: Rules) -> Iterator[Step]:
    name = f"process {process.number}"
    if world.crashes:
        yield f"{name} crashes", _put(world._replace(crashes=world.crashes - 1), place, Process())
    if process.command is None:
        for what, decided in _decisions(world, process, rules):
            yield f"{name}: {what}", _put(world, place, decided)
        for what, after, process_after in _at_once(world, process, rules):
            yield f"{name}: {what}", _put(after, place, process_after)
        return
    does = f"{name} does {' '.join(str(x) for x in process.command if x)}"
    after, process_after = perform(world, process, rules)
    yield does, _put(after, place, process_after)
    if world.losses and after[:6] != world[:6]:  # without an effect, nothing of it can be lost
        lost = process._replace(command=process.command if process.command.do in RETRIED else None)
        yield (
            f"{does}, the reply is lost",
            _put(after._replace(losses=world.losses - 1), place, lost),
        )


def _at_once(world: World, process: Process, rules: Rules) -> Iterator[tuple[str, World, Process]]:
    """Writes that change nothing if they come late: a pause before them shows nothing new."""
    for seq, record in enumerate(process.view, 1):
        if record.kind != "launch" or record.state != "Bound":
            continue
        if dict(world.dirs).get(seq) != record.machine:
            assert record.machine is not None
            command = Command("direct", seq, (record.machine,))
            yield "direct", *perform(world, process._replace(command=command), rules)
    if process.status != world.status:
        yield "sees the status", world, process._replace(status=world.status)
    leads = [at for at, r in enumerate(world.ledger) if r.kind == "lead"]
    if rules.deletes and process.view == world.ledger and len(leads) > 1:
        ledger = changed(world.ledger, leads[0], Record("hole", 0))
        yield "delete a lead", world._replace(ledger=ledger), process._replace(view=ledger)


# Appends look for their nonce, compare-and-swaps for their wish; the others are decided anew.
RETRIED = frozenset({"launch", "stop", "bind", "void"})


def _put(world: World, place: int, process: Process) -> World:
    return world._replace(processes=changed(world.processes, place, process))


# -- deciding -------------------------------------------------------------------------


def _decisions(world: World, process: Process, rules: Rules) -> Iterator[tuple[str, Process]]:
    launches = [(s, r) for s, r in enumerate(process.view, 1) if r.kind == "launch"]
    for seq, record in launches:
        if record.state in ("Intent", "Search"):
            yield from _unsettled(world, process, seq, record)
        elif record.state == "Bound":
            yield from _watch(world, process, seq, record, rules)
    if _may_launch(world, process, launches, rules):
        number = process.status.attempt
        yield "launch", process._replace(command=Command("launch", number))
    recorded = {r.machine for r in process.view}
    listed = [n for n, m in enumerate(world.machines) if m.listed and m.phase != "dead"]
    strange = tuple(n for n in listed if n not in recorded and not world.machines[n].ending)
    if strange:
        yield "sweep: lists the cloud", process._replace(command=Command("sweep", ids=strange))


def _unsettled(
    world: World, process: Process, seq: int, record: Record
) -> Iterator[tuple[str, Process]]:
    if record.state == "Intent":
        yield "call", process._replace(command=Command("call", seq))
        if any(c.launch == seq for c in world.machines):  # else it ends as Void: nothing was sent
            yield "search", process._replace(command=Command("search", seq))
        return
    ours = [(n, m) for n, m in enumerate(world.machines) if m.launch == seq]
    found = tuple(n for n, m in ours if m.listed and m.phase != "dead")
    step = judgement.after_search(found, all(m.listed or m.phase == "dead" for _, m in ours))
    if step == "bind":
        yield "found", process._replace(command=Command("bind", seq, found))
    elif step == "void":
        yield "found nothing", process._replace(command=Command("void", seq))


def _watch(
    world: World, process: Process, seq: int, record: Record, rules: Rules
) -> Iterator[tuple[str, Process]]:
    """Describe one machine and list its beats, decide; nothing is between these two.

    Of the replies only a proof is kept: whatever else was seen can be seen again.
    """
    assert record.machine is not None
    machine = world.machines[record.machine]
    known = dict(process.replies)
    proof = known.get(record.machine)
    for replies in (proof,) if proof else judgement.replies(machine):
        if judgement.proves(replies, gone_rule=rules.gone):
            known[record.machine] = replies
        seen = process._replace(replies=tuple(sorted(known.items())))
        for late in (False, True):
            facts = _facts(world, seen, seq, record, rules, late, replies)
            wanted = judgement.action(facts, late)
            command = _command(seq, record, wanted, seen, facts, world, rules)
            if command or seen != process:
                yield f"watch {record.machine}{' late' * late}", seen._replace(command=command)


def _facts(
    world: World,
    process: Process,
    seq: int,
    record: Record,
    rules: Rules,
    late: bool,
    replies: str,
) -> MemberFacts:
    assert record.machine is not None
    machine = world.machines[record.machine]
    status = process.status
    newest = max(
        s for s, r in enumerate(process.view, 1) if r.kind == "launch" and r.state != "Void"
    )
    return judgement.facts(
        replies,
        machine.phase,
        machine.result,
        current=seq == newest,
        settled=status.ended or status.attempt > record.attempt,
        stop=any(r.kind == "stop" and r.target == seq for r in process.view),
        late=late,
        gone_rule=rules.gone,
    )


def _command(
    seq: int,
    record: Record,
    wanted: object,
    process: Process,
    facts: MemberFacts,
    world: World,
    rules: Rules,
) -> Command | None:
    assert record.machine is not None
    by_itself = facts.sightings.gone_at is not None
    if isinstance(wanted, RecordStop) and by_itself and not rules.verdict_record:
        wanted = judgement.action(replace(facts, stop=wanted.reason), True)
    match wanted:
        case RecordStop() if not rules.stop_record:
            return Command("terminate", seq, (record.machine,))
        case RecordStop():
            return Command("stop", seq)
        case Terminate() if not world.machines[record.machine].ending:
            return Command("terminate", seq, (record.machine,))
        case Finish(outcome=outcome):
            others = [r for s, r in enumerate(process.view, 1) if r.kind == "launch" and s != seq]
            alone = not any(r.state == "Bound" for r in others)
            step = attempts.after(
                outcome, attempt=record.attempt, spent=attempts.Spent(), now=0.0, alone=alone,
                limits=attempts.Limits(max_retries=9, resource_max_retries=9),
            )  # fmt: skip
            ended = isinstance(step, attempts.Ended)
            number = record.attempt if isinstance(step, attempts.Ended) else step.attempt
            if (number, ended) == (process.status.attempt, process.status.ended):
                return None  # LAUNCH_FAILED: the same attempt again
            return Command("finish", number, to="ended" if ended else "")
        case Close() | None:
            return None
    return None


def _may_launch(
    world: World, process: Process, launches: list[tuple[int, Record]], rules: Rules
) -> bool:
    """No open member that could still work for this instance (R6, row 41)."""
    if process.status.ended or len(launches) >= rules.launches:
        return False
    for seq, record in launches:
        if record.state in ("Intent", "Search"):
            return False
        if record.state == "Bound":
            assert record.machine is not None
            replies = dict(process.replies).get(record.machine, "")
            facts = _facts(world, process, seq, record, rules, False, replies)
            closed = isinstance(judgement.action(facts, False), Close)
            if not closed and not judgement.may_start_next(facts):
                return False
    return True
