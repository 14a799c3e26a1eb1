"""Copies of credentials: whose key ends the machines of a Secret that was changed (R18)."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

import pytest

from batchcompute.cloud import errors
from batchcompute.cloud.credential import Credential
from batchcompute.controllers.credentials import Clouds, copy_name
from batchcompute.kube.resources import SECRETS
from batchcompute.kube.secrets import SecretReader
from tests.support.clock import FakeClock
from tests.support.leading import MemoryApi

ACCOUNTS = {"AKID-a": "100", "AKID-a2": "100", "AKID-b": "200"}


@dataclass
class Sts:
    """Tells whose a key is; keys that it does not know are refused."""

    calls: int = 0
    failing: Exception | None = None
    known: dict[str, str] = field(default_factory=lambda: dict(ACCOUNTS))

    async def call(self, credential: Credential, service: str, *_: Any, **__: Any) -> Any:
        self.calls += 1
        if self.failing:
            raise self.failing
        if credential.secret_id not in self.known:
            raise errors.AuthError("AuthFailure.SecretIdNotFound")
        account = self.known[credential.secret_id]
        return {"AccountId": account, "Arn": "", "Type": "CAMUser", "Uin": account}


class Site:
    def __init__(self) -> None:
        self.api, self.clock, self.sts = MemoryApi(), FakeClock(), Sts()
        self.used: set[tuple[str, str]] = set()

    def clouds(self) -> Clouds:
        reader = SecretReader(self.api, lambda _: None, clock=self.clock)  # type: ignore[arg-type]
        return Clouds(
            Credential("own", "key"), self.sts, self.api, reader, "system", self.clock,  # type: ignore[arg-type]
            in_use=lambda source: source in self.used,
        )  # fmt: skip

    async def secret(self, secret_id: str, **more: str) -> None:
        values = {"secretId": secret_id, "secretKey": f"key of {secret_id}", **more}
        data = {name: base64.b64encode(value.encode()).decode() for name, value in values.items()}
        self.api.objects.pop(("secrets", "team-a", "tencent"), None)
        meta = {"namespace": "team-a", "name": "tencent"}
        await self.api.create(SECRETS, {"metadata": meta, "data": data})

    async def key(self, clouds: Clouds) -> str:
        cloud: Any = await clouds.get("team-a", "tencent", "ap-guangzhou")
        return str(cloud._credential.secret_id)

    def copied(self) -> dict[str, str]:
        name = copy_name("team-a", "tencent")
        data = self.api.objects["secrets", "system", name]["data"]
        return {key: base64.b64decode(value).decode() for key, value in data.items()}


@pytest.fixture
async def site() -> Site:
    site = Site()
    await site.secret("AKID-a", token="session")
    assert await site.key(site.clouds()) == "AKID-a"
    site.used.add(("team-a", "tencent"))
    return site


async def test_a_rotated_key_of_the_same_account_replaces_the_copy(site: Site) -> None:
    await site.secret("AKID-a2")
    assert await site.key(site.clouds()) == "AKID-a2"
    assert site.copied() == {"secretId": "AKID-a2", "secretKey": "key of AKID-a2"}


async def test_another_account_s_key_does_not_replace_the_copy_while_machines_need_it(
    site: Site,
) -> None:
    await site.secret("AKID-b")
    clouds = site.clouds()
    assert await site.key(clouds) == "AKID-a"
    asked = site.sts.calls
    assert await site.key(clouds) == "AKID-a"
    assert site.sts.calls == asked
    assert site.copied()["secretId"] == "AKID-a"
    site.used.clear()
    assert await site.key(clouds) == "AKID-b"
    assert site.copied()["secretId"] == "AKID-b"


async def test_a_key_that_the_cloud_does_not_know_does_not_replace_the_copy(site: Site) -> None:
    await site.secret("AKID-typo")
    assert await site.key(site.clouds()) == "AKID-a"


async def test_a_copy_whose_key_was_deleted_is_replaced(site: Site) -> None:
    del site.sts.known["AKID-a"]
    await site.secret("AKID-b")
    assert await site.key(site.clouds()) == "AKID-b"


async def test_nothing_is_replaced_while_the_cloud_does_not_answer(site: Site) -> None:
    await site.secret("AKID-b")
    site.sts.failing = errors.UnknownOutcomeError("HTTP.502")
    clouds = site.clouds()
    with pytest.raises(errors.CloudError):
        for _ in range(1):
            site.clock.sleep = instantly  # type: ignore[method-assign, assignment]
            await site.key(clouds)
    assert site.copied()["secretId"] == "AKID-a"


async def instantly(_: float) -> None:
    return None
