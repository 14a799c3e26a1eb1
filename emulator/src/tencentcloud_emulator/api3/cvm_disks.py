"""Disks of an instance: their kinds, sizes and defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .errors import ApiError
from .fields import number, text

CLOUD_DISKS = frozenset(
    ("CLOUD_BASIC", "CLOUD_PREMIUM", "CLOUD_SSD", "CLOUD_BSSD", "CLOUD_HSSD", "CLOUD_TSSD")
)
LOCAL_DISKS = frozenset(("LOCAL_BASIC", "LOCAL_SSD", "LOCAL_NVME", "LOCAL_PRO"))


def system(given: Mapping[str, Any]) -> dict[str, object]:
    """The system disk asked for, with the cloud's defaults; sizes in GiB."""
    kind, size = text(given, "DiskType") or "CLOUD_PREMIUM", number(given, "DiskSize", 50)
    if kind not in CLOUD_DISKS | LOCAL_DISKS:
        raise ApiError("InvalidParameterValue", f"`SystemDisk.DiskType` cannot be `{kind}`.")
    if not 20 <= size <= 2048:
        raise ApiError("InvalidParameterValue.Range", "`SystemDisk.DiskSize` is 20 to 2048.")
    return {"DiskType": kind, "DiskSize": size}


def data(given: Sequence[Mapping[str, Any]], charge_type: str) -> tuple[dict[str, object], ...]:
    """The data disks: at most 20 of the cloud and one local."""
    disks = tuple(_data_disk(disk, charge_type) for disk in given)
    local = sum(disk["DiskType"] in LOCAL_DISKS for disk in disks)
    if local > 1 or len(disks) - local > 20:
        raise ApiError("InvalidParameterValue.LimitExceeded", "Too many `DataDisks`.")
    return disks


def _data_disk(given: Mapping[str, Any], charge_type: str) -> dict[str, object]:
    kind, size = text(given, "DiskType") or "CLOUD_PREMIUM", number(given, "DiskSize", 0)
    if kind not in CLOUD_DISKS | LOCAL_DISKS:
        raise ApiError("InvalidParameterValue", f"`DataDisks.DiskType` cannot be `{kind}`.")
    if not 10 <= size <= 32_000 or size % 10:
        raise ApiError(
            "InvalidParameterValue.Range", "`DataDisks.DiskSize` is 10 to 32000 in steps of 10."
        )
    if text(given, "SnapshotId"):
        raise ApiError("UnsupportedOperation", "The emulator does not imitate `SnapshotId`.")
    with_instance = given.get("DeleteWithInstance")
    return {
        "DiskType": kind,
        "DiskSize": size,
        "DeleteWithInstance": charge_type != "PREPAID" if with_instance is None else with_instance,
        "Encrypt": bool(given.get("Encrypt")),
    }
