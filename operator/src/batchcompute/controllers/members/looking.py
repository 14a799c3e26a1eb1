"""Reads of the exact keys of a member: its result, its beats, its boot note (R9, R13, R32)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from batchcompute.controllers.mailbox import attempt_path
from batchcompute.core.member_facts import Beat, Exit, Result
from batchcompute.mailbox import inbound
from batchcompute.mailbox.errors import TooLargeError
from batchcompute.mailbox.layout import DONE_LIMIT, FAIL_LIMIT, LIVE_LIMIT
from batchcompute.vocabulary import Reason

if TYPE_CHECKING:
    from batchcompute.controllers.context import Context
    from batchcompute.controllers.members.tracked import Tracked

log = logging.getLogger(__name__)


async def read_result(ctx: Context, one: Tracked, key: str) -> bool:
    """Read ``done`` or ``result.json``; whether it holds a result of this attempt."""
    try:
        found = await ctx.mailbox.cos.get(key, DONE_LIMIT)
    except TooLargeError as error:
        log.warning("%s is no result: %s", key, error)
        return False
    if found is None:
        return False
    one.refused = found.etag
    try:
        record = inbound.parse_result(found.body)
    except inbound.HostileInputError as error:
        log.warning("%s is no result: %s", key, error)
        return False
    if record.mid != one.mid or attempt_path(one.open.member) != record.A:
        log.warning("%s is the result of another run", key)
        return False
    one.sightings = one.sightings.with_beat()  # it has run, whether or not a beat was listed
    one.record, one.done_at = record, found.modified
    one.result = Result(Reason(record.reason), _exit(record.exit), record.message)
    return True


async def last_look(ctx: Context, one: Tracked) -> None:
    """``done``, then ``result.json``, then the highest beat."""
    layout = ctx.mailbox.layout
    now = ctx.clock.now()
    path = attempt_path(one.open.member)
    if not await read_result(ctx, one, layout.done(one.rid)) and not await read_result(
        ctx, one, layout.result(path)
    ):
        for phase in (2, 1, 0):
            if await read_beat(ctx, one, phase):
                break
    one.looked_at = now


async def read_beat(ctx: Context, one: Tracked, phase: int) -> bool:
    """Read the newest beat of a phase; whether there is one."""
    try:
        found = await ctx.mailbox.cos.get(ctx.mailbox.layout.live(one.rid, phase), LIVE_LIMIT)
        if found is None:
            return False
        line = inbound.parse_beat(found.body).line
    except (TooLargeError, inbound.HostileInputError) as error:
        log.warning("a beat of %s: %s", one.mid, error)
        return False
    if line.mid != one.mid or line.p != phase:
        return False
    saw_beat(one, phase, found.modified, began=found.modified - line.elapsed)
    one.beat = Beat(phase, found.modified, line.elapsed, _exit(line.exit), line.spot)
    return True


def saw_beat(one: Tracked, phase: int, modified: float, began: float | None = None) -> bool:
    """A listing or a read showed a beat; whether it is the first of its phase."""
    first = phase not in one.beats
    one.beats[phase] = max(modified, one.beats.get(phase, 0.0))
    if first:
        one.begun[phase] = modified
    if began is not None:
        one.begun[phase] = min(began, one.begun[phase])
    one.sightings = one.sightings.with_beat()
    top = one.phase
    assert top is not None
    at = one.beats[top]
    known = one.beat if one.beat is not None and one.beat.phase == top else None
    one.beat = Beat(
        top,
        at,
        at - one.begun[top],
        known.exit if known else None,
        known.spot if known else False,
    )
    return first


async def read_boot_note(ctx: Context, one: Tracked) -> None:
    """What the boot script wrote when it could not start the runner."""
    key = ctx.mailbox.layout.boot_fail(one.launch.launch_id)
    try:
        found = await ctx.mailbox.cos.get(key, FAIL_LIMIT)
    except TooLargeError:
        found = None
    one.boot_note = inbound.parse_boot_fail(found.body) if found is not None else ""


def _exit(ended: inbound.Exit | None) -> Exit | None:
    return Exit(ended.code, ended.signal, ended.oom) if ended is not None else None
