"""Multipart upload: initiate, upload parts (also by copy), complete, abort, list."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from ..http import RawResponse
from .call import xml_reply
from .conditions import read_range
from .copying import copy_source
from .digest import check_md5, declared_md5
from .errors import CosError
from .listing import count_of, encoding_of, shown
from .objects import MAX_PUT, begin_write, receive, upload_headers
from .store import Part, Upload, iso_milliseconds
from .upload_headers import acl_of, forbids_overwrite, kept_headers
from .xmldoc import document, element, parse

if TYPE_CHECKING:
    from .body import Content
    from .call import CosCall
    from .store import StoredObject

MIN_PART = 1024 * 1024  # bytes, the last part apart
MAX_PARTS = 10_000


async def initiate(call: CosCall) -> RawResponse:
    bucket, headers = call.bucket(), call.request.raw.headers
    begin_write(call, bucket)
    upload = Upload(
        id=call.backend.store.new_upload_id(call.now),
        key=call.key,
        initiated=call.now,
        initiator=call.principal.arn if call.principal else "",
        headers=kept_headers(headers),
        acl=acl_of(headers),
    )
    bucket.begin(upload)
    parts = [
        element("Bucket", bucket.name),
        element("Key", call.key),
        element("UploadId", upload.id),
    ]
    return xml_reply(document("InitiateMultipartUploadResult", parts))


async def upload_part(call: CosCall) -> RawResponse:
    number, declared = _part_number(call), declared_md5(call.header("Content-MD5"))
    _upload(call)
    content = await receive(call, MAX_PUT)
    check_md5(declared, content.md5)
    part = Part(content, call.backend.clock.now())
    _upload(call).parts[number] = part  # it may have been aborted meanwhile
    return RawResponse(200, [("ETag", part.etag), ("x-cos-hash-crc64ecma", str(part.content.crc))])


async def upload_part_copy(call: CosCall) -> RawResponse:
    number = _part_number(call)
    _upload(call)
    source = copy_source(call)
    part = Part(await _copied(call, source), call.backend.clock.now())
    _upload(call).parts[number] = part
    parts = [
        element("ETag", part.etag),
        element("LastModified", iso_milliseconds(part.modified)),
        element("CRC64", part.content.crc),
    ]
    return xml_reply(document("CopyPartResult", parts))


async def complete(call: CosCall) -> RawResponse:
    """Puts the parts together that the request names; the others are dropped."""
    once = forbids_overwrite(call.request.raw.headers)
    _upload(call)
    wanted = _named_parts(await call.document())
    upload, bucket = _upload(call), call.bucket()
    begin_write(call, bucket)
    new = bucket.complete(upload, _chosen(upload, wanted), call.backend.clock.now())
    bucket.put(call.key, new, forbid_overwrite=once)
    del bucket.uploads[upload.id]
    parts = [
        element("Location", f"http://{call.request.host.name}{call.request.raw.path}"),
        element("Bucket", bucket.name),
        element("Key", call.key),
        element("ETag", new.etag),
    ]
    return xml_reply(document("CompleteMultipartUploadResult", parts), upload_headers(new)[1:])


async def abort(call: CosCall) -> RawResponse:
    upload = _upload(call)
    del call.bucket().uploads[upload.id]
    return RawResponse(204)


async def list_parts(call: CosCall) -> RawResponse:
    upload, bucket, params = _upload(call), call.bucket(), call.params
    encoded, limit = encoding_of(params), count_of(params.get("max-parts"))
    marker = count_of(params.get("part-number-marker") or "0", MAX_PARTS)
    numbers = sorted(number for number in upload.parts if number > marker)
    page, truncated = numbers[:limit], len(numbers) > limit
    parts = [
        element("Bucket", bucket.name),
        "<EncodingType>url</EncodingType>" if encoded else "",
        f"<Key>{shown(upload.key, encoded)}</Key>",
        element("UploadId", upload.id),
        _person("Owner", bucket.owner),
        _person("Initiator", upload.initiator),
        element("PartNumberMarker", marker),
        element("NextPartNumberMarker", page[-1]) if truncated else "",
        element("StorageClass", upload.headers.get("x-cos-storage-class", "STANDARD")),
        element("MaxParts", limit),
        element("IsTruncated", str(truncated).lower()),
        *(_listed_part(number, upload.parts[number]) for number in page),
    ]
    return xml_reply(document("ListPartsResult", parts))


async def list_uploads(call: CosCall) -> RawResponse:
    bucket, params = call.bucket(), call.params
    encoded, limit = encoding_of(params), count_of(params.get("max-uploads"))
    prefix = params.get("prefix", "")
    if params.get("delimiter"):
        raise CosError("NotImplemented", "A delimiter for uploads is not emulated.")
    after = (params.get("key-marker", ""), params.get("upload-id-marker", ""))
    found = sorted(
        (upload for upload in bucket.uploads.values() if upload.key.startswith(prefix)),
        key=lambda upload: (upload.key, upload.id),
    )
    if after[0]:
        past = after if after[1] else (after[0], "\U0010ffff")
        found = [upload for upload in found if (upload.key, upload.id) > past]
    page, truncated = found[:limit], len(found) > limit
    parts = [
        element("Bucket", bucket.name),
        element("EncodingType", "url") if encoded else "",
        f"<KeyMarker>{shown(after[0], encoded)}</KeyMarker>",
        element("UploadIdMarker", after[1]),
        f"<NextKeyMarker>{shown(page[-1].key, encoded)}</NextKeyMarker>" if truncated else "",
        element("NextUploadIdMarker", page[-1].id) if truncated else "",
        element("MaxUploads", limit),
        element("IsTruncated", str(truncated).lower()),
        f"<Prefix>{shown(prefix, encoded)}</Prefix>",
        *(_listed_upload(upload, bucket.owner, encoded) for upload in page),
    ]
    return xml_reply(document("ListMultipartUploadsResult", parts))


def _upload(call: CosCall) -> Upload:
    return call.bucket().upload(call.params["uploadId"], call.key)


def _part_number(call: CosCall) -> int:
    text = call.params["partNumber"]
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= number <= MAX_PARTS:
        raise CosError("InvalidArgument", f"partNumber is not between 1 and {MAX_PARTS}.")
    return number


async def _copied(call: CosCall, source: StoredObject) -> Content:
    span = read_range(call.header("x-cos-copy-source-range"), source.content.size)
    first, end = span or (0, source.content.size)
    if end - first > MAX_PUT:
        raise CosError("EntityTooLarge")
    return await call.backend.store.spool.store(source.content.read(first, end))


def _named_parts(body: bytes) -> list[tuple[int, str]]:
    """(number, ETag without quotes) of each part named; raises CosError MalformedXML."""
    named = []
    for node in parse(body, "CompleteMultipartUpload").findall("Part"):
        number, etag = node.findtext("PartNumber", ""), node.findtext("ETag", "")
        if not (number.strip().isascii() and number.strip().isdigit()) or not etag:
            raise CosError("MalformedXML")
        named.append((int(number), etag.strip().strip('"')))
    if not named or len(named) > MAX_PARTS:
        raise CosError("MalformedXML")
    return named


def _chosen(upload: Upload, wanted: list[tuple[int, str]]) -> list[Part]:
    numbers = [number for number, _ in wanted]
    if any(a >= b for a, b in pairwise(numbers)):
        raise CosError("InvalidPartOrder")
    chosen = []
    for number, etag in wanted:
        part = upload.parts.get(number)
        if part is None or part.content.md5 != etag.lower():
            raise CosError("InvalidPart")
        chosen.append(part)
    if any(part.content.size < MIN_PART for part in chosen[:-1]):
        raise CosError("EntityTooSmall")
    return chosen


def _person(role: str, name: str) -> str:
    return f"<{role}>{element('ID', name)}{element('DisplayName', name)}</{role}>"


def _listed_part(number: int, part: Part) -> str:
    return (
        f"<Part><PartNumber>{number}</PartNumber>"
        f"<LastModified>{iso_milliseconds(part.modified)}</LastModified>"
        f"<ETag>{part.etag}</ETag><Size>{part.content.size}</Size></Part>"
    )


def _listed_upload(upload: Upload, owner: str, encoded: bool) -> str:
    return (
        f"<Upload><Key>{shown(upload.key, encoded)}</Key><UploadId>{upload.id}</UploadId>"
        f"<StorageClass>{upload.headers.get('x-cos-storage-class', 'STANDARD')}</StorageClass>"
        f"{_person('Initiator', upload.initiator)}{_person('Owner', owner)}"
        f"<Initiated>{iso_milliseconds(upload.initiated)}</Initiated></Upload>"
    )
