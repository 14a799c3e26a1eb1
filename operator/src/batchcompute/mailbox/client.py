"""The operator's own COS client: the five calls of the mailbox, nothing blocking (R21).

``None`` from ``get`` and ``head`` says that the object is not there, which is never a verdict
(section 3, 42). Everything else that fails is one of ``errors.py``.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
from base64 import b64encode
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.sax.saxutils import escape

import aiohttp
from yarl import URL

from .errors import (
    AlreadyExistsError,
    CosError,
    DeniedError,
    RefusedError,
    TooLargeError,
    UnavailableError,
)
from .listing import Page, parse_page
from .signing import FORBID_OVERWRITE, KeyTime, Signer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from ..cloud.credential import Credential

TEMPLATE = "https://{bucket}.cos.{region}.myqcloud.com"
BACKOFF = (0.2, 0.6, 1.8)
"""Seconds before the second, third and fourth try; each is drawn from half to one and a half."""
EARLY, LIFE = 300, 900
"""Seconds a request's signature is valid before and after it is made (R30)."""
REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=5, sock_read=20)
BATCH = 1000

_CODE = re.compile(r"<Code>([^<]{1,100})</Code>")
_MESSAGE = re.compile(r"<Message>([^<]{1,300})</Message>")
_FAILED = re.compile(r"<Error>\s*<Key>([^<]*)</Key>\s*<Code>([^<]*)</Code>")


@dataclass(frozen=True, slots=True)
class Object:
    """An object's bytes; ``modified`` and ``date`` are Unix seconds by the service's clock."""

    body: bytes
    etag: str
    modified: float
    date: float


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def seconds(self, header: str) -> float:
        text = self.headers.get(header)
        return parsedate_to_datetime(text).timestamp() if text else 0.0

    @property
    def etag(self) -> str:
        return self.headers.get("ETag", "").strip('"')


class CosClient:
    """One bucket, over a shared aiohttp session.

    Args:
        session: shared by all clients; closed by its owner.
        endpoint: ``TEMPLATE``, or a fixed ``http://host:port`` that serves all buckets: then
            the true name goes in the Host header.
        bucket: full name, with the app id.
        region: of the bucket.
        credential: gives the key of this moment; temporary ones are renewed behind it.
        now: Unix seconds by the operator's clock.
        sleep, rng: waiting and jitter between tries, injected for tests.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        endpoint: str,
        bucket: str,
        region: str,
        credential: Callable[[], Credential],
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self._session = session
        self._base = endpoint.format(bucket=bucket, region=region).rstrip("/")
        self.host = f"{bucket}.cos.{region}.myqcloud.com"
        if "{" in endpoint:
            self.host = self._base.partition("://")[2]
        self._credential = credential
        self._now = now
        self._sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311 - jitter

    async def list(self, prefix: str, marker: str = "") -> Page:
        """One page of at most 1,000 keys under ``prefix`` that come after ``marker``."""
        params = {"prefix": prefix, "marker": marker, "max-keys": "1000", "encoding-type": "url"}
        reply = await self._call("GET", "", params=params)
        return parse_page(reply.body.decode("utf-8", "replace"), reply.seconds("Date"))

    async def list_all(self, prefix: str) -> Page:
        """Every key under ``prefix``; ``date`` is of the first page."""
        page = await self.list(prefix)
        entries, date = list(page.entries), page.date
        while page.marker is not None:
            page = await self.list(prefix, page.marker)
            entries += page.entries
        return Page(tuple(entries), None, date)

    async def get(self, key: str, limit: int) -> Object | None:
        """An object of at most ``limit`` bytes; ``None``: not there.

        Raises:
            TooLargeError: it is larger.
        """
        reply = await self._call("GET", key, limit=limit, absent=True)
        if reply.status == 404:
            return None
        return Object(reply.body, reply.etag, reply.seconds("Last-Modified"), reply.seconds("Date"))

    async def head(self, key: str) -> int | None:
        """An object's size in bytes; ``None``: not there."""
        reply = await self._call("HEAD", key, absent=True)
        return None if reply.status == 404 else int(reply.headers["Content-Length"])

    async def put(self, key: str, body: bytes, *, write_once: bool = False) -> str:
        """Writes an object; answers its ETag.

        Raises:
            AlreadyExistsError: ``write_once`` and the key is taken (perhaps by an earlier try
                of this very call whose reply was lost: compare the content).
        """
        headers = {FORBID_OVERWRITE: "true"} if write_once else {}
        return (await self._call("PUT", key, headers=headers, body=body)).etag

    async def delete_many(self, keys: Iterable[str]) -> dict[str, str]:
        """Deletes keys, 1,000 a call; answers those that failed with their code."""
        whole, failed = list(keys), dict[str, str]()
        for start in range(0, len(whole), BATCH):
            body = _delete_body(whole[start : start + BATCH])
            digest = hashlib.md5(body, usedforsecurity=False).digest()
            headers = {"Content-MD5": b64encode(digest).decode(), "Content-Type": "application/xml"}
            reply = await self._call("POST", "", {"delete": ""}, headers=headers, body=body)
            failed.update(_FAILED.findall(reply.body.decode("utf-8", "replace")))
        return failed

    async def _call(
        self,
        method: str,
        key: str,
        params: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        limit: int | None = None,
        absent: bool = False,
    ) -> _Reply:
        what = f"{method} {key or '/'}"
        for wait in (*BACKOFF, None):
            try:
                reply = await self._send(
                    what, method, key, params or {}, headers or {}, body, limit
                )
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                failure: CosError = UnavailableError(what, 0, type(error).__name__, str(error), "")
            else:
                if reply.status < 300 or (absent and _is_absent(method, reply)):
                    return reply
                failure = _failure(what, reply)
            if wait is None or not isinstance(failure, UnavailableError):
                raise failure
            await self._sleep(wait * (0.5 + self._rng.random()))
        raise AssertionError("the last try returns or raises")

    async def _send(
        self,
        what: str,
        method: str,
        key: str,
        params: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
        limit: int | None,
    ) -> _Reply:
        signed = self._signed(method, key, params, headers)
        query = "&".join(f"{name}={quote(value, safe='-_.~')}" for name, value in params.items())
        url = URL(f"{self._base}/{quote(key, safe='/-_.~')}?{query}".rstrip("?"), encoded=True)
        async with self._session.request(
            method, url, headers=signed, data=body, timeout=REQUEST_TIMEOUT, allow_redirects=False
        ) as response:
            size = response.content_length
            if limit is not None and response.status < 300 and (size is None or size > limit):
                raise TooLargeError(what, 200, "TooLarge", f"{size} of {limit} bytes", "")
            return _Reply(response.status, response.headers, await response.read())

    def _signed(
        self, method: str, key: str, params: Mapping[str, str], headers: Mapping[str, str]
    ) -> dict[str, str]:
        credential, now = self._credential(), int(self._now())
        whole = {"Host": self.host, **headers}
        if credential.token:
            whole["x-cos-security-token"] = credential.token
        signer = Signer.of(credential, KeyTime(now - EARLY, now + LIFE))
        whole["Authorization"] = signer.authorization(method, key, whole, params)
        return whole


def _delete_body(keys: Sequence[str]) -> bytes:
    objects = "".join(f"<Object><Key>{escape(key)}</Key></Object>" for key in keys)
    return f"<Delete><Quiet>true</Quiet>{objects}</Delete>".encode()


def _is_absent(method: str, reply: _Reply) -> bool:
    if reply.status != 404:
        return False
    return method == "HEAD" or _error_code(reply) in ("NoSuchKey", "NoSuchResource")


def _error_code(reply: _Reply) -> str:
    found = _CODE.search(reply.body.decode("utf-8", "replace"))
    return found[1] if found else "Unknown"


def _failure(what: str, reply: _Reply) -> CosError:
    code = _error_code(reply)
    found = _MESSAGE.search(reply.body.decode("utf-8", "replace"))
    kind: type[CosError] = RefusedError
    if reply.status >= 500 or reply.status == 429:
        kind = UnavailableError
    elif reply.status == 403:
        kind = DeniedError
    elif reply.status == 409 and code == "FileAlreadyExists":
        kind = AlreadyExistsError
    request_id = reply.headers.get("x-cos-request-id", "")
    return kind(what, reply.status, code, found[1] if found else "", request_id)
