"""The service and buckets: list, create, head, delete; list and delete their objects."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..http import RawResponse
from .call import xml_reply
from .digest import check_md5, declared_md5, md5_hex
from .errors import CosError
from .limits import LISTS, MULTI_DELETES
from .listing import count_of, list_reply
from .store import iso_milliseconds
from .upload_headers import acl_of
from .xmldoc import document, element, parse

if TYPE_CHECKING:
    from .call import CosCall

MAX_DELETES = 1000
MAX_BUCKETS_LISTED = 2000
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?-(?P<app_id>\d+)")


async def list_buckets(call: CosCall) -> RawResponse:
    store, owner = call.backend.store, call.principal
    if owner is None or not owner.may("cos:GetService", "*"):
        raise CosError("AccessDenied")
    region = call.request.host.region or call.params.get("region")
    limit = count_of(call.params.get("max-keys"), MAX_BUCKETS_LISTED)
    found = [
        bucket
        for _, bucket in sorted(store.buckets.items())
        if region in (None, bucket.region) and bucket.name > call.params.get("marker", "")
    ]
    listed = [
        f"<Bucket>{element('Name', bucket.name)}{element('Location', bucket.region)}"
        f"{element('CreationDate', iso_milliseconds(bucket.created)[:-5] + 'Z')}"
        "<BucketType>cos</BucketType></Bucket>"
        for bucket in found[:limit]
    ]
    truncated = 0 < limit < len(found)
    parts = [
        f"<Owner>{element('ID', call.owner_id)}{element('DisplayName', call.owner_id)}</Owner>",
        f"<Buckets>{''.join(listed)}</Buckets>",
        element("IsTruncated", str(truncated).lower()),
        element("NextMarker", found[limit - 1].name) if truncated else "",
    ]
    return xml_reply(document("ListAllMyBucketsResult", parts))


async def put_bucket(call: CosCall) -> RawResponse:
    account, name = call.backend.account, call.request.bucket
    found = _NAME.fullmatch(name)
    if found is None or found["app_id"] != account.app_id or len(name) > 60:
        raise CosError("InvalidBucketName")
    region = call.request.host.region or call.backend.default_region
    resource = f"qcs::cos:{region}:uid/{account.app_id}:{name}/"
    if call.principal is None or not call.principal.may("cos:PutBucket", resource):
        raise CosError("AccessDenied")
    if call.request.content_length:
        raise CosError("NotImplemented", "A configuration for the new bucket is not emulated.")
    bucket = call.backend.store.create(name, region, account.app_id, call.now)
    bucket.acl = _canned(call)
    return RawResponse(200)


async def head_bucket(call: CosCall) -> RawResponse:
    return RawResponse(200, [("x-cos-bucket-region", call.bucket().region)])


async def delete_bucket(call: CosCall) -> RawResponse:
    call.backend.store.remove(call.bucket())
    return RawResponse(204)


async def get_bucket(call: CosCall) -> RawResponse:
    """List Objects."""
    bucket = call.bucket()
    call.backend.rates.take("list", bucket.name, "", LISTS)
    return xml_reply(list_reply(bucket, call.params))


async def delete_multiple_objects(call: CosCall) -> RawResponse:
    """Deletes what the sender may delete; what it may not is told key by key."""
    bucket = call.bucket()
    if call.principal is None:
        raise CosError("AccessDenied")
    call.backend.rates.take("multi-delete", bucket.name, "", MULTI_DELETES)
    declared = declared_md5(call.header("Content-MD5"))
    if declared is None:
        raise CosError("InvalidDigest", "Content-MD5 is missing.")
    body = await call.document()
    check_md5(declared, md5_hex(body))
    keys, quiet = _keys_to_delete(body)
    parts = []
    for key in keys:
        if not call.may("cos:DeleteObject", bucket, key) and not call.may(
            "cos:DeleteMultipleObjects", bucket, key
        ):
            parts.append(_not_deleted(key))
            continue
        bucket.delete(key)
        if not quiet:
            parts.append(f"<Deleted>{element('Key', key)}</Deleted>")
    return xml_reply(document("DeleteResult", parts))


def _keys_to_delete(body: bytes) -> tuple[list[str], bool]:
    tree = parse(body, "Delete")
    nodes = tree.findall("Object")
    keys = [node.findtext("Key", "") for node in nodes]
    if not keys or len(keys) > MAX_DELETES or not all(keys):
        raise CosError("MalformedXML")
    if any(node.findtext("VersionId") for node in nodes):
        raise CosError("NotImplemented", "Versions of objects are not emulated.")
    return keys, tree.findtext("Quiet", "").lower() == "true"


def _not_deleted(key: str) -> str:
    return (
        f"<Error>{element('Key', key)}<Code>AccessDenied</Code>"
        "<Message>Access Denied.</Message></Error>"
    )


def _canned(call: CosCall) -> str:
    acl = acl_of(call.request.raw.headers)
    return "private" if acl == "default" else acl
