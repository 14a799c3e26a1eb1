"""Presigned URLs as a machine uses them: made by the SDK, sent by a plain HTTP client."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import requests


def send(
    address: str,
    method: str,
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> requests.Response:
    """Sends it to `address` (host:port), with the URL's own host as the Host header."""
    parts = urlsplit(url)
    here = urlunsplit(("http", address, parts.path, parts.query, ""))
    sent = {"Host": parts.netloc, **(headers or {})}
    return requests.request(method, here, headers=sent, data=body, timeout=10)


def changed(url: str, **params: str | None) -> str:
    """The URL with parameters replaced, or dropped by None."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True)) | params
    text = urlencode({name: value for name, value in query.items() if value is not None})
    return urlunsplit(parts._replace(query=text))
