"""Which bucket, region and key a request means, by its host and path."""

from __future__ import annotations

from typing import cast

import pytest
from multidict import CIMultiDict

from tencentcloud_emulator.cos.request import read_host, read_request
from tencentcloud_emulator.http import Body, RawRequest

HOSTS: dict[str, tuple[str, tuple[str | None, str | None, bool]]] = {
    "a bucket by its name": ("b-12345678.cos.ap-x.myqcloud.com", ("b-12345678", "ap-x", False)),
    "the other suffix": ("b-12345678.cos.ap-x.tencentcos.cn", ("b-12345678", "ap-x", False)),
    "the internal name": (
        "b-12345678.cos-internal.ap-x.tencentcos.cn",
        ("b-12345678", "ap-x", False),
    ),
    "with a port": ("b-12345678.cos.ap-x.myqcloud.com:8080", ("b-12345678", "ap-x", False)),
    "in capitals": ("B-12345678.COS.ap-x.MYQCLOUD.com", ("b-12345678", "ap-x", False)),
    "a region": ("cos.ap-x.myqcloud.com", (None, "ap-x", False)),
    "the service": ("service.cos.myqcloud.com", (None, None, True)),
    "a bucket under another domain": ("b-12345678.cos.example:8080", ("b-12345678", None, False)),
    "an address": ("127.0.0.1:8080", (None, None, False)),
    "an address with a scheme": ("http://127.0.0.1:8080", (None, None, False)),
    "an address and a path": ("127.0.0.1:8080/b-12345678", (None, None, False)),
    "a host that looks a little like a bucket": ("node-1.example", (None, None, False)),
    "localhost": ("localhost:8080", (None, None, False)),
    "nothing": ("", (None, None, False)),
}


@pytest.mark.parametrize(("header", "meaning"), HOSTS.values(), ids=HOSTS.keys())
def test_host(header: str, meaning: tuple[str | None, str | None, bool]) -> None:
    host = read_host(header)
    assert (host.bucket, host.region, host.is_service) == meaning


PATHS: dict[str, tuple[str, str, tuple[str, str, tuple[str, ...]]]] = {
    "an object by the bucket's host": (
        "b-12345678.cos.ap-x.myqcloud.com",
        "/a/b%20c",
        ("b-12345678", "a/b c", ("/a/b c",)),
    ),
    "an object by the path": (
        "127.0.0.1",
        "/b-12345678/a/b",
        ("b-12345678", "a/b", ("/b-12345678/a/b", "/a/b")),
    ),
    "an object by the region's host": (
        "cos.ap-x.myqcloud.com",
        "/b-12345678/a",
        ("b-12345678", "a", ("/b-12345678/a",)),
    ),
    "a bucket by the path": (
        "127.0.0.1",
        "/b-12345678/",
        ("b-12345678", "", ("/b-12345678/", "/")),
    ),
    "a bucket without the slash": (
        "127.0.0.1",
        "/b-12345678",
        ("b-12345678", "", ("/b-12345678", "/")),
    ),
    "the service by the address": ("127.0.0.1", "/", ("", "", ("/", "/"))),
    "a key that begins with a slash": (
        "b-12345678.cos.ap-x.myqcloud.com",
        "//a",
        ("b-12345678", "/a", ("//a",)),
    ),
}


@pytest.mark.parametrize(("host", "path", "meaning"), PATHS.values(), ids=PATHS.keys())
def test_path(host: str, path: str, meaning: tuple[str, str, tuple[str, ...]]) -> None:
    raw = RawRequest("GET", path, path, "", CIMultiDict(), host, cast(Body, None))
    request = read_request(raw)
    assert (request.bucket, request.key, request.signed_paths) == meaning


def test_the_signature_is_no_parameter_of_the_operation() -> None:
    query = "q-ak=a&q-signature=b&q-sign-algorithm=sha1&x-cos-security-token=t&acl&prefix=a%2Fb+c"
    raw = RawRequest("GET", "/", "/", query, CIMultiDict(), "127.0.0.1", cast(Body, None))
    assert read_request(raw).params == {"acl": "", "prefix": "a/b c"}
