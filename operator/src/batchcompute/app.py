"""The process: probes, the Lease, the leadership, and kopf as the ear for what users write.

The only importer of kopf. Its handlers enqueue and return; it writes nothing (no-op storages).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Mapping
from typing import Any

import aiohttp
import kopf

from batchcompute.cloud.credential import Credential
from batchcompute.controllers.leadership import Leadership
from batchcompute.kube import config
from batchcompute.kube.client import Client
from batchcompute.kube.resources import NAMESPACES
from batchcompute.ledger.errors import Deposed
from batchcompute.runtime import health
from batchcompute.runtime.clock import SystemClock
from batchcompute.runtime.leader import Elector
from batchcompute.runtime.metrics import Metrics
from batchcompute.settings import Settings
from batchcompute.vocabulary import GROUP, VERSION, Finalizer, Plural

log = logging.getLogger(__name__)

KOPF_FINALIZER = f"{GROUP}/kopf-unused"
"""kopf takes its own finalizer off what it sees; it must not be ours."""
LIVENESS_SECONDS = 120.0
"""How far beyond its own timeout a reconcile may be before a restart is the better hope."""
STANDBY_SECONDS = 3.0
STOP_SECONDS = 1.5
"""How long a stop may take; the ledger makes every moment a safe one."""
KOPF_IDENTITY: Any = "batchcompute"
"""Else kopf looks for the name of the user, which a container's user need not have."""


class StartError(Exception):
    """The operator cannot start; the text says what to mend."""


class _NoDiffBase(kopf.DiffBaseStorage):
    """kopf is to remember nothing on the objects."""

    def build(self, *, body: Any, extra_fields: Any = None) -> Any:
        return {}

    def fetch(self, *, body: Any) -> Any:
        return None

    def store(self, *, body: Any, patch: Any, essence: Any) -> None:
        return None


class _NoProgress(kopf.ProgressStorage):
    def fetch(self, *, key: Any, body: Any) -> Any:
        return None

    def store(self, *, key: Any, record: Any, body: Any, patch: Any) -> None:
        return None

    def purge(self, *, key: Any, body: Any, patch: Any) -> None:
        return None

    def touch(self, *, body: Any, patch: Any, value: Any) -> None:
        return None

    def clear(self, *, essence: Any) -> Any:
        return essence


def own_credential(environ: Mapping[str, str] = os.environ) -> Credential:
    """The operator's own key, from the environment."""
    try:
        key, secret = environ["TENCENTCLOUD_SECRET_ID"], environ["TENCENTCLOUD_SECRET_KEY"]
    except KeyError as error:
        raise StartError(
            f"{error.args[0]} is not set: the operator's Tencent Cloud key comes from there"
        ) from None
    return Credential(key, secret, environ.get("TENCENTCLOUD_TOKEN") or None)


async def run(settings: Settings) -> None:
    """Until SIGTERM or SIGINT, or until another replica leads."""
    clock, metrics = SystemClock(), Metrics()
    cluster = config.load()
    stop = asyncio.Event()
    _take_signals(stop)
    state: dict[str, Leadership] = {}
    begun = clock.monotonic()

    def ready() -> str | None:
        """A replica that waits for the Lease is as ready as it will be."""
        leader = state.get("leader")
        if leader is not None and (leader.ready or leader.leads):
            return None if leader.ready else "the caches are not filled yet"
        waited = clock.monotonic() - begun
        return None if waited > STANDBY_SECONDS else "the lease is being asked for"

    def live() -> str | None:
        leader = state.get("leader")
        stuck = leader.stuck_seconds if leader is not None else 0.0
        return f"a worker is stuck for {stuck:.0f} s" if stuck > LIVENESS_SECONDS else None

    app = health.health_app(metrics, live={"workers": live}, ready={"start": ready})
    credential = own_credential()
    async with (
        Client(cluster, clock, metrics=metrics) as client,
        health.serving(app, "0.0.0.0", settings.health_port),  # noqa: S104 - probes come from outside
    ):
        work = asyncio.create_task(_lead(settings, credential, client, clock, metrics, state))
        stopping = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if work in done:
            work.result()
            return
        log.info("stopping")
        work.cancel()
        await asyncio.wait({work}, timeout=STOP_SECONDS)
        if not work.done():
            await _leave(state.get("leader"))


async def _leave(leader: Leadership | None) -> None:
    """End without whoever does not let go (kopf, while it connects): any moment is a good one to
    die for this process, if only the Lease is given back."""
    log.warning("not stopped after %d s: the process ends all the same", STOP_SECONDS)
    if leader is not None and leader.elector is not None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await leader.elector.release()
    logging.shutdown()
    os._exit(0)


def _take_signals(stop: asyncio.Event) -> None:
    """TERM and INT stop the process, and by us.

    kopf would take both over when it starts, and before it stops it waits five seconds for
    whatever task was begun after it. It has no setting against that.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler = _nothing  # type: ignore[assignment,method-assign]


def _nothing(*_: object) -> None:
    return None


async def _lead(
    settings: Settings,
    credential: Credential,
    client: Client,
    clock: SystemClock,
    metrics: Metrics,
    state: dict[str, Leadership],
) -> None:
    identity = settings.identity or os.environ.get("POD_NAME") or socket.gethostname()
    cluster_uid = (await client.get(NAMESPACES, None, "kube-system"))["metadata"]["uid"]
    elector = Elector(
        client,
        settings.namespace,
        settings.leader.lease_name,
        identity,
        clock=clock,
        lease_seconds=settings.leader.lease_seconds,
        renew_seconds=settings.leader.renew_seconds,
        give_up_seconds=settings.leader.give_up_seconds,
        metrics=metrics,
    )
    leader = Leadership(
        settings,
        credential,
        client,
        clock,
        metrics,
        owner=f"{cluster_uid}/{settings.namespace}/{settings.release}",
        holder=identity,
    )
    leader.elector = elector
    state["leader"] = leader
    await elector.acquire()
    leader.leads = True
    started = asyncio.Event()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_until_lost(elector))
            group.create_task(health.watch_loop_lag(clock, metrics))
            group.create_task(leader.run(started))
            await started.wait()
            group.create_task(_listen(leader))
            log.info("works")
    finally:
        await elector.release()


async def _until_lost(elector: Elector) -> None:
    reasons: list[str] = []
    await elector.keep(reasons.append)
    raise Deposed(reasons[0] if reasons else "the lease was lost")


async def _listen(leader: Leadership) -> None:
    """kopf, as one more task; it ends when cancelled."""
    registry = kopf.OperatorRegistry()
    heard = {
        Plural.JOBS: leader.job_event,
        Plural.TASK_TEMPLATES: leader.template_event,
        Plural.COMPUTE_ENVS: leader.env_event,
    }
    for plural, take in heard.items():
        _on_event(registry, plural, take)
    kopf.on.login(registry=registry)(_login)
    await kopf.operator(
        registry=registry,
        settings=_kopf_settings(),
        standalone=True,
        clusterwide=True,
        identity=KOPF_IDENTITY,
    )


def _on_event(registry: kopf.OperatorRegistry, plural: Plural, take: Any) -> None:
    async def handler(event: Any, **_: Any) -> None:
        take(event["type"], event["object"])

    kopf.on.event(GROUP, VERSION, str(plural), registry=registry, id=str(plural))(handler)


async def _login(**_: Any) -> kopf.AiohttpSession:
    """The same credentials as our own client; the token is read anew for every request."""
    cluster = config.load()
    tls = cluster.tls if cluster.tls is not None else True

    async def authorize(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        token = cluster.token.read(asyncio.get_running_loop().time())
        if token:
            request.headers["Authorization"] = f"Bearer {token}"
        return await handler(request)

    session = aiohttp.ClientSession(
        base_url=None, connector=aiohttp.TCPConnector(ssl=tls), middlewares=(authorize,)
    )
    return kopf.AiohttpSession(server=cluster.server, aiohttp_session=session)


def _kopf_settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.persistence.finalizer = KOPF_FINALIZER
    settings.persistence.diffbase_storage = _NoDiffBase()
    settings.persistence.progress_storage = _NoProgress()
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.watching.chunk_size = 500
    settings.networking.request_timeout = 30
    settings.networking.error_backoffs = (1, 1, 2, 3, 5, 8, 13, 21, 30, 30, 30, 30)
    settings.queueing.idle_timeout = 1.0
    settings.execution.max_workers = 1
    assert settings.persistence.finalizer != Finalizer.RESOURCES
    return settings
