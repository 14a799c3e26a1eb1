"""Whose credentials a job uses, and in which workspace its machines report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchcompute.core.cospath import BadPath, CosDirectory
from batchcompute.core.job.acceptance import Finding, Frozen
from batchcompute.core.job.task_checks import cos_directories
from batchcompute.vocabulary import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from batchcompute.api.job import Job
    from batchcompute.core.job.acceptance import Rules, SecretView
    from batchcompute.core.job.resolved import ResolvedTask

KEY_PAIR = ("secretId", "secretKey")


def freeze(job: Job, rules: Rules, secrets: Mapping[str, SecretView | None]) -> Frozen:
    """Region, account, place and workspace as they stay for the life of the job."""
    return Frozen(
        region=job.spec.region or rules.region,
        workspace=str(rules.workspace),
        account=_account(job, rules, secrets),
        place=rules.default_place,
    )


def check_account(
    job: Job, tasks: list[ResolvedTask], rules: Rules, secrets: Mapping[str, SecretView | None]
) -> Iterator[Finding]:
    """Credentials Secret, delegation of paths, workspace."""
    if (ref := job.spec.credentials_secret_ref) is not None:
        secret = secrets.get(ref.name)
        yield from _secret(ref.name, secret)
        if secret is not None and "token" in secret.keys and "roleArn" not in secret.keys:
            yield from _not_delegable(ref.name, tasks)
    yield from _workspace(job, rules, secrets)


def _account(job: Job, rules: Rules, secrets: Mapping[str, SecretView | None]) -> str:
    ref = job.spec.credentials_secret_ref
    secret = secrets.get(ref.name) if ref else None
    return (secret.app_id if secret else None) or rules.app_id


def _secret(name: str, secret: SecretView | None) -> Iterator[Finding]:
    path = "credentialsSecretRef"
    if secret is None:
        text = f'{path}: there is no Secret "{name}": create it'
        yield Finding(Reason.SECRET_NOT_FOUND, text, None, path, missing=True)
        return
    for key in KEY_PAIR:
        if key not in secret.keys:
            text = f'{path}: Secret "{name}" has no key {key}: add it'
            yield Finding(Reason.SECRET_INVALID, text, None, path, missing=True)


def _not_delegable(name: str, tasks: list[ResolvedTask]) -> Iterator[Finding]:
    for task in tasks:
        role = task.compute.cam_role_name if task.compute else None
        for path, _, secret in cos_directories(task):
            if secret is None and role is None:
                text = (
                    f'task "{task.name}": {path}: Secret "{name}" has a token and no roleArn, so '
                    "no narrower key can be made for the path: add roleArn, or set "
                    "compute.camRoleName"
                )
                yield Finding(Reason.CREDENTIALS_NOT_DELEGABLE, text, task.name, path)


def _workspace(
    job: Job, rules: Rules, secrets: Mapping[str, SecretView | None]
) -> Iterator[Finding]:
    path = "workspace"
    own = (
        _account(job, rules, secrets) == rules.app_id
        and (job.spec.region or rules.region) == rules.region
    )
    if job.spec.workspace is None:
        if not own:
            text = (
                "workspace is missing: the operator has none for this account and region; set "
                "workspace"
            )
            yield Finding(Reason.WORKSPACE_MISSING, text, None, path)
        return
    try:
        named = CosDirectory.parse(job.spec.workspace)
    except BadPath as error:
        yield Finding(Reason.INVALID_PATH, f"{path}: {error}", None, path)
        return
    if not own or str(named) != str(rules.workspace):
        text = f"{path} is not supported yet (one other than the operator's): leave it out"
        yield Finding(Reason.NOT_YET_SUPPORTED, text, None, path)
