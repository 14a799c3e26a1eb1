"""Clock offset, concealed log lines, health answers."""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Iterator

import aiohttp
import pytest

from batchcompute.runtime import logs
from batchcompute.runtime.clock import SystemClock
from batchcompute.runtime.health import health_app, serving
from batchcompute.runtime.metrics import Metrics


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


def test_operator_time_follows_the_api_servers_date_and_narrows_with_each_reply() -> None:
    clock = SystemClock()
    base = time.monotonic()
    true_offset = 1_900_000_000.0 - base
    for step in range(1, 200):
        moment = base + step * 0.137
        date = float(int(moment + true_offset))
        clock.observe_server_date(date, moment - 0.002, moment + 0.002)
    assert abs(clock.now() - (time.monotonic() + true_offset)) < 0.02


def test_a_stepped_server_clock_is_believed_at_once() -> None:
    clock = SystemClock()
    mono = time.monotonic()
    clock.observe_server_date(1_900_000_000.0, mono, mono)
    clock.observe_server_date(1_900_003_600.0, mono, mono)
    assert abs(clock.now() - 1_900_003_600.5) < 1.0


SECRETS = {
    "a presigned URL": "GET https://b.cos/x?q-ak=AKID1&q-signature=0a1b2c3d failed",
    "a security token in a URL": "x-cos-security-token=0a1b2c3d&x=1 failed",
    "an Authorization header": "Authorization: TC3-HMAC-SHA256 Credential=a, Signature=0a1b2c3d",
    "a bearer token": "{'Authorization': 'Bearer 0a1b2c3d'}",
    "a key in a dict": "{'SecretKey': '0a1b2c3d', 'x': 1}",
    "a password in JSON": '{"Password":"0a1b2c3d"}',
    "a token field": "Token: 0a1b2c3d",
    "a temporary key": "TmpSecretKey='0a1b2c3d'",
}


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS.keys())
def test_concealed(text: str) -> None:
    hidden = logs.conceal(text)
    assert "0a1b2c3d" not in hidden
    assert "[concealed]" in hidden


def test_what_is_no_secret_stays() -> None:
    text = "job team-a/token-count: ClientToken bcabc, 3 tokens left, secret tencent is missing"
    assert logs.conceal(text).startswith("job team-a/token-count: ")
    assert logs.conceal(text).endswith("3 tokens left, secret tencent is missing")


def test_elsewhere_than_on_a_terminal_a_line_is_one_json_object(
    root_logger: logging.Logger,
) -> None:
    stream = io.StringIO()
    logs.configure("INFO", stream=stream)
    try:
        raise ValueError("q-signature=0a1b2c3d")
    except ValueError:
        root_logger.exception("it failed with %s", "Bearer 0a1b2c3d")
    line = json.loads(stream.getvalue())
    assert line["level"] == "error"
    assert line["message"] == "it failed with Bearer [concealed]"
    assert "ValueError" in line["error"]
    assert "0a1b2c3d" not in stream.getvalue()


def test_on_a_terminal_a_line_is_text(root_logger: logging.Logger) -> None:
    stream = io.StringIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    logs.configure("INFO", stream=stream)
    root_logger.warning("hello")
    assert stream.getvalue().endswith("WARNING root: hello\n")


async def test_health_readiness_and_metrics_over_http() -> None:
    metrics = Metrics()
    problem: list[str] = []
    app = health_app(
        metrics,
        live={"workers": lambda: None},
        ready={"caches": lambda: problem[0] if problem else None},
    )
    async with serving(app, "127.0.0.1", 0) as port, aiohttp.ClientSession() as session:

        async def get(path: str) -> tuple[int, str]:
            async with session.get(f"http://127.0.0.1:{port}{path}") as response:
                return response.status, await response.text()

        assert await get("/healthz") == (200, "ok")
        assert await get("/readyz") == (200, "ok")
        problem.append("jobs not listed yet")
        assert await get("/readyz") == (503, "caches: jobs not listed yet")
        assert await get("/healthz") == (200, "ok")
        assert "event_loop_lag_seconds" in (await get("/metrics"))[1]
