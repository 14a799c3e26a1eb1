"""``box/<mid>``: what is to be said to one machine: a cancel, renewed signatures and keys."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from batchcompute.controllers.launch.definitions import data, deadlines, has_paths
from batchcompute.controllers.launch.directory import build_run
from batchcompute.controllers.members.facts import task_of
from batchcompute.mailbox.records import Box, Cancel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from batchcompute.cloud.credential import Credential
    from batchcompute.controllers.context import Context
    from batchcompute.controllers.members.tracked import Tracked
    from batchcompute.core.job.resolved import ResolvedTask

log = logging.getLogger(__name__)

AGAIN_SECONDS = 60.0


async def write_box(ctx: Context, one: Tracked) -> None:
    """Fresh grants and keys, and the cancel if one stands; each write replaces the last.

    ``rev`` is the time in milliseconds, so it grows over every change of leader. Without a task
    (its Job is gone) there are no new grants: they would not fit the signatures it has.
    """
    now = ctx.clock.now()
    task = task_of(ctx, one)
    limits = deadlines(ctx, task).total()
    rev = max(int(now * 1000), one.rev + 1)
    cancel = Cancel(0, str(one.cancel.reason)) if one.cancel is not None else None
    box, refresh_at = Box(mid=one.mid, rev=rev, cancel=cancel), None
    if task is not None:
        keys, complete = await _keys(ctx, one, task)
        granter = ctx.mailbox.granter(now, limits)
        box = replace(
            box,
            put=granter.put_grant,
            get=granter.get_grant,
            box_get=granter.box_get(one.mid),
            run=build_run(ctx, one.mid, one.open.member, task, granter),
            data=keys,
        )
        refresh_at = ctx.mailbox.refresh_at(now, limits, paths=has_paths(task))
        refresh_at = refresh_at if complete else now + AGAIN_SECONDS
    await ctx.mailbox.cos.put(ctx.mailbox.layout.box(one.mid), box.encode())
    one.rev, one.refresh_at = rev, refresh_at
    if task is not None:
        one.granted(now, ctx.mailbox.signed_until(now, limits))


async def _keys(
    ctx: Context, one: Tracked, task: ResolvedTask
) -> tuple[Mapping[str, Credential], bool]:
    """Keys of the declared paths, and whether they are complete: a cancel waits for none."""
    member = one.open.member
    accepted = ctx.acceptances.known(member.job_uid)
    try:
        return (await data(ctx, member, accepted, task) if accepted else {}), True
    except Exception as error:
        log.warning("keys for the paths of %s, again soon: %s", one.mid, error)
        return {}, False
