"""ACLs of buckets and objects: the canned ones private and public-read (and default)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..http import RawResponse
from .call import xml_reply
from .errors import CosError
from .upload_headers import acl_of
from .xmldoc import document, element, parse

if TYPE_CHECKING:
    from .call import CosCall

EVERYBODY = "http://cam.qcloud.com/groups/global/AllUsers"
ANYONE = "qcs::cam::anyone:anyone"
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


async def get_bucket_acl(call: CosCall) -> RawResponse:
    return _reply(call, call.bucket().acl)


async def get_object_acl(call: CosCall) -> RawResponse:
    bucket = call.bucket()
    acl = bucket.object(call.key).acl
    headers = [("x-cos-acl", "default")] if acl == "default" else []
    return _reply(call, bucket.acl if acl == "default" else acl, headers)


async def put_bucket_acl(call: CosCall) -> RawResponse:
    bucket = call.bucket()
    acl = await _wanted(call)
    bucket.acl = "private" if acl == "default" else acl
    return RawResponse(200)


async def put_object_acl(call: CosCall) -> RawResponse:
    bucket = call.bucket()
    acl = await _wanted(call)
    bucket.set_acl(call.key, acl)
    return RawResponse(200)


def _reply(call: CosCall, acl: str, headers: list[tuple[str, str]] | None = None) -> RawResponse:
    owner = call.owner_id
    person = f"{element('ID', owner)}{element('DisplayName', owner)}"
    grants = [_grant("CanonicalUser", person, "FULL_CONTROL")]
    if acl == "public-read":
        grants.append(_grant("Group", element("URI", EVERYBODY), "READ"))
    parts = [
        f"<Owner>{person}</Owner>",
        f"<AccessControlList>{''.join(grants)}</AccessControlList>",
    ]
    return xml_reply(document("AccessControlPolicy", parts), headers or ())


def _grant(kind: str, grantee: str, permission: str) -> str:
    return (
        f'<Grant><Grantee {XSI} xsi:type="{kind}">{grantee}</Grantee>'
        f"<Permission>{permission}</Permission></Grant>"
    )


async def _wanted(call: CosCall) -> str:
    """The canned ACL that the headers or the document mean; raises CosError NotImplemented."""
    if call.header("x-cos-acl") is not None:
        return acl_of(call.request.raw.headers)
    tree = parse(await call.document(), "AccessControlPolicy")
    acl = "private"
    for grant in tree.iterfind("AccessControlList/Grant"):
        grantee, permission = grant.find("Grantee"), grant.findtext("Permission", "")
        who = "" if grantee is None else grantee.findtext("ID") or grantee.findtext("URI") or ""
        if who in (EVERYBODY, ANYONE) and permission == "READ":
            acl = "public-read"
        elif who != call.owner_id or permission != "FULL_CONTROL":
            raise CosError("NotImplemented", f"The grant {permission} to {who} is not emulated.")
    return acl
