"""Data in, data out: `inputMappings`, `outputMappings`, `outputOptions`."""

from __future__ import annotations

from pydantic import Field

from batchcompute.api.base import ApiModel
from batchcompute.api.enums import MappingMode, MountType, OutputWhen, OutputWorkspace
from batchcompute.api.refs import NameRef
from batchcompute.api.types import Path


class InputMapping(ApiModel):
    """A remote directory that a task sees as a local one."""

    source: Path = Field(
        description="cos://<bucket>-<appid>/<prefix>/ (or with .cos.<region>.myqcloud.com), "
        "cfs://<ip>/<path>/ or nfs://<ip>/<path>/; ends with /."
    )
    path: Path = Field(
        description="Local directory: absolute, or relative to the working directory."
    )
    mode: MappingMode = Field(
        default=MappingMode.MOUNT,
        description="Mount (default): read on demand. Copy: downloaded before the command starts, "
        "COS only.",
    )
    mount_type: MountType = Field(
        default=MountType.COSFS, description="Tool that mounts COS. Default COSFS."
    )
    mount_options: str | None = Field(
        default=None, max_length=1_024, description="Options of the mount tool, passed as they are."
    )
    credentials_secret_ref: NameRef | None = Field(
        default=None, description="Secret with keys for this path. Default: those of the job."
    )


class OutputMapping(ApiModel):
    """A local directory that is uploaded after the command."""

    path: Path = Field(
        description="Local directory, absolute or relative to the working directory; created first."
    )
    destination: Path = Field(
        description="cos://<bucket>-<appid>/<prefix>/ (or with .cos.<region>.myqcloud.com)."
    )
    workspace: OutputWorkspace = Field(
        default=OutputWorkspace.BATCH,
        description="With application.docker: Batch (default), a directory of this instance, or "
        "Global, the machine's own file system.",
    )
    when: OutputWhen = Field(
        default=OutputWhen.ALWAYS,
        description="Always (default), or OnSuccess: only after exit code 0.",
    )
    credentials_secret_ref: NameRef | None = Field(
        default=None, description="Secret with keys for this path. Default: those of the job."
    )


class OutputOptions(ApiModel):
    """How outputs are uploaded."""

    MERGED = True

    workers: int = Field(default=5, ge=1, le=64, description="Parallel uploads. Default 5.")
    part_size_mib: int = Field(
        default=100,
        alias="partSizeMiB",
        ge=1,
        le=5_120,
        description="Size of an upload's parts in MiB. Default 100.",
    )
