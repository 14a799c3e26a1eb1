"""What the machines of a launch are told to do: definitions with values and keys filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import orjson

from batchcompute.cloud.credential import Credential
from batchcompute.controllers.acceptance import Accepted
from batchcompute.controllers.signers import data_policy
from batchcompute.core.cospath import CosDirectory
from batchcompute.ledger.records import Member
from batchcompute.mailbox.definition import Definition, DeliverWhen, Input, Output
from batchcompute.mailbox.records import Deadlines

if TYPE_CHECKING:
    from batchcompute.controllers.context import Context
    from batchcompute.controllers.signers import Policy
    from batchcompute.core.job.resolved import ResolvedTask

PATHS = "paths"
"""The name under which a definition's mappings find their key."""


class SecretGone(Exception):
    """A Secret value that a launched task needs is missing; it is waited for."""


def task_key(member: Member) -> str:
    """``tkey``: names a definition within a directory."""
    return f"{member.job_uid}.{member.task}"


def deadlines(ctx: Context, task: ResolvedTask | None) -> Deadlines:
    """The limits of one attempt, whole seconds."""
    launch = ctx.settings.launch
    return Deadlines(
        setup=int(launch.setup_deadline_seconds),
        command=task.timeout_seconds if task is not None else 86400,
        upload=int(launch.upload_deadline_seconds),
        grace=int(launch.grace_seconds),
    )


def has_paths(task: ResolvedTask | None) -> bool:
    """Whether its machines hold keys for paths, which are renewed through the box."""
    return task is not None and bool(task.input_mappings or task.output_mappings)


async def definition(
    ctx: Context, member: Member, accepted: Accepted, task: ResolvedTask
) -> Definition:
    """One task as its machines see it. Raises :class:`SecretGone`."""
    base = ctx.mailbox.base.partition("://")[0]
    region = accepted.frozen.region
    inputs, outputs = _inputs(task, base, region), _outputs(task, base, region)
    return Definition(
        command=task.application.command or "",
        env=await _env(ctx, member, task),
        inputs=inputs,
        outputs=outputs,
        workers=task.output_options.workers,
        part_mib=task.output_options.part_size_mib,
        data=await data(ctx, member, accepted, task) if inputs or outputs else {},
    )


async def data(
    ctx: Context, member: Member, accepted: Accepted, task: ResolvedTask
) -> Mapping[str, Credential]:
    """Keys narrowed to the declared paths of a task; nothing when it declares none."""
    reads = [_where(mapping.source) for mapping in task.input_mappings]
    writes = [_where(mapping.destination) for mapping in task.output_mappings]
    if not reads and not writes:
        return {}
    region, account = accepted.frozen.region, accepted.frozen.account
    policy = data_policy(account, region, reads, writes)
    name = _secret(accepted)
    cloud = await ctx.cloud(member.namespace, name, region)

    async def make(session: str, wanted: Policy, seconds: int) -> Credential:
        text = orjson.dumps(wanted, option=orjson.OPT_SORT_KEYS).decode()
        return await cloud.get_federation_token(name=session, seconds=seconds, policy=text)

    return {PATHS: await ctx.data_keys.get(f"{member.namespace}/{name}", policy, make)}


def _secret(accepted: Accepted) -> str:
    ref = accepted.spec.credentials_secret_ref
    return ref.name if ref is not None else ""


def _where(url: str) -> tuple[str, str]:
    directory = CosDirectory.parse(url)
    return directory.bucket, directory.prefix


def _host(scheme: str, directory: CosDirectory, region: str) -> str:
    return f"{scheme}://{directory.bucket}.cos.{directory.region or region}.myqcloud.com"


def _inputs(task: ResolvedTask, scheme: str, region: str) -> tuple[Input, ...]:
    found = []
    for mapping in task.input_mappings:
        source = CosDirectory.parse(mapping.source)
        host = _host(scheme, source, region)
        found.append(Input(host, source.prefix, mapping.path, PATHS))
    return tuple(found)


def _outputs(task: ResolvedTask, scheme: str, region: str) -> tuple[Output, ...]:
    found = []
    for mapping in task.output_mappings:
        target = CosDirectory.parse(mapping.destination)
        host = _host(scheme, target, region)
        when = DeliverWhen(str(mapping.when))
        found.append(Output(mapping.path, host, target.prefix, PATHS, when))
    return tuple(found)


async def _env(ctx: Context, member: Member, task: ResolvedTask) -> dict[str, str]:
    env: dict[str, str] = {}
    for variable in task.env:
        if variable.value is not None:
            env[variable.name] = variable.value
        elif variable.value_from is not None:
            ref = variable.value_from.secret_key_ref
            secret = await ctx.secrets.read(member.namespace, ref.name)
            if secret is not None and ref.key in secret:
                env[variable.name] = secret[ref.key].decode("utf-8", "surrogateescape")
            elif not ref.optional:
                raise SecretGone(f"Secret {member.namespace}/{ref.name} has no key {ref.key}")
    return env
