"""Own signatures against the official SDK's, request by request."""

from __future__ import annotations

import time
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from qcloud_cos import CosConfig, CosS3Client

from batchcompute.cloud.credential import Credential
from batchcompute.mailbox.signing import KeyTime, Presigner, Signer, sign, sign_key

HOST = "data-1250000000.cos.ap-guangzhou.myqcloud.com"
NOW = 1_700_000_000
TOKEN = "tok+en/with=odd&signs~"
KEYS = [
    pytest.param("a/b.txt", id="a plain key"),
    pytest.param("a b/ä+ö&c=d%.txt", id="a key with blanks, umlauts and reserved characters"),
    pytest.param("dir/~tilde-_.txt", id="a key of unreserved characters"),
]


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW + 60)


def sdk(token: str | None = None) -> CosS3Client:
    config = CosConfig(
        Region="ap-guangzhou", SecretId="AK", SecretKey="sk", Token=token, Scheme="https"
    )
    return CosS3Client(config)


def presigner(token: str | None = None) -> Presigner:
    signer = Signer.of(Credential("AK", "sk", token), KeyTime(NOW, NOW + 660))
    return signer.presigner(f"https://{HOST}")


def query(url: str) -> dict[str, str]:
    parts = parse_qs(urlsplit(url).query, keep_blank_values=True)
    return {name: values[0] for name, values in parts.items()}


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_presigned_url_carries_the_sdks_signature(method: str, key: str) -> None:
    theirs = sdk().get_presigned_url(
        Bucket="data-1250000000", Key=key, Method=method, Expired=600, SignHost=True
    )
    ours = presigner().url(method, key)
    assert query(ours) == query(theirs)
    assert urlsplit(ours).path == "/" + quote(key, safe="/-_.~")


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("key", KEYS)
def test_a_write_once_url_signs_its_header_as_the_sdk_does(key: str) -> None:
    theirs = sdk().get_presigned_url(
        Bucket="data-1250000000",
        Key=key,
        Method="PUT",
        Expired=600,
        Headers={"x-cos-forbid-overwrite": "true"},
        SignHost=True,
    )
    assert query(presigner().url("PUT", key, write_once=True)) == query(theirs)


@pytest.mark.usefixtures("frozen")
def test_a_temporary_keys_token_is_a_signed_parameter() -> None:
    theirs = sdk(TOKEN).get_presigned_url(
        Bucket="data-1250000000",
        Key="a/b",
        Method="GET",
        Expired=600,
        Params={"x-cos-security-token": TOKEN},
        SignHost=True,
    )
    assert query(presigner(TOKEN).url("GET", "a/b")) == query(theirs)
    assert query(theirs)["q-url-param-list"] == "x-cos-security-token"


@pytest.mark.usefixtures("frozen")
def test_an_authorization_header_is_the_sdks() -> None:
    headers = {"host": HOST, "x-cos-acl": "private", "content-md5": "a+b/c=="}
    params = {"prefix": "a b/ü", "marker": "", "max-keys": "1000"}
    theirs = sdk().get_auth(
        Method="POST", Bucket="b", Key="k/ä", Expired=600, Headers=dict(headers), Params=params
    )
    ours = Signer.of(Credential("AK", "sk"), KeyTime(NOW, NOW + 660)).authorization(
        "POST", "k/ä", headers, params
    )
    assert ours == theirs


def test_what_travels_is_what_the_url_holds() -> None:
    signature = presigner(TOKEN).signature("PUT", "a/b", write_once=True)
    assert query(presigner(TOKEN).url("PUT", "a/b", write_once=True))["q-signature"] == signature
    general = sign(
        sign_key("sk", KeyTime(NOW, NOW + 660)),
        KeyTime(NOW, NOW + 660),
        "PUT",
        "a/b",
        {"host": HOST, "x-cos-forbid-overwrite": "true"},
        {"x-cos-security-token": TOKEN},
    )
    assert general == signature


def test_no_secret_is_printed() -> None:
    text = repr(presigner(TOKEN)) + repr(presigner(TOKEN).signer)
    assert "sk" not in text.replace("HMAC", "") and TOKEN not in text


def test_forty_signatures_cost_less_than_a_millisecond() -> None:
    maker = presigner()
    begun = time.perf_counter()
    for _ in range(25):
        for _ in range(40):
            maker.signature("PUT", "ws/0a1b2c3d/v1/jobs/n/j.12345678/t/0/0/out.00")
    assert (time.perf_counter() - begun) / 25 < 0.001
