"""The ledger record of a launch: members and the exact request, byte for byte (R1, step 3)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from batchcompute.cloud.tencent.translate import (
    CHARGE_TYPES,
    ResolvedPlacement,
    encode,
    run_instances_request,
)
from batchcompute.controllers.mailbox import Mailbox
from batchcompute.core.launch.definition import MachineDefinition, Offering
from batchcompute.core.launch.pool import Candidate
from batchcompute.core.launching import SEND_SECONDS
from batchcompute.core.times import rfc3339
from batchcompute.ledger import names
from batchcompute.ledger.records import Launch, LaunchState, Member
from batchcompute.runner.userdata import runner_sha256, user_data
from batchcompute.settings import Settings
from batchcompute.vocabulary import TagKey

TIMER_MARGIN = 24 * 3600.0
"""How long after every deadline the cloud itself ends a machine (R25)."""


def build_record(
    seq: int,
    nonce: str,
    *,
    owner: str,
    definition: MachineDefinition,
    offering: Offering,
    members: Sequence[Candidate],
    partial: bool,
    longest_command: float,
    mailbox: Mailbox,
    settings: Settings,
    now: float,
) -> Launch:
    """A record in ``Intent``. ``partial``: fewer machines than members are welcome (MinCount)."""
    launch = names.launch_id(seq, nonce)
    boot = int(settings.launch.boot_deadline_seconds)
    urls = mailbox.boot_urls(now, launch, runner_sha256())
    request = encode(
        run_instances_request(
            definition.compute,
            ResolvedPlacement(
                zone=offering.place.zone,
                vpc_id=offering.place.vpc_id,
                subnet_id=offering.place.subnet_id,
                security_group_ids=definition.security_group_ids,
                project_id=definition.project_id or None,
            ),
            offering.instance_type,
            len(members),
            1 if partial and len(members) > 1 else None,
            instance_name(definition.compute.instance_name, launch),
            names.client_token(owner, seq, nonce),
            user_data(launch, urls, boot, runner_sha256()),
            _tags(owner, launch, definition),
            rfc3339(now + _life(settings, longest_command)),
        )
    )
    return Launch(
        seq=seq,
        nonce=nonce,
        owner=owner,
        state=LaunchState.INTENT,
        namespace=definition.namespace,
        credential=definition.credential,
        region=definition.region,
        zone=offering.place.zone,
        charge_type=CHARGE_TYPES[definition.compute.charge_type],
        definition=definition.group,
        workspace=settings.workspace.url,
        created_at=now,
        not_after=now + SEND_SECONDS,
        request=request,
        request_sha=hashlib.sha256(request).hexdigest(),
        members=tuple(_member(slot, one) for slot, one in enumerate(members)),
    )


def instance_name(own: str | None, launch: str) -> str:
    """``[<compute.instanceName>-]bc-<L>``: the search by name looks for its end (R19)."""
    return f"{own}-bc-{launch}" if own else f"bc-{launch}"


def _member(slot: int, one: Candidate) -> Member:
    return Member(slot, one.job_uid, one.namespace, one.job, one.task, one.index, one.attempt)


def _tags(owner: str, launch: str, definition: MachineDefinition) -> dict[str, str]:
    own = {
        str(TagKey.OWNER): owner,
        str(TagKey.LAUNCH): launch,
        str(TagKey.NAMESPACE): definition.namespace,
    }
    return {**definition.tags, **own}


def _life(settings: Settings, longest_command: float) -> float:
    launch = settings.launch
    deadlines = (
        launch.boot_deadline_seconds,
        launch.setup_deadline_seconds,
        longest_command,
        launch.grace_seconds,
        launch.upload_deadline_seconds,
    )
    return sum(deadlines) + TIMER_MARGIN
