"""HTTP to one API server: credentials, retries, the server's clock, metrics."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache, lru_cache
from random import Random
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
from multidict import CIMultiDict
from yarl import URL

from batchcompute.kube.errors import ApiError, OutcomeUnknown, TooManyRequests, from_status
from batchcompute.runtime.backoff import Backoff
from batchcompute.runtime.clock import ServerTimed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from batchcompute.kube.config import ClusterConfig
    from batchcompute.runtime.clock import Clock
    from batchcompute.runtime.metrics import Metrics

USER_AGENT = "batchcompute-operator"
REQUEST_SECONDS = 30.0
CONNECT_SECONDS = 5.0
WATCH_SILENCE_SECONDS = 90.0  # bookmarks come about every minute, so silence means a dead stream
CONNECTIONS = 64
READ_TRIES = 5
THROTTLED_TRIES = 8
RETRY = Backoff(0.2, 5.0)
NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


class ConnectionLost(aiohttp.ClientError):
    """The connection ended before an answer came."""


async def _no_hidden_retry(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """aiohttp sends a PUT or DELETE again when a used connection breaks; a compare-and-swap that
    had succeeded would come back as a Conflict. An error of another type keeps it from that."""
    try:
        return await handler(request)
    except NOT_SENT:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise ConnectionLost(f"{type(error).__name__}: {error}") from None


@dataclass(frozen=True, slots=True)
class Call:
    """One request. ``verb`` is Kubernetes' word for it; ``query`` leaves out ``None`` values."""

    verb: str
    method: str
    resource: str
    path: str
    query: Mapping[str, str | int | None]
    body: Any = None
    content_type: str = "application/json"

    @property
    def safe(self) -> bool:
        return self.method == "GET"


class Transport:
    """Use as an async context manager; all requests of the process share its connections."""

    def __init__(
        self, config: ClusterConfig, clock: Clock, *, metrics: Metrics | None = None
    ) -> None:
        self._config = config
        self._clock = clock
        # Looking a series up costs more than counting in it.
        self._requests = cache(metrics.api_requests.labels) if metrics else None
        self._seconds = cache(metrics.api_seconds.labels) if metrics else None
        self._timed = clock if isinstance(clock, ServerTimed) else None
        self._session: aiohttp.ClientSession | None = None
        self._retry = Backoff(RETRY.base, RETRY.cap, Random())  # noqa: S311 - jitter

    async def open(self) -> None:
        tls = self._config.tls if self._config.tls is not None else True
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls, limit=CONNECTIONS),
            timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS, sock_connect=CONNECT_SECONDS),
            headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
            middlewares=(_no_hidden_retry,),
        )

    async def close(self) -> None:
        if self._session:
            await self._session.close()
            self._session = None

    async def send(self, call: Call) -> Any:
        """The decoded answer. Raises ApiError, OutcomeUnknown (writes), or for a read that was
        tried often enough ``aiohttp.ClientError`` / ``TimeoutError``."""
        failures = 0
        while True:
            try:
                return await self._once(call)
            except TooManyRequests as error:
                failures += 1
                if failures >= THROTTLED_TRIES:
                    raise
                wait = error.retry_after or self._retry.delay(failures)
            except NOT_SENT:
                failures += 1
                if failures >= READ_TRIES:
                    raise
                wait = self._retry.delay(failures)
            except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                if isinstance(error, ApiError) and error.code < 500:
                    raise
                if not call.safe:
                    raise _unknown(call, error) from None
                failures += 1
                if failures >= READ_TRIES:
                    raise
                wait = self._retry.delay(failures)
            await self._clock.sleep(wait)

    @contextlib.asynccontextmanager
    async def stream(self, call: Call) -> AsyncIterator[aiohttp.StreamReader]:
        """The body of a long answer, raising ``TimeoutError`` when it is silent for 90 s."""
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_SECONDS, sock_read=WATCH_SILENCE_SECONDS
        )
        async with self._request(call, timeout=timeout) as response:
            self._count(call, response.status)
            if response.status != 200:
                raise _error(response, await response.read())
            yield response.content

    async def _once(self, call: Call) -> Any:
        sent = self._clock.monotonic()
        code = 0
        try:
            async with self._request(call) as response:
                received = self._clock.monotonic()
                body = await response.read()
                code = response.status
                self._take_date(response, sent, received)
        finally:
            self._count(call, code)
            if self._seconds:
                self._seconds(call.verb).observe(self._clock.monotonic() - sent)
        if code >= 300:
            raise _error(response, body)
        return orjson.loads(body)

    def _request(
        self, call: Call, timeout: aiohttp.ClientTimeout | None = None
    ) -> contextlib.AbstractAsyncContextManager[aiohttp.ClientResponse]:
        if self._session is None:
            raise RuntimeError("the client is not open")
        headers: CIMultiDict[str] = CIMultiDict()
        if token := self._config.token.read(self._clock.monotonic()):
            headers["Authorization"] = f"Bearer {token}"
        data = None
        if call.body is not None:
            data = orjson.dumps(call.body)
            headers["Content-Type"] = call.content_type
        query = {name: str(value) for name, value in call.query.items() if value is not None}
        url = URL(self._config.server + call.path, encoded=True).with_query(query)
        extra: dict[str, Any] = {"timeout": timeout} if timeout else {}
        return self._session.request(
            call.method, url, data=data, headers=headers, allow_redirects=False, **extra
        )

    def _count(self, call: Call, code: int) -> None:
        if self._requests:
            self._requests(call.verb, call.resource, code or "none").inc()

    def _take_date(self, response: aiohttp.ClientResponse, sent: float, received: float) -> None:
        date = response.headers.get("Date")
        if self._timed is None or not date:
            return
        with contextlib.suppress(ValueError):  # a proxy's idea of a date
            seconds = _unix(date)
            self._timed.observe_server_date(seconds, sent, received)


@lru_cache(maxsize=4)
def _unix(date: str) -> float:
    """Raises ValueError. Hundreds of answers carry the same second."""
    return parsedate_to_datetime(date).timestamp()


def _error(response: aiohttp.ClientResponse, body: bytes) -> ApiError:
    """The Status object of an answer, or its first words when it is none (a proxy's page)."""
    try:
        status = orjson.loads(body)
    except orjson.JSONDecodeError:
        status = None
    if not isinstance(status, dict):
        status = {"message": body[:200].decode(errors="replace")}
    return from_status(
        response.status,
        str(status.get("reason") or response.reason or ""),
        str(status.get("message") or ""),
        _retry_after(response.headers.get("Retry-After")),
    )


def _retry_after(value: str | None) -> float | None:
    try:
        return max(0.0, float(value)) if value else None
    except ValueError:
        return None


def _unknown(call: Call, error: Exception) -> OutcomeUnknown:
    return OutcomeUnknown(f"{call.verb} {call.path}: {type(error).__name__}: {error}")
