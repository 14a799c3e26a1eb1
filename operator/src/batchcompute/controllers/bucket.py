"""Whether the workspace bucket is fit, and its expiry rules: once at the start, by the SDK."""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from urllib.parse import urlsplit

from qcloud_cos import CosConfig, CosS3Client, CosServiceError

from batchcompute.cloud.credential import Credential
from batchcompute.mailbox.lifecycle import Rule, merged, wanted_rules
from batchcompute.settings import Settings

log = logging.getLogger(__name__)

SECONDS = 20


class WorkspaceError(Exception):
    """The workspace cannot be used; the text says why and what mends it."""


async def check(settings: Settings, credential: Credential) -> None:
    """Refuse a missing or ever versioned bucket: write-once would be void in it (R10)."""
    bucket = settings.workspace.bucket
    client = _client(settings, credential)
    try:
        answer = await asyncio.to_thread(client.get_bucket_versioning, Bucket=bucket)
    except CosServiceError as error:
        raise WorkspaceError(
            f"workspace bucket {bucket}: {error.get_error_code()}: {error.get_error_msg()}: set "
            "workspace.url to a private bucket of this account and region"
        ) from None
    if answer and answer.get("Status"):
        raise WorkspaceError(
            f"workspace bucket {bucket} is or was versioned, so no object in it can be written "
            "once only: set workspace.url to a bucket that never was"
        )


async def set_expiry(settings: Settings, credential: Credential, prefix: str, owner8: str) -> bool:
    """Put our rules beside the user's; ``False`` when the operator may not."""
    wanted = wanted_rules(prefix, owner8, settings.workspace.retention_days)
    client = _client(settings, credential)
    bucket = settings.workspace.bucket
    try:
        standing = await asyncio.to_thread(_rules, client, bucket)
        rules = merged(standing, wanted)
        if rules is not None:
            await asyncio.to_thread(
                client.put_bucket_lifecycle, Bucket=bucket, LifecycleConfiguration={"Rule": rules}
            )
    except CosServiceError as error:
        log.warning("expiry rules of %s: %s", bucket, error.get_error_code())
        return False
    return True


def _rules(client: Any, bucket: str) -> list[Rule]:
    try:
        answer = client.get_bucket_lifecycle(Bucket=bucket)
    except CosServiceError as error:
        if error.get_error_code() == "NoSuchLifecycleConfiguration":
            return []
        raise
    found = answer.get("Rule") or []
    return found if isinstance(found, list) else [found]


def _client(settings: Settings, credential: Credential) -> Any:
    where: dict[str, Any] = {"Scheme": "https"}
    if settings.endpoints.cos is not None:
        url = urlsplit(settings.endpoints.cos)
        where = {"Scheme": url.scheme, "IP": url.hostname, "Port": url.port}
    config = CosConfig(
        Region=settings.region,
        SecretId=credential.secret_id,
        SecretKey=credential.secret_key,
        Token=credential.token,
        Timeout=SECONDS,
        **where,
    )
    return CosS3Client(config, retry=1)
