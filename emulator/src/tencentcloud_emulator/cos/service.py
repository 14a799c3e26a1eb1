"""COS: one call from the raw request to the raw reply."""

from __future__ import annotations

import asyncio
import base64
import itertools
from typing import TYPE_CHECKING

from ..http import RawResponse
from .body import Corrupted
from .call import Backend, CosCall
from .errors import CosError, NotModified, error_xml
from .identity import CosVerifier, Verifier
from .limits import Rates
from .operations import Operation, operation_of
from .request import CosRequest, read_request
from .store import Store, http_date
from .upload_headers import refuse_unknown

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from ..account import Account, Principal
    from ..calls import CallLog
    from ..clock import Clock
    from ..faults import Fault, Faults
    from ..http import RawRequest
    from ..settings import Settings


class Cos:
    """The service. `directory` is its own, for what does not stay in memory.

    `default_region` is where a bucket is made when the host does not tell.
    """

    def __init__(
        self,
        *,
        account: Account,
        clock: Clock,
        settings: Settings,
        calls: CallLog,
        faults: Faults,
        rng: random.Random,
        directory: Path,
        default_region: str,
    ) -> None:
        self.store = Store(directory)
        self._backend = Backend(account, self.store, clock, Rates(clock, settings), default_region)
        self._verifiers: tuple[Verifier, ...] = (CosVerifier(account),)
        self._calls = calls
        self._faults = faults
        self._origin = rng.getrandbits(32)
        self._numbers = itertools.count(1)

    def create_bucket(self, name: str, region: str) -> None:
        """Makes a bucket of the account without a call (it is there from the start)."""
        backend = self._backend
        self.store.create(name, region, backend.account.app_id, backend.clock.now())

    def reset(self) -> None:
        """Empties every bucket, and forgets those and the settings that calls have made."""
        self.store.buckets.clear()

    async def handle(self, raw: RawRequest) -> RawResponse:
        """Answers one request; every refusal is an XML error with a request id."""
        trail = _Trail(self._request_id(), self._backend.clock.now())
        try:
            reply = await self._answer(raw, trail)
        except NotModified as known:
            reply, trail.code = RawResponse(304, [("ETag", known.etag)]), "NotModified"
        except CosError as error:
            reply, trail.code = _refusal(error, raw, trail), error.code
        self._record(raw, trail)
        reply.headers += [
            ("x-cos-request-id", trail.request_id),
            ("Date", http_date(int(trail.time))),
            ("Server", "tencent-cos"),
        ]
        return reply

    async def _answer(self, raw: RawRequest, trail: _Trail) -> RawResponse:
        request = trail.request = read_request(raw)
        operation = operation_of(request)
        trail.action = operation.action
        refuse_unknown(raw.headers)
        principal = trail.principal = self._sender(request, trail.time)
        call = CosCall(self._backend, request, principal, trail.time)
        trail.region = self._region(request)
        if not operation.own_policy:
            _authorize(call, operation)
        fault = self._faults.take(operation.action, trail.region, trail.parameters())
        if fault is not None and fault.status is not None:
            trail.code = str(fault.status)
            return RawResponse(fault.status)
        if fault is not None and fault.code is not None:
            raise CosError(fault.code, fault.message)
        if fault is not None and fault.corrupt:
            raw.body = Corrupted(raw.body)
        reply = await operation.handler(call)
        return reply if fault is None else await _spoiled(reply, fault, trail)

    def _sender(self, request: CosRequest, now: float) -> Principal | None:
        for verifier in self._verifiers:
            if (principal := verifier.signer(request, now)) is not None:
                return principal
        return None

    def _region(self, request: CosRequest) -> str:
        found = self.store.buckets.get(request.bucket)
        return found.region if found else request.host.region or self._backend.default_region

    def _record(self, raw: RawRequest, trail: _Trail) -> None:
        self._calls.record(
            time=trail.time,
            action=trail.action,
            region=trail.region,
            code=trail.code,
            request_id=trail.request_id,
            parameters=trail.parameters(),
            secret_id=trail.principal.secret_id if trail.principal else "",
            machine=raw.machine,
            reply_lost=trail.reply_lost,
        )

    def _request_id(self) -> str:
        now = int(self._backend.clock.now())
        text = f"{now:x}_{self._origin:08x}_{next(self._numbers):x}"
        return base64.b64encode(text.encode()).decode()


class _Trail:
    """What is known of a call, for its log entry, however far it came."""

    __slots__ = (
        "action", "code", "principal", "region", "reply_lost", "request", "request_id", "time",
    )  # fmt: skip

    def __init__(self, request_id: str, time: float) -> None:
        self.request_id = request_id
        self.time = time
        self.action = "cos:Unknown"
        self.code = "OK"
        self.region = ""
        self.reply_lost = False
        self.request: CosRequest | None = None
        self.principal: Principal | None = None

    def parameters(self) -> dict[str, object]:
        request = self.request
        if request is None:
            return {}
        named: dict[str, object] = {"Bucket": request.bucket, "Key": request.key}
        for name in ("partNumber", "prefix"):
            if name in request.params:
                named[name] = request.params[name]
        return named


def _authorize(call: CosCall, operation: Operation) -> None:
    """Raises CosError NoSuchBucket, or AccessDenied.

    A LIST is allowed by its prefix: `qcs::cos:<region>:uid/<appid>:<bucket>/<prefix>`.
    """
    bucket = call.bucket()
    bucket.sweep(call.now)
    subject = call.key or call.params.get("prefix", "")
    if call.may(operation.action, bucket, subject):
        return
    also = operation.also_allowed_by
    if also and call.may(also, bucket, subject):
        return
    if operation.public and call.principal is None:
        found = bucket.objects.get(call.key)
        acl = found.acl if found and found.acl != "default" else bucket.acl
        if acl == "public-read":
            return
    raise CosError("AccessDenied")


async def _spoiled(reply: RawResponse, fault: Fault, trail: _Trail) -> RawResponse:
    """The reply as the fault leaves it; the effect is done."""
    if fault.hang:
        await asyncio.sleep(fault.hang)
    elif fault.lose_reply:
        trail.reply_lost = True
        return RawResponse(dropped=True)
    elif fault.cut_reply:
        trail.reply_lost = True
        whole = reply.body
        if not isinstance(whole, bytes):
            whole = b"".join([piece async for piece in whole])
        return RawResponse(reply.status, reply.headers, whole, cut_after=len(whole) // 2)
    return reply


def _refusal(error: CosError, raw: RawRequest, trail: _Trail) -> RawResponse:
    request = trail.request
    resource = raw.path if request is None else f"{request.host.name}{request.path}"
    trace_id = base64.b64encode(trail.request_id.encode()).decode()
    headers = [("Content-Type", "application/xml"), ("x-cos-trace-id", trace_id)]
    body = error_xml(error, resource, trail.request_id, trace_id)
    if raw.method == "HEAD":
        headers.append(("Content-Length", "0"))
        body = b""
    return RawResponse(error.status, headers, body)
