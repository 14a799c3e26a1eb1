"""Calls of Tencent Cloud API 3.0 over one aiohttp session (R21: the SDK's models are too slow).

The body is sent as it is given, byte for byte (R1), and the answer is plain data. Nothing here
repeats a call: what may be repeated is known by who makes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import aiohttp
import orjson
from yarl import URL

from batchcompute.cloud import timing
from batchcompute.cloud.errors import CloudError, ThrottledError, UnknownOutcomeError, from_code
from batchcompute.cloud.tencent import tc3

if TYPE_CHECKING:
    from batchcompute.cloud.credential import Credential
    from batchcompute.cloud.limiter import RateLimiter
    from batchcompute.runtime.clock import Clock
    from batchcompute.runtime.metrics import Metrics

Answer = dict[str, Any]


class TencentClient:
    """``endpoint``: ``http(s)://host[:port]`` for every service, or ``None`` for the real names.

    Use as an async context manager; one object serves all credentials and regions.
    """

    def __init__(
        self,
        clock: Clock,
        limiter: RateLimiter,
        *,
        endpoint: str | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._clock = clock
        self._limiter = limiter
        self._endpoint = endpoint
        self._metrics = metrics
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=timing.CONNECTIONS),
            timeout=aiohttp.ClientTimeout(total=timing.ANSWER, sock_connect=timing.CONNECT),
            headers={"User-Agent": "batchcompute-operator", "Accept": "application/json"},
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session:
            await self._session.close()

    async def call(
        self,
        credential: Credential,
        service: str,
        action: str,
        body: bytes,
        *,
        region: str,
        account: str | None = None,
    ) -> Answer:
        """The content of ``Response``. ``account`` names whose rate limit counts (default: the
        key's own). Raises CloudError."""
        payer = account or credential.secret_id
        await self._limiter.acquire(payer, region, action)
        started = self._clock.monotonic()
        code = "ok"
        try:
            return await self._send(credential, service, action, body, region)
        except CloudError as error:
            code = error.code
            if isinstance(error, ThrottledError):
                self._limiter.throttled(payer, region, action)
            raise
        finally:
            if self._metrics:
                self._metrics.cloud_requests.labels(service, action, code).inc()
                took = self._clock.monotonic() - started
                self._metrics.cloud_seconds.labels(service, action).observe(took)

    async def _send(
        self, credential: Credential, service: str, action: str, body: bytes, region: str
    ) -> Answer:
        if self._session is None:
            raise RuntimeError("the client is not open")
        url = URL(self._endpoint or f"https://{service}.tencentcloudapi.com") / ""
        headers = tc3.headers(
            credential,
            service=service,
            action=action,
            host=_host(url),
            region=region,
            body=body,
            now=self._clock.now(),
        )
        try:
            async with self._session.post(
                url, data=body, headers=headers, allow_redirects=False
            ) as response:
                content = await response.read()
                status = response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            # no text of it: it may quote what was sent
            raise UnknownOutcomeError(f"Transport.{type(error).__name__}") from None
        return _answer(status, content)


def _host(url: URL) -> str:
    """The Host header: with the port only when it is not the scheme's own."""
    host = url.host_subcomponent or ""
    return host if url.is_default_port() else f"{host}:{url.port}"


def _answer(status: int, content: bytes) -> Answer:
    if status != 200:
        raise UnknownOutcomeError(f"HTTP.{status}")
    try:
        answer: Answer = orjson.loads(content)["Response"]
        error = answer.get("Error")
        request_id = str(answer.get("RequestId") or "")
        if error is not None:
            raise from_code(str(error["Code"]), str(error.get("Message") or ""), request_id)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        raise UnknownOutcomeError("MalformedAnswer") from None
    return answer
