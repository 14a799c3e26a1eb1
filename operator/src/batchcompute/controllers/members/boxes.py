"""``box/<mid>``: what is to be said to one machine: a cancel, renewed signatures and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchcompute.controllers.launch.definitions import data, deadlines
from batchcompute.controllers.launch.directory import build_run
from batchcompute.controllers.members.facts import task_of
from batchcompute.mailbox.records import Box, Cancel

if TYPE_CHECKING:
    from batchcompute.controllers.context import Context
    from batchcompute.controllers.members.tracked import Tracked


async def write_box(ctx: Context, one: Tracked) -> None:
    """Fresh grants and keys, and the cancel if one stands; each write replaces the last.

    ``rev`` is the time in milliseconds, so it grows over every change of leader.
    """
    now = ctx.clock.now()
    task = task_of(ctx, one)
    limits = deadlines(ctx, task)
    granter = ctx.mailbox.granter(now, limits.total())
    member = one.open.member
    accepted = ctx.acceptances.known(member.job_uid)
    rev = max(int(now * 1000), one.rev + 1)
    box = Box(
        mid=one.mid,
        rev=rev,
        cancel=Cancel(0, str(one.cancel.reason)) if one.cancel is not None else None,
        put=granter.put_grant,
        get=granter.get_grant,
        box_get=granter.box_get(one.mid),
        run=build_run(ctx, one.mid, member, task, granter) if task is not None else None,
        data=await data(ctx, member, accepted, task) if accepted and task is not None else {},
    )
    await ctx.mailbox.cos.put(ctx.mailbox.layout.box(one.mid), box.encode())
    one.rev = rev
    one.refresh_at = ctx.mailbox.refresh_at(now, limits.total())
    one.signed_until = now + 2 * (one.refresh_at - now)
