"""Buckets: made, listed, emptied, and what is set on them."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
import requests
from qcloud_cos import CosServiceError

from tests.support.cos_server import BUCKET, OTHER, CosServer
from tests.support.presigned import send

DAY = 86400.0
RULES = {
    "Rule": [
        {
            "ID": "beats",
            "Filter": {"Prefix": "live/"},
            "Status": "Enabled",
            "Expiration": {"Days": "30"},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": "1"},
        },
        {
            "ID": "off",
            "Filter": {"Prefix": "jobs/"},
            "Status": "Disabled",
            "Expiration": {"Days": "1"},
        },
    ]
}


def refusal(method: Any, *args: Any, **named: Any) -> str:
    with pytest.raises(CosServiceError) as caught:
        method(*args, **named)
    return str(caught.value.get_error_code())


def test_the_account_lists_its_buckets_with_their_regions(cos: CosServer) -> None:
    client = cos.client_by_proxy(region="ap-shanghai")
    client.create_bucket("east-1250000000")
    found = client.list_buckets()["Buckets"]["Bucket"]
    assert [(item["Name"], item["Location"]) for item in found] == [
        (BUCKET, "ap-guangzhou"),
        (OTHER, "ap-guangzhou"),
        ("east-1250000000", "ap-shanghai"),
    ]
    assert client.get_bucket_location("east-1250000000") == {"LocationConstraint": "ap-shanghai"}
    assert client.head_bucket("east-1250000000")["x-cos-bucket-region"] == "ap-shanghai"
    client.delete_bucket("east-1250000000")
    assert not client.bucket_exists("east-1250000000")


def test_a_bucket_is_made_once_and_removed_empty(cos: CosServer) -> None:
    client, elsewhere = cos.client_by_proxy(), cos.client_by_proxy(region="ap-shanghai")
    client.create_bucket("new-1250000000")
    assert refusal(client.create_bucket, "new-1250000000") == "BucketAlreadyOwnedByYou"
    assert refusal(elsewhere.create_bucket, "new-1250000000") == "BucketAlreadyExists"
    client.put_object("new-1250000000", b"x", "k")
    assert refusal(client.delete_bucket, "new-1250000000") == "BucketNotEmpty"
    client.delete_object("new-1250000000", "k")
    client.delete_bucket("new-1250000000")
    assert refusal(client.list_objects, "new-1250000000") == "NoSuchBucket"


@pytest.mark.parametrize("name", ["noappid", "other-1259999999", "x" * 50 + "-1250000000"])
def test_a_bucket_name_must_end_in_the_app_id_and_fit_a_host_name(
    cos: CosServer, name: str
) -> None:
    assert refusal(cos.client_by_proxy().create_bucket, name) == "InvalidBucketName"


def test_multi_delete_takes_a_thousand_keys(cos: CosServer) -> None:
    client = cos.client()
    for key in ("a", "b", "c&d"):
        client.put_object(BUCKET, b"x", key)
    keys = [{"Key": "a"}, {"Key": "c&d"}] + [{"Key": f"none{n}"} for n in range(998)]
    reply = client.delete_objects(BUCKET, {"Object": keys, "Quiet": "true"})
    assert reply is None or "Error" not in reply
    assert [item["Key"] for item in client.list_objects(BUCKET)["Contents"]] == ["b"]
    too_many = {"Object": [*keys, {"Key": "b"}]}
    assert refusal(client.delete_objects, BUCKET, too_many) == "MalformedXML"


BODIES: dict[str, tuple[bytes, str]] = {
    "no XML": (b"<Delete", "MalformedXML"),
    "another root": (b"<Remove/>", "MalformedXML"),
    "no key": (b"<Delete></Delete>", "MalformedXML"),
    "an empty key": (b"<Delete><Object><Key/></Object></Delete>", "MalformedXML"),
    "a document type": (
        b'<!DOCTYPE d [<!ENTITY e "k">]><Delete><Object><Key>&e;</Key></Object></Delete>',
        "MalformedXML",
    ),
    "nothing": (b"", "MissingRequestBodyError"),
    "an older version": (
        b"<Delete><Object><Key>k</Key><VersionId>1</VersionId></Object></Delete>",
        "NotImplemented",
    ),
}


def post_delete(cos: CosServer, body: bytes, digest: str | None) -> str:
    client = cos.client_by_proxy()
    url = client.get_presigned_url(BUCKET, "/", "POST", Params={"delete": ""})
    headers = {} if digest is None else {"Content-MD5": digest}
    return send(cos.address, "POST", url, body, headers).text


@pytest.mark.parametrize(("body", "code"), BODIES.values(), ids=BODIES.keys())
def test_a_multi_delete_that_is_none_deletes_nothing(
    cos: CosServer, body: bytes, code: str
) -> None:
    cos.client().put_object(BUCKET, b"x", "k")
    digest = base64.b64encode(hashlib.md5(body).digest()).decode()
    assert f"<Code>{code}</Code>" in post_delete(cos, body, digest)
    assert cos.client().object_exists(BUCKET, "k")


def test_a_multi_delete_needs_the_digest_of_its_body(cos: CosServer) -> None:
    body = b"<Delete><Object><Key>k</Key></Object></Delete>"
    assert "<Code>InvalidDigest</Code>" in post_delete(cos, body, None)
    assert "<Code>BadDigest</Code>" in post_delete(cos, body, "m7wvvxGBJBixrwTSZHSdOA==")


def test_lifecycle_rules_come_back_and_are_acted_upon(cos: CosServer) -> None:
    client = cos.client()
    assert refusal(client.get_bucket_lifecycle, BUCKET) == "NoSuchLifecycleConfiguration"
    client.put_bucket_lifecycle(BUCKET, RULES)
    assert client.get_bucket_lifecycle(BUCKET) == RULES
    for key in ("live/a", "jobs/b"):
        client.put_object(BUCKET, b"x", key)
    client.create_multipart_upload(BUCKET, "live/c")
    seconds = int(40 * DAY)
    by_name = cos.client_by_proxy()
    objects = by_name.get_presigned_url(BUCKET, "/", "GET", Expired=seconds)
    uploads = by_name.get_presigned_url(BUCKET, "/", "GET", Expired=seconds, Params={"uploads": ""})
    assert "<Key>live/c</Key>" in send(cos.address, "GET", uploads).text
    cos.clock.shift = 29 * DAY
    assert "<Key>live/c</Key>" not in send(cos.address, "GET", uploads).text
    assert "<Key>live/a</Key>" in send(cos.address, "GET", objects).text
    cos.clock.shift = 30.1 * DAY
    text = send(cos.address, "GET", objects).text
    assert ("<Key>live/a</Key>" in text, "<Key>jobs/b</Key>" in text) == (False, True)
    cos.clock.shift = 0
    client.delete_bucket_lifecycle(BUCKET)
    assert refusal(client.get_bucket_lifecycle, BUCKET) == "NoSuchLifecycleConfiguration"


BAD_RULES: dict[str, tuple[dict[str, Any], str]] = {
    "no action": ({"Status": "Enabled"}, "MalformedXML"),
    "no status": ({"Expiration": {"Days": "1"}}, "MalformedXML"),
    "zero days": ({"Status": "Enabled", "Expiration": {"Days": "0"}}, "InvalidArgument"),
    "a transition": (
        {"Status": "Enabled", "Transition": {"Days": "1", "StorageClass": "ARCHIVE"}},
        "NotImplemented",
    ),
    "a tag": (
        {"Status": "Enabled", "Filter": {"Tag": {"Key": "a"}}, "Expiration": {"Days": "1"}},
        "NotImplemented",
    ),
}


@pytest.mark.parametrize(("rule", "code"), BAD_RULES.values(), ids=BAD_RULES.keys())
def test_a_lifecycle_rule_without_effect_is_refused(
    cos: CosServer, rule: dict[str, Any], code: str
) -> None:
    assert refusal(cos.client().put_bucket_lifecycle, BUCKET, {"Rule": rule}) == code


def test_a_bucket_that_was_ever_versioned_says_so_and_takes_no_writes_here(
    cos: CosServer,
) -> None:
    client = cos.client()
    assert client.get_bucket_versioning(BUCKET) == {"VersioningConfiguration": None}
    client.put_object(BUCKET, b"x", "k")
    for status in ("Enabled", "Suspended"):
        client.put_bucket_versioning(BUCKET, status)
        assert client.get_bucket_versioning(BUCKET) == {"Status": status}
    assert refusal(client.put_object, BUCKET, b"y", "k") == "NotImplemented"
    assert client.get_object(BUCKET, "k")["Body"].get_raw_stream().read() == b"x"


def test_canned_acls_of_buckets_and_objects(cos: CosServer) -> None:
    client = cos.client()
    assert client.get_bucket_acl(BUCKET)["CannedACL"] == "private"
    client.put_object(BUCKET, b"x", "k")
    assert client.get_object_acl(BUCKET, "k")["CannedACL"] == "default"
    client.put_bucket_acl(BUCKET, ACL="public-read")
    assert client.get_bucket_acl(BUCKET)["CannedACL"] == "public-read"
    url = f"http://{cos.address}/{BUCKET}/k"
    assert requests.get(url, timeout=10).content == b"x"
    owner = client.get_object_acl(BUCKET, "k")["Owner"]["ID"]
    grant = {
        "Grantee": {"@xmlns:xsi": "x", "@xsi:type": "CanonicalUser", "ID": owner},
        "Permission": "FULL_CONTROL",
    }
    private = {"Owner": {"ID": owner}, "AccessControlList": {"Grant": grant}}
    client.put_object_acl(BUCKET, "k", AccessControlPolicy=private)
    assert client.get_object_acl(BUCKET, "k")["CannedACL"] == "private"
    assert requests.get(url, timeout=10).status_code == 403
    assert refusal(client.put_bucket_acl, BUCKET, ACL="public-read-write") == "NotImplemented"


WRONG_CALLS: dict[str, tuple[str, str, str, int, str]] = {
    "a method that no object has": ("PATCH", "k", "", 405, "MethodNotAllowed"),
    "a form upload": ("POST", "", "", 501, "NotImplemented"),
    "a sub-resource that is not emulated": ("GET", "", "cors", 501, "NotImplemented"),
    "one that there is not": ("GET", "k", "nonsense", 501, "NotImplemented"),
    "the second form of LIST": ("GET", "", "list-type=2", 501, "NotImplemented"),
    "a sub-resource of another method": ("DELETE", "k", "acl", 405, "MethodNotAllowed"),
    "two sub-resources": ("GET", "k", "acl&uploadId=1", 400, "InvalidArgument"),
    "a page size that is no number": ("GET", "", "max-keys=x", 400, "InvalidArgument"),
    "another encoding": ("GET", "", "encoding-type=xml", 400, "InvalidArgument"),
    "a path that is not UTF-8": ("GET", "%ff", "", 400, "InvalidURI"),
}


@pytest.mark.parametrize(
    ("method", "path", "query", "status", "code"), WRONG_CALLS.values(), ids=WRONG_CALLS.keys()
)
def test_what_there_is_not_is_refused_by_name(
    cos: CosServer, method: str, path: str, query: str, status: int, code: str
) -> None:
    cos.client().put_object(BUCKET, b"x", "k")
    key = path.replace("%ff", "x") or "/"
    signed = cos.client_by_proxy().get_presigned_url(BUCKET, key, method)
    url = signed.replace(f"/{key.strip('/')}?", f"/{path}?{query}&", 1)
    reply = send(cos.address, method, url)
    assert (reply.status_code, f"<Code>{code}</Code>" in reply.text) == (status, True), reply.text
    assert reply.headers["x-cos-request-id"]


def test_a_multi_delete_without_a_signature_deletes_nothing(cos: CosServer) -> None:
    cos.client().put_object(BUCKET, b"x", "k")
    body = b"<Delete><Object><Key>k</Key></Object></Delete>"
    reply = requests.post(f"http://{cos.address}/{BUCKET}/?delete", data=body, timeout=10)
    assert (reply.status_code, "<Code>AccessDenied</Code>" in reply.text) == (403, True)
    assert cos.client().object_exists(BUCKET, "k")


def test_buckets_are_listed_page_by_page(cos: CosServer) -> None:
    client = cos.client_by_proxy()
    first = client.list_buckets(MaxKeys=1)
    assert [item["Name"] for item in first["Buckets"]["Bucket"]] == [BUCKET]
    assert first["IsTruncated"] == "true"
    rest = client.list_buckets(MaxKeys=1, Marker=first["NextMarker"])
    assert [item["Name"] for item in rest["Buckets"]["Bucket"]] == [OTHER]
    assert rest["IsTruncated"] == "false"
