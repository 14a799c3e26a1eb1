"""System disk and data disks."""

from __future__ import annotations

from pydantic import Field

from batchcompute.api.base import ApiModel, Rule
from batchcompute.api.enums import FileSystem
from batchcompute.api.types import CloudConstant, CloudId, Path


class SystemDisk(ApiModel):
    """The disk that the image is written to."""

    MERGED = True

    type: CloudConstant | None = Field(
        default=None, description="Disk type, e.g. CLOUD_PREMIUM. Default: what is in stock."
    )
    size: int = Field(default=50, ge=20, le=2_048, description="Size in GiB. Default 50.")
    encrypt: bool = Field(default=False, description="Encrypt the disk. Default false.")


class DataDisk(ApiModel):
    """A further disk, optionally formatted and mounted before the command starts."""

    RULES = (
        Rule(
            "!has(self.fileSystem) || has(self.mountPath)",
            "fileSystem needs mountPath: set mountPath, or remove fileSystem",
        ),
        Rule(
            "!has(self.kmsKeyId) || (has(self.encrypt) && self.encrypt)",
            "kmsKeyId needs encrypt: set encrypt to true, or remove kmsKeyId",
        ),
    )

    type: CloudConstant | None = Field(
        default=None, description="Disk type, e.g. CLOUD_SSD. Default: the cloud's."
    )
    size: int = Field(ge=10, le=32_000, multiple_of=10, description="Size in GiB, in steps of 10.")
    snapshot_id: CloudId | None = Field(
        default=None, description="Snapshot that the disk starts from; smaller than the disk."
    )
    encrypt: bool = Field(default=False, description="Encrypt the disk. Default false.")
    kms_key_id: CloudId | None = Field(default=None, description="Key of the encryption.")
    throughput_mibps: int | None = Field(
        default=None,
        alias="throughputMiBps",
        ge=1,
        le=10_000,
        description="Extra throughput in MiB/s (CLOUD_HSSD and CLOUD_TSSD only).",
    )
    delete_with_instance: bool = Field(
        default=True, description="Delete the disk with its machine. Default true."
    )
    mount_path: Path | None = Field(
        default=None, description="Absolute path at which the disk is formatted and mounted."
    )
    file_system: FileSystem | None = Field(
        default=None, description="File system made on the disk. Default ext3; NTFS is not offered."
    )
