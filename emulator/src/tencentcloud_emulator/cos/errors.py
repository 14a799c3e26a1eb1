"""COS's errors: a code, its HTTP status, and the XML that carries them."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

_UNPRINTABLE = re.compile("[\x00-\x1f\ud800-\udfff\ufffe\uffff]")

# code -> (HTTP status, message the service gives)
CODES: dict[str, tuple[int, str]] = {
    "AccessDenied": (403, "Access Denied."),
    "BadDigest": (400, "The Content-MD5 you specified did not match what we received."),
    "BucketAlreadyExists": (409, "The requested bucket name is not available."),
    "BucketAlreadyOwnedByYou": (409, "The bucket you tried to create already exists."),
    "BucketNotEmpty": (409, "The bucket you tried to delete is not empty."),
    "EntityTooLarge": (400, "Your proposed upload exceeds the maximum allowed object size."),
    "EntityTooSmall": (400, "Your proposed upload is smaller than the minimum allowed size."),
    "FileAlreadyExists": (409, "The object already exists and must not be overwritten."),
    "IncompleteBody": (400, "The body is shorter than its Content-Length."),
    "InternalError": (500, "We encountered an internal error. Please try again."),
    "InvalidAccessKeyId": (403, "The Access Key Id you provided does not exist in our records."),
    "InvalidArgument": (400, "Invalid Argument."),
    "InvalidBucketName": (400, "The specified bucket is not valid."),
    "InvalidDigest": (400, "The Content-MD5 you specified is not valid."),
    "InvalidPart": (400, "One or more of the specified parts could not be found."),
    "InvalidPartOrder": (400, "The list of parts was not in ascending order."),
    "InvalidRange": (416, "The requested range cannot be satisfied."),
    "InvalidURI": (400, "Could not parse the specified URI."),
    "KeyTooLong": (400, "Your key is too long."),
    "MalformedXML": (400, "The XML you provided was not well-formed or did not validate."),
    "MetadataTooLarge": (400, "Your metadata headers exceed the maximum allowed size."),
    "MethodNotAllowed": (405, "The specified method is not allowed against this resource."),
    "MissingContentLength": (411, "You must provide the Content-Length HTTP header."),
    "MissingRequestBodyError": (400, "Request body is empty."),
    "NoSuchBucket": (404, "The specified bucket does not exist."),
    "NoSuchKey": (404, "The specified key does not exist."),
    "NoSuchLifecycleConfiguration": (404, "The lifecycle configuration does not exist."),
    "NoSuchUpload": (404, "The specified multipart upload does not exist."),
    "NotImplemented": (
        501,
        "A header or query you provided implies functionality not implemented.",
    ),
    "PreconditionFailed": (412, "At least one of the preconditions did not hold."),
    "RequestTimeTooSkewed": (
        403,
        "The difference between the request time and the current time is too large.",
    ),
    "ServiceUnavailable": (503, "Please reduce your request rate or retry later."),
    "SignatureDoesNotMatch": (
        403,
        "The Signature you specified is invalid. Check your key and signing method.",
    ),
    "SlowDown": (503, "Reduce your request rate."),
    "TooManyBuckets": (400, "You have attempted to create more buckets than allowed."),
}


class CosError(Exception):
    """A refusal. `code` is one of CODES, `message` replaces the usual one.

    An injected fault may name any code: then `status` must be given.
    """

    def __init__(self, code: str, message: str = "", status: int | None = None) -> None:
        known_status, known_message = CODES.get(code, (status or 500, code))
        self.code = code
        self.status = status or known_status
        self.message = message or known_message
        super().__init__(f"{self.code}: {self.message}")


class NotModified(Exception):
    """The condition says the client has it already: 304, without a body."""

    def __init__(self, etag: str) -> None:
        self.etag = etag
        super().__init__(etag)


def error_xml(error: CosError, resource: str, request_id: str, trace_id: str) -> bytes:
    """The body of an error. No element is empty: clients drop the whole error for one that is."""
    return (
        "<?xml version='1.0' encoding='utf-8' ?>\n<Error>"
        f"\n\t<Code>{escape(error.code)}</Code>\n\t<Message>{escape(printable(error.message))}</Message>"
        f"\n\t<Resource>{escape(printable(resource)) or '/'}</Resource>"
        f"\n\t<RequestId>{request_id}</RequestId>\n\t<TraceId>{trace_id}</TraceId>\n</Error>\n"
    ).encode()


def printable(text: str) -> str:
    """`text` without what XML 1.0 or UTF-8 cannot carry."""
    return _UNPRINTABLE.sub("?", text)
