"""One call on its way through: the request, who sent it, and what it is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..http import RawResponse
from .errors import CosError
from .limits import Rates

if TYPE_CHECKING:
    from ..account import Account, Principal
    from ..clock import Clock
    from .request import CosRequest
    from .store import Bucket, Store

MAX_DOCUMENT = 2 * 1024 * 1024  # bytes of XML in a request


@dataclass(slots=True)
class Backend:
    """What every handler works on."""

    account: Account
    store: Store
    clock: Clock
    rates: Rates
    default_region: str


@dataclass(slots=True)
class CosCall:
    """One call. `principal` None is an anonymous one; `now` is the time it came in."""

    backend: Backend
    request: CosRequest
    principal: Principal | None
    now: float

    @property
    def key(self) -> str:
        return self.request.key

    @property
    def params(self) -> dict[str, str]:
        return self.request.params

    @property
    def owner_id(self) -> str:
        """The account, as ACLs and lists name it."""
        uin = self.backend.account.uin
        return f"qcs::cam::uin/{uin}:uin/{uin}"

    def header(self, name: str) -> str | None:
        return self.request.header(name)

    def bucket(self) -> Bucket:
        """The bucket asked for; raises CosError NoSuchBucket."""
        return self.backend.store.bucket(self.request.bucket, self.request.host.region)

    def may(self, action: str, bucket: Bucket, key: str) -> bool:
        """Whether the sender's policy allows it. Anonymous senders have none."""
        resource = self.resource(bucket, key)
        return self.principal is not None and self.principal.may(action, resource)

    def require(self, action: str, bucket: Bucket, key: str) -> None:
        """Raises CosError AccessDenied."""
        if not self.may(action, bucket, key):
            raise CosError("AccessDenied")

    def resource(self, bucket: Bucket, key: str) -> str:
        app_id = self.backend.account.app_id
        return f"qcs::cos:{bucket.region}:uid/{app_id}:{bucket.name}/{key}"

    async def document(self) -> bytes:
        """The XML of the request; raises CosError MissingRequestBodyError or EntityTooLarge."""
        content = await self.backend.store.spool.receive(
            self.request.raw.body, self.request.content_length, MAX_DOCUMENT
        )
        data = b"".join([piece async for piece in content.read(0, content.size)])
        if not data:
            raise CosError("MissingRequestBodyError")
        return data


def xml_reply(body: bytes, headers: Iterable[tuple[str, str]] = ()) -> RawResponse:
    return RawResponse(200, [("Content-Type", "application/xml"), *headers], body)
