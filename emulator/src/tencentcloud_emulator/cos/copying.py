"""PUT Object - Copy. The signer needs GetObject on the source: a signed PUT alone is not enough,
whether the copy header was signed or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from .call import xml_reply
from .conditions import check_copy
from .errors import CosError
from .limits import OBJECT_READS
from .objects import MAX_PUT, begin_write
from .request import read_host
from .store import iso_milliseconds, stored
from .upload_headers import acl_of, forbids_overwrite, kept_headers, stored_as
from .xmldoc import document, element

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..http import RawResponse
    from .call import CosCall
    from .store import StoredObject


async def put_object_copy(call: CosCall) -> RawResponse:
    """The copy shares the source's bytes, and has its ETag."""
    bucket, headers = call.bucket(), call.request.raw.headers
    once = forbids_overwrite(headers)
    begin_write(call, bucket)
    source = copy_source(call)
    if source.content.size > MAX_PUT:
        raise CosError("EntityTooLarge")
    kept = _headers_of_copy(headers, source)
    now = call.backend.clock.now()
    new = stored(source.content, source.etag, now, kept, acl_of(headers), bucket.owner)
    bucket.put(call.key, new, forbid_overwrite=once)
    parts = [
        element("ETag", new.etag),
        element("CRC64", new.content.crc),
        element("LastModified", iso_milliseconds(now)),
    ]
    return xml_reply(document("CopyObjectResult", parts))


def copy_source(call: CosCall) -> StoredObject:
    """The object that `x-cos-copy-source` (`<bucket host>/<key>`) names.

    Raises CosError AccessDenied if the sender may not read it, PreconditionFailed, NoSuchKey.
    """
    host, _, path = (call.header("x-cos-copy-source") or "").removeprefix("/").partition("/")
    path, _, version = path.partition("?versionId=")
    key = unquote(path)
    if version not in ("", "null"):
        raise CosError("NotImplemented", "Versions of objects are not emulated.")
    named = read_host(host)
    name = named.bucket
    if name is None and host in call.backend.store.buckets:
        name = host
    if name is None:
        name, _, key = key.partition("/")
    if not name or not key:
        raise CosError("InvalidArgument", "x-cos-copy-source names no object.")
    bucket = call.backend.store.bucket(name, named.region)
    call.require("cos:GetObject", bucket, key)
    call.backend.rates.take("read", bucket.name, key, OBJECT_READS)
    source = bucket.object(key)
    check_copy(call.header, source)
    return source


def _headers_of_copy(headers: Mapping[str, str], source: StoredObject) -> Mapping[str, str]:
    directive = headers.get("x-cos-metadata-directive", "Copy").lower()
    if directive == "replaced":
        return kept_headers(headers)
    if directive != "copy":
        raise CosError("InvalidArgument", "x-cos-metadata-directive is neither Copy nor Replaced.")
    stays = {n: v for n, v in source.headers.items() if not n.startswith("x-cos-s")}
    return stays | stored_as(headers)
