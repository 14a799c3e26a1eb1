"""TC3-HMAC-SHA256, the signature of Tencent Cloud API 3.0. Pure."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batchcompute.cloud.credential import Credential

CONTENT_TYPE = "application/json"
VERSIONS = {"cvm": "2017-03-12", "sts": "2018-08-13"}
_SIGNED = "content-type;host"


def headers(
    credential: Credential,
    *,
    service: str,
    action: str,
    host: str,
    region: str,
    body: bytes,
    now: float,
) -> dict[str, str]:
    """Every header of a POST of ``body`` to ``/``; ``host`` is the Host header as it is sent."""
    timestamp = str(int(now))
    result = {
        "Content-Type": CONTENT_TYPE,
        "Host": host,
        "X-TC-Action": action,
        "X-TC-Version": VERSIONS[service],
        "X-TC-Timestamp": timestamp,
        "Authorization": authorization(credential, service, host, body, int(now)),
    }
    if region:
        result["X-TC-Region"] = region
    if credential.token:
        result["X-TC-Token"] = credential.token
    return result


def authorization(
    credential: Credential, service: str, host: str, body: bytes, timestamp: int
) -> str:
    """The Authorization header; ``timestamp`` is Unix seconds, good for 300 s either way."""
    date = datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")
    scope = f"{date}/{service}/tc3_request"
    request = "\n".join(
        (
            "POST",
            "/",
            "",
            f"content-type:{CONTENT_TYPE}\nhost:{host}\n",
            _SIGNED,
            hashlib.sha256(body).hexdigest(),
        )
    )
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = f"TC3-HMAC-SHA256\n{timestamp}\n{scope}\n{digest}"
    key = f"TC3{credential.secret_key}".encode()
    for part in (date, service, "tc3_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    return (
        f"TC3-HMAC-SHA256 Credential={credential.secret_id}/{scope}, "
        f"SignedHeaders={_SIGNED}, Signature={signature}"
    )
