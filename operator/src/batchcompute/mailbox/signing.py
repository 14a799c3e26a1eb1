"""COS request signatures (``q-sign-algorithm=sha1``), about 3 us each.

The official SDK needs 40 us for a presigned URL; forty of them per machine would be
a third of the operator's time (R21). A test compares this with the SDK's own signatures.
Source: cloud-apis.md, section d.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha1
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from ..cloud.credential import Credential

TOKEN_PARAM = "x-cos-security-token"  # noqa: S105 - the name of a parameter
FORBID_OVERWRITE = "x-cos-forbid-overwrite"
WRITE_ONCE_HEADERS: Mapping[str, str] = {FORBID_OVERWRITE: "true"}
NO_PAIRS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class KeyTime:
    """From when to when a signature is valid, whole Unix seconds."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.start};{self.end}"


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs for one credential and one time span; the derived key is made once."""

    credential: Credential
    key_time: KeyTime
    _key: bytes = field(repr=False, compare=False)

    @classmethod
    def of(cls, credential: Credential, key_time: KeyTime) -> Signer:
        """A signer for ``credential``, valid during ``key_time``."""
        return cls(credential, key_time, sign_key(credential.secret_key, key_time))

    def authorization(
        self, method: str, key: str, headers: Mapping[str, str], params: Mapping[str, str]
    ) -> str:
        """The Authorization header of a request with exactly these signed headers, params."""
        signature = sign(self._key, self.key_time, method, key, headers, params)
        return "&".join(
            _pairs(
                self.credential.secret_id,
                str(self.key_time),
                ";".join(name for name, _ in encoded(headers)),
                ";".join(name for name, _ in encoded(params)),
                signature,
            )
        )

    def presigner(self, base: str) -> Presigner:
        """A maker of presigned URLs for one host; ``base`` is ``scheme://host``."""
        return Presigner.of(self, base)


@dataclass(frozen=True, slots=True)
class Presigner:
    """Presigned URLs of one signer on one host.

    A temporary credential's token is a signed URL parameter (section 6). ``write_once``
    signs ``x-cos-forbid-overwrite: true`` as well, which the client then must send (R10).
    """

    signer: Signer
    base: str
    _plain: str = field(repr=False)
    _once: str = field(repr=False)

    @classmethod
    def of(cls, signer: Signer, base: str) -> Presigner:
        """What does not depend on the key is encoded here, once."""
        token = signer.credential.token
        params = _joined({TOKEN_PARAM: token} if token else NO_PAIRS)
        host = {"host": base.partition("://")[2]}
        plain = f"\n{params}\n{_joined(host)}\n"
        once = f"\n{params}\n{_joined({**host, **WRITE_ONCE_HEADERS})}\n"
        return cls(signer, base, plain, once)

    def signature(self, method: str, key: str, *, write_once: bool = False) -> str:
        """The hex signature alone: what travels in ``dir`` and ``box``."""
        text = f"{method.lower()}\n/{key}{self._once if write_once else self._plain}"
        return _signed(self.signer._key, self.signer.key_time, text)

    def url(self, method: str, key: str, *, write_once: bool = False) -> str:
        """The whole presigned URL."""
        signature = self.signature(method, key, write_once=write_once)
        headers = ("host", FORBID_OVERWRITE) if write_once else ("host",)
        credential = self.signer.credential
        query = presigned_query(
            credential.secret_id, self.signer.key_time, headers, credential.token, signature
        )
        return f"{self.base}/{quote(key, safe='/-_.~')}?{query}"


def sign_key(secret_key: str, key_time: KeyTime) -> bytes:
    """SignKey: the key of the second HMAC, hex as bytes."""
    return hmac.digest(secret_key.encode(), str(key_time).encode(), "sha1").hex().encode()


def sign(
    key_of_time: bytes,
    key_time: KeyTime,
    method: str,
    key: str,
    headers: Mapping[str, str],
    params: Mapping[str, str],
) -> str:
    """The hex signature over method, decoded object key, signed headers and parameters.

    ``key`` has no leading slash; ``headers`` and ``params`` are those named in
    q-header-list and q-url-param-list, no others.
    """
    text = f"{method.lower()}\n/{key}\n{_joined(params)}\n{_joined(headers)}\n"
    return _signed(key_of_time, key_time, text)


def presigned_query(
    ak: str, key_time: KeyTime, header_list: Iterable[str], token: str | None, signature: str
) -> str:
    """The query of a presigned URL, in the order the runner builds it too."""
    listed = quote(";".join(sorted(header_list)), safe="")
    span = quote(str(key_time), safe="")
    pairs = _pairs(quote(ak, safe=""), span, listed, TOKEN_PARAM if token else "", signature)
    if token:
        pairs.append(f"{TOKEN_PARAM}={quote(token, safe='-_.~')}")
    return "&".join(pairs)


def encoded(pairs: Mapping[str, str]) -> list[tuple[str, str]]:
    """Names and values as they are signed: percent-encoded, names lower-case, sorted."""
    return sorted(
        (quote(name, safe="-_.~").lower(), quote(value, safe="-_.~"))
        for name, value in pairs.items()
    )


def _signed(key_of_time: bytes, key_time: KeyTime, text: str) -> str:
    digest = sha1(text.encode(), usedforsecurity=False).hexdigest()
    whole = f"sha1\n{key_time.start};{key_time.end}\n{digest}\n"
    return hmac.digest(key_of_time, whole.encode(), "sha1").hex()


def _joined(pairs: Mapping[str, str]) -> str:
    return "&".join([f"{name}={value}" for name, value in encoded(pairs)]) if pairs else ""


def _pairs(ak: str, span: str, headers: str, params: str, signature: str) -> list[str]:
    return [
        "q-sign-algorithm=sha1",
        f"q-ak={ak}",
        f"q-sign-time={span}",
        f"q-key-time={span}",
        f"q-header-list={headers}",
        f"q-url-param-list={params}",
        f"q-signature={signature}",
    ]
