"""TC3-HMAC-SHA256 against the worked example of the vendor's documentation."""

from __future__ import annotations

import random

import pytest

from tencentcloud_emulator.account import Account, Principal
from tencentcloud_emulator.api3 import signature
from tencentcloud_emulator.api3.errors import ApiError

NOW = 1551113065
KEY = Principal("AKIDz8krbsJ5yKBZQpn74WFkmLPx3*******", "Gu5t9xGARNpq86cd98joQYCN3*******", "arn")
BODY = rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
EXAMPLE = "2230eefd229f582d8b1b891af7107b91597240707d778ab3738f756258d7652c"
HEADERS = {
    "content-type": "application/json; charset=utf-8",
    "host": "cvm.tencentcloudapi.com",
    "X-TC-Timestamp": str(NOW),
}


def verify(
    date: str = "2019-02-25", now: float = NOW, headers: dict[str, str] = HEADERS
) -> Principal:
    account = Account("1", "2", random.Random(1), {KEY.secret_id: KEY}, {})
    signed = signature.parse(
        f"TC3-HMAC-SHA256 Credential={KEY.secret_id}/{date}/cvm/tc3_request, "
        f"SignedHeaders=content-type;host, Signature={EXAMPLE}"
    )
    return signature.verify(account, signed, "POST", "", headers, BODY, now, 300)


def test_the_example_is_taken() -> None:
    assert verify() is KEY


@pytest.mark.parametrize("now", [NOW - 300, NOW + 300])
def test_up_to_300_s_are_taken(now: float) -> None:
    assert verify(now=now) is KEY


@pytest.mark.parametrize("now", [NOW - 301, NOW + 301])
def test_more_are_refused(now: float) -> None:
    with pytest.raises(ApiError, match=r"AuthFailure\.SignatureExpire"):
        verify(now=now)


def test_the_date_must_be_the_timestamps() -> None:
    with pytest.raises(ApiError, match="date of the credential"):
        verify(date="2019-02-24")


@pytest.mark.parametrize("header", ["content-type", "host"])
def test_a_changed_header_is_refused(header: str) -> None:
    with pytest.raises(ApiError, match=r"AuthFailure\.SignatureFailure"):
        verify(headers={**HEADERS, header: HEADERS[header].upper()})
