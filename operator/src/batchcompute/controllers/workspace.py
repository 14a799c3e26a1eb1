"""Opening the operator's workspace: signers, the runner's source, a bucket that is fit (R10)."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from typing import Any

import aiohttp

from batchcompute.cloud.credential import Credential
from batchcompute.cloud.port import Cloud
from batchcompute.controllers import bucket
from batchcompute.controllers.mailbox import Mailbox
from batchcompute.controllers.signers import NarrowSigners
from batchcompute.kube.client import Client
from batchcompute.kube.resources import SECRETS
from batchcompute.kube.secrets import decode
from batchcompute.mailbox.client import TEMPLATE, CosClient
from batchcompute.mailbox.grants import signer_policies
from batchcompute.mailbox.layout import Layout
from batchcompute.runner.userdata import runner_sha256, runner_source
from batchcompute.runtime.clock import Clock
from batchcompute.settings import Settings

log = logging.getLogger(__name__)

Policy = Mapping[str, Any]


async def open_mailbox(
    settings: Settings,
    credential: Credential,
    cloud: Cloud,
    client: Client,
    session: aiohttp.ClientSession,
    clock: Clock,
    owner: str,
) -> Mailbox:
    """Raises ``WorkspaceError``, ``SignerError`` or a ``CosError``: what is wrong with it."""
    where = settings.workspace
    owner8 = hashlib.sha256(owner.encode()).hexdigest()[:8]
    layout = Layout.of(where.prefix, owner8)
    policies = signer_policies(settings.app_id, where.bucket, settings.region, layout.prefix)

    async def assume(role: str, name: str, policy: Policy, seconds: int) -> Credential:
        return await cloud.assume_role(role, session=name, seconds=seconds, policy=_text(policy))

    async def federate(name: str, policy: Policy, seconds: int) -> Credential:
        return await cloud.get_federation_token(name=name, seconds=seconds, policy=_text(policy))

    async def secret(name: str) -> Credential:
        data = decode((await client.get(SECRETS, settings.namespace, name)).get("data") or {})
        return Credential(data["secretId"].decode(), data["secretKey"].decode())

    signers = NarrowSigners(
        where, policies, assume=assume, federate=federate, secret=secret, clock=clock
    )
    await bucket.check(settings, credential)
    await signers.open()
    endpoint = settings.endpoints.cos
    scheme = endpoint.partition("://")[0] if endpoint else "https"
    cos = CosClient(
        session,
        endpoint or TEMPLATE,
        where.bucket,
        settings.region,
        lambda: credential,
        clock.now,
    )
    base = f"{scheme}://{where.bucket}.cos.{settings.region}.myqcloud.com"
    mailbox = Mailbox(layout, cos, base, where.bucket, signers, settings)
    await _put_runner(mailbox)
    return mailbox


async def _put_runner(mailbox: Mailbox) -> None:
    """Once per version."""
    key = mailbox.layout.runner(runner_sha256())
    if await mailbox.cos.head(key) is None:
        await mailbox.cos.put(key, runner_source())


def _text(policy: Policy) -> str:
    return json.dumps(policy, sort_keys=True, separators=(",", ":"))
