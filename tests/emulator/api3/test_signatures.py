"""Who is let in, tried with the vendor's SDK."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from tencentcloud.common import abstract_client
from tencentcloud.common.http.request import ApiRequest, RequestInternal

from tests.support.cloud_sdk import Sdk
from tests.support.emulator import Emulator

Spoil = Callable[[RequestInternal], None]


def without_signature(request: RequestInternal) -> None:
    del request.header["Authorization"]


def garbled(request: RequestInternal) -> None:
    request.header["Authorization"] = "TC3-HMAC-SHA256 Credential=what"


def host_not_signed(request: RequestInternal) -> None:
    signed = request.header["Authorization"]
    request.header["Authorization"] = signed.replace("content-type;host", "content-type")


def other_body(request: RequestInternal) -> None:
    request.data = '{"Limit": 100}'


def other_host(request: RequestInternal) -> None:
    request.header["Host"] = "cvm.tencentcloudapi.com"


def other_service(request: RequestInternal) -> None:
    request.header["Authorization"] = request.header["Authorization"].replace("/cvm/", "/sts/")


def other_timestamp(request: RequestInternal) -> None:
    request.header["X-TC-Timestamp"] = str(int(request.header["X-TC-Timestamp"]) + 1)


def no_timestamp(request: RequestInternal) -> None:
    request.header["X-TC-Timestamp"] = "soon"


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        pytest.param(
            without_signature, "AuthFailure.InvalidAuthorization", id="a call without a signature"
        ),
        pytest.param(garbled, "AuthFailure.InvalidAuthorization", id="a garbled signature"),
        pytest.param(
            host_not_signed, "AuthFailure.InvalidAuthorization", id="a host that is not signed"
        ),
        pytest.param(other_body, "AuthFailure.SignatureFailure", id="a body changed on its way"),
        pytest.param(other_host, "AuthFailure.SignatureFailure", id="a call for another host"),
        pytest.param(other_service, "AuthFailure.SignatureFailure", id="for another service"),
        pytest.param(other_timestamp, "AuthFailure.SignatureFailure", id="a moved timestamp"),
        pytest.param(no_timestamp, "MissingParameter", id="a timestamp that is none"),
    ],
)
def test_refused(sdk: Sdk, monkeypatch: pytest.MonkeyPatch, spoil: Spoil, code: str) -> None:
    send = ApiRequest.send_request

    def spoiled(self: ApiRequest, request: RequestInternal) -> Any:
        spoil(request)
        return send(self, request)

    monkeypatch.setattr(ApiRequest, "send_request", spoiled)
    assert sdk.refusal("DescribeInstances") == code


def test_a_wrong_secret_key_is_refused(sdk: Sdk, emulator: Emulator) -> None:
    wrong = Sdk(emulator, secret_key="x" * 32)
    assert wrong.refusal("DescribeInstances") == "AuthFailure.SignatureFailure"


def test_an_unknown_secret_id_is_refused(sdk: Sdk, emulator: Emulator) -> None:
    unknown = Sdk(emulator, secret_id="AKID" + "x" * 32)
    assert unknown.refusal("DescribeInstances") == "AuthFailure.SecretIdNotFound"


def test_a_token_with_a_permanent_key_is_refused(sdk: Sdk, emulator: Emulator) -> None:
    assert Sdk(emulator, token="t").refusal("DescribeInstances") == "AuthFailure.TokenFailure"


@pytest.mark.parametrize(
    ("skew", "code"),
    [
        pytest.param(-310, "AuthFailure.SignatureExpire", id="310 s old is refused"),
        pytest.param(310, "AuthFailure.SignatureExpire", id="310 s ahead is refused"),
        pytest.param(-290, None, id="290 s old is taken"),
        pytest.param(290, None, id="290 s ahead is taken"),
    ],
)
def test_skew(sdk: Sdk, monkeypatch: pytest.MonkeyPatch, skew: int, code: str | None) -> None:
    true = time.time
    monkeypatch.setattr(abstract_client.time, "time", lambda: true() + skew)
    if code is None:
        assert sdk.ask("DescribeInstances")["TotalCount"] == 0
    else:
        assert sdk.refusal("DescribeInstances") == code


def test_an_unsigned_payload_is_taken_when_it_says_so(sdk: Sdk) -> None:
    sdk.cvm.profile.unsignedPayload = True
    assert sdk.cvm.call_json("DescribeInstances", {})["Response"]["TotalCount"] == 0


def test_a_refused_call_is_in_the_log_with_its_code(sdk: Sdk, emulator: Emulator) -> None:
    Sdk(emulator, secret_key="x" * 32).refusal("DescribeZones")
    (call,) = emulator.calls("DescribeZones")
    assert call["code"] == "AuthFailure.SignatureFailure"
    assert call["region"] == "ap-guangzhou"
