"""What nobody waits for: closed records, directories that were read, strangers in the cloud."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from batchcompute.controllers.members.terminating import terminate
from batchcompute.controllers.rounds import attempt
from batchcompute.core import orphans
from batchcompute.core.terminating import Going, batches, terminable
from batchcompute.ledger.index import LedgerIndex
from batchcompute.ledger.records import Launch, LaunchState
from batchcompute.mailbox.keys import parse_launch
from batchcompute.vocabulary import TagKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from batchcompute.cloud.port import MachineView
    from batchcompute.controllers.context import Context
    from batchcompute.controllers.credentials import Clouds

log = logging.getLogger(__name__)

SETTLE_SECONDS = 1.0
DIRECTORY_SECONDS = 5.0
TICK = 5.0
SPARSE_SECONDS = 60.0
"""How often records are looked at that only a few stragglers keep open."""
DAY = 86_400.0

Account = tuple[str, str, str]  # namespace, credential, region


class Housekeeping:
    """Three slow loops of the leader."""

    def __init__(self, ctx: Context, clouds: Clouds) -> None:
        self._ctx = ctx
        self._clouds = clouds
        self._removed: set[int] = set()
        self._closed_at: float | None = None
        self._was_live = False
        self._lead_at = ctx.clock.now()
        self._last_sweep: float | None = None
        self._first_seen: dict[str, float] = {}
        self._absent: set[str] = set()

    async def run_ledger(self) -> None:
        """Delete closed records, then the credential copies that nothing names any more."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SPARSE_SECONDS):
                    await self._ctx.closed.wait()
            await self._ctx.clock.sleep(SETTLE_SECONDS)
            self._ctx.closed.clear()
            if not await attempt(self._ctx.ledger.settle(), "closing records of the ledger"):
                self._ctx.closed.set()
            await self._drop_copies()

    async def _drop_copies(self) -> None:
        """A credential that no open member names needs no copy; one being launched may (R18)."""
        used = self._ctx.ledger.index.credentials()
        try:
            if not await self._clouds.unused(used):
                return
            if self._ctx.busy():
                self._ctx.closed.set()
                return
            await self._clouds.keep(used)
        except Exception as error:
            log.warning("copies of credentials were not deleted, again soon: %s", error)
            self._ctx.closed.set()

    async def run_directories(self) -> None:
        """A directory goes once every machine has read it, ended, or missed its time (R31)."""
        while True:
            await self._ctx.clock.sleep(DIRECTORY_SECONDS)
            done = [
                launch
                for entry in self._ctx.ledger.index.launches()
                if isinstance(launch := entry.record, Launch)
                and launch.seq not in self._removed
                and self._is_read(launch)
            ]
            if not done:
                continue
            layout = self._ctx.mailbox.layout
            keys = [layout.directory(launch.launch_id) for launch in done]
            keys += [layout.boot_fail(launch.launch_id) for launch in done]
            try:
                await self._ctx.mailbox.cos.delete_many(keys)
            except Exception as error:
                log.warning("%d directories were not deleted, again soon: %s", len(done), error)
                continue
            self._removed.update(launch.seq for launch in done)
            self._removed &= set(self._ctx.ledger.index.entries)

    def _is_read(self, launch: Launch) -> bool:
        if launch.state is not LaunchState.BOUND or launch.bound_at is None:
            return False
        deadline = launch.bound_at + self._ctx.settings.launch.boot_deadline_seconds
        if self._ctx.clock.now() > deadline:
            return True
        tracked = [self._ctx.tracker.get(mid) for mid, _ in launch.by_mid()]
        return all(one is None or one.beats or one.settled for one in tracked)

    async def run_mailbox(self) -> None:
        """Once a day, what no open launch stands for and is older than a day goes (section 6)."""
        while True:
            await self._ctx.clock.sleep(DAY)
            if not len(self._ctx.tracker):
                continue
            await attempt(self._sweep_mailbox(), "the sweep of the mailbox")

    async def _sweep_mailbox(self) -> None:
        cos, layout = self._ctx.mailbox.cos, self._ctx.mailbox.layout
        for folder in ("dir", "box", "live", "done"):
            page = await cos.list_all(layout.polled(folder))
            old = [
                entry.key
                for entry in page.entries
                if page.date - entry.modified > DAY and not self._is_open(entry.key)
            ]
            if old:
                await cos.delete_many(old)

    def _is_open(self, key: str) -> bool:
        """Keys begin with their launch: ``<seq:010d>-<nonce6>``."""
        launch = parse_launch(key.rpartition("/")[2][:17])
        return launch is not None and self._ctx.ledger.index.launch(launch.seq) is not None

    # -- strangers (R4) ------------------------------------------------------------------

    async def run_sweep(self) -> None:
        """Sweep when it is due; nothing live for long: not at all."""
        while True:
            await self._ctx.clock.sleep(TICK)
            now = self._ctx.clock.now()
            live = self._is_live()
            if self._was_live and not live:
                self._closed_at = now
            self._was_live = live
            due = orphans.next_sweep(self._last_sweep, self._lead_at, live, self._closed_at, now)
            if due is None or now < due:
                continue
            if await attempt(self._sweep(), "the sweep of the cloud"):
                self._last_sweep = now
                await attempt(self._follow_abandoned(), "looking for abandoned machines")

    def _is_live(self) -> bool:
        """Whether a launch may have a machine; the newest record stays without one."""
        index = self._ctx.ledger.index
        return bool(index.unsettled()) or any(index.open_members())

    async def _sweep(self) -> None:
        """Whole listings, not only of our tag: a name of ours without it is reported (R4)."""
        listed: dict[str, tuple[MachineView, Account]] = {}
        accounts = self._accounts()
        for account in accounts:
            what = f"listing the machines of {account}"
            await attempt(self._list_account(account, listed), what)
        ledger = await self._ledger_view()
        found = orphans.sweep(
            [_machine(view) for view, _ in listed.values()],
            ledger,
            self._first_seen,
            self._ctx.clock.now(),
        )
        self._first_seen = dict(found.first_seen)
        self._say(found)
        for account in accounts:
            mine = [listed[one][0] for one in found.stop if listed[one][1] == account]
            going = (
                Going(one.instance_id, account[1], account[2], one.charge_type, account[0])
                for one in mine
                if terminable(one.state, wrote_done=False)
            )
            for batch in batches(going):
                what = f"TerminateInstances of {len(batch)} strangers"
                await attempt(self._end_strangers(account, batch), what)

    async def _list_account(
        self, account: Account, listed: dict[str, tuple[MachineView, Account]]
    ) -> None:
        cloud = await self._ctx.cloud(*account)
        for view in await cloud.list_instances():
            listed.setdefault(view.instance_id, (view, account))

    async def _end_strangers(self, account: Account, batch: Sequence[Going]) -> None:
        await terminate(await self._ctx.cloud(*account), batch, _stopped)

    def _accounts(self) -> list[Account]:
        """The operator's own in its region, and whatever an open launch was made with."""
        launches = (entry.record for entry in self._ctx.ledger.index.launches())
        named = {
            (one.namespace if one.credential else "", one.credential, one.region)
            for one in launches
            if isinstance(one, Launch)
        }
        return sorted({("", "", self._ctx.settings.region)} | named)

    def _say(self, found: orphans.Sweep) -> None:
        if found.behind:
            names = ", ".join(found.behind)
            log.error("LedgerBehind: %s are newer than the ledger: nothing is stopped", names)
        for instance_id in found.report:
            log.warning("StrangerReported: %s looks like ours without proof", instance_id)

    async def _ledger_view(self) -> orphans.LedgerView:
        """Listed after the cloud was, by quorum (R4)."""
        ledger = self._ctx.ledger
        listed = await ledger.relist()
        index = LedgerIndex()
        for entry in listed.entries:
            index.put(entry)
        launches = [entry.record for entry in index.launches()]
        return orphans.LedgerView(
            owner=ledger.owner,
            head=listed.head,
            root_intact=listed.root.intact,
            launches={one.seq: one.launch_id for one in launches if isinstance(one, Launch)},
            unsettled=frozenset(entry.seq for entry in index.unsettled()),
            ids=index.recorded_ids(),
        )

    async def _follow_abandoned(self) -> None:
        """Abandoned machines close their record once they are gone."""
        for record in self._ctx.ledger.index.abandons():
            region = record.region or self._ctx.settings.region
            account = record.namespace, record.credential, region
            what = f"looking for abandoned machines of {account}"
            await attempt(self._follow(account, sorted(record.ids)), what)

    async def _follow(self, account: Account, ids: Sequence[str]) -> None:
        cloud = await self._ctx.cloud(*account)
        for at in range(0, len(ids), 100):
            batch = ids[at : at + 100]
            there = {view.instance_id for view in await cloud.describe_instances(batch)}
            absent = {one for one in batch if one not in there}
            twice = absent & self._absent
            self._absent = (self._absent - set(batch)) | absent
            if twice:
                self._ctx.ledger.vanished(twice)
                self._ctx.closed.set()


def _stopped(ids: Sequence[str]) -> None:
    log.warning("StrangerStopped: no record names %s", ", ".join(ids))


def _machine(view: MachineView) -> orphans.CloudMachine:
    return orphans.CloudMachine(
        instance_id=view.instance_id,
        name=view.name,
        created_at=view.created,
        owner=view.tags.get(TagKey.OWNER),
        launch=view.tags.get(TagKey.LAUNCH),
    )
