"""The port over Tencent Cloud: :class:`batchcompute.cloud.port.Cloud` for a key and a region."""

from __future__ import annotations

import logging
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from batchcompute.cloud import timing
from batchcompute.cloud.credential import Credential
from batchcompute.cloud.errors import ThrottledError, UnknownOutcomeError
from batchcompute.cloud.port import (
    Identity,
    ImageView,
    InstanceTypeView,
    MachineView,
    RunReply,
    ZoneView,
)
from batchcompute.cloud.tencent import translate
from batchcompute.runtime.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from batchcompute.cloud.tencent.client import Answer, TencentClient
    from batchcompute.runtime.clock import Clock

log = logging.getLogger(__name__)


class TencentCloud:
    """``account`` names whose rate limits count when several keys belong to one."""

    def __init__(
        self,
        client: TencentClient,
        credential: Credential,
        region: str,
        *,
        clock: Clock,
        account: str | None = None,
        rng: Random | None = None,
    ) -> None:
        self._client = client
        self._credential = credential
        self.region = region
        self._account = account
        self._clock = clock
        self._backoff = Backoff(*timing.READ_BACKOFF, rng or Random())  # noqa: S311 - jitter

    async def run_instances(self, request: bytes) -> RunReply:
        answer = await self._once("cvm", "RunInstances", request)
        ids = answer.get("InstanceIdSet")
        if not ids:
            raise UnknownOutcomeError("MalformedAnswer", "RunInstances without ids")
        return RunReply(tuple(ids), str(answer.get("RequestId") or ""))

    async def describe_instances(self, instance_ids: Sequence[str]) -> list[MachineView]:
        body = {"InstanceIds": list(instance_ids), "Limit": timing.PAGE}
        answer = await self._read("cvm", "DescribeInstances", body)
        return [translate.machine_view(item) for item in _items(answer, "InstanceSet")]

    async def list_instances(self, tags: Mapping[str, str] | None = None) -> list[MachineView]:
        found: dict[str, MachineView] = {}
        for _ in range(timing.LIST_ROUNDS):
            if await self._list_round(tags or {}, found):
                break
        else:
            log.info("machines came and went during %d listings", timing.LIST_ROUNDS)
        return list(found.values())

    async def terminate_instances(self, instance_ids: Sequence[str]) -> None:
        body = orjson.dumps({"InstanceIds": list(instance_ids)})
        await self._once("cvm", "TerminateInstances", body)

    async def describe_zones(self) -> list[ZoneView]:
        answer = await self._read("cvm", "DescribeZones", {})
        return [translate.zone_view(item) for item in _items(answer, "ZoneSet")]

    async def describe_images(self, image_ids: Sequence[str]) -> list[ImageView]:
        found: list[ImageView] = []
        for at in range(0, len(image_ids), timing.FILTER_VALUES):
            values = list(image_ids[at : at + timing.FILTER_VALUES])
            body = {"Filters": [{"Name": "image-id", "Values": values}], "Limit": timing.PAGE}
            answer = await self._read("cvm", "DescribeImages", body)
            found += [translate.image_view(item) for item in _items(answer, "ImageSet")]
        return found

    async def describe_instance_types(self, zone: str | None = None) -> list[InstanceTypeView]:
        body = {"Filters": [{"Name": "zone", "Values": [zone]}]} if zone else {}
        answer = await self._read("cvm", "DescribeInstanceTypeConfigs", body)
        return [
            translate.instance_type_view(item) for item in _items(answer, "InstanceTypeConfigSet")
        ]

    async def assume_role(
        self, role_arn: str, *, session: str, seconds: int, policy: str | None = None
    ) -> Credential:
        body = {"RoleArn": role_arn, "RoleSessionName": session, "DurationSeconds": seconds}
        if policy is not None:
            body["Policy"] = quote(policy, safe="")
        return _credential(await self._read("sts", "AssumeRole", body))

    async def get_federation_token(self, *, name: str, seconds: int, policy: str) -> Credential:
        body = {"Name": name, "DurationSeconds": seconds, "Policy": quote(policy, safe="")}
        return _credential(await self._read("sts", "GetFederationToken", body))

    async def get_caller_identity(self) -> Identity:
        return translate.identity(await self._read("sts", "GetCallerIdentity", {}))

    async def _list_round(self, tags: Mapping[str, str], found: dict[str, MachineView]) -> bool:
        """Read every page into ``found``; True when the listing stood still meanwhile."""
        filters = [{"Name": f"tag:{key}", "Values": [tags[key]]} for key in sorted(tags)]
        seen: set[str] = set()
        totals: set[int] = set()
        offset = 0
        while True:
            body: dict[str, Any] = {"Offset": offset, "Limit": timing.PAGE}
            if filters:
                body["Filters"] = filters
            answer = await self._read("cvm", "DescribeInstances", body)
            page = [translate.machine_view(item) for item in _items(answer, "InstanceSet")]
            totals.add(int(answer.get("TotalCount") or 0))
            for view in page:
                seen.add(view.instance_id)
                found[view.instance_id] = view
            offset += timing.PAGE
            if len(page) < timing.PAGE:
                return totals == {len(seen)}

    async def _read(self, service: str, action: str, body: Mapping[str, Any]) -> Answer:
        """A call that changes nothing: repeated while its outcome is unknown or it is throttled."""
        content = orjson.dumps(body)
        for failures in range(1, timing.READ_TRIES):
            try:
                return await self._once(service, action, content)
            except (UnknownOutcomeError, ThrottledError) as error:
                log.info("%s: %s; again", action, error)
                await self._clock.sleep(self._backoff.delay(failures))
        return await self._once(service, action, content)

    async def _once(self, service: str, action: str, body: bytes) -> Answer:
        return await self._client.call(
            self._credential, service, action, body, region=self.region, account=self._account
        )


def _items(answer: Answer, name: str) -> list[dict[str, Any]]:
    items = answer.get(name)
    if not isinstance(items, list):
        raise UnknownOutcomeError("MalformedAnswer", f"no {name}")
    return items


def _credential(answer: Answer) -> Credential:
    keys = answer["Credentials"]
    return Credential(
        keys["TmpSecretId"], keys["TmpSecretKey"], keys["Token"], float(answer["ExpiredTime"])
    )
