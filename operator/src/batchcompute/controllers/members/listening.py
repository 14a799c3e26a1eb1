"""The mailbox loops: ``done/`` every second, ``live/`` every few, renewals at half life."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from batchcompute.controllers.members import boxes, looking
from batchcompute.controllers.rounds import attempt
from batchcompute.core import silence
from batchcompute.mailbox.keys import parse_run
from batchcompute.mailbox.layout import DONE_LIMIT

if TYPE_CHECKING:
    from batchcompute.controllers.context import Context
    from batchcompute.controllers.members.controller import MemberController
    from batchcompute.controllers.members.tracked import Tracked
    from batchcompute.mailbox.listing import Entry

log = logging.getLogger(__name__)

READS = 16
STALE_SECONDS = 3600.0
SHORTEST_SECONDS = 0.05


class Listener:
    """Nothing live: no call at all."""

    def __init__(self, ctx: Context, members: MemberController) -> None:
        self._ctx = ctx
        self._members = members
        self._reads = asyncio.Semaphore(READS)
        self._strange: dict[str, float] = {}
        self._beats: dict[str, silence.Beats] = {}

    async def run_done(self) -> None:
        """Results, for ever; from listing to listing: many reads delay no later result."""
        clock, every = self._ctx.clock, self._ctx.settings.mailbox.done_poll_seconds
        due = clock.monotonic() + every
        while True:
            await clock.sleep(max(SHORTEST_SECONDS, due - clock.monotonic()))
            due = clock.monotonic() + every
            if self._ctx.tracker.unsettled:
                await attempt(self._list_done(), "listing results")

    async def run_live(self) -> None:
        """Beats, for ever."""
        while True:
            await self._ctx.clock.sleep(self._interval())
            if self._ctx.tracker.unsettled:
                await attempt(self._list_live(), "listing beats")

    async def run_renewals(self) -> None:
        """Boxes with fresh signatures, for ever."""
        while True:
            await self._ctx.clock.sleep(1.0)
            now = self._ctx.clock.now()
            due = [one for one in self._ctx.tracker if self._is_due(one, now)]
            for at in range(0, len(due), READS):
                batch = due[at : at + READS]
                await asyncio.gather(
                    *(attempt(self._renew(one), f"the box of {one.mid}") for one in batch)
                )

    def _interval(self) -> float:
        slow = {True: 3.0, False: 2.0}[len(self._ctx.tracker) > 10_000]
        factor = slow if len(self._ctx.tracker) > 5_000 else 1.0
        return self._ctx.settings.mailbox.live_poll_seconds * factor

    # -- results -----------------------------------------------------------------------

    async def _list_done(self) -> None:
        layout = self._ctx.mailbox.layout
        page = await self._ctx.mailbox.cos.list_all(layout.polled("done"))
        news: list[tuple[Tracked, Entry]] = []
        for entry in page.entries:
            one = self._whose(layout.parse_done(entry.key))
            if one is None:
                self._note_strange(entry.key)
            elif one.result is None and entry.etag != one.refused:
                news.append((one, entry))
        reads = (attempt(self._read_done(*new), f"the result of {new[0].mid}") for new in news)
        await asyncio.gather(*reads)
        await self._drop_strange()

    def _whose(self, rid: str | None) -> Tracked | None:
        run = parse_run(rid) if rid is not None else None
        return self._ctx.tracker.get(run.mid) if run is not None and run.n == 0 else None

    async def _read_done(self, one: Tracked, entry: Entry) -> None:
        """What is no result is read once, what is too large never (R32)."""
        if entry.size > DONE_LIMIT:
            log.warning("%s has %d bytes and is not read", entry.key, entry.size)
            one.refused = entry.etag
            return
        async with self._reads:
            if await looking.read_result(self._ctx, one, entry.key):
                self._ctx.members.add(one.mid)

    def _note_strange(self, key: str) -> None:
        self._strange.setdefault(key, self._ctx.clock.now())

    async def _drop_strange(self) -> None:
        """Results that match nothing have no effect and go after an hour (interleaving 27)."""
        now = self._ctx.clock.now()
        old = [key for key, since in self._strange.items() if now - since >= STALE_SECONDS]
        if old:
            await self._ctx.mailbox.cos.delete_many(old)
            for key in old:
                del self._strange[key]

    # -- beats -------------------------------------------------------------------------

    async def _list_live(self) -> None:
        layout = self._ctx.mailbox.layout
        page = await self._ctx.mailbox.cos.list_all(layout.polled("live"))
        newest: dict[str, float] = {}
        first: list[tuple[Tracked, int]] = []
        for entry in page.entries:
            name = layout.parse_live(entry.key)
            one = self._ctx.tracker.get(name.mid) if name is not None else None
            if name is None or one is None or name.n != 0 or name.phase is None:
                continue
            newest[one.mid] = max(entry.modified, newest.get(one.mid, 0.0))
            if looking.saw_beat(one, name.phase, entry.modified):
                first.append((one, name.phase))
        self._judge_silence(newest, page.date)
        await asyncio.gather(*(self._first_of_phase(*new) for new in first))

    async def _first_of_phase(self, one: Tracked, phase: int) -> None:
        if one.adopted:
            async with self._reads:
                read = looking.read_beat(self._ctx, one, phase)
                await attempt(read, f"the beat of {one.mid}")
        self._members.saw_beat(one, phase)

    def _judge_silence(self, newest: dict[str, float], date: float) -> None:
        beat = self._ctx.settings.mailbox.beat_seconds
        waiting = [one for one in self._ctx.tracker if one.beats and one.result is None]
        known = {one.mid: self._beats.get(one.mid) for one in waiting}
        self._beats = {
            one.mid: (known[one.mid] or silence.Beats(max(one.beats.values()))).with_listing(
                newest.get(one.mid), date, beat
            )
            for one in waiting
        }
        degraded = silence.degraded(self._beats.values())
        for one in waiting:
            beats = self._beats[one.mid]
            one.beats_at(beats.last)
            pulse = silence.pulse(
                beats, date=date, signed_until=one.signed_until, degraded=degraded
            )
            if pulse is not one.pulse:
                one.pulse, one.silent_since = pulse, beats.silent_since
                self._ctx.members.add(one.mid)

    # -- renewals ----------------------------------------------------------------------

    def _is_due(self, one: Tracked, now: float) -> bool:
        return not one.settled and one.refresh_at is not None and now >= one.refresh_at

    async def _renew(self, one: Tracked) -> None:
        await boxes.write_box(self._ctx, one)
