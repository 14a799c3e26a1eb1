"""Objects, driven by the real SDK in each of its three ways of reaching a bucket."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
import requests
from qcloud_cos import CosServiceError

from tests.support.cos_server import BUCKET, OTHER, CosServer

WAYS = ["client", "client_at_names", "client_by_proxy"]
KEYS = {
    "a plain key": "plain.txt",
    "a key with folders": "a/b/c.txt",
    "a key with a space, plus, percent and ampersand": "a b+c%d&e=f?g#h.txt",
    "a key beyond ASCII": "数据/résumé.txt",
    "a key with double slashes and dots": "a//b/./c..d",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
def test_what_was_put_comes_back(cos: CosServer, way: str, key: str) -> None:
    client = getattr(cos, way)()
    body = key.encode() * 3
    put = client.put_object(Bucket=BUCKET, Key=key, Body=body, EnableMD5=True)
    got = client.get_object(Bucket=BUCKET, Key=key, KeySimplifyCheck=False)
    assert got["Body"].get_raw_stream().read() == body
    assert got["ETag"] == put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    assert [item["Key"] for item in client.list_objects(BUCKET)["Contents"]] == [key]
    assert client.head_object(Bucket=BUCKET, Key=key)["Content-Length"] == str(len(body))
    client.delete_object(Bucket=BUCKET, Key=key)
    assert not client.object_exists(Bucket=BUCKET, Key=key)


def test_headers_come_back_with_the_object(cos: CosServer) -> None:
    client = cos.client()
    client.put_object(
        BUCKET,
        b"x",
        "k",
        ContentType="text/css",
        CacheControl="no-cache",
        ContentDisposition="inline",
        ServerSideEncryption="AES256",
        StorageClass="STANDARD_IA",
        Metadata={"x-cos-meta-owner": "me"},
    )
    found = client.head_object(BUCKET, "k")
    expected = {
        "Content-Type": "text/css",
        "Cache-Control": "no-cache",
        "Content-Disposition": "inline",
        "x-cos-server-side-encryption": "AES256",
        "x-cos-storage-class": "STANDARD_IA",
        "x-cos-meta-owner": "me",
        "Accept-Ranges": "bytes",
    }
    assert {name: found.get(name) for name in expected} == expected
    assert found["x-cos-request-id"]
    assert found["Last-Modified"].endswith(" GMT")


def test_response_parameters_replace_headers(cos: CosServer) -> None:
    client = cos.client()
    client.put_object(BUCKET, b"x", "k")
    got = client.get_object(BUCKET, "k", ResponseContentType="text/html")
    assert got["Content-Type"] == "text/html"


RANGES: dict[str, tuple[str, bytes, str | None]] = {
    "the first bytes": ("bytes=0-3", b"0123", "bytes 0-3/10"),
    "from the middle on": ("bytes=4-", b"456789", "bytes 4-9/10"),
    "the last bytes": ("bytes=-3", b"789", "bytes 7-9/10"),
    "past the end is cut": ("bytes=8-99", b"89", "bytes 8-9/10"),
    "more than all of it from the end": ("bytes=-99", b"0123456789", "bytes 0-9/10"),
    "two ranges are none": ("bytes=0-1,4-5", b"0123456789", None),
    "backwards is none": ("bytes=5-2", b"0123456789", None),
    "words are none": ("bytes=all", b"0123456789", None),
}


@pytest.mark.parametrize(("text", "body", "shown"), RANGES.values(), ids=RANGES.keys())
def test_range(cos: CosServer, text: str, body: bytes, shown: str | None) -> None:
    client = cos.client()
    client.put_object(BUCKET, b"0123456789", "k")
    got = client.get_object(BUCKET, "k", Range=text)
    assert got["Body"].get_raw_stream().read() == body
    assert got.get("Content-Range") == shown
    assert got["Content-Length"] == str(len(body))


def test_a_range_past_the_end_is_refused(cos: CosServer) -> None:
    client = cos.client()
    client.put_object(BUCKET, b"0123456789", "k")
    assert refused(client.get_object, BUCKET, "k", Range="bytes=10-") == (416, "InvalidRange")


PAST, FUTURE = "Mon, 01 Jan 2001 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
CONDITIONS: dict[str, tuple[dict[str, str], int]] = {
    "the same tag": ({"If-Match": "{etag}"}, 200),
    "another tag": ({"If-Match": '"0"'}, 412),
    "changed since": ({"If-Unmodified-Since": PAST}, 412),
    "not changed since": ({"If-Unmodified-Since": FUTURE}, 200),
    "known already": ({"If-None-Match": "{etag}"}, 304),
    "another is known": ({"If-None-Match": '"0"'}, 200),
    "not modified": ({"If-Modified-Since": FUTURE}, 304),
    "modified": ({"If-Modified-Since": PAST}, 200),
    "the tag outweighs the date": ({"If-None-Match": '"0"', "If-Modified-Since": FUTURE}, 200),
}


@pytest.mark.parametrize(("headers", "status"), CONDITIONS.values(), ids=CONDITIONS.keys())
def test_conditional_get(cos: CosServer, headers: dict[str, str], status: int) -> None:
    client = cos.client()
    etag = client.put_object(BUCKET, b"x", "k")["ETag"]
    wanted = {name: value.format(etag=etag) for name, value in headers.items()}
    got = requests.get(client.get_presigned_url(BUCKET, "k", "GET"), headers=wanted, timeout=10)
    assert got.status_code == status
    assert got.content == {200: b"x", 304: b""}.get(status, got.content)
    assert status == 412 or got.headers["ETag"] == etag


def refused(method: Any, *args: Any, **named: Any) -> tuple[int, str]:
    """Status and code of the error that the SDK raises; all its fields are filled."""
    with pytest.raises(CosServiceError) as caught:
        method(*args, **named)
    error = caught.value
    assert error.get_request_id() != "Unknown"
    assert error.get_error_msg()
    return error.get_status_code(), error.get_error_code()


REFUSALS: dict[str, tuple[str, dict[str, Any], tuple[int, str]]] = {
    "no such key": ("get_object", {"Key": "none"}, (404, "NoSuchKey")),
    "no such key, by HEAD": ("head_object", {"Key": "none"}, (404, "NoSuchResource")),
    "a key of 851 bytes": ("put_object", {"Key": "k" * 851, "Body": b""}, (400, "KeyTooLong")),
    "a Content-MD5 that is none": (
        "put_object",
        {"Key": "k", "Body": b"", "ContentMD5": "bm9uZQ=="},
        (400, "InvalidDigest"),
    ),
    "metadata of 3 KB": (
        "put_object",
        {"Key": "k", "Body": b"", "Metadata": {"x-cos-meta-a": "b" * 3000}},
        (400, "MetadataTooLarge"),
    ),
    "encryption with the client's key": (
        "put_object",
        {"Key": "k", "Body": b"", "SSECustomerAlgorithm": "AES256"},
        (501, "NotImplemented"),
    ),
    "an archive": (
        "put_object",
        {"Key": "k", "Body": b"", "StorageClass": "ARCHIVE"},
        (501, "NotImplemented"),
    ),
    "the tags of an object": ("get_object_tagging", {"Key": "k"}, (501, "NotImplemented")),
    "appending": (
        "append_object",
        {"Key": "k", "Position": 0, "Data": b"x"},
        (501, "NotImplemented"),
    ),
    "the website of a bucket": ("get_bucket_website", {}, (501, "NotImplemented")),
    "the policy of a bucket": ("get_bucket_policy", {}, (501, "NotImplemented")),
    "an older version": ("get_object", {"Key": "k", "VersionId": "1"}, (501, "NotImplemented")),
}


@pytest.mark.parametrize(("method", "args", "answer"), REFUSALS.values(), ids=REFUSALS.keys())
def test_refusal(
    cos: CosServer, method: str, args: dict[str, Any], answer: tuple[int, str]
) -> None:
    assert refused(getattr(cos.client(), method), Bucket=BUCKET, **args) == answer


def test_the_longest_key_is_taken(cos: CosServer) -> None:
    cos.client().put_object(BUCKET, b"x", "é" * 425)
    assert refused(cos.client().put_object, BUCKET, b"x", "é" * 426) == (400, "KeyTooLong")


def test_a_bucket_asked_for_in_another_region_is_not_there(cos: CosServer) -> None:
    client = cos.client_by_proxy(region="ap-shanghai")
    assert refused(client.put_object, OTHER, b"x", "k") == (404, "NoSuchBucket")


def test_one_key_takes_fifty_writes_a_second(cos: CosServer) -> None:
    client = cos.client()
    cos.clock.monotonic = lambda: 1.0  # type: ignore[method-assign]
    for number in range(50):
        client.put_object(BUCKET, b"%d" % number, "k")
    assert refused(client.put_object, BUCKET, b"x", "k") == (503, "SlowDown")
    client.put_object(BUCKET, b"x", "another")
    cos.settings.rate_limit_factor = 0
    client.put_object(BUCKET, b"x", "k")


def test_every_call_is_in_the_log(cos: CosServer) -> None:
    client = cos.client()
    client.put_object(BUCKET, b"x", "k")
    refused(client.get_object, BUCKET, "none")
    put, got = cos.calls.since(0)
    assert (put.action, put.code, put.region) == ("cos:PutObject", "OK", "ap-guangzhou")
    assert put.parameters == {"Bucket": BUCKET, "Key": "k"}
    assert (got.action, got.code, got.secret_id) == ("cos:GetObject", "NoSuchKey", "AKIDoperator")


def test_metadata_comes_back_as_it_was_sent_if_it_is_utf8(cos: CosServer) -> None:
    client = cos.client()
    url = client.get_presigned_url(BUCKET, "k", "PUT")
    good, bad = "é".encode(), "é".encode("latin-1")
    sent = {"x-cos-meta-name": good}
    assert requests.put(url, data=b"x", headers=sent, timeout=10).status_code == 200
    assert client.head_object(BUCKET, "k")["x-cos-meta-name"].encode("latin-1") == good
    sent = {"x-cos-meta-name": bad}
    assert requests.put(url, data=b"x", headers=sent, timeout=10).status_code == 400
