"""From a raw request to the handler of its action, and back to the envelope."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import orjson

from ..account import Principal
from ..cloud import Cloud
from ..faults import Fault
from ..http import BodyTooLarge, RawRequest, RawResponse
from . import schema, signature
from .errors import ApiError
from .limits import RateLimits

log = logging.getLogger(__name__)

MAX_BODY = 10 * 1024 * 1024
CONTENT_TYPE = [("Content-Type", "application/json")]  # exactly: the SDKs look for no other


@dataclass(slots=True)
class Call:
    """A call that was let in, as its handler sees it. `ids` are told to the call log."""

    action: str
    service: str
    region: str
    principal: Principal
    parameters: dict[str, object]
    request_id: str
    now: float
    english: bool
    ids: tuple[str, ...] = ()


Handler = Callable[[Cloud, Call], Mapping[str, object]]


@dataclass(slots=True)
class _Progress:
    """What is known of a call so far, for the log, however it ends."""

    request_id: str
    action: str
    region: str
    secret_id: str = ""
    code: str = "OK"
    ids: tuple[str, ...] = ()
    parameters: Mapping[str, object] = field(default_factory=dict)
    fault: Fault | None = None


class Api3:
    """The service API 3.0. `handlers` maps service and action to what does it."""

    def __init__(self, cloud: Cloud, handlers: Mapping[str, Mapping[str, Handler]]) -> None:
        self._cloud = cloud
        self._handlers = handlers
        self._schema = schema.load()
        self.limits = RateLimits()

    async def handle(self, request: RawRequest) -> RawResponse:
        now = self._cloud.clock.now()
        headers = request.headers
        progress = _Progress(
            str(uuid.uuid4()), headers.get("X-TC-Action", ""), headers.get("X-TC-Region", "")
        )
        try:
            if request.method != "POST":
                raise ApiError("UnsupportedOperation", "The emulator takes POST with JSON only.")
            body = await request.read(MAX_BODY)
            reply = dict(self._perform(request, body, progress, now))
        except BodyTooLarge:
            reply = _error(progress, ApiError("RequestSizeLimitExceeded", "More than 10 MB."))
        except ApiError as error:
            reply = _error(progress, error)
        except Exception:
            log.exception("%s failed", progress.action)
            reply = _error(progress, ApiError("InternalError", "The emulator failed; see its log."))
        self._log(progress, request, now)
        reply["RequestId"] = progress.request_id
        return await _answer(orjson.dumps({"Response": reply}), progress.fault)

    def _perform(
        self, request: RawRequest, body: bytes, progress: _Progress, now: float
    ) -> Mapping[str, object]:
        cloud, headers = self._cloud, request.headers
        signed = signature.parse(headers.get("Authorization"))
        progress.secret_id = signed.secret_id
        principal = signature.verify(
            cloud.account, signed, request.method, request.query, headers, body, now,
            cloud.settings.skew_seconds,
        )  # fmt: skip
        handler = self._route(signed.service, progress, headers)
        self.limits.admit(progress.action, progress.region, now, cloud.settings.rate_limit_factor)
        progress.parameters = self._parameters(signed.service, progress.action, body)
        self._authorize(principal, signed.service, progress)
        self._meet_fault(progress)
        call = Call(
            action=progress.action,
            service=signed.service,
            region=progress.region,
            principal=principal,
            parameters=dict(progress.parameters),
            request_id=progress.request_id,
            now=now,
            english=headers.get("X-TC-Language", "").lower() == "en-us",
        )
        try:
            return handler(cloud, call)
        finally:
            progress.ids = call.ids

    def _route(self, service: str, progress: _Progress, headers: Mapping[str, str]) -> Handler:
        known, action = self._schema.get(service), progress.action
        if known is None:
            raise ApiError("NoSuchProduct", f"The product `{service}` is not imitated.")
        version = headers.get("X-TC-Version", "")
        if version != known.version:
            raise ApiError(
                "NoSuchVersion", f"The API version `{version}` of `{service}` does not exist."
            )
        if action in known.not_imitated:
            raise ApiError("InvalidAction", f"The emulator does not imitate `{action}`.")
        if action not in known.actions:
            raise ApiError("InvalidAction", f"The action `{action}` does not exist.")
        if not progress.region and service != "sts":
            raise ApiError("MissingParameter", "The header X-TC-Region is missing.")
        if progress.region and progress.region not in self._cloud.catalogue.regions:
            raise ApiError("UnsupportedRegion", f"There is no region `{progress.region}`.")
        return self._handlers[service][action]

    def _parameters(self, service: str, action: str, body: bytes) -> Mapping[str, object]:
        try:
            given = orjson.loads(body) if body else {}
        except orjson.JSONDecodeError as error:
            raise ApiError("InvalidRequest", "The request body is not JSON.") from error
        return self._schema[service].check(action, given)

    def _authorize(self, principal: Principal, service: str, progress: _Progress) -> None:
        account = self._cloud.account
        resource = f"qcs::{service}:{progress.region}:uin/{account.uin}:*"
        if service == "cvm" and not principal.may(f"cvm:{progress.action}", resource):
            raise ApiError(
                "UnauthorizedOperation",
                f"{principal.arn} is not authorized to perform cvm:{progress.action}.",
            )

    def _meet_fault(self, progress: _Progress) -> None:
        fault = self._cloud.faults.take(progress.action, progress.region, progress.parameters)
        progress.fault = fault
        if fault is not None and fault.code is not None:
            raise ApiError(fault.code, fault.message or "A fault that was asked for.")
        if fault is not None and fault.status is not None:
            raise ApiError(f"HTTP{fault.status}", fault.message or "A fault that was asked for.")

    def _log(self, progress: _Progress, request: RawRequest, now: float) -> None:
        fault = progress.fault
        self._cloud.calls.record(
            time=now,
            action=progress.action,
            region=progress.region,
            code=progress.code,
            request_id=progress.request_id,
            ids=progress.ids,
            parameters=progress.parameters,
            secret_id=progress.secret_id,
            machine=request.machine,
            reply_lost=fault is not None and (fault.lose_reply or fault.cut_reply),
        )


def _error(progress: _Progress, error: ApiError) -> dict[str, object]:
    progress.code = error.code
    return {"Error": {"Code": error.code, "Message": error.message}}


async def _answer(body: bytes, fault: Fault | None) -> RawResponse:
    if fault is None or fault.code is not None:
        return RawResponse(200, CONTENT_TYPE, body)
    if fault.status is not None:
        return RawResponse(fault.status, [("Content-Type", "text/html")], fault.message.encode())
    if fault.hang:
        await asyncio.sleep(fault.hang)
        return RawResponse(200, CONTENT_TYPE, body)
    if fault.cut_reply:
        return RawResponse(200, CONTENT_TYPE, body, cut_after=len(body) // 2)
    return RawResponse(200, CONTENT_TYPE, body, dropped=True)
