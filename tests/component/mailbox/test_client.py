"""The operator's bucket client against a bucket that checks signatures and fails on demand."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from batchcompute.cloud.credential import Credential
from batchcompute.mailbox.client import CosClient
from batchcompute.mailbox.errors import (
    AlreadyExistsError,
    DeniedError,
    TooLargeError,
    UnavailableError,
)
from tests.support.bucket import Bucket

NAME = "ws-1250000000"
HOST = f"{NAME}.cos.ap-guangzhou.myqcloud.com"


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    made = Bucket({"AK": "sk"})
    yield made
    made.close()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


def client(
    session: aiohttp.ClientSession, bucket: Bucket, waits: list[float], secret: str = "sk"
) -> CosClient:
    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    def credential() -> Credential:
        return Credential("AK", secret)

    return CosClient(
        session, bucket.url, NAME, "ap-guangzhou", credential, time.time, sleep, random.Random(1)
    )


async def test_put_get_head_delete(bucket: Bucket, session: aiohttp.ClientSession) -> None:
    cos = client(session, bucket, [])
    key = "ws/v1/dir/ä b&c"
    etag = await cos.put(key, b"body")
    assert bucket.get(HOST, key) == b"body"
    found = await cos.get(key, 4)
    assert found is not None
    assert (found.body, found.etag) == (b"body", etag)
    assert abs(found.date - found.modified) <= 2
    assert await cos.head(key) == 4
    assert await cos.delete_many([key]) == {}
    assert await cos.get(key, 4) is None
    assert await cos.head(key) is None


async def test_a_write_once_key_is_written_once(
    bucket: Bucket, session: aiohttp.ClientSession
) -> None:
    cos = client(session, bucket, [])
    await cos.put("done/x", b"one", write_once=True)
    with pytest.raises(AlreadyExistsError):
        await cos.put("done/x", b"two", write_once=True)
    assert bucket.get(HOST, "done/x") == b"one"


async def test_an_object_over_the_limit_is_not_read(
    bucket: Bucket, session: aiohttp.ClientSession
) -> None:
    bucket.put(HOST, "done/x", b"x" * 20_000)
    with pytest.raises(TooLargeError):
        await client(session, bucket, []).get("done/x", 16_384)


async def test_listings_are_paged_to_the_end(
    bucket: Bucket, session: aiohttp.ClientSession
) -> None:
    for number in range(2345):
        bucket.put(HOST, f"live/{number:05d}", b"")
    bucket.put(HOST, "other", b"")
    cos = client(session, bucket, [])
    first = await cos.list("live/")
    assert (len(first.entries), first.marker) == (1000, "live/00999")
    whole = await cos.list_all("live/")
    assert [entry.key for entry in whole.entries] == [f"live/{n:05d}" for n in range(2345)]
    assert 0 <= whole.date - whole.entries[0].modified < 60


async def test_more_than_a_thousand_keys_are_deleted_in_batches(
    bucket: Bucket, session: aiohttp.ClientSession
) -> None:
    keys = [f"live/{number:05d}" for number in range(1001)]
    for key in keys:
        bucket.put(HOST, key, b"")
    assert await client(session, bucket, []).delete_many(keys) == {}
    assert bucket.under(HOST, "") == {}
    assert sum(request.method == "POST" for request in bucket.requests) == 2


@pytest.mark.parametrize("fault", ["503", "lost"])
async def test_a_passing_fault_is_tried_again(
    bucket: Bucket, session: aiohttp.ClientSession, fault: str
) -> None:
    bucket.fault = lambda request: fault if request.nth <= 3 else None
    waits: list[float] = []
    await client(session, bucket, waits).put("box/m", b"body")
    assert bucket.get(HOST, "box/m") == b"body"
    bounds = zip((0.1, 0.3, 0.9), waits, strict=False)
    assert waits and all(low <= wait <= 3 * low for low, wait in bounds)


@pytest.mark.parametrize("fault", ["503", "lost"])
async def test_a_lasting_fault_is_unavailable(
    bucket: Bucket, session: aiohttp.ClientSession, fault: str
) -> None:
    bucket.fault = lambda request: fault
    waits: list[float] = []
    with pytest.raises(UnavailableError):
        await client(session, bucket, waits).list("live/")
    assert len(waits) == 3


async def test_a_wrong_key_is_denied_at_once_and_not_printed(
    bucket: Bucket, session: aiohttp.ClientSession
) -> None:
    with pytest.raises(DeniedError, match="SignatureDoesNotMatch") as caught:
        await client(session, bucket, [], secret="wrong-secret").list("live/")
    assert len(bucket.refused) == 1
    assert "wrong-secret" not in str(caught.value)
