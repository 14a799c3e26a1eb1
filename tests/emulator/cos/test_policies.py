"""What a key's policy allows is what it can do: by action, by key, and for copies by source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from qcloud_cos import CosS3Client, CosServiceError

from tests.support.cos_server import BUCKET, OTHER, CosServer
from tests.support.presigned import send

Allowed = tuple[tuple[str, str], ...]


def get(client: CosS3Client) -> Any:
    return client.get_object(BUCKET, "in/a")


def put(client: CosS3Client) -> Any:
    return client.put_object(BUCKET, b"new", "in/a")


def list_in(client: CosS3Client) -> Any:
    return client.list_objects(BUCKET, Prefix="in/")


CASES: dict[str, tuple[Allowed, Callable[[CosS3Client], Any], bool]] = {
    "reading what may be read": ((("GetObject", f"{BUCKET}/in/*"),), get, True),
    "reading beside it": ((("GetObject", f"{BUCKET}/out/*"),), get, False),
    "reading the same key of another bucket": ((("GetObject", f"{OTHER}/in/*"),), get, False),
    "writing what may only be read": ((("GetObject", f"{BUCKET}/in/*"),), put, False),
    "reading what may only be written": ((("PutObject", f"{BUCKET}/in/*"),), get, False),
    "writing": ((("PutObject", f"{BUCKET}/in/*"),), put, True),
    "any action": ((("*", f"{BUCKET}/in/*"),), put, True),
    "the head of what may be read": (
        (("GetObject", f"{BUCKET}/in/*"),),
        lambda client: client.head_object(BUCKET, "in/a"),
        False,
    ),
    "the head": (
        (("HeadObject", f"{BUCKET}/in/*"),),
        lambda client: client.head_object(BUCKET, "in/a"),
        True,
    ),
    "listing a prefix that may be listed": ((("GetBucket", f"{BUCKET}/in/*"),), list_in, True),
    "listing beside it": ((("GetBucket", f"{BUCKET}/out/*"),), list_in, False),
    "listing all for a right to a prefix": (
        (("GetBucket", f"{BUCKET}/in/*"),),
        lambda client: client.list_objects(BUCKET),
        False,
    ),
    "deleting what may be written": (
        (("PutObject", f"{BUCKET}/in/*"),),
        lambda client: client.delete_object(BUCKET, "in/a"),
        False,
    ),
    "the ACL of what may be written": (
        (("PutObject", f"{BUCKET}/in/*"),),
        lambda client: client.put_object_acl(BUCKET, "in/a", ACL="public-read"),
        False,
    ),
    "a multipart upload for a right to PUT": (
        (("PutObject", f"{BUCKET}/in/*"),),
        lambda client: client.create_multipart_upload(BUCKET, "in/a"),
        False,
    ),
    "listing the buckets": ((("*", f"{BUCKET}/*"),), lambda client: client.list_buckets(), False),
    "making a bucket": (
        (("*", f"{BUCKET}/*"),),
        lambda client: client.create_bucket("new-1250000000"),
        False,
    ),
    "the lifecycle rules": (
        (("PutObject", f"{BUCKET}/*"),),
        lambda client: client.delete_bucket_lifecycle(BUCKET),
        False,
    ),
}


@pytest.mark.parametrize(("allowed", "act", "works"), CASES.values(), ids=CASES.keys())
def test_policy(
    cos: CosServer, allowed: Allowed, act: Callable[[CosS3Client], Any], works: bool
) -> None:
    for bucket in (BUCKET, OTHER):
        cos.client(bucket=bucket).put_object(bucket, b"x", "in/a")
    client = cos.client_by_proxy(cos.temporary(*allowed))
    if works:
        act(client)
        return
    with pytest.raises(CosServiceError) as caught:
        act(client)
    assert caught.value.get_status_code() == 403
    if caught.value.get_error_code() != "Unknown":  # HEAD has no body
        assert caught.value.get_error_code() == "AccessDenied"


SOURCE = f"{OTHER}.cos.ap-guangzhou.myqcloud.com/secret"
NARROW: Allowed = (("PutObject", f"{BUCKET}/jobs/*"),)
WIDE: Allowed = (*NARROW, ("GetObject", f"{OTHER}/*"))


@pytest.mark.parametrize(
    ("allowed", "status"),
    [
        pytest.param(NARROW, 403, id="a signer that may only PUT is refused"),
        pytest.param(WIDE, 200, id="a signer that may read the source has it copied"),
    ],
)
def test_an_unsigned_copy_header_is_executed_with_the_rights_of_the_signer(
    cos: CosServer, allowed: Allowed, status: int
) -> None:
    """Rule R10: what protects other keys is the signer's narrow policy, and only that."""
    cos.client(bucket=OTHER).put_object(OTHER, b"secret", "secret")
    key = cos.temporary(*allowed)
    url = cos.client_by_proxy(key).get_presigned_url(
        BUCKET, "jobs/log", "PUT", Params={"x-cos-security-token": key.token}
    )
    assert send(cos.address, "PUT", url, b"log").status_code == 200
    reply = send(cos.address, "PUT", url, headers={"x-cos-copy-source": SOURCE})
    assert reply.status_code == status, reply.text
    stored = cos.client().get_object(BUCKET, "jobs/log")["Body"].get_raw_stream().read()
    assert stored == (b"secret" if status == 200 else b"log")
    assert cos.codes("cos:PutObjectCopy") == ["OK" if status == 200 else "AccessDenied"]


def test_a_copy_into_a_key_of_no_right_is_refused(cos: CosServer) -> None:
    cos.client(bucket=OTHER).put_object(OTHER, b"secret", "secret")
    client = cos.client_by_proxy(cos.temporary(("GetObject", f"{OTHER}/*")))
    source = {"Bucket": OTHER, "Key": "secret", "Region": "ap-guangzhou"}
    with pytest.raises(CosServiceError, match="AccessDenied"):
        client.copy_object(BUCKET, "jobs/log", source)


def test_multi_delete_tells_key_by_key_what_it_may_not_delete(cos: CosServer) -> None:
    for key in ("in/a", "out/b"):
        cos.client().put_object(BUCKET, b"x", key)
    client = cos.client(cos.temporary(("DeleteObject", f"{BUCKET}/in/*")))
    reply = client.delete_objects(BUCKET, {"Object": [{"Key": "in/a"}, {"Key": "out/b"}]})
    assert [item["Key"] for item in reply["Deleted"]] == ["in/a"]
    assert [(item["Key"], item["Code"]) for item in reply["Error"]] == [("out/b", "AccessDenied")]
    assert [item["Key"] for item in cos.client().list_objects(BUCKET)["Contents"]] == ["out/b"]


def test_the_users_own_key_reaches_its_bucket_only(cos: CosServer) -> None:
    cos.client("user", bucket=OTHER).put_object(OTHER, b"x", "k")
    with pytest.raises(CosServiceError, match="AccessDenied"):
        cos.client("user").put_object(BUCKET, b"x", "k")
