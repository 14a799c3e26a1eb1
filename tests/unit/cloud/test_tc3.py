"""Our signature is the SDK's, and a sealed password is only ever opened by its own."""

from __future__ import annotations

import json

import orjson
import pytest
from tencentcloud.common import credential as sdk
from tencentcloud.common.abstract_client import AbstractClient
from tencentcloud.common.http.request import RequestInternal
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from batchcompute.cloud.credential import Credential
from batchcompute.cloud.tencent import password, tc3


class SdkClient(AbstractClient):
    _apiVersion = "2017-03-12"  # noqa: N815 - the SDK's name
    _service = "cvm"


CASES = {
    "an empty body": (b"{}", "cvm.tencentcloudapi.com", None),
    "a body with user data": (b'{"UserData":"IyEv","InstanceCount":3}', "127.0.0.1:8080", None),
    "a body beyond ASCII": ('{"InstanceName":"名"}'.encode(), "127.0.0.1:8080", None),
    "temporary keys": (b"{}", "cvm.tencentcloudapi.com", "token-of-sts"),
}


@pytest.mark.parametrize(("body", "host", "token"), CASES.values(), ids=CASES.keys())
def test_the_same_signature_as_the_sdk(
    body: bytes, host: str, token: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_795_525_200
    monkeypatch.setattr("tencentcloud.common.abstract_client.time.time", lambda: now + 0.7)
    profile = ClientProfile(httpProfile=HttpProfile(endpoint=host, protocol="http"))
    client = SdkClient(sdk.Credential("AKIDexample", "secret", token), "ap-guangzhou", profile)
    request = RequestInternal(host, "POST", "/", header={})
    request.header["Content-Type"] = "application/json"
    request.data = body.decode()
    client._build_req_with_tc3_signature("RunInstances", json.loads(body), request)
    if request.data.encode() != body:  # the SDK writes JSON its own way: sign what it wrote
        body = request.data.encode()
    ours = tc3.headers(
        Credential("AKIDexample", "secret", token),
        service="cvm",
        action="RunInstances",
        host=request.header["Host"],
        region="ap-guangzhou",
        body=body,
        now=now + 0.9,
    )
    for name in ("Authorization", "X-TC-Timestamp", "X-TC-Action", "X-TC-Version", "X-TC-Region"):
        assert ours[name] == request.header[name], name
    assert ours.get("X-TC-Token") == request.header.get("X-TC-Token")


def test_a_sealed_password_is_not_in_the_record_and_is_put_back_byte_for_byte() -> None:
    sealed = password.seal('Pa"ss\\w0rd', b"key")
    stored = orjson.dumps({"LoginSettings": {"Password": sealed}, "UserData": "x"})
    assert b"w0rd" not in stored
    assert password.is_sealed(stored)
    sent = password.unseal(stored, 'Pa"ss\\w0rd', b"key")
    assert orjson.loads(sent) == {"LoginSettings": {"Password": 'Pa"ss\\w0rd'}, "UserData": "x"}
    assert sent == orjson.dumps({"LoginSettings": {"Password": 'Pa"ss\\w0rd'}, "UserData": "x"})


def test_a_changed_password_is_never_sent() -> None:
    stored = orjson.dumps({"LoginSettings": {"Password": password.seal("old", b"key")}})
    with pytest.raises(password.PasswordChangedError):
        password.unseal(stored, "new", b"key")


def test_a_request_without_a_password_is_not_sealed() -> None:
    assert not password.is_sealed(b'{"LoginSettings":{"KeyIds":["k"]}}')
    assert not password.is_sealed(b'{"UserData":"hmac-sha256:"}')
