"""Multipart uploads by the SDK."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from qcloud_cos import CosS3Client, CosServiceError

from tencentcloud_emulator.cos.crc64 import crc64
from tests.support.cos_server import BUCKET, OTHER, CosServer

MIB = 1024 * 1024


def uploaded(client: CosS3Client, sizes: list[int]) -> tuple[str, list[dict[str, Any]], bytes]:
    """An upload with parts of these sizes: its id, its parts as COS wants them, all its bytes."""
    upload = str(client.create_multipart_upload(BUCKET, "k")["UploadId"])
    parts, whole = [], b""
    for number, size in enumerate(sizes, 1):
        body = os.urandom(size)
        etag = client.upload_part(BUCKET, "k", body, number, upload, EnableMD5=True)["ETag"]
        parts.append({"PartNumber": number, "ETag": etag})
        whole += body
    return upload, parts, whole


def test_the_parts_make_the_object(cos: CosServer) -> None:
    client = cos.client()
    upload, parts, whole = uploaded(client, [MIB, 2 * MIB, 5])
    done = client.complete_multipart_upload(BUCKET, "k", upload, {"Part": parts})
    digests = b"".join(bytes.fromhex(part["ETag"].strip('"')) for part in parts)
    assert done["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-3"'
    got = client.get_object(BUCKET, "k")
    assert got["Body"].get_raw_stream().read() == whole
    assert got["x-cos-hash-crc64ecma"] == str(crc64(whole))
    across = client.get_object(BUCKET, "k", Range=f"bytes={MIB - 3}-{MIB + 2}")
    assert across["Body"].get_raw_stream().read() == whole[MIB - 3 : MIB + 3]
    assert "Upload" not in client.list_multipart_uploads(BUCKET)


def reversed_parts(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return parts[::-1]


def changed(**fields: Any) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    return lambda parts: [parts[0], parts[1] | fields]


WRONG: dict[str, tuple[list[int], Callable[[Any], Any], str]] = {
    "parts in the wrong order": ([MIB, 1], reversed_parts, "InvalidPartOrder"),
    "a part twice": ([MIB, 1], lambda parts: [parts[0], parts[0]], "InvalidPartOrder"),
    "a part of another ETag": ([MIB, 1], changed(ETag='"0"'), "InvalidPart"),
    "a part that was not uploaded": ([MIB, 1], changed(PartNumber=3), "InvalidPart"),
    "a part too small that is not the last": ([MIB - 1, MIB], lambda p: p, "EntityTooSmall"),
    "no part": ([MIB], lambda parts: [], "MalformedXML"),
    "a number that is none": ([MIB, 1], changed(PartNumber="two"), "MalformedXML"),
}


@pytest.mark.parametrize(("sizes", "change", "code"), WRONG.values(), ids=WRONG.keys())
def test_an_upload_completed_wrongly_is_refused_and_stays(
    cos: CosServer, sizes: list[int], change: Callable[[Any], Any], code: str
) -> None:
    client = cos.client()
    upload, parts, _ = uploaded(client, sizes)
    with pytest.raises(CosServiceError) as caught:
        client.complete_multipart_upload(BUCKET, "k", upload, {"Part": change(parts)})
    assert caught.value.get_error_code() == code
    assert not client.object_exists(BUCKET, "k")
    listed = client.list_parts(BUCKET, "k", upload)["Part"]
    assert [item["Size"] for item in listed] == [str(size) for size in sizes]


def test_a_part_uploaded_again_replaces_the_first(cos: CosServer) -> None:
    client = cos.client()
    upload, _, _ = uploaded(client, [10])
    part = client.upload_part(BUCKET, "k", b"again", 1, upload)
    parts = {"Part": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    client.complete_multipart_upload(BUCKET, "k", upload, parts)
    assert client.get_object(BUCKET, "k")["Body"].get_raw_stream().read() == b"again"


def test_an_aborted_upload_is_gone(cos: CosServer) -> None:
    client = cos.client()
    upload, parts, _ = uploaded(client, [MIB])
    client.abort_multipart_upload(BUCKET, "k", upload)
    acts: list[Callable[[], object]] = [
        lambda: client.upload_part(BUCKET, "k", b"x", 2, upload),
        lambda: client.complete_multipart_upload(BUCKET, "k", upload, {"Part": parts}),
        lambda: client.list_parts(BUCKET, "k", upload),
        lambda: client.abort_multipart_upload(BUCKET, "k", upload),
    ]
    for act in acts:
        with pytest.raises(CosServiceError, match="NoSuchUpload"):
            act()


@pytest.mark.parametrize("number", [0, 10_001, "x"])
def test_a_part_number_out_of_range_is_refused(cos: CosServer, number: Any) -> None:
    client = cos.client()
    upload, _, _ = uploaded(client, [])
    with pytest.raises(CosServiceError, match="InvalidArgument"):
        client.upload_part(BUCKET, "k", b"x", number, upload)


def test_an_upload_belongs_to_its_key(cos: CosServer) -> None:
    client = cos.client()
    upload, _, _ = uploaded(client, [])
    with pytest.raises(CosServiceError, match="NoSuchUpload"):
        client.upload_part(BUCKET, "other", b"x", 1, upload)


def test_uploads_and_parts_are_listed_page_by_page(cos: CosServer) -> None:
    client = cos.client()
    started = [(key, client.create_multipart_upload(BUCKET, key)["UploadId"]) for key in "abbc"]
    found, marker = [], ("", "")
    for _ in started:
        page = client.list_multipart_uploads(
            BUCKET, MaxUploads=1, KeyMarker=marker[0], UploadIdMarker=marker[1]
        )
        found += [(item["Key"], item["UploadId"]) for item in page["Upload"]]
        marker = (page.get("NextKeyMarker", ""), page.get("NextUploadIdMarker", ""))
    assert found == sorted(started)
    upload, _, _ = uploaded(client, [1, 2, 3])
    page = client.list_parts(BUCKET, "k", upload, MaxParts=2)
    assert (page["IsTruncated"], [p["PartNumber"] for p in page["Part"]]) == ("true", ["1", "2"])
    rest = client.list_parts(BUCKET, "k", upload, PartNumberMarker=page["NextPartNumberMarker"])
    assert (rest["IsTruncated"], [p["PartNumber"] for p in rest["Part"]]) == ("false", ["3"])


def test_the_sdk_uploads_and_downloads_a_file_in_parts(cos: CosServer, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(5 * MIB + 17))
    client = cos.client_by_proxy()
    client.upload_file(BUCKET, "k", str(source), PartSize=1, MAXThread=3, EnableMD5=True)
    client.download_file(BUCKET, "k", str(target), PartSize=1, MAXThread=3, EnableCRC=True)
    assert target.read_bytes() == source.read_bytes()
    assert cos.codes("cos:UploadPart") == ["OK"] * 6


def test_parts_can_be_copied_from_objects(cos: CosServer) -> None:
    client = cos.client_by_proxy()
    body = os.urandom(MIB + 100)
    client.put_object(OTHER, body, "source")
    source = {"Bucket": OTHER, "Key": "source", "Region": "ap-guangzhou"}
    upload = client.create_multipart_upload(BUCKET, "k")["UploadId"]
    parts = []
    for number, span in enumerate([f"bytes=0-{MIB - 1}", f"bytes={MIB}-{MIB + 99}"], 1):
        part = client.upload_part_copy(BUCKET, "k", number, upload, source, span)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    client.complete_multipart_upload(BUCKET, "k", upload, {"Part": parts})
    assert client.get_object(BUCKET, "k")["Body"].get_raw_stream().read() == body


def test_a_copy_of_parts_has_their_bytes_also_when_they_are_gone(cos: CosServer) -> None:
    client = cos.client_by_proxy()
    upload, parts, whole = uploaded(client, [MIB, MIB])
    client.complete_multipart_upload(BUCKET, "k", upload, {"Part": parts})
    source = {"Bucket": BUCKET, "Key": "k", "Region": "ap-guangzhou"}
    client.copy_object(BUCKET, "copy", source)
    client.delete_object(BUCKET, "k")
    assert client.get_object(BUCKET, "copy")["Body"].get_raw_stream().read() == whole


def test_an_upload_aborted_while_a_part_comes_in_stays_aborted(cos: CosServer) -> None:
    client = cos.client()
    upload, _, _ = uploaded(client, [])
    begun, go_on = threading.Event(), threading.Event()

    def body() -> Iterator[bytes]:
        yield b"half"
        begun.set()
        go_on.wait(10)
        yield b"half"

    wanted = {"partNumber": "1", "uploadId": upload}
    url = client.get_presigned_url(BUCKET, "k", "PUT", Params=wanted)
    with ThreadPoolExecutor(1) as pool:
        part = pool.submit(requests.put, url, data=body(), timeout=20)
        assert begun.wait(10)
        client.abort_multipart_upload(BUCKET, "k", upload)
        go_on.set()
        assert part.result(20).status_code == 404
    assert "Upload" not in client.list_multipart_uploads(BUCKET)
