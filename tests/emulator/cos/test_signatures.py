"""Signatures: which requests COS lets in, and with which error it keeps the others out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit, urlunsplit

import pytest
import requests
from qcloud_cos import CosConfig, CosS3Client, CosServiceError

from tests.support import presigned as presigned_urls
from tests.support.cos_server import BUCKET, KEYS, OTHER, CosServer
from tests.support.presigned import changed

ALL = f"{BUCKET}/*"


def code(error: CosServiceError) -> tuple[int, str]:
    return error.get_status_code(), error.get_error_code()


def anonymous(cos: CosServer) -> None:
    config = CosConfig(Anonymous=True, Scheme="http", Domain=f"{cos.address}/{BUCKET}")
    CosS3Client(config, retry=0).get_object(BUCKET, "k")


def with_keys(secret_id: str, secret_key: str) -> Callable[[CosServer], None]:
    def get(cos: CosServer) -> None:
        config = CosConfig(
            SecretId=secret_id,
            SecretKey=secret_key,
            Scheme="http",
            Domain=f"{cos.address}/{BUCKET}",
        )
        CosS3Client(config, retry=0).get_object(BUCKET, "k")

    return get


def changed_body(cos: CosServer) -> None:
    cos.client().put_object(BUCKET, b"changed", "k", ContentMD5="m7wvvxGBJBixrwTSZHSdOA==")


def at(shift: float) -> Callable[[CosServer], None]:
    def get(cos: CosServer) -> None:
        cos.clock.shift = shift
        cos.client().get_object(BUCKET, "k")

    return get


def garbled(cos: CosServer) -> None:
    headers = {"Authorization": "q-sign-algorithm=sha1&q-ak=me"}
    requests_code(requests.get(f"http://{cos.address}/{BUCKET}/k", headers=headers, timeout=10))


def sdk_signed_with_wrong_token(cos: CosServer) -> None:
    key = cos.temporary(("GetObject", ALL))
    client = cos.client(key)
    client.get_conf().set_credential(key.secret_id, key.secret_key, "wrong")
    client.get_object(BUCKET, "k")


def temporary_key_without_token(cos: CosServer) -> None:
    key = cos.temporary(("GetObject", ALL))
    with_keys(key.secret_id, key.secret_key)(cos)


def permanent_key_with_token(cos: CosServer) -> None:
    client = cos.client()
    client.get_conf().set_credential(*KEYS["operator"], "token")
    client.get_object(BUCKET, "k")


def expired_temporary_key(cos: CosServer) -> None:
    key = cos.temporary(("GetObject", ALL), seconds=60)
    cos.clock.shift = 61
    cos.client(key).get_object(BUCKET, "k")


def requests_code(reply: requests.Response) -> None:
    if reply.status_code >= 400:
        raise CosServiceError("GET", reply.text, reply.status_code)


REFUSED: dict[str, tuple[Callable[[CosServer], None], int, str, str]] = {
    "no signature": (anonymous, 403, "AccessDenied", "Access Denied."),
    "a garbled signature": (garbled, 403, "AccessDenied", "q-sign-time is missing"),
    "an unknown key id": (with_keys("AKIDnobody", "x"), 403, "InvalidAccessKeyId", ""),
    "the wrong key": (with_keys("AKIDoperator", "x"), 403, "SignatureDoesNotMatch", ""),
    "another user's key": (
        with_keys("AKIDoperator", KEYS["user"][1]),
        403,
        "SignatureDoesNotMatch",
        "",
    ),
    "a changed body": (changed_body, 400, "BadDigest", ""),
    "a clock 301 s ahead of the cloud's": (at(-301), 403, "RequestTimeTooSkewed", ""),
    "a clock so far behind that the signature is over": (
        at(10_001),
        403,
        "AccessDenied",
        "Request has expired",
    ),
    "a temporary key that has expired": (
        expired_temporary_key,
        403,
        "AccessDenied",
        "Request has expired",
    ),
    "a temporary key without its token": (
        temporary_key_without_token,
        403,
        "InvalidAccessKeyId",
        "",
    ),
    "a temporary key with another token": (
        sdk_signed_with_wrong_token,
        403,
        "InvalidAccessKeyId",
        "",
    ),
    "a permanent key with a token": (permanent_key_with_token, 403, "InvalidAccessKeyId", ""),
}


@pytest.mark.parametrize(
    ("send", "status", "name", "message"), REFUSED.values(), ids=REFUSED.keys()
)
def test_refused(
    cos: CosServer, send: Callable[[CosServer], None], status: int, name: str, message: str
) -> None:
    cos.client().put_object(BUCKET, b"secret", "k")
    with pytest.raises(CosServiceError) as caught:
        send(cos)
    assert code(caught.value) == (status, name)
    assert message in caught.value.get_error_msg()
    assert caught.value.get_trace_id()
    cos.clock.shift = 0
    assert cos.client().get_object(BUCKET, "k")["Body"].get_raw_stream().read() == b"secret"


@pytest.mark.parametrize("shift", [-59.0, 9_000.0])
def test_a_signature_holds_within_its_time(cos: CosServer, shift: float) -> None:
    cos.client().put_object(BUCKET, b"x", "k")
    at(shift)(cos)


def presigned(cos: CosServer, method: str = "GET", bucket: str = BUCKET, **named: object) -> str:
    """A URL as the SDK makes it for the true name of the bucket."""
    client = cos.client_by_proxy()
    return str(client.get_presigned_url(bucket, "k", method, Expired=300, **named))


def send(
    cos: CosServer,
    method: str,
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> requests.Response:
    return presigned_urls.send(cos.address, method, url, body, headers)


def test_a_presigned_url_puts_and_gets(cos: CosServer) -> None:
    put = send(cos, "PUT", presigned(cos, "PUT"), body=b"x", headers={"Content-Type": "a/b"})
    assert put.status_code == 200
    got = send(cos, "GET", presigned(cos))
    assert (got.content, got.headers["Content-Type"]) == (b"x", "a/b")


PRESIGNED: dict[str, tuple[Callable[[str], str], str, str]] = {
    "another key": (lambda url: url.replace("/k?", "/other?"), "GET", "SignatureDoesNotMatch"),
    "another bucket's URL": (
        lambda url: url.replace(BUCKET, OTHER),
        "GET",
        "SignatureDoesNotMatch",
    ),
    "another method": (lambda url: url, "DELETE", "SignatureDoesNotMatch"),
    "a longer time": (
        lambda url: changed(url, **{"q-sign-time": "0;9999999999"}),
        "GET",
        "SignatureDoesNotMatch",
    ),
    "a longer key time": (
        lambda url: changed(url, **{"q-key-time": "0;9999999999"}),
        "GET",
        "SignatureDoesNotMatch",
    ),
    "no signature any more": (
        lambda url: changed(url, **{"q-signature": None}),
        "GET",
        "AccessDenied",
    ),
    "no parameter any more": (lambda url: url.partition("?")[0], "GET", "AccessDenied"),
    "another key id": (
        lambda url: changed(url, **{"q-ak": "AKIDuser"}),
        "GET",
        "SignatureDoesNotMatch",
    ),
    "a host that is no longer signed": (
        lambda url: changed(url, **{"q-header-list": ""}),
        "GET",
        "SignatureDoesNotMatch",
    ),
}


@pytest.mark.parametrize(("change", "method", "name"), PRESIGNED.values(), ids=PRESIGNED.keys())
def test_a_presigned_url_is_good_for_nothing_else(
    cos: CosServer, change: Callable[[str], str], method: str, name: str
) -> None:
    for bucket in (BUCKET, OTHER):
        cos.client(bucket=bucket).put_object(bucket, b"x", "k")
    assert send(cos, "GET", presigned(cos)).status_code == 200
    reply = send(cos, method, change(presigned(cos)))
    assert reply.status_code == 403
    assert f"<Code>{name}</Code>" in reply.text


def test_a_presigned_url_expires(cos: CosServer) -> None:
    cos.client().put_object(BUCKET, b"x", "k")
    url = presigned(cos)
    cos.clock.shift = 301
    reply = send(cos, "GET", url)
    assert (reply.status_code, "Request has expired" in reply.text) == (403, True)


def test_a_signed_parameter_cannot_be_changed_or_dropped(cos: CosServer) -> None:
    cos.client().put_object(BUCKET, b"x", "k")
    url = presigned(cos, Params={"response-content-type": "text/plain"})
    assert send(cos, "GET", url).headers["Content-Type"] == "text/plain"
    for value in ("text/html", None):
        reply = send(cos, "GET", changed(url, **{"response-content-type": value}))
        assert "<Code>SignatureDoesNotMatch</Code>" in reply.text


def test_a_signed_header_must_be_sent(cos: CosServer) -> None:
    header = {"x-cos-forbid-overwrite": "true"}
    client = cos.client_by_proxy()
    url = client.get_presigned_url(BUCKET, "k", "PUT", Headers=header)
    assert send(cos, "PUT", url, body=b"x").status_code == 403
    assert send(cos, "PUT", url, body=b"x", headers=header).status_code == 200
    assert "<Code>FileAlreadyExists</Code>" in send(cos, "PUT", url, body=b"y", headers=header).text


def test_the_host_may_be_signed_without_the_port_it_is_sent_with(cos: CosServer) -> None:
    cos.client().put_object(BUCKET, b"x", "k")
    url = presigned(cos)
    parts = urlsplit(url)
    with_port = urlunsplit(parts._replace(netloc=f"{parts.netloc}:{cos.port}"))
    assert send(cos, "GET", with_port).status_code == 200


WAYS_OF_THE_TOKEN: dict[str, Callable[[CosServer, str, str], requests.Response]] = {
    "as an unsigned header": lambda cos, url, token: send(
        cos, "GET", url, headers={"x-cos-security-token": token}
    ),
    "as an unsigned parameter": lambda cos, url, token: send(
        cos, "GET", changed(url, **{"x-cos-security-token": token})
    ),
}


@pytest.mark.parametrize("way", WAYS_OF_THE_TOKEN.values(), ids=WAYS_OF_THE_TOKEN.keys())
def test_a_token_need_not_be_signed(
    cos: CosServer, way: Callable[[CosServer, str, str], requests.Response]
) -> None:
    cos.client().put_object(BUCKET, b"x", "k")
    key = cos.temporary(("GetObject", ALL))
    url = cos.client_by_proxy(key).get_presigned_url(BUCKET, "k", "GET")
    assert key.token is not None
    assert way(cos, url, key.token).content == b"x"
    assert "InvalidAccessKeyId" in way(cos, url, key.token[:-1]).text
    assert "InvalidAccessKeyId" in send(cos, "GET", url).text


def test_a_signed_token_parameter_is_the_token(cos: CosServer) -> None:
    cos.client().put_object(BUCKET, b"x", "k")
    key = cos.temporary(("GetObject", ALL))
    url = cos.client_by_proxy(key).get_presigned_url(
        BUCKET, "k", "GET", Params={"x-cos-security-token": key.token}
    )
    assert send(cos, "GET", url).content == b"x"


def test_a_presigned_path_style_url_works_as_the_sdk_makes_it(cos: CosServer) -> None:
    client = cos.client()
    url = client.get_presigned_url(BUCKET, "a b", "PUT")
    assert url.startswith(f"http://{cos.address}/{BUCKET}/a%20b?")
    assert requests.put(url, data=b"x", timeout=10).status_code == 200
    assert client.get_object(BUCKET, "a b")["Body"].get_raw_stream().read() == b"x"


def test_a_public_object_is_read_without_a_signature_but_not_written(cos: CosServer) -> None:
    cos.client().put_object(BUCKET, b"x", "k", ACL="public-read")
    url = f"http://{cos.address}/{BUCKET}/k"
    assert requests.get(url, timeout=10).content == b"x"
    assert requests.put(url, data=b"y", timeout=10).status_code == 403
    assert requests.get(f"{url}?acl", timeout=10).status_code == 403


def test_a_public_object_comes_with_its_own_headers_only(cos: CosServer) -> None:
    cos.client().put_object(BUCKET, b"x", "k", ACL="public-read")
    url = f"http://{cos.address}/{BUCKET}/k?response-content-type=text/html"
    reply = requests.get(url, timeout=10)
    assert (reply.status_code, "<Code>InvalidArgument</Code>" in reply.text) == (400, True)
