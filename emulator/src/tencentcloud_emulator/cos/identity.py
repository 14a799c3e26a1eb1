"""Who sends a request: the signature checked against the account's keys.

A verifier per way of signing; COS's own is the only one so far.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..account import BadToken, ExpiredKey, UnknownKey
from .errors import CosError
from .signing import MalformedSignature, Signed, read_signature, verify

if TYPE_CHECKING:
    from ..account import Account, Principal
    from .request import CosRequest

TOKEN = "x-cos-security-token"  # noqa: S105 - the name of the header and of the parameter
EXPIRED = "Request has expired"


class Verifier(Protocol):
    """Knows one way of signing."""

    def signer(self, request: CosRequest, now: float) -> Principal | None:
        """Whose valid signature the request has; None if it has none of this kind.

        Raises CosError for one that is not valid (now or at all).
        """


class CosVerifier:
    """`q-sign-algorithm=sha1`. The token of a temporary key need not be signed."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def signer(self, request: CosRequest, now: float) -> Principal | None:
        query = dict(request.query)
        try:
            signature = read_signature(request.header("Authorization"), query)
        except MalformedSignature as error:
            raise CosError("AccessDenied", f"The signature cannot be read: {error}.") from error
        if signature is None:
            return None
        token = request.header(TOKEN) or query.get(TOKEN)
        principal = self._owner(signature.secret_id, token, now)
        if not verify(signature, principal.secret_key, signed(request)):
            raise CosError("SignatureDoesNotMatch")
        if now > signature.end:
            raise CosError("AccessDenied", EXPIRED)
        if now < signature.start:
            raise CosError("RequestTimeTooSkewed")
        return principal

    def _owner(self, secret_id: str, token: str | None, now: float) -> Principal:
        try:
            return self._account.principal_for(secret_id, token, now)
        except ExpiredKey as error:
            raise CosError("AccessDenied", EXPIRED) from error
        except (UnknownKey, BadToken) as error:
            raise CosError("InvalidAccessKeyId") from error


def signed(request: CosRequest) -> Signed:
    """What of a request a signature can cover: the host with its port and without it."""
    raw_host = request.raw.host
    without_port = raw_host.rpartition("//")[2].split(":")[0]
    hosts = (raw_host,) if raw_host == without_port else (raw_host, without_port)
    return Signed(request.method, request.signed_paths, hosts, request.raw.headers, request.query)
