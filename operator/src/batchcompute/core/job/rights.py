"""What a namespace names with the operator's own credentials, and whether it may (R12).

Only what the object itself names is judged: the operator's defaults are its own choice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchcompute.core.job.acceptance import Finding
from batchcompute.core.job.permissions import Permissions, allows
from batchcompute.core.job.task_checks import cos_directories, remote_paths
from batchcompute.vocabulary import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batchcompute.api.compute import Compute
    from batchcompute.api.job import Job
    from batchcompute.api.placement import Placement
    from batchcompute.core.job.acceptance import Rules
    from batchcompute.core.job.resolved import ResolvedTask

Named = tuple[str, str, bool]
"""JSON path, what it names, and whether the namespace may."""


def check_rights(job: Job, tasks: list[ResolvedTask], rules: Rules) -> Iterator[Finding]:
    """Findings of a job without `credentialsSecretRef`."""
    permissions = Permissions.of(rules.permissions, job.namespace)
    if permissions is None:
        yield Finding(
            Reason.NOT_PERMITTED,
            f'namespace "{job.namespace}" may not use the operator\'s own credentials: set '
            "credentialsSecretRef, or have the operator's settings list the namespace",
        )
        return
    for path, name, allowed in _named_by_job(job, permissions, rules):
        if not allowed:
            yield Finding(Reason.NOT_PERMITTED, _sentence(job, path, name), None, path)
    for task in tasks:
        for path, name, allowed in _named_by_task(task, permissions):
            if not allowed:
                text = f'task "{task.name}": {_sentence(job, path, name)}'
                yield Finding(Reason.NOT_PERMITTED, text, task.name, path)


def _sentence(job: Job, path: str, name: str) -> str:
    return (
        f'{path}: namespace "{job.namespace}" may not use {name} with the operator\'s own '
        "credentials: set credentialsSecretRef, or have the operator's settings allow it"
    )


def _named_by_job(job: Job, permissions: Permissions, rules: Rules) -> Iterator[Named]:
    if (region := job.spec.region) is not None and region != rules.region:
        yield "region", region, allows(permissions.regions, region)
    yield from _placement("placement", job.spec.placement, permissions)


def _named_by_task(task: ResolvedTask, permissions: Permissions) -> Iterator[Named]:
    if task.compute is not None:
        yield from _compute(task.compute, permissions)
    role = task.compute.cam_role_name if task.compute else None
    for path, directory, secret in cos_directories(task):
        if secret is None and role is None:
            yield path, str(directory), permissions.bucket(directory)
    for path, url, _ in remote_paths(task):
        if url.startswith(("cfs://", "nfs://")):
            address = url.split("/")[2]
            yield path, address, allows(permissions.file_systems, address)


def _compute(compute: Compute, permissions: Permissions) -> Iterator[Named]:
    yield from _placement("compute.placement", compute.placement, permissions)
    if compute.cam_role_name is not None:
        allowed = allows(permissions.cam_roles, compute.cam_role_name)
        yield "compute.camRoleName", compute.cam_role_name, allowed
    for n, group in enumerate(compute.security_group_ids):
        allowed = allows(permissions.security_groups, group)
        yield f"compute.securityGroupIds[{n}]", group, allowed
    for n, disk in enumerate(compute.data_disks):
        if disk.snapshot_id is not None:
            allowed = allows(permissions.snapshots, disk.snapshot_id)
            yield f"compute.dataDisks[{n}].snapshotId", disk.snapshot_id, allowed


def _placement(base: str, placement: Placement | None, permissions: Permissions) -> Iterator[Named]:
    if placement is None:
        return
    if placement.project_id:
        project = placement.project_id
        yield f"{base}.projectId", f"project {project}", project in permissions.projects
    for n, host in enumerate(placement.host_ids):
        yield f"{base}.hostIds[{n}]", host, allows(permissions.hosts, host)
    for n, pack in enumerate(placement.dedicated_resource_pack_ids):
        path = f"{base}.dedicatedResourcePackIds[{n}]"
        yield path, pack, allows(permissions.hosts, pack)
