"""Whatever a signed request says, COS answers it, and its errors can be read."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from tencentcloud_emulator.account import Principal
from tencentcloud_emulator.cos.body import EMPTY
from tencentcloud_emulator.cos.errors import CODES
from tencentcloud_emulator.cos.operations import OPERATIONS
from tencentcloud_emulator.cos.request import CosRequest
from tencentcloud_emulator.cos.store import Upload, stored
from tencentcloud_emulator.http import RawRequest, RawResponse
from tests.support.cos_server import BUCKET, OTHER, REGION, CosServer

METHODS = st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE"])
KEYS = st.sampled_from(["", "k", "a/b", "%00", "%ff", "k" * 900, "%F0%9F%98%80", "..", "//"])
NAMES = sorted({o.selector for o in OPERATIONS} | {p for o in OPERATIONS for p in o.params})
VALUES = st.sampled_from(["", "1", "-1", "x", "\x01", "%zz", "9" * 30, "url", "/", "k", "é"])
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            *("Content-MD5", "Content-Length", "Range", "If-Match", "If-Modified-Since"),
            *("x-cos-acl", "x-cos-copy-source", "x-cos-copy-source-range", "x-cos-meta-a"),
            *("x-cos-forbid-overwrite", "x-cos-metadata-directive", "x-cos-storage-class"),
            *("Transfer-Encoding", "x-cos-security-token", "x-cos-traffic-limit", "Expires"),
        ]
    ),
    VALUES
    | st.sampled_from(
        ["\udcff", "true", "bytes=0-", "bytes=-", f"{OTHER}/k", f"/{BUCKET}/k", "chunked"]
    ),
    max_size=4,
)
BODIES = st.sampled_from(
    [
        b"",
        b"\x00\xff",
        b"<Delete><Object><Key>k</Key></Object></Delete>",
        b"<Delete><Object/></Delete>",
        b"<CompleteMultipartUpload><Part/></CompleteMultipartUpload>",
        b"<AccessControlPolicy/>",
        b"<LifecycleConfiguration><Rule/></LifecycleConfiguration>",
        b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
        b"<a xmlns='b'>&#1;</a>",
    ]
)


class Everybody:
    """Takes every request as signed by one who may do all."""

    def signer(self, request: CosRequest, now: float) -> Principal | None:
        return Principal("AKIDtest", "secret", "qcs::cam::uin/1:uin/1")


class Whole:
    """A body that has arrived."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def read(self, n: int = -1) -> bytes:
        return await self.readany()

    async def readany(self) -> bytes:
        body, self._body = self._body, b""
        return body


@pytest.fixture(scope="module")
def open_cos() -> Iterator[CosServer]:
    with tempfile.TemporaryDirectory() as directory:
        server = CosServer(Path(directory))
        server.settings.rate_limit_factor = 0
        server.cos._verifiers = (Everybody(),)
        yield server
        server.loop.close()


def fresh(server: CosServer) -> None:
    """Two buckets with an object and an upload `1` in each."""
    server.cos.reset()
    for name in (BUCKET, OTHER):
        server.cos.create_bucket(name, REGION)
        bucket = server.cos.store.buckets[name]
        bucket.put("k", stored(EMPTY, '"0"', 0.0, {}, "default", "1"))
        bucket.begin(Upload("1", "k", 0.0, "1", {}, "default"))


@settings(max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(METHODS, KEYS, st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=2), HEADERS, BODIES)
@example("PUT", "k", {}, {"x-cos-storage-class": "\x01"}, b"")
def test_any_request(
    open_cos: CosServer,
    method: str,
    key: str,
    params: dict[str, str],
    headers: dict[str, str],
    body: bytes,
) -> None:
    fresh(open_cos)
    path = f"/{BUCKET}/{key}"
    query = "&".join(f"{name}={value}" for name, value in params.items())
    sent = CIMultiDict(headers)
    raw = RawRequest(method, path, path, query, sent, "127.0.0.1", Whole(body))
    reply = asyncio.run(open_cos.cos.handle(raw))
    event(f"{reply.status}")
    assert dict(reply.headers)["x-cos-request-id"]
    if reply.status >= 400 and method != "HEAD":
        assert_readable(reply)


def assert_readable(reply: RawResponse) -> None:
    assert isinstance(reply.body, bytes)
    tree = ElementTree.fromstring(reply.body)
    assert all(tree.findtext(name) for name in ("Code", "Message", "Resource", "RequestId"))
    assert CODES[tree.findtext("Code", "")][0] == reply.status
