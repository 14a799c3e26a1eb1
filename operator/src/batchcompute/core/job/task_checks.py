"""What a complete task may not say, however it came about: each check yields findings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from batchcompute.api.env import RESERVED_PREFIX
from batchcompute.core.cospath import BadPath, CosDirectory
from batchcompute.core.job.acceptance import Finding
from batchcompute.core.job.places import places
from batchcompute.core.job.unsupported import TASK_FEATURES, unsupported
from batchcompute.vocabulary import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batchcompute.api.job import JobSpec
    from batchcompute.api.refs import NameRef
    from batchcompute.core.job.acceptance import Rules
    from batchcompute.core.job.resolved import ResolvedTask

_WINDOWS = re.compile(r"^[A-Za-z]:|\\")
_BARE_METAL = re.compile(r"^BM[A-Z]*[0-9]")


def check_task(spec: JobSpec, task: ResolvedTask, rules: Rules) -> Iterator[Finding]:
    """All but what the namespace may name; most telling first."""
    for path, text in unsupported(TASK_FEATURES, task):
        yield _finding(Reason.NOT_YET_SUPPORTED, task, path, text)
    yield from _machines(task)
    yield from _env(task)
    yield from _local_paths(task)
    yield from _remote_paths(task, rules)
    if task.compute and not places(task.compute, spec.placement, rules.default_place):
        yield _finding(
            Reason.PLACEMENT_MISSING,
            task,
            "compute.zones",
            "no zone: set placement.zone of the job, or zones or placement.zone of compute",
        )


def remote_paths(task: ResolvedTask) -> Iterator[tuple[str, str, NameRef | None]]:
    """JSON path, URL and own Secret of every remote directory of a task."""
    for n, source in enumerate(task.input_mappings):
        yield f"inputMappings[{n}].source", source.source, source.credentials_secret_ref
    for n, target in enumerate(task.output_mappings):
        path = f"outputMappings[{n}].destination"
        yield path, target.destination, target.credentials_secret_ref


def cos_directories(task: ResolvedTask) -> Iterator[tuple[str, CosDirectory, NameRef | None]]:
    """Those of them that are well-formed COS directories."""
    for path, url, secret in remote_paths(task):
        try:
            yield path, CosDirectory.parse(url), secret
        except BadPath:
            continue


def _finding(reason: Reason, task: ResolvedTask, path: str, text: str) -> Finding:
    return Finding(reason, f'task "{task.name}": {text}', task.name, path)


def _machines(task: ResolvedTask) -> Iterator[Finding]:
    if task.compute is None:
        return
    named = (("compute.instanceType", task.compute.instance_type),)
    listed = ((f"compute.instanceTypes[{n}]", t) for n, t in enumerate(task.compute.instance_types))
    for path, kind in (*named, *listed):
        if kind and _BARE_METAL.match(kind):
            text = f"{path}: {kind} is bare metal, which is not supported: choose a CVM type"
            yield _finding(Reason.NOT_SUPPORTED, task, path, text)


def _env(task: ResolvedTask) -> Iterator[Finding]:
    for variable in task.env:
        if variable.name.startswith(RESERVED_PREFIX):
            text = f"env: {variable.name} begins with BATCH_: rename the variable"
            yield _finding(Reason.ENV_NAME_RESERVED, task, "env", text)


def _local_paths(task: ResolvedTask) -> Iterator[Finding]:
    inputs = [(f"inputMappings[{n}].path", m.path) for n, m in enumerate(task.input_mappings)]
    outputs = [(f"outputMappings[{n}].path", m.path) for n, m in enumerate(task.output_mappings)]
    for path, local in (*inputs, *outputs):
        if _WINDOWS.search(local):
            text = f"{path}: Windows is not supported: give a Linux path"
            yield _finding(Reason.NOT_SUPPORTED, task, path, text)
        elif (wrong := _wrong_local(local)) is not None:
            yield _finding(Reason.INVALID_PATH, task, path, f"{path} {wrong}")


def _wrong_local(local: str) -> str | None:
    if any(ord(char) < 32 for char in local):
        return "has a control character in it: remove it"
    if ".." in local.split("/"):
        return "has .. in it: give a path without"
    if not local.strip("/"):
        return "is the root directory: give a directory below it"
    return None


def _remote_paths(task: ResolvedTask, rules: Rules) -> Iterator[Finding]:
    for path, url, _ in remote_paths(task):
        if url.startswith(("cfs://", "nfs://")) and path.startswith("input"):
            continue
        try:
            directory = CosDirectory.parse(url)
        except BadPath as error:
            yield _finding(Reason.INVALID_PATH, task, path, f"{path}: {error}")
            continue
        if any(directory.overlaps(workspace) for workspace in rules.workspaces):
            text = f"{path}: {directory} overlaps a workspace: use another prefix or bucket"
            yield _finding(Reason.PATH_RESERVED, task, path, text)
