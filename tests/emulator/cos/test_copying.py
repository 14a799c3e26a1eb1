"""PUT Object - Copy: what of the source the copy has, and which sources there are."""

from __future__ import annotations

from typing import Any

import pytest
from qcloud_cos import CosServiceError

from tests.support.cos_server import BUCKET, OTHER, CosServer
from tests.support.presigned import send

SOURCE = {"Bucket": OTHER, "Key": "a b/源", "Region": "ap-guangzhou"}


def filled(cos: CosServer) -> Any:
    client = cos.client_by_proxy()
    client.put_object(OTHER, b"x", SOURCE["Key"], ContentType="a/b", StorageClass="STANDARD_IA")
    return client


def test_a_copy_has_the_bytes_and_headers_of_its_source(cos: CosServer) -> None:
    client = filled(cos)
    done = client.copy_object(BUCKET, "k", SOURCE)
    got = client.get_object(BUCKET, "k")
    assert got["Body"].get_raw_stream().read() == b"x"
    assert (got["Content-Type"], got["ETag"]) == ("a/b", done["ETag"])
    assert "x-cos-storage-class" not in got


def test_a_copy_can_have_headers_of_its_own(cos: CosServer) -> None:
    client = filled(cos)
    client.copy_object(BUCKET, "k", SOURCE, "Replaced", ContentType="c/d")
    assert client.head_object(BUCKET, "k")["Content-Type"] == "c/d"


CONDITIONS: dict[str, tuple[dict[str, str], bool]] = {
    "the source is the one meant": ({"CopySourceIfMatch": "{etag}"}, True),
    "it is another": ({"CopySourceIfMatch": '"0"'}, False),
    "it is a new one": ({"CopySourceIfNoneMatch": '"0"'}, True),
    "it is known": ({"CopySourceIfNoneMatch": "{etag}"}, False),
    "it has not changed": (
        {"CopySourceIfModifiedSince": "Fri, 01 Jan 2100 00:00:00 GMT"},
        False,
    ),
    "it has changed": (
        {"CopySourceIfUnmodifiedSince": "Mon, 01 Jan 2001 00:00:00 GMT"},
        False,
    ),
}


@pytest.mark.parametrize(("headers", "works"), CONDITIONS.values(), ids=CONDITIONS.keys())
def test_conditional_copy(cos: CosServer, headers: dict[str, str], works: bool) -> None:
    client = filled(cos)
    etag = client.head_object(OTHER, SOURCE["Key"])["ETag"]
    wanted = {name: value.format(etag=etag) for name, value in headers.items()}
    if works:
        client.copy_object(BUCKET, "k", SOURCE, **wanted)
        return
    with pytest.raises(CosServiceError, match="PreconditionFailed"):
        client.copy_object(BUCKET, "k", SOURCE, **wanted)
    assert not client.object_exists(BUCKET, "k")


SOURCES: dict[str, tuple[str, int, str]] = {
    "by the bucket's host": (f"{OTHER}.cos.ap-guangzhou.myqcloud.com/k", 200, "ETag"),
    "by the other suffix": (f"{OTHER}.cos.ap-guangzhou.tencentcos.cn/k", 200, "ETag"),
    "by the region's host": (f"cos.ap-guangzhou.myqcloud.com/{OTHER}/k", 200, "ETag"),
    "by the bucket's name": (f"{OTHER}/k", 200, "ETag"),
    "with a slash in front": (f"/{OTHER}/k", 200, "ETag"),
    "in another region": (f"{OTHER}.cos.ap-shanghai.myqcloud.com/k", 404, "NoSuchBucket"),
    "of no bucket": ("none-1250000000.cos.ap-guangzhou.myqcloud.com/k", 404, "NoSuchBucket"),
    "of no key": (f"{OTHER}.cos.ap-guangzhou.myqcloud.com/none", 404, "NoSuchKey"),
    "nothing but a bucket": (f"{OTHER}.cos.ap-guangzhou.myqcloud.com/", 400, "InvalidArgument"),
    "nonsense": ("nonsense", 400, "InvalidArgument"),
    "an older version": (
        f"{OTHER}.cos.ap-guangzhou.myqcloud.com/k?versionId=1",
        501,
        "NotImplemented",
    ),
}


@pytest.mark.parametrize(("source", "status", "word"), SOURCES.values(), ids=SOURCES.keys())
def test_source(cos: CosServer, source: str, status: int, word: str) -> None:
    client = cos.client_by_proxy()
    client.put_object(OTHER, b"x", "k")
    url = client.get_presigned_url(BUCKET, "k", "PUT")
    reply = send(cos.address, "PUT", url, headers={"x-cos-copy-source": source})
    assert (reply.status_code, word in reply.text) == (status, True), reply.text
