"""One leadership, from the ledger's take-over to the end: the only list of all controllers."""

from __future__ import annotations

import asyncio
import logging
import secrets as random_secrets
from collections.abc import Coroutine, Mapping
from typing import Any

import aiohttp

from batchcompute.cloud.credential import Credential
from batchcompute.cloud.limiter import RateLimiter
from batchcompute.cloud.tencent.client import TencentClient
from batchcompute.controllers import bucket, kinds, workspace
from batchcompute.controllers.acceptance import Acceptances, Accepted
from batchcompute.controllers.context import Context
from batchcompute.controllers.credentials import Clouds
from batchcompute.controllers.housekeeping import Housekeeping
from batchcompute.controllers.instances import Instances
from batchcompute.controllers.jobs import EXPECTED, JobController
from batchcompute.controllers.lanes import IN_FLIGHT, Lanes
from batchcompute.controllers.launch.caller import Caller
from batchcompute.controllers.launch.directories import Directories
from batchcompute.controllers.launch.launcher import Launcher
from batchcompute.controllers.members.controller import MemberController
from batchcompute.controllers.members.describing import Describer
from batchcompute.controllers.members.listening import Listener
from batchcompute.controllers.members.terminating import Terminator
from batchcompute.controllers.members.tracked import Tracker
from batchcompute.controllers.observe import adopt
from batchcompute.controllers.relist import relist
from batchcompute.controllers.signers import DataKeys
from batchcompute.controllers.store import (
    InstanceView,
    JobState,
    JobView,
    Key,
    Store,
    instance_view,
    job_view,
)
from batchcompute.core.job.acceptance import Rules
from batchcompute.kube.client import Client
from batchcompute.kube.events import EventRecorder, Regarding
from batchcompute.kube.informer import Informer
from batchcompute.kube.ledger_store import LedgerSecretStore
from batchcompute.kube.resources import (
    COMPUTE_ENVS,
    JOBS,
    LEASES,
    TASK_INSTANCES,
    TASK_TEMPLATES,
)
from batchcompute.kube.secrets import SecretReader
from batchcompute.ledger.errors import Deposed
from batchcompute.ledger.ledger import Ledger
from batchcompute.ledger.records import Launch, LaunchState
from batchcompute.runtime import heap
from batchcompute.runtime.clock import Clock
from batchcompute.runtime.leader import Elector
from batchcompute.runtime.loop import ReconcileLoop
from batchcompute.runtime.metrics import Metrics
from batchcompute.runtime.workqueue import WorkQueue
from batchcompute.settings import Settings
from batchcompute.vocabulary import Reason

log = logging.getLogger(__name__)

RELIST_SECONDS = 600.0
"""kopf misses what was deleted while its watch was broken (L4)."""


class Leadership:
    """``start`` returns once everything works; ``run`` lasts as long as the leadership.

    ``job_event``, ``template_event`` and ``env_event`` take what kopf hears.
    """

    def __init__(
        self,
        settings: Settings,
        credential: Credential,
        client: Client,
        clock: Clock,
        metrics: Metrics,
        *,
        owner: str,
        holder: str,
    ) -> None:
        self._settings = settings
        self._credential = credential
        self._client = client
        self._clock = clock
        self._metrics = metrics
        self._owner = owner
        self._holder = holder
        self._group: asyncio.TaskGroup
        self._templates = kinds.Templates()
        self.ctx: Context
        self.leads = False
        self.elector: Elector | None = None
        self.ready = False
        self._launcher: Launcher | None = None
        self._loops: tuple[ReconcileLoop[Any], ...] = ()

    @property
    def stuck_seconds(self) -> float:
        """How far the slowest reconcile is beyond its timeout."""
        return max((loop.stuck_seconds for loop in self._loops), default=0.0)

    # -- what kopf hears ---------------------------------------------------------------

    def job_event(self, kind: str | None, body: Mapping[str, Any]) -> None:
        """ADDED, MODIFIED, DELETED, or ``None`` for what a first listing shows."""
        view = job_view(body)
        if kind == "DELETED":
            self._job_gone(view)
        elif self.ctx.store.put_job(view):
            self.ctx.poke(self.ctx.store.known(view.uid))

    def _job_gone(self, view: JobView) -> None:
        self.ctx.store.drop_job(view.key, view.uid)
        self.ctx.acceptances.forget(view.uid)
        if self.ctx.store.job(view.key) is None:
            self.ctx.secrets.forget(view.key)
        for member in self.ctx.ledger.index.of_job(view.uid):
            self.ctx.members.add(member.mid)

    def template_event(self, kind: str | None, body: Mapping[str, Any]) -> None:
        meta = body["metadata"]
        if kind == "DELETED":
            self._templates.drop((meta["namespace"], meta["name"]))
            return
        key = self._templates.put(body)
        self._once(self._templates.reconcile(self.ctx, key))
        for job in self.ctx.store.jobs():
            near = job.view is not None and job.view.namespace == key[0]
            if near and self.ctx.acceptances.known(job.uid) is None:
                self.ctx.poke(job)

    def env_event(self, kind: str | None, body: Mapping[str, Any]) -> None:
        if kind != "DELETED":
            self._once(kinds.refuse_env(self.ctx, body))

    # -- life ----------------------------------------------------------------------------

    async def run(self, started: asyncio.Event) -> None:
        """Lead until cancelled or deposed; ``started`` is set once everything works."""
        async with (
            aiohttp.ClientSession() as session,
            self._tencent() as tencent,
            asyncio.TaskGroup() as group,
        ):
            self._group = group
            await self._start(session, tencent)
            heap.settle()
            self.ready = True
            started.set()

    def _tencent(self) -> TencentClient:
        return TencentClient(
            self._clock,
            RateLimiter(self._clock, share=self._settings.cloud.rate_share),
            endpoint=self._settings.endpoints.api,
            metrics=self._metrics,
        )

    async def _start(self, session: aiohttp.ClientSession, tencent: TencentClient) -> None:
        ledger = Ledger(
            LedgerSecretStore(self._client, self._settings.namespace),
            owner=self._owner,
            holder=self._holder,
            nonce=lambda: random_secrets.token_hex(16),
            now=self._clock.now,
        )
        await ledger.take_over()
        store = Store()
        jobs: WorkQueue[Key] = WorkQueue(self._clock, metrics=self._metrics.queue("jobs"))
        reader = SecretReader(self._client, lambda key: jobs.add(key), clock=self._clock)  # type: ignore[arg-type]
        informer = Informer[InstanceView](
            self._client,
            TASK_INSTANCES,
            instance_view,
            clock=self._clock,
            changed=self._instance_changed,
            metrics=self._metrics,
        )
        lanes = Lanes()
        clouds = Clouds(
            self._credential,
            tencent,
            self._client,
            reader,
            self._settings.namespace,
            self._clock,
            in_use=lambda source: source in ledger.index.credentials(),
        )
        own = await clouds.get("", "", self._settings.region)
        mailbox = await workspace.open_mailbox(
            self._settings, self._credential, own, self._client, session, self._clock, self._owner
        )
        acceptances = Acceptances(
            self._client,
            reader,
            self._templates.parsed,
            Rules.from_settings(self._settings),
            self._clock,
        )
        events = EventRecorder(
            self._client, instance=self._holder, clock=self._clock, metrics=self._metrics
        )
        self.ctx = Context(
            settings=self._settings,
            clock=self._clock,
            metrics=self._metrics,
            client=self._client,
            ledger=ledger,
            store=store,
            tracker=Tracker(),
            lanes=lanes,
            events=events,
            secrets=reader,
            acceptances=acceptances,
            instances=Instances(
                self._client, lanes, store, informer, lambda uid: bool(ledger.index.of_job(uid))
            ),
            mailbox=mailbox,
            data_keys=DataKeys(self._clock),
            cloud=clouds.get,
            jobs=jobs,
            members=WorkQueue(self._clock, metrics=self._metrics.queue("members")),
            spawn=self._once,
            busy=lambda: False,
            closed=asyncio.Event(),
        )
        self._forever(informer.run())
        await informer.synced.wait()
        await self._list()
        await self._wire(clouds)

    async def _list(self) -> None:
        """The three small kinds, whole: what kopf will only tell one by one."""
        async for page in self._client.pages(TASK_TEMPLATES):
            for body in page.items:
                self.template_event(None, body)
        async for page in self._client.pages(COMPUTE_ENVS):
            for body in page.items:
                self.env_event(None, body)
        async for page in self._client.pages(JOBS):
            for body in page.items:
                self.job_event(None, body)
        for job in list(self.ctx.store.jobs()):
            await self._adopt(job)

    async def _adopt(self, job: JobState) -> None:
        """What may have machines is judged before they are; one Job fails for itself alone."""
        view = job.view
        if view is None or not ("resolved" in view.status or self.ctx.ledger.index.of_job(job.uid)):
            return
        try:
            judged = await self.ctx.acceptances.judge(view)
            if isinstance(judged, Accepted):
                await adopt(self.ctx, job, judged)
        except Exception:
            log.exception("Job %s/%s is looked at again", *view.key)

    async def _wire(self, clouds: Clouds) -> None:
        ctx = self.ctx
        directories: WorkQueue[int] = WorkQueue(
            self._clock, metrics=self._metrics.queue("directories")
        )
        caller = Caller(ctx, directories)
        launcher = self._launcher = Launcher(ctx, caller)
        caller.launcher = launcher
        ctx.busy = lambda: launcher.busy
        terminator = Terminator(ctx)
        members = MemberController(ctx, launcher, terminator)
        listener = Listener(ctx, members)
        house = Housekeeping(ctx, clouds)
        for entry in ctx.ledger.index.launches():
            launch = entry.record
            assert isinstance(launch, Launch)
            if launch.state is LaunchState.BOUND:
                caller.track(launch, adopted=True)
                directories.add(launch.seq)
            elif launch.unsettled:
                self._once(caller.resume(launch))
        ctx.closed.set()
        jobs = JobController(ctx, launcher)
        self._loops = (
            self._loop("jobs", ctx.jobs, jobs.reconcile),
            # A look that ends an attempt lasts as long as its write: enough of them fill the lane.
            self._loop("members", ctx.members, members.reconcile, workers=IN_FLIGHT),
            self._loop("directories", directories, Directories(ctx).reconcile),
        )
        for work in (
            *(loop.run() for loop in self._loops),
            launcher.run(),
            members.stops.run(),
            members.cleaning.run(),
            terminator.window.run(),
            Describer(ctx).run(),
            listener.run_done(),
            listener.run_live(),
            listener.run_renewals(),
            house.run_ledger(),
            house.run_directories(),
            house.run_sweep(),
            house.run_mailbox(),
            ctx.mailbox.signers.run(),
            ctx.secrets.run(),
            ctx.events.run(),
            self._relist(),
        ):
            self._forever(work)
        self._once(self._set_expiry())
        for job in ctx.store.jobs():
            ctx.poke(job)

    def _loop(
        self, name: str, queue: Any, reconcile: Any, workers: int | None = None
    ) -> ReconcileLoop[Any]:
        return ReconcileLoop(
            name,
            queue,
            reconcile,
            clock=self._clock,
            metrics=self._metrics,
            workers=workers or self._settings.workers,
            expected=EXPECTED,
            fatal=(Deposed,),
        )

    async def _set_expiry(self) -> None:
        """Expiry rules of the workspace; without the right to set them an event says so."""
        prefix = self.ctx.mailbox.layout.prefix
        owner8 = prefix.rstrip("/").split("/")[-2]
        if await bucket.set_expiry(self._settings, self._credential, prefix, owner8):
            return
        lease = Regarding(LEASES, self._settings.namespace, self._settings.leader.lease_name, "")
        reason = Reason.LIFECYCLE_RULES_DENIED
        text = f"{reason.meaning} Objects under {prefix} of {self._settings.workspace.url} stay."
        self.ctx.events.record(lease, reason, text, kind="Warning")

    async def _relist(self) -> None:
        """Find what was deleted unheard, and what was never heard of."""
        while True:
            await self._clock.sleep(RELIST_SECONDS)
            try:
                await self._compare()
            except Exception as error:
                log.warning("relisting jobs and templates, again later: %s", error)

    async def _compare(self) -> None:
        await relist(
            self._client,
            self.ctx.store,
            self._templates,
            job=self.job_event,
            template=self.template_event,
            gone=self._job_gone,
        )

    # -- inside --------------------------------------------------------------------------

    def _instance_changed(
        self, key: object, old: InstanceView | None, new: InstanceView | None
    ) -> None:
        store = self.ctx.store
        if new is not None:
            job = store.of_uid(new.job_uid)
            if job.put(new):
                self.ctx.poke(job)
                if new.terminate:
                    self._wake_members(new)
        elif old is not None:
            job = store.of_uid(old.job_uid)
            store.drop_instance(old)
            if self.ready and job.view is not None and not job.view.deleting:
                self._once(self.ctx.instances.restore(job, old))

    def _wake_members(self, view: InstanceView) -> None:
        if self._launcher is not None:
            self._launcher.hasten(view.job_uid, view.task, view.index)
        for member in self.ctx.ledger.index.members_of(view.job_uid, view.task, view.index):
            self.ctx.members.add(member.mid)

    def _forever(self, work: Coroutine[Any, Any, None]) -> None:
        """A loop of the leader: its end is the end of the leadership."""
        self._group.create_task(work)

    def _once(self, work: Coroutine[Any, Any, None]) -> None:
        """Work that the next look does again if it fails."""
        self._group.create_task(_logged(work))


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Deposed:
        raise
    except Exception:
        log.exception("a piece of work failed")
