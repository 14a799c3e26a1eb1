"""Which operation a request asks for: a table, and what is not in it is refused by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import acl, bucket_config, buckets, copying, multipart, objects
from .errors import CosError
from .objects import RESPONSE_PARAMS

if TYPE_CHECKING:
    from ..http import RawResponse
    from .call import CosCall
    from .request import CosRequest

SERVICE, BUCKET, OBJECT = "service", "bucket", "object"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. `action` is its name in policies and in the call log.

    `selector` is the query parameter that tells it from others of the same method; `copy` those
    with an `x-cos-copy-source`. `params` are the others it knows, `public` whether the ACL
    public-read allows it to everybody. `own_policy` operations ask for permission themselves.
    """

    action: str
    method: str
    level: str
    handler: Callable[[CosCall], Awaitable[RawResponse]]
    selector: str = ""
    copy: bool = False
    params: frozenset[str] = frozenset()
    also_allowed_by: str = ""
    public: bool = False
    own_policy: bool = False


def _named(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ENCODING = "encoding-type"
_PART = _named("partNumber")
OPERATIONS = (
    Operation(
        "cos:GetService", "GET", SERVICE, buckets.list_buckets,
        params=_named("marker max-keys region"), own_policy=True,
    ),
    Operation("cos:PutBucket", "PUT", BUCKET, buckets.put_bucket, own_policy=True),
    Operation("cos:HeadBucket", "HEAD", BUCKET, buckets.head_bucket),
    Operation("cos:DeleteBucket", "DELETE", BUCKET, buckets.delete_bucket),
    Operation(
        "cos:GetBucket", "GET", BUCKET, buckets.get_bucket,
        params=_named(f"prefix marker delimiter max-keys {_ENCODING}"), public=True,
    ),
    Operation(
        "cos:DeleteMultipleObjects", "POST", BUCKET, buckets.delete_multiple_objects, "delete",
        own_policy=True,
    ),
    Operation("cos:GetBucketLocation", "GET", BUCKET, bucket_config.get_location, "location"),
    Operation("cos:GetBucketVersioning", "GET", BUCKET, bucket_config.get_versioning, "versioning"),
    Operation("cos:PutBucketVersioning", "PUT", BUCKET, bucket_config.put_versioning, "versioning"),
    Operation("cos:GetBucketLifecycle", "GET", BUCKET, bucket_config.get_lifecycle, "lifecycle"),
    Operation("cos:PutBucketLifecycle", "PUT", BUCKET, bucket_config.put_lifecycle, "lifecycle"),
    Operation(
        "cos:DeleteBucketLifecycle", "DELETE", BUCKET, bucket_config.delete_lifecycle, "lifecycle"
    ),
    Operation("cos:GetBucketACL", "GET", BUCKET, acl.get_bucket_acl, "acl"),
    Operation("cos:PutBucketACL", "PUT", BUCKET, acl.put_bucket_acl, "acl"),
    Operation(
        "cos:ListMultipartUploads", "GET", BUCKET, multipart.list_uploads, "uploads",
        params=_named(
            f"prefix delimiter key-marker upload-id-marker max-uploads {_ENCODING}"
        ),
    ),
    Operation(
        "cos:GetObject", "GET", OBJECT, objects.get_object,
        params=frozenset(RESPONSE_PARAMS), public=True,
    ),
    Operation("cos:HeadObject", "HEAD", OBJECT, objects.head_object, public=True),
    Operation("cos:PutObject", "PUT", OBJECT, objects.put_object),
    Operation(
        "cos:PutObjectCopy", "PUT", OBJECT, copying.put_object_copy, copy=True,
        also_allowed_by="cos:PutObject",
    ),
    Operation("cos:DeleteObject", "DELETE", OBJECT, objects.delete_object),
    Operation("cos:GetObjectACL", "GET", OBJECT, acl.get_object_acl, "acl"),
    Operation("cos:PutObjectACL", "PUT", OBJECT, acl.put_object_acl, "acl"),
    Operation("cos:InitiateMultipartUpload", "POST", OBJECT, multipart.initiate, "uploads"),
    Operation("cos:UploadPart", "PUT", OBJECT, multipart.upload_part, "uploadId", params=_PART),
    Operation(
        "cos:UploadPartCopy", "PUT", OBJECT, multipart.upload_part_copy, "uploadId", copy=True,
        params=_PART, also_allowed_by="cos:UploadPart",
    ),
    Operation("cos:CompleteMultipartUpload", "POST", OBJECT, multipart.complete, "uploadId"),
    Operation("cos:AbortMultipartUpload", "DELETE", OBJECT, multipart.abort, "uploadId"),
    Operation(
        "cos:ListParts", "GET", OBJECT, multipart.list_parts, "uploadId",
        params=_named(f"max-parts part-number-marker {_ENCODING}"),
    ),
)  # fmt: skip

_TABLE = {(o.method, o.level, o.selector, o.copy): o for o in OPERATIONS}
_SELECTORS = frozenset(o.selector for o in OPERATIONS if o.selector)
_LEVELS = frozenset((o.method, o.level) for o in OPERATIONS)


def operation_of(request: CosRequest) -> Operation:
    """Raises CosError MethodNotAllowed, or NotImplemented for a query that is not understood."""
    level = OBJECT if request.key else BUCKET if request.bucket else SERVICE
    if (request.method, level) not in _LEVELS:
        raise CosError("MethodNotAllowed")
    chosen = [name for name in request.params if name in _SELECTORS]
    if len(chosen) > 1:
        raise CosError("InvalidArgument", f"{' and '.join(chosen)} do not go together.")
    selector = chosen[0] if chosen else ""
    copy = request.method == "PUT" and level == OBJECT and bool(request.header("x-cos-copy-source"))
    found = _TABLE.get((request.method, level, selector, copy))
    if found is None:
        raise CosError("MethodNotAllowed" if selector else "NotImplemented")
    for name in request.params:
        if name != selector and name not in found.params:
            raise CosError("NotImplemented", f"The parameter {name} is not emulated.")
    if found.params == _PART and "partNumber" not in request.params:
        raise CosError("InvalidArgument", "partNumber is missing.")
    return found
