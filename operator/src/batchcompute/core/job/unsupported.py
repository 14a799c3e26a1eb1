"""What the schema has and this release does not do yet: one table, refused by name.

A feature that gets built loses its row here, nothing else. Each row yields the JSON paths at which
an object uses the feature.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from batchcompute.api.enums import (
    ChargeType,
    FailedAction,
    MappingMode,
    OutputWorkspace,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from batchcompute.api.compute import Compute
    from batchcompute.api.job import JobSpec
    from batchcompute.api.placement import Placement
    from batchcompute.core.job.resolved import ResolvedTask

    Uses = Iterable[str]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Feature(Generic[T]):
    """One feature: its name in messages, and where an object uses it."""

    name: str
    uses: Callable[[T], Iterable[str]]


def _when(used: bool, path: str) -> tuple[str, ...]:
    return (path,) if used else ()


def _placement(base: str, placement: Placement | None) -> Iterator[str]:
    if placement is None:
        return
    if placement.project_id:
        yield f"{base}.projectId"
    if placement.host_ids:
        yield f"{base}.hostIds"
    if placement.dedicated_resource_pack_ids:
        yield f"{base}.dedicatedResourcePackIds"


def _mounts(task: ResolvedTask) -> Iterator[str]:
    for n, mapping in enumerate(task.input_mappings):
        if mapping.mode is MappingMode.MOUNT:
            yield f"inputMappings[{n}].mode"


def _file_systems(task: ResolvedTask) -> Iterator[str]:
    for n, mapping in enumerate(task.input_mappings):
        if mapping.source.startswith(("cfs://", "nfs://")):
            yield f"inputMappings[{n}].source"


def _path_secrets(task: ResolvedTask) -> Iterator[str]:
    for n, source in enumerate(task.input_mappings):
        if source.credentials_secret_ref is not None:
            yield f"inputMappings[{n}].credentialsSecretRef"
    for n, target in enumerate(task.output_mappings):
        if target.credentials_secret_ref is not None:
            yield f"outputMappings[{n}].credentialsSecretRef"


def _global_outputs(task: ResolvedTask) -> Iterator[str]:
    for n, mapping in enumerate(task.output_mappings):
        if mapping.workspace is OutputWorkspace.GLOBAL:
            yield f"outputMappings[{n}].workspace"


def _mounted_disks(task: ResolvedTask) -> Iterator[str]:
    for n, disk in enumerate(task.compute.data_disks if task.compute else ()):
        if disk.mount_path is not None or disk.file_system is not None:
            yield f"compute.dataDisks[{n}].mountPath"


def _compute(uses: Callable[[Compute], object], path: str) -> Callable[[ResolvedTask], Uses]:
    """A field of `compute`, used when the test says so."""

    def find(task: ResolvedTask) -> Uses:
        return _when(task.compute is not None and bool(uses(task.compute)), f"compute.{path}")

    return find


def _task_placement(task: ResolvedTask) -> Uses:
    return _placement("compute.placement", task.compute.placement if task.compute else None)


JOB_FEATURES: tuple[Feature[JobSpec], ...] = (
    Feature("suspension", lambda job: _when(job.suspend, "suspend")),
    Feature("a retry of a finished job", lambda job: _when(job.retry > 0, "retry")),
    Feature(
        "stopping single instances",
        lambda job: _when(bool(job.terminate_instances), "terminateInstances"),
    ),
    Feature(
        "clean-up of finished jobs",
        lambda job: _when(job.ttl_seconds_after_finished is not None, "ttlSecondsAfterFinished"),
    ),
    Feature("notifications", lambda job: _when(bool(job.notifications), "notifications")),
    Feature("this placement", lambda job: _placement("placement", job.placement)),
)

TASK_FEATURES: tuple[Feature[ResolvedTask], ...] = (
    Feature(
        "tightly coupled commands",
        lambda task: _when(bool(task.application.commands), "application.commands"),
    ),
    Feature(
        "a package", lambda task: _when(task.application.package is not None, "application.package")
    ),
    Feature(
        "a container", lambda task: _when(task.application.docker is not None, "application.docker")
    ),
    Feature("a ComputeEnv", lambda task: _when(task.compute_env_ref is not None, "computeEnvRef")),
    Feature(
        "a choice of types by size",
        _compute(lambda compute: compute.instance_type_options, "instanceTypeOptions"),
    ),
    Feature(
        "a choice of subnets",
        _compute(lambda compute: compute.virtual_private_clouds, "virtualPrivateClouds"),
    ),
    Feature(
        "spot machines",
        _compute(lambda compute: compute.charge_type is ChargeType.SPOT, "chargeType"),
    ),
    Feature("spot machines", _compute(lambda compute: compute.spot, "spot")),
    Feature(
        "a login password",
        _compute(
            lambda compute: compute.login and compute.login.password_secret_ref,
            "login.passwordSecretRef",
        ),
    ),
    Feature("a mounted data disk", _mounted_disks),
    Feature(
        "this placement",
        _task_placement,
    ),
    Feature("an input from a file system", _file_systems),
    Feature("a mounted input", _mounts),
    Feature("the machine's file system as output", _global_outputs),
    Feature("a Secret of a path", _path_secrets),
    Feature("redirection", lambda task: _when(task.redirect is not None, "redirect")),
    Feature(
        "keeping a failed machine",
        lambda task: _when(task.failed_action is not FailedAction.TERMINATE, "failedAction"),
    ),
)


def unsupported(features: Iterable[Feature[T]], subject: T) -> Iterator[tuple[str, str]]:
    """JSON path and sentence of every use of a feature that has no effect yet."""
    for feature in features:
        for path in feature.uses(subject):
            yield path, f"{path} is not supported yet ({feature.name}): leave it out"
