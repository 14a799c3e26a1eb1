"""Presigned URLs from a grant and one signature, as section 6 of the mailbox protocol says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

TOKEN = "x-cos-security-token"
ONCE = "x-cos-forbid-overwrite"


class Url:
    """What all URLs of one grant have in common is made once."""

    def __init__(self, host: str, prefix: str, grant: Mapping[str, Any]) -> None:
        token = grant.get("token")
        span = _quoted(grant["keyTime"])
        self._base = f"{host}/{quote(prefix, safe='/-_.~')}"
        self._key = f"?q-sign-algorithm=sha1&q-ak={_quoted(grant['ak'])}"
        self._key += f"&q-sign-time={span}&q-key-time={span}&q-header-list="
        self._params = f"&q-url-param-list={TOKEN if token else ''}&q-signature="
        self._token = f"&{TOKEN}={_quoted(token)}" if token else ""

    def __call__(self, name: str, signature: str, once: bool = False) -> str:
        """The URL of `name` under the prefix; `once`: with the header that forbids overwriting."""
        headers = f"host%3B{ONCE}" if once else "host"
        path = quote(name, safe="/-_.~")
        whole = f"{self._base}{path}{self._key}{headers}{self._params}{signature}"
        return whole + self._token


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")
