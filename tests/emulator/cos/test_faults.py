"""Faults that a test asks for, as the SDK meets them."""

from __future__ import annotations

import pytest
import requests
from qcloud_cos import CosClientError, CosServiceError

from tests.support.cos_server import BUCKET, CosServer


def test_the_next_k_calls_fail_with_a_code_and_have_no_effect(cos: CosServer) -> None:
    client = cos.client()
    cos.fail(action="cos:PutObject", count=2, code="ServiceUnavailable")
    for _ in range(2):
        with pytest.raises(CosServiceError) as caught:
            client.put_object(BUCKET, b"x", "k")
        assert caught.value.get_status_code() == 503
        assert caught.value.get_error_code() == "ServiceUnavailable"
    assert not client.object_exists(BUCKET, "k")
    client.put_object(BUCKET, b"x", "k")
    assert cos.codes("cos:PutObject") == ["ServiceUnavailable", "ServiceUnavailable", "OK"]


def test_a_fault_can_be_for_one_key(cos: CosServer) -> None:
    client = cos.client()
    cos.fail(action="cos:*", code="InternalError", where={"Key": "bad"})
    client.put_object(BUCKET, b"x", "good")
    with pytest.raises(CosServiceError, match="InternalError"):
        client.put_object(BUCKET, b"x", "bad")


def test_the_reply_is_lost_after_the_effect(cos: CosServer) -> None:
    client = cos.client()
    cos.fail(action="cos:PutObject", lose_reply=True)
    with pytest.raises(CosClientError):
        client.put_object(BUCKET, b"x", "k")
    assert client.get_object(BUCKET, "k")["Body"].get_raw_stream().read() == b"x"
    (call,) = cos.calls.since(0, "cos:PutObject")
    assert (call.code, call.reply_lost) == ("OK", True)


def test_the_reply_breaks_off(cos: CosServer) -> None:
    client = cos.client()
    client.put_object(BUCKET, b"0123456789", "k")
    cos.fail(action="cos:GetObject", cut_reply=True)
    url = client.get_presigned_url(BUCKET, "k", "GET")
    with pytest.raises(requests.RequestException):
        requests.get(url, timeout=10)
    assert requests.get(url, timeout=10).content == b"0123456789"


def test_a_part_that_is_corrupted_on_its_way_is_refused_for_its_digest(cos: CosServer) -> None:
    client = cos.client()
    upload = client.create_multipart_upload(BUCKET, "k")["UploadId"]
    cos.fail(action="cos:UploadPart", corrupt=True, where={"partNumber": "2"})
    client.upload_part(BUCKET, "k", b"first", 1, upload, EnableMD5=True)
    with pytest.raises(CosServiceError, match="BadDigest"):
        client.upload_part(BUCKET, "k", b"second", 2, upload, EnableMD5=True)
    client.upload_part(BUCKET, "k", b"second", 2, upload, EnableMD5=True)


def test_a_corrupted_upload_without_a_digest_shows_in_the_etag_only(cos: CosServer) -> None:
    client = cos.client()
    good = client.put_object(BUCKET, b"x", "k")["ETag"]
    cos.fail(action="cos:PutObject", corrupt=True)
    assert client.put_object(BUCKET, b"x", "k")["ETag"] != good


def test_the_sdk_retries_a_503_and_then_succeeds(cos: CosServer) -> None:
    client = cos.client()
    client._retry = 1
    cos.fail(action="cos:PutObject", code="SlowDown")
    client.put_object(BUCKET, b"x", "k")
    assert cos.codes("cos:PutObject") == ["SlowDown", "OK"]


def test_a_bare_status_has_no_code(cos: CosServer) -> None:
    client = cos.client()
    cos.fail(action="cos:HeadBucket", status=502)
    url = client.get_presigned_url(BUCKET, "/", "HEAD")
    assert requests.head(url, timeout=10).status_code == 502
    assert cos.codes("cos:HeadBucket") == ["502"]
