"""A leader's controllers over an API server, a cloud and a bucket in memory that can fail."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import orjson

from batchcompute.cloud.credential import Credential
from batchcompute.cloud.port import MachineView, RunReply
from batchcompute.controllers.acceptance import Acceptances
from batchcompute.controllers.context import Context
from batchcompute.controllers.instances import Instances
from batchcompute.controllers.lanes import Lanes
from batchcompute.controllers.launch.caller import Caller
from batchcompute.controllers.launch.launcher import Launcher
from batchcompute.controllers.mailbox import Mailbox
from batchcompute.controllers.members.controller import MemberController
from batchcompute.controllers.members.terminating import Terminator
from batchcompute.controllers.members.tracked import Tracker
from batchcompute.controllers.observe import adopt
from batchcompute.controllers.signers import DataKeys
from batchcompute.controllers.store import JobState, Store, instance_view, job_view
from batchcompute.core.job.acceptance import Rules
from batchcompute.kube.client import Page
from batchcompute.kube.errors import AlreadyExists, Conflict, NotFound
from batchcompute.kube.resources import JOBS
from batchcompute.kube.secrets import SecretReader
from batchcompute.mailbox.client import Object
from batchcompute.mailbox.layout import Layout
from batchcompute.mailbox.listing import Entry
from batchcompute.mailbox.listing import Page as Listing
from batchcompute.runtime.metrics import Metrics
from batchcompute.runtime.workqueue import WorkQueue
from batchcompute.settings import Settings
from tests.support.apiserver import merge
from tests.support.clock import FakeClock, settle
from tests.support.ledgers import Bench

SETTINGS = Settings.model_validate(
    {
        "appId": "1250000000",
        "region": "ap-guangzhou",
        "workspace": {"url": "cos://batchcompute-1250000000/"},
    }
)
TASK: dict[str, Any] = {
    "name": "run",
    "application": {"command": "true"},
    "compute": {"imageId": "img-1", "instanceType": "S5.MEDIUM4"},
}
DEFAULTS: Mapping[Any, Mapping[str, Any]] = {
    "taskinstances": {"observedGeneration": -1, "phase": "Starting", "attempt": 0}
}


class MemoryApi:
    """The client's calls over a dict. ``faults[verb]``: raised in turn before the effect;
    ``lost[verb]``: after it."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.faults: dict[str, deque[Exception]] = defaultdict(deque)
        self.lost: dict[str, deque[Exception]] = defaultdict(deque)
        self.calls: list[tuple[str, str, str]] = []
        self._numbers = itertools.count(1)

    def _begin(self, verb: str, plural: str, name: str) -> None:
        self.calls.append((verb, plural, name))
        if self.faults[verb]:
            raise self.faults[verb].popleft()

    def _end(self, verb: str) -> None:
        if self.lost[verb]:
            raise self.lost[verb].popleft()

    async def get(self, resource: Any, namespace: str | None, name: str, **_: Any) -> Any:
        self._begin("get", resource.plural, name)
        return self._known(resource, namespace, name)

    async def create(self, resource: Any, body: dict[str, Any], **_: Any) -> Any:
        meta = body["metadata"]
        key = resource.plural, meta.get("namespace") or "", meta["name"]
        self._begin("create", resource.plural, meta["name"])
        if key in self.objects:
            raise AlreadyExists(409, "AlreadyExists", meta["name"])
        n = next(self._numbers)
        stored = {"status": dict(DEFAULTS.get(resource.plural, {})), **body}
        stored["metadata"] = {
            "uid": f"uid-{n}", "generation": 1, "creationTimestamp": "2027-01-15T08:00:00Z",
            **meta, "resourceVersion": str(n),
        }  # fmt: skip
        self.objects[key] = stored
        self._end("create")
        return stored

    async def merge_patch(
        self, resource: Any, namespace: str | None, name: str, patch: dict[str, Any], *,
        subresource: str | None = None, resource_version: str | None = None,
        uid: str | None = None,
    ) -> Any:  # fmt: skip
        self._begin("patch", resource.plural, name)
        body = self._known(resource, namespace, name)
        expected = {"resourceVersion": resource_version, "uid": uid}
        if any(value not in (None, body["metadata"][k]) for k, value in expected.items()):
            raise Conflict(409, "Conflict", name)
        merged = merge(body, patch)
        merged["metadata"] = {**merged["metadata"], "resourceVersion": str(next(self._numbers))}
        self.objects[resource.plural, namespace or "", name] = merged
        self._end("patch")
        return merged

    async def delete(self, resource: Any, namespace: str | None, name: str, **_: Any) -> None:
        self._begin("delete", resource.plural, name)
        self._known(resource, namespace, name)
        del self.objects[resource.plural, namespace or "", name]

    async def pages(
        self, resource: Any, namespace: str | None = None, **_: Any
    ) -> AsyncIterator[Page]:
        self._begin("list", resource.plural, "")
        items = [
            body
            for (plural, where, _), body in self.objects.items()
            if plural == resource.plural and namespace in (None, where)
        ]
        await asyncio.sleep(0)
        yield Page(items, str(next(self._numbers)), None)

    def _known(self, resource: Any, namespace: str | None, name: str) -> dict[str, Any]:
        body = self.objects.get((resource.plural, namespace or "", name))
        if body is None:
            raise NotFound(404, "NotFound", f'"{name}" not found')
        return body


@dataclass
class MemoryCloud:
    """One account. ``answers`` to RunInstances: an error, or how many machines are made."""

    clock: FakeClock
    machines: dict[str, MachineView] = field(default_factory=dict)
    answers: deque[Exception | int] = field(default_factory=deque)
    refusals: deque[Exception] = field(default_factory=deque)
    failing: Exception | None = None
    ran: list[bytes] = field(default_factory=list)
    terminated: list[list[str]] = field(default_factory=list)
    described: int = 0

    async def run_instances(self, request: bytes) -> RunReply:

        self.ran.append(request)
        answer = self.answers.popleft() if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        body = orjson.loads(request)
        count = body["InstanceCount"] if answer is None else answer
        tags = {t["Key"]: t["Value"] for s in body["TagSpecification"] for t in s["Tags"]}
        ids = [f"ins-{len(self.ran):03d}{n:03d}" for n in range(count)]
        for one in ids:
            self.add(one, "PENDING", name=body["InstanceName"], tags=tags)
        return RunReply(tuple(ids))

    def add(self, instance_id: str, state: str, **more: Any) -> None:
        known = {"charge_type": "POSTPAID_BY_HOUR", **more}
        self.machines[instance_id] = MachineView(
            instance_id, state, "ap-guangzhou-3", "S5.MEDIUM4", "10.0.0.1",
            created=self.clock.now(), **known,
        )  # fmt: skip

    async def describe_instances(self, ids: Sequence[str]) -> list[MachineView]:
        self.described += 1
        if self.failing:
            raise self.failing
        return [self.machines[one] for one in ids if one in self.machines]

    async def list_instances(self, tags: Any = None) -> list[MachineView]:
        if self.failing:
            raise self.failing
        return list(self.machines.values())

    async def terminate_instances(self, ids: Sequence[str]) -> None:
        self.terminated.append(list(ids))
        if self.refusals:
            raise self.refusals.popleft()

    async def get_federation_token(self, **_: Any) -> Credential:
        if self.failing:
            raise self.failing
        return Credential("tmp", "key", "token", self.clock.now() + 43200)


@dataclass
class MemoryBucket:
    """``failing``: raised by every call while it is set."""

    clock: FakeClock
    objects: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    failing: Exception | None = None
    gets: list[str] = field(default_factory=list)

    def _check(self) -> None:
        if self.failing:
            raise self.failing

    async def put(self, key: str, body: bytes, **_: Any) -> str:
        self._check()
        self.objects[key] = body, self.clock.now()
        return ""

    async def get(self, key: str, limit: int) -> Object | None:
        self._check()
        self.gets.append(key)
        if key not in self.objects:
            return None
        body, modified = self.objects[key]
        return Object(body, "etag", modified, self.clock.now())

    async def list_all(self, prefix: str) -> Listing:
        self._check()
        entries = tuple(
            Entry(key, modified, "etag", len(body))
            for key, (body, modified) in sorted(self.objects.items())
            if key.startswith(prefix)
        )
        return Listing(entries, None, self.clock.now())

    async def delete_many(self, keys: Sequence[str]) -> dict[str, str]:
        self._check()
        for key in keys:
            self.objects.pop(key, None)
        return {}


@dataclass
class Leading:
    """The parts of one leader. ``spawned`` holds what was begun beside the caller."""

    clock: FakeClock
    api: MemoryApi
    bucket: MemoryBucket
    bench: Bench
    ctx: Context
    launcher: Launcher
    caller: Caller
    terminator: Terminator
    members: MemberController
    directories: WorkQueue[int]
    clouds: dict[tuple[str, str], MemoryCloud]
    spawned: list[asyncio.Task[None]]

    @property
    def cloud(self) -> MemoryCloud:
        """The operator's own account."""
        return self.clouds["", ""]

    async def job(
        self, name: str = "job", *, instances: int = 1, tasks: Any = None, **spec: Any
    ) -> JobState:
        """An accepted Job with one task ``run`` of so many instances, or with ``tasks``."""
        tasks = tasks or [TASK | {"instances": instances}]
        return await self.heard(await self.body(name, tasks=tasks, **spec))

    async def body(self, name: str = "job", *, tasks: Any = None, **spec: Any) -> dict[str, Any]:
        """A Job that an earlier leader accepted, unheard of by this one."""
        made: dict[str, Any] = await self.api.create(
            JOBS,
            {
                "apiVersion": "batchcompute.io/v1alpha1", "kind": "Job",
                "metadata": {
                    "name": name, "namespace": "team-a", "uid": f"{name:0>8.8}-uid",
                    "finalizers": ["batchcompute.io/resources"],
                },
                "spec": {"tasks": tasks or [TASK], **spec},
                "status": {
                    "resolved": {
                        "region": "ap-guangzhou", "workspace": SETTINGS.workspace.url,
                        "account": "1250000000", "zone": "ap-guangzhou-3",
                    }
                },
            },
        )  # fmt: skip
        return made

    async def heard(self, body: Mapping[str, Any]) -> JobState:
        view = job_view(body)
        self.ctx.store.put_job(view)
        job = self.ctx.store.of_uid(view.uid)
        judged = await self.ctx.acceptances.judge(view)
        await adopt(self.ctx, job, judged)  # type: ignore[arg-type]
        return job

    def enlist(self, job: JobState, *launches: tuple[int, int], task: str = "run") -> None:
        accepted = self.ctx.acceptances.known(job.uid)
        assert accepted is not None
        self.launcher.enlist(job, accepted, accepted.tasks[task], launches)

    async def launched(self, job: JobState, instances: int = 1) -> list[str]:
        """So many first attempts bound; their mids."""
        before = {one.mid for one in self.ctx.tracker}
        self.enlist(job, *((n, 0) for n in range(instances)))
        await self.launch()
        return [one.mid for one in self.ctx.tracker if one.mid not in before]

    async def launch(self) -> None:
        """Close the windows and see the launches through."""
        self.clock.jump(2.0)
        task = asyncio.create_task(self.launcher.run())
        await settle(50)
        await self.clock.advance(2.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def look(self, mid: str, most: int = 10) -> float | None:
        """Reconcile a member until it rests, at most so often."""
        wait: float | None = 0.0
        for _ in range(most):
            wait = await self.members.reconcile(mid)
            if wait != 0.0:
                return wait
        raise AssertionError(f"{mid} does not come to rest: {wait}")

    def instance(self, job: JobState, index: int = 0, task: str = "run") -> dict[str, Any]:
        assert job.view is not None
        name = f"{job.view.name}.{task}.{index}"
        found: dict[str, Any] = self.api.objects["taskinstances", "team-a", name]
        return found

    def changed(self, job: JobState, index: int = 0, task: str = "run", **spec: Any) -> None:
        """Somebody edits a TaskInstance's spec, and the watch tells."""
        body = self.instance(job, index, task)
        version = int(body["metadata"]["resourceVersion"]) + 1000
        body = merge(body, {"spec": spec})
        body["metadata"]["resourceVersion"] = str(version)
        name = body["metadata"]["name"]
        self.api.objects["taskinstances", "team-a", name] = body
        job.put(instance_view(body))


class _NoInformer:
    def put(self, _: Mapping[str, Any]) -> None:
        return None


async def leading(settings: Settings = SETTINGS, now: float = 1_800_000_000.0) -> Leading:
    """A leader that has taken over an empty ledger."""
    clock, metrics, api = FakeClock(now), Metrics(), MemoryApi()
    bench = Bench(now)
    ledger = bench.ledger()
    ledger._now = clock.now
    await ledger.take_over()
    store, lanes, spawned = Store(), Lanes(), list[asyncio.Task[None]]()
    jobs: WorkQueue[Any] = WorkQueue(clock)
    reader = SecretReader(api, jobs.add, clock=clock)  # type: ignore[arg-type]
    clouds = {("", ""): MemoryCloud(clock)}
    bucket = MemoryBucket(clock)
    signers = SimpleNamespace(put=Credential("put", "key"), get=Credential("get", "key"))
    base = "https://batchcompute-1250000000.cos.ap-guangzhou.myqcloud.com"
    events: Any = SimpleNamespace(said=[])
    events.record = lambda *args, **_: events.said.append(args)

    async def cloud_of(namespace: str, credential: str, region: str) -> Any:
        return clouds[namespace if credential else "", credential]

    def spawn(work: Coroutine[Any, Any, None]) -> None:
        spawned.append(asyncio.ensure_future(work))

    ctx = Context(
        settings=settings, clock=clock, metrics=metrics, client=api,  # type: ignore[arg-type]
        ledger=ledger, store=store, tracker=Tracker(), lanes=lanes, events=events,
        secrets=reader,
        acceptances=Acceptances(api, reader, {}, Rules.from_settings(settings), clock),  # type: ignore[arg-type]
        instances=Instances(
            api, lanes, store, _NoInformer(),  # type: ignore[arg-type]
            lambda uid: bool(ledger.index.of_job(uid)),
        ),
        mailbox=Mailbox(
            Layout.of("", "owner001"), bucket, base,  # type: ignore[arg-type]
            "batchcompute-1250000000", signers, settings,  # type: ignore[arg-type]
        ),
        data_keys=DataKeys(clock), cloud=cloud_of, jobs=jobs, members=WorkQueue(clock),
        spawn=spawn, busy=lambda: False, closed=asyncio.Event(),
    )  # fmt: skip
    directories: WorkQueue[int] = WorkQueue(clock)
    caller = Caller(ctx, directories)
    launcher = Launcher(ctx, caller)
    caller.launcher = launcher
    ctx.busy = lambda: launcher.busy
    terminator = Terminator(ctx)
    members = MemberController(ctx, launcher, terminator)
    return Leading(
        clock, api, bucket, bench, ctx, launcher, caller, terminator, members, directories,
        clouds, spawned,
    )  # fmt: skip
