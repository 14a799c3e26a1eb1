"""``/healthz``, ``/readyz`` and ``/metrics`` over HTTP."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from batchcompute.runtime.clock import Clock
    from batchcompute.runtime.metrics import Metrics

    Check = Callable[[], str | None]
    """``None`` when all is well, else one sentence saying what is not."""

LAG_INTERVAL_SECONDS = 1.0


def health_app(
    metrics: Metrics, live: Mapping[str, Check], ready: Mapping[str, Check]
) -> web.Application:
    """The three paths. Liveness is about this process alone, never about the API server:
    a restart mends a stuck worker, not a server that is away."""

    def answer(checks: Mapping[str, Check]) -> web.Response:
        bad = [f"{name}: {problem}" for name, check in checks.items() if (problem := check())]
        return web.Response(status=503 if bad else 200, text="\n".join(bad) or "ok")

    async def healthz(_: web.Request) -> web.Response:
        return answer(live)

    async def readyz(_: web.Request) -> web.Response:
        return answer(ready)

    async def metric_text(_: web.Request) -> web.Response:
        return web.Response(
            body=metrics.text(),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metric_text)
    return app


@contextlib.asynccontextmanager
async def serving(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serve the app while the block runs; yields the port (a free one for port 0)."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def watch_loop_lag(clock: Clock, metrics: Metrics) -> None:
    """Measure for ever how late the event loop wakes a sleeper."""
    while True:
        before = clock.monotonic()
        await clock.sleep(LAG_INTERVAL_SECONDS)
        metrics.loop_lag.set(max(0.0, clock.monotonic() - before - LAG_INTERVAL_SECONDS))
