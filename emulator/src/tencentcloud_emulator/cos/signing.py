"""COS's own signature (`q-sign-algorithm=sha1`), in the Authorization header or in the query.

Source: COS documentation, "Request Signature". Only the headers and parameters that the lists
name are signed; a client on a port of its own signs the host without it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

SAFE = "-_.~"


class MalformedSignature(Exception):
    """There is a signature, but it cannot be read."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature as given. Times are Unix seconds; names are lower case, percent-encoded."""

    secret_id: str
    sign_time: str
    key_time: str
    start: int
    end: int
    header_list: tuple[str, ...]
    param_list: tuple[str, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Signed:
    """The request, as far as a signature covers it.

    `paths` (decoded) and `hosts` are the forms that a client may have signed; values of `headers`
    are as received, `params` decoded.
    """

    method: str
    paths: tuple[str, ...]
    hosts: tuple[str, ...]
    headers: Mapping[str, str]
    params: Iterable[tuple[str, str]]


def read_signature(authorization: str | None, query: Mapping[str, str]) -> Signature | None:
    """The signature of a request, None without one; raises MalformedSignature.

    The header counts when both are there.
    """
    if authorization:
        pairs = dict(p.partition("=")[::2] for p in authorization.strip().split("&"))
    elif "q-signature" in query or "q-ak" in query:
        pairs = dict(query)
    else:
        return None
    if pairs.get("q-sign-algorithm") != "sha1":
        raise MalformedSignature("q-sign-algorithm is not sha1")
    try:
        sign_time, key_time = pairs["q-sign-time"], pairs["q-key-time"]
        (start, end), (key_start, key_end) = _period(sign_time), _period(key_time)
        return Signature(
            secret_id=pairs["q-ak"],
            sign_time=sign_time,
            key_time=key_time,
            start=max(start, key_start),
            end=min(end, key_end),
            header_list=_names(pairs["q-header-list"]),
            param_list=_names(pairs["q-url-param-list"]),
            digest=pairs["q-signature"],
        )
    except KeyError as error:
        raise MalformedSignature(f"{error.args[0]} is missing") from error


def verify(signature: Signature, secret_key: str, signed: Signed) -> bool:
    """Whether `secret_key` made the signature for this request, in one of its forms."""
    sign_key = _hmac(secret_key.encode(), signature.key_time)
    params = _pairs(signature.param_list, _encoded(signed.params, signature.param_list))
    headers = _encoded_headers(signed.headers, signature.header_list)
    hosts = signed.hosts if "host" in signature.header_list else ("",)
    for host in hosts:
        header_text = _pairs(signature.header_list, {**headers, "host": _quote(host)})
        for path in signed.paths:
            text = f"{signed.method.lower()}\n{path}\n{params}\n{header_text}\n"
            digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
            expected = _hmac(sign_key.encode(), f"sha1\n{signature.sign_time}\n{digest}\n")
            if hmac.compare_digest(expected.encode(), signature.digest.encode()):
                return True
    return False


def _period(text: str) -> tuple[int, int]:
    start, _, end = text.partition(";")
    if not (start.isascii() and start.isdigit() and end.isascii() and end.isdigit()):
        raise MalformedSignature("a time is not <start>;<end>")
    return int(start), int(end)


def _names(text: str) -> tuple[str, ...]:
    return tuple(sorted(text.lower().split(";"))) if text else ()


def _pairs(names: tuple[str, ...], values: Mapping[str, str]) -> str:
    return "&".join([f"{name}={values.get(name, '')}" for name in names])


def _encoded(params: Iterable[tuple[str, str]], wanted: tuple[str, ...]) -> dict[str, str]:
    if not wanted:
        return {}
    named = ((_quote(name).lower(), value) for name, value in params)
    return {name: _quote(value) for name, value in named if name in wanted}


def _encoded_headers(headers: Mapping[str, str], wanted: tuple[str, ...]) -> dict[str, str]:
    return {name: _quote(headers[name]) for name in wanted if name != "host" and name in headers}


def _quote(value: str) -> str:
    return quote(value.encode("utf-8", "surrogateescape"), SAFE)


def _hmac(key: bytes, message: str) -> str:
    return hmac.digest(key, message.encode(), "sha1").hex()
