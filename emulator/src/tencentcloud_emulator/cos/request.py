"""What a request means to COS: which bucket and key, and which parameters.

A bucket is named by the host (`<bucket>.cos.<region>.myqcloud.com`, also under any other domain)
or, at an address or at `cos.<region>.myqcloud.com`, by the first segment of the path. At an address
a client may have signed the path without that segment (the SDK's `Domain` form): the signature then
leaves the bucket open.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus, unquote_to_bytes

from .errors import CosError

if TYPE_CHECKING:
    from ..http import RawRequest

MAX_KEY_BYTES = 850

_COS_HOST = re.compile(
    r"(?:(?P<bucket>[a-z0-9][a-z0-9-]*)\.)?cos(?:-internal)?\.(?P<region>[a-z0-9-]+)"
    r"\.(?:myqcloud\.com|tencentcos\.cn)"
)
_SERVICE_HOSTS = frozenset({"service.cos.myqcloud.com", "service.cos.tencentcos.cn"})
_BUCKET_FIRST = re.compile(r"(?P<bucket>[a-z0-9][a-z0-9-]*-\d{8,})\..+")
_SIGNATURE_PARAMS = re.compile(r"q-(?:sign-algorithm|ak|sign-time|key-time|header-list|signature)")
_UNREAD_PARAMS = frozenset({"q-url-param-list", "x-cos-security-token"})


@dataclass(frozen=True, slots=True)
class Host:
    """The Host header, read: lower case, without scheme and port."""

    name: str
    bucket: str | None
    region: str | None
    is_service: bool


@dataclass(slots=True)
class CosRequest:
    """One request. `key` is empty for the bucket, `bucket` for the service itself.

    `path` is the decoded path, `signed_paths` what a client may have signed for it; `params` are
    the query without the signature's own, `query` all of it in order.
    """

    raw: RawRequest
    method: str
    host: Host
    bucket: str
    key: str
    path: str
    signed_paths: tuple[str, ...]
    query: list[tuple[str, str]]
    params: dict[str, str] = field(default_factory=dict)

    def header(self, name: str) -> str | None:
        return self.raw.headers.get(name)

    @property
    def content_length(self) -> int | None:
        value = self.header("Content-Length")
        return int(value) if value is not None and value.isascii() and value.isdigit() else None


def read_request(raw: RawRequest) -> CosRequest:
    """Raises CosError for a path or key that cannot be one."""
    host = read_host(raw.host)
    path = _decoded(raw.path)
    query = _read_query(raw.query)
    signed_paths: tuple[str, ...] = (path,)
    if host.bucket is not None:
        bucket, key = host.bucket, path[1:]
    elif host.is_service:
        bucket, key = "", path[1:]
    else:
        bucket, _, key = path[1:].partition("/")
        signed_paths = (path,) if host.region else (path, "/" + key)
    if len(key.encode()) > MAX_KEY_BYTES:
        raise CosError("KeyTooLong")
    params = {
        name: value
        for name, value in query
        if name not in _UNREAD_PARAMS and not _SIGNATURE_PARAMS.fullmatch(name)
    }
    return CosRequest(raw, raw.method, host, bucket, key, path, signed_paths, query, params)


@lru_cache(maxsize=1024)
def read_host(header: str) -> Host:
    """Reads a Host header: one with a port, with a scheme, or with neither."""
    name = header.lower().rpartition("//")[2].split("/")[0].split(":")[0]
    if name in _SERVICE_HOSTS:
        return Host(name, None, None, True)
    if found := _COS_HOST.fullmatch(name):
        return Host(name, found["bucket"], found["region"], False)
    if (found := _BUCKET_FIRST.fullmatch(name)) and not name.replace(".", "").isdigit():
        return Host(name, found["bucket"], None, False)
    return Host(name, None, None, False)


def _read_query(text: str) -> list[tuple[str, str]]:
    pairs = [part.partition("=") for part in text.split("&") if part]
    if "%" not in text and "+" not in text:
        return [(name, value) for name, _, value in pairs]
    return [(unquote_plus(name), unquote_plus(value)) for name, _, value in pairs]


def _decoded(path: str) -> str:
    if "%" not in path:
        return path
    try:
        return unquote_to_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise CosError("InvalidURI") from error
