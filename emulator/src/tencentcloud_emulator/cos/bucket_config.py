"""What is set on a bucket: its location, versioning and lifecycle rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..http import RawResponse
from .call import xml_reply
from .digest import check_md5, declared_md5, md5_hex
from .errors import CosError
from .lifecycle import Lifecycle
from .xmldoc import document, element, parse

if TYPE_CHECKING:
    from .call import CosCall


async def get_location(call: CosCall) -> RawResponse:
    region = call.bucket().region
    return xml_reply(f"<LocationConstraint>{region}</LocationConstraint>".encode())


async def get_versioning(call: CosCall) -> RawResponse:
    status = call.bucket().versioning
    parts = [element("Status", status)] if status else []
    return xml_reply(document("VersioningConfiguration", parts))


async def put_versioning(call: CosCall) -> RawResponse:
    """Keeps the state. Writes to a bucket that has one are then refused: see `begin_write`."""
    bucket = call.bucket()
    status = parse(await call.document(), "VersioningConfiguration").findtext("Status", "")
    if status not in ("Enabled", "Suspended"):
        raise CosError("MalformedXML")
    bucket.versioning = status
    return RawResponse(200)


async def get_lifecycle(call: CosCall) -> RawResponse:
    rules = call.bucket().lifecycle
    if rules is None:
        raise CosError("NoSuchLifecycleConfiguration")
    return xml_reply(rules.document)


async def put_lifecycle(call: CosCall) -> RawResponse:
    bucket, declared = call.bucket(), declared_md5(call.header("Content-MD5"))
    if declared is None:
        raise CosError("InvalidDigest", "Content-MD5 is missing.")
    body = await call.document()
    check_md5(declared, md5_hex(body))
    bucket.lifecycle, bucket.swept = Lifecycle.parse(body), 0.0
    return RawResponse(200)


async def delete_lifecycle(call: CosCall) -> RawResponse:
    call.bucket().lifecycle = None
    return RawResponse(204)
