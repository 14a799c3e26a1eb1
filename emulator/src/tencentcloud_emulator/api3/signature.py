"""TC3-HMAC-SHA256, checked over what was received: the raw Host and the path `/` always."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from ..account import Account, BadToken, ExpiredKey, Principal, UnknownKey
from .errors import ApiError

ALGORITHM = "TC3-HMAC-SHA256"
AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256 Credential=(?P<id>[^/,\s]+)/(?P<date>\d{4}-\d{2}-\d{2})/(?P<service>[\w.-]+)"
    r"/tc3_request,\s*SignedHeaders=(?P<signed>[^,\s]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class Signed:
    """The parts of the Authorization header."""

    secret_id: str
    date: str
    service: str
    headers: tuple[str, ...]
    signature: str

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.service}/tc3_request"


def parse(authorization: str | None) -> Signed:
    """Reads the header; raises AuthFailure.InvalidAuthorization."""
    found = AUTHORIZATION.fullmatch(authorization or "")
    if found is None:
        raise ApiError(
            "AuthFailure.InvalidAuthorization",
            "The request carries no Authorization of the form TC3-HMAC-SHA256.",
        )
    signed = tuple(found["signed"].split(";"))
    if not {"content-type", "host"} <= set(signed):
        raise ApiError(
            "AuthFailure.InvalidAuthorization", "content-type and host must be signed headers."
        )
    return Signed(found["id"], found["date"], found["service"], signed, found["signature"])


def verify(
    account: Account,
    signed: Signed,
    method: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
    now: float,
    skew: float,
) -> Principal:
    """Whose signature it is; raises AuthFailure.* for every other."""
    timestamp = _timestamp(headers, signed, now, skew)
    try:
        principal = account.principal_for(signed.secret_id, headers.get("X-TC-Token"), now)
    except UnknownKey as error:
        raise ApiError("AuthFailure.SecretIdNotFound", "The SecretId is not found.") from error
    except BadToken as error:
        raise ApiError("AuthFailure.TokenFailure", "The token is wrong or missing.") from error
    except ExpiredKey as error:
        raise ApiError("AuthFailure.TokenFailure", "The token has expired.") from error
    expected = _signature(principal.secret_key, signed, timestamp, method, query, headers, body)
    if not hmac.compare_digest(expected, signed.signature):
        raise ApiError(
            "AuthFailure.SignatureFailure",
            "The provided credentials could not be validated. Please check your signature.",
        )
    return principal


def _timestamp(headers: Mapping[str, str], signed: Signed, now: float, skew: float) -> str:
    value = headers.get("X-TC-Timestamp", "")
    if not value.isascii() or not value.isdigit() or len(value) > 12:
        raise ApiError("MissingParameter", "The header X-TC-Timestamp is missing or no number.")
    at = int(value)
    if abs(now - at) > skew:
        raise ApiError(
            "AuthFailure.SignatureExpire",
            f"Signature expired: the timestamp {at} is more than {skew:.0f} s from {now:.0f}.",
        )
    if datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d") != signed.date:
        raise ApiError(
            "AuthFailure.SignatureFailure", "The date of the credential is not the timestamp's."
        )
    return value


def _signature(
    secret_key: str,
    signed: Signed,
    timestamp: str,
    method: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
) -> str:
    if headers.get("X-TC-Content-SHA256") == "UNSIGNED-PAYLOAD":
        body = b"UNSIGNED-PAYLOAD"
    block = "".join(f"{name}:{headers.get(name, '').strip()}\n" for name in signed.headers)
    canonical = "\n".join(
        (method, "/", query, block, ";".join(signed.headers), hashlib.sha256(body).hexdigest())
    )
    to_sign = "\n".join(
        (ALGORITHM, timestamp, signed.scope, hashlib.sha256(_bytes(canonical)).hexdigest())
    )
    key = _signing_key(secret_key, signed.date, signed.service)
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


@lru_cache(maxsize=256)
def _signing_key(secret_key: str, date: str, service: str) -> bytes:
    key = f"TC3{secret_key}".encode()
    for part in (date, service, "tc3_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _bytes(text: str) -> bytes:
    """The bytes as they were received: headers are decoded with surrogate escapes."""
    return text.encode("utf-8", "surrogateescape")
