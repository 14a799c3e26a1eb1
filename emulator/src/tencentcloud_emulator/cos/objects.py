"""PUT, GET, HEAD and DELETE of one object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..http import RawResponse
from .conditions import check_read, read_range
from .digest import check_md5, declared_md5
from .errors import CosError
from .limits import OBJECT_READS, OBJECT_WRITES
from .store import stored
from .upload_headers import acl_of, forbids_overwrite, kept_headers

if TYPE_CHECKING:
    from .body import Content
    from .call import CosCall
    from .store import Bucket, StoredObject

MAX_PUT = 5 * 1024**3
RESPONSE_PARAMS = {
    "response-content-type": "Content-Type",
    "response-content-language": "Content-Language",
    "response-expires": "Expires",
    "response-cache-control": "Cache-Control",
    "response-content-disposition": "Content-Disposition",
    "response-content-encoding": "Content-Encoding",
}


async def put_object(call: CosCall) -> RawResponse:
    """Write-once keys are checked before the body is read and again when it is put in place."""
    bucket, headers = call.bucket(), call.request.raw.headers
    once = forbids_overwrite(headers)
    kept, acl, declared = (
        kept_headers(headers),
        acl_of(headers),
        declared_md5(call.header("Content-MD5")),
    )
    begin_write(call, bucket)
    if once and call.key in bucket.objects:
        raise CosError("FileAlreadyExists")
    content = await receive(call, MAX_PUT)
    check_md5(declared, content.md5)
    new = stored(content, f'"{content.md5}"', call.backend.clock.now(), kept, acl, bucket.owner)
    bucket.put(call.key, new, forbid_overwrite=once)
    return RawResponse(200, upload_headers(new))


async def get_object(call: CosCall) -> RawResponse:
    found, span = _looked_up(call)
    first, end = span or (0, found.content.size)
    headers = object_headers(found)
    for name, header in RESPONSE_PARAMS.items():
        if name in call.params:
            _override(call, headers, header, call.params[name])
    headers["Content-Length"] = str(end - first)
    if span:
        headers["Content-Range"] = f"bytes {first}-{end - 1}/{found.content.size}"
    body = found.content.in_memory(first, end)
    return RawResponse(
        206 if span else 200,
        list(headers.items()),
        found.content.read(first, end) if body is None else body,
    )


async def head_object(call: CosCall) -> RawResponse:
    found, span = _looked_up(call)
    first, end = span or (0, found.content.size)
    headers = object_headers(found) | {"Content-Length": str(end - first)}
    return RawResponse(206 if span else 200, list(headers.items()))


async def delete_object(call: CosCall) -> RawResponse:
    bucket = call.bucket()
    begin_write(call, bucket)
    bucket.delete(call.key)
    return RawResponse(204)


def begin_write(call: CosCall, bucket: Bucket) -> None:
    """What every write of a key begins with: its rate, and a bucket that can be written."""
    call.backend.rates.take("write", bucket.name, call.key, OBJECT_WRITES)
    if bucket.versioning:
        raise CosError("NotImplemented", "Writes to a bucket with versioning are not emulated.")


async def receive(call: CosCall, limit: int) -> Content:
    """The body of an upload; raises CosError MissingContentLength for one of unsaid length."""
    length = call.request.content_length
    if length is None and "chunked" not in (call.header("Transfer-Encoding") or "").lower():
        raise CosError("MissingContentLength")
    return await call.backend.store.spool.receive(call.request.raw.body, length, limit)


def upload_headers(new: StoredObject) -> list[tuple[str, str]]:
    headers = [("ETag", new.etag), ("x-cos-hash-crc64ecma", str(new.content.crc))]
    if (encryption := new.headers.get("x-cos-server-side-encryption")) is not None:
        headers.append(("x-cos-server-side-encryption", encryption))
    return headers


def object_headers(found: StoredObject) -> dict[str, str]:
    """The headers of an object in answer to GET and HEAD."""
    return {
        "Content-Type": "application/octet-stream",
        **found.headers,
        "ETag": found.etag,
        "Last-Modified": found.last_modified,
        "Accept-Ranges": "bytes",
        "x-cos-hash-crc64ecma": str(found.content.crc),
    }


def _looked_up(call: CosCall) -> tuple[StoredObject, tuple[int, int] | None]:
    bucket = call.bucket()
    call.backend.rates.take("read", bucket.name, call.key, OBJECT_READS)
    found = bucket.object(call.key)
    check_read(call.header, found)
    return found, read_range(call.header("Range"), found.content.size)


def _override(call: CosCall, headers: dict[str, str], name: str, value: str) -> None:
    if call.principal is None:
        raise CosError("InvalidArgument", "response- parameters need a signed request.")
    if not value.isprintable():
        raise CosError("InvalidArgument", f"{name} cannot have that value.")
    headers[name] = value
