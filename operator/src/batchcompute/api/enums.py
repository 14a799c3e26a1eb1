"""Enumerations of `spec`, spelled as manifests spell them."""

from __future__ import annotations

from enum import StrEnum


class DependencyPolicy(StrEnum):
    """When an edge opens (TaskExecutionDependOn of the original)."""

    SUCCEEDED = "Succeeded"
    PARTLY_SUCCEEDED = "PartlySucceeded"
    FINISHED = "Finished"


class CreationFailurePolicy(StrEnum):
    """What follows once `resourceMaxRetries` are used up (StateIfCreateCvmFailed)."""

    FAIL = "Fail"
    WAIT = "Wait"


class TtlAction(StrEnum):
    DELETE = "Delete"
    SHRINK = "Shrink"


class FailedAction(StrEnum):
    TERMINATE = "Terminate"
    INTERRUPT = "Interrupt"
    FAST_INTERRUPT = "FastInterrupt"


class ChargeType(StrEnum):
    POSTPAID_BY_HOUR = "PostpaidByHour"
    SPOT = "Spot"


class SpotFallback(StrEnum):
    NONE = "None"
    POSTPAID_BY_HOUR = "PostpaidByHour"


class FileSystem(StrEnum):
    EXT3 = "ext3"
    EXT4 = "ext4"
    XFS = "xfs"


class MappingMode(StrEnum):
    MOUNT = "Mount"
    COPY = "Copy"


class MountType(StrEnum):
    COSFS = "COSFS"
    GOOSEFS_LITE = "GooseFS-Lite"


class OutputWorkspace(StrEnum):
    BATCH = "Batch"
    GLOBAL = "Global"


class OutputWhen(StrEnum):
    ON_SUCCESS = "OnSuccess"
    ALWAYS = "Always"


class NodeInactivePolicy(StrEnum):
    RECREATE = "Recreate"


class NodeOrigin(StrEnum):
    CREATED = "Created"
    ATTACHED = "Attached"
