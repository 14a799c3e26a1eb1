"""`x-cos-forbid-overwrite: true`: of any number of writers, one wins."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from qcloud_cos import CosServiceError

from tests.support.cos_server import BUCKET, CosServer
from tests.support.presigned import send

ONCE = {"x-cos-forbid-overwrite": "true"}


@pytest.mark.parametrize("size", [10, 600_000], ids=["bodies in memory", "bodies in files"])
def test_of_concurrent_writers_exactly_one_wins(cos: CosServer, size: int) -> None:
    writers = 8
    url = cos.client_by_proxy().get_presigned_url(BUCKET, "done", "PUT", Headers=ONCE)
    start = threading.Barrier(writers)

    def write(number: int) -> int:
        start.wait()
        return send(cos.address, "PUT", url, b"%d" % number * size, ONCE).status_code

    with ThreadPoolExecutor(writers) as pool:
        codes = list(pool.map(write, range(writers)))
    assert sorted(codes) == [200] + [409] * (writers - 1)
    stored = cos.client().get_object(BUCKET, "done")["Body"].get_raw_stream().read()
    assert stored == b"%d" % codes.index(200) * size


def slow_body(first: threading.Event, rest: threading.Event) -> Any:
    yield b"slow"
    first.set()
    rest.wait(10)
    yield b" body"


def test_a_slow_writer_loses_to_one_that_came_later_but_ended_first(cos: CosServer) -> None:
    client = cos.client_by_proxy()
    url = client.get_presigned_url(BUCKET, "done", "PUT", Headers=ONCE)
    begun, go_on = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(send, cos.address, "PUT", url, slow_body(begun, go_on), ONCE)
        assert begun.wait(10)
        assert send(cos.address, "PUT", url, b"fast", ONCE).status_code == 200
        go_on.set()
        assert slow.result(10).status_code == 409
    assert client.get_object(BUCKET, "done")["Body"].get_raw_stream().read() == b"fast"


def test_without_the_header_the_last_writer_wins(cos: CosServer) -> None:
    client = cos.client()
    for body in (b"a", b"b"):
        client.put_object(BUCKET, body, "k")
    assert client.get_object(BUCKET, "k")["Body"].get_raw_stream().read() == b"b"


def test_a_copy_and_a_completed_upload_can_be_write_once_too(cos: CosServer) -> None:
    client = cos.client()
    client.put_object(BUCKET, b"a", "k")
    source = {"Bucket": BUCKET, "Key": "k", "Region": "ap-guangzhou"}
    with pytest.raises(CosServiceError, match="FileAlreadyExists"):
        client.copy_object(BUCKET, "k", source, Metadata=ONCE)
    upload = client.create_multipart_upload(BUCKET, "k")["UploadId"]
    part = client.upload_part(BUCKET, "k", b"b", 1, upload)
    parts = {"Part": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    with pytest.raises(CosServiceError, match="FileAlreadyExists"):
        client.complete_multipart_upload(BUCKET, "k", upload, parts, Metadata=ONCE)


def test_a_key_can_be_written_once_again_after_its_object_was_deleted(cos: CosServer) -> None:
    client = cos.client()
    for _ in range(2):
        client.put_object(BUCKET, b"a", "k", Metadata=ONCE)
        client.delete_object(BUCKET, "k")


def test_the_header_must_be_a_boolean(cos: CosServer) -> None:
    with pytest.raises(CosServiceError, match="InvalidArgument"):
        cos.client().put_object(BUCKET, b"a", "k", Metadata={"x-cos-forbid-overwrite": "yes"})
