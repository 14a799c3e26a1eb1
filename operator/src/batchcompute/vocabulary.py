"""Every name that is part of the contract: group, kinds, labels, conditions, phases, reasons.

Nothing else in the project spells one of these strings. `Reason` is the closed list that
conditions, events, metrics, attempts and the documentation share; `docs/reference/reasons.md` is
generated from it. What a machine reports is a subset (`RUNNER_REASONS`), checked on receipt (R32).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Self

GROUP: Final = "batchcompute.io"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
CATEGORY: Final = "batchcompute"

LEDGER_SECRET_TYPE: Final = f"{GROUP}/ledger"


class Kind(StrEnum):
    """The five kinds of the group."""

    JOB = "Job"
    TASK_TEMPLATE = "TaskTemplate"
    COMPUTE_ENV = "ComputeEnv"
    TASK_INSTANCE = "TaskInstance"
    COMPUTE_NODE = "ComputeNode"


class Plural(StrEnum):
    """Resource names: always used with the group, since plain `jobs` means batch/v1."""

    JOBS = "jobs"
    TASK_TEMPLATES = "tasktemplates"
    COMPUTE_ENVS = "computeenvs"
    TASK_INSTANCES = "taskinstances"
    COMPUTE_NODES = "computenodes"


class Label(StrEnum):
    """Labels of the objects that the operator writes."""

    JOB = f"{GROUP}/job"
    TASK = f"{GROUP}/task"
    INDEX = f"{GROUP}/index"
    COMPUTE_ENV = f"{GROUP}/compute-env"
    COPY = f"{GROUP}/copy"


class Annotation(StrEnum):
    """Annotations by which a user asks for what no field says."""

    ABANDON_RESOURCES = f"{GROUP}/abandon-resources"
    REMOVE_FIRST = f"{GROUP}/remove-first"
    FORCE_DELETE = f"{GROUP}/force-delete"


class Finalizer(StrEnum):
    """Finalizers that the operator sets and takes off."""

    RESOURCES = f"{GROUP}/resources"
    LEDGER = f"{GROUP}/ledger"


class TagKey(StrEnum):
    """Cloud tags of machines and disks; user tags must not begin with `batchcompute`."""

    OWNER = f"{GROUP}/owner"
    LAUNCH = f"{GROUP}/launch"
    NAMESPACE = f"{GROUP}/namespace"
    ATTACH_TO = f"{GROUP}/attach-to"


class ConditionType(StrEnum):
    """Condition types of every kind, in the order in which a status lists them."""

    ACCEPTED = "Accepted"
    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    COMPLETE = "Complete"
    FAILED = "Failed"
    FINISHED = "Finished"
    SUSPENDED = "Suspended"
    WAITING = "Waiting"
    RESOURCES_RELEASED = "ResourcesReleased"


class ConditionStatus(StrEnum):
    """Status of a condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class JobPhase(StrEnum):
    """`status.phase` of a Job."""

    SUBMITTED = "Submitted"
    PENDING = "Pending"
    RUNNABLE = "Runnable"
    STARTING = "Starting"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    FAILED_INTERRUPTED = "FailedInterrupted"
    SUSPENDED = "Suspended"
    TERMINATING = "Terminating"


class TaskPhase(StrEnum):
    """`status.tasks[].phase` of a Job."""

    PENDING = "Pending"
    RUNNABLE = "Runnable"
    STARTING = "Starting"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    FAILED_INTERRUPTED = "FailedInterrupted"
    UPSTREAM_FAILED = "UpstreamFailed"


class InstancePhase(StrEnum):
    """`status.phase` of a TaskInstance; the two states before it are only counted in the Job."""

    STARTING = "Starting"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    FAILED_INTERRUPTED = "FailedInterrupted"


class EnvPhase(StrEnum):
    """`status.phase` of a ComputeEnv."""

    CREATING = "Creating"
    ACTIVE = "Active"
    SCALING = "Scaling"
    DELETING = "Deleting"
    DEGRADED = "Degraded"


class NodePhase(StrEnum):
    """`status.phase` of a ComputeNode."""

    PENDING = "Pending"
    SUBMITTED = "Submitted"
    CREATING = "Creating"
    CREATED = "Created"
    CREATION_FAILED = "CreationFailed"
    RUNNING = "Running"
    ABNORMAL = "Abnormal"
    DELETING = "Deleting"


class NotificationEvent(StrEnum):
    """The 19 event names of the original service, as `notifications[].events` lists them."""

    JOB_RUNNING = "JOB_RUNNING"
    JOB_SUCCEED = "JOB_SUCCEED"
    JOB_FAILED = "JOB_FAILED"
    JOB_FAILED_INTERRUPTED = "JOB_FAILED_INTERRUPTED"
    TASK_RUNNING = "TASK_RUNNING"
    TASK_SUCCEED = "TASK_SUCCEED"
    TASK_FAILED = "TASK_FAILED"
    TASK_FAILED_INTERRUPTED = "TASK_FAILED_INTERRUPTED"
    TASK_INSTANCE_RUNNING = "TASK_INSTANCE_RUNNING"
    TASK_INSTANCE_SUCCEED = "TASK_INSTANCE_SUCCEED"
    TASK_INSTANCE_FAILED = "TASK_INSTANCE_FAILED"
    TASK_INSTANCE_FAILED_INTERRUPTED = "TASK_INSTANCE_FAILED_INTERRUPTED"
    COMPUTE_ENV_CREATED = "COMPUTE_ENV_CREATED"
    COMPUTE_ENV_DELETED = "COMPUTE_ENV_DELETED"
    COMPUTE_NODE_CREATED = "COMPUTE_NODE_CREATED"
    COMPUTE_NODE_CREATION_FAILED = "COMPUTE_NODE_CREATION_FAILED"
    COMPUTE_NODE_RUNNING = "COMPUTE_NODE_RUNNING"
    COMPUTE_NODE_ABNORMAL = "COMPUTE_NODE_ABNORMAL"
    COMPUTE_NODE_DELETING = "COMPUTE_NODE_DELETING"


class Reason(StrEnum):
    """The closed list of reasons. `reason.meaning` is the sentence that the documentation shows."""

    meaning: str

    def __new__(cls, value: str, meaning: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    # Acceptance: the object is wrong, or misses something.
    ACCEPTED = "Accepted", "Everything that the object names is there and allowed."
    NOT_YET_SUPPORTED = "NotYetSupported", "The object uses a field that has no effect yet."
    NOT_SUPPORTED = "NotSupported", "The object asks for what this operator will not do (Windows)."
    DEPENDENCY_CYCLE = "DependencyCycle", "Tasks depend on each other in a circle."
    TEMPLATE_NOT_FOUND = "TemplateNotFound", "A TaskTemplate that a task names does not exist."
    COMPUTE_ENV_NOT_FOUND = "ComputeEnvNotFound", "A ComputeEnv that a task names does not exist."
    SECRET_NOT_FOUND = "SecretNotFound", "A Secret, or a key in it, does not exist."
    SECRET_INVALID = "SecretInvalid", "A Secret lacks a key or holds a value of the wrong form."
    INVALID_MERGE = "InvalidMerge", "A task is not valid once its template was merged into it."
    INVALID_PATH = "InvalidPath", "A path or URL has not the form that the field asks for."
    PATH_RESERVED = "PathReserved", "A path lies inside a workspace, or around one."
    WORKSPACE_MISSING = "WorkspaceMissing", "There is no workspace for this account and region."
    WORKSPACE_UNUSABLE = "WorkspaceUnusable", "The workspace bucket is missing or versioned."
    PLACEMENT_MISSING = "PlacementMissing", "Neither the object nor a setting names a zone."
    NOT_PERMITTED = "NotPermitted", "The namespace may not use this with the operator's own key."
    CREDENTIALS_NOT_DELEGABLE = (
        "CredentialsNotDelegable",
        "A temporary key without a role cannot make narrower keys for paths.",
    )
    ENV_MISMATCH = "EnvMismatch", "The job's region, placement or account differs from its env's."
    ENV_NAME_RESERVED = "EnvNameReserved", "An environment variable begins with BATCH_."
    TAG_RESERVED = "TagReserved", "A tag key begins with batchcompute."
    OBJECT_INVALID = "ObjectInvalid", "A stored object does not meet the schema of this release."

    # Progress of a job, of a task, of an instance.
    SUBMITTED = "Submitted", "The job was seen and is not accepted yet."
    PROGRESSING = "Progressing", "Instances wait, start or run."
    RUNNING = "Running", "The first instance runs."
    SUCCEEDED = "Succeeded", "Every task succeeded."
    TASKS_FAILED = "TasksFailed", "At least one task failed."
    FAILED_INTERRUPTED = "FailedInterrupted", "An instance failed and its machine is kept."
    UPSTREAM_FAILED = "UpstreamFailed", "A task cannot start: what it depends on has failed."
    SUSPENDED = "Suspended", "The job is suspended."
    RESUMED = "Resumed", "The job goes on after a suspension."
    RETRIED = "Retried", "spec.retry was raised: what has not succeeded runs again."
    TERMINATED = "Terminated", "spec.terminate stopped it."
    DEADLINE_EXCEEDED = "DeadlineExceeded", "activeDeadlineSeconds are over."
    DELETED = "Deleted", "The job is being deleted."
    NOT_FINISHED = "NotFinished", "It has not ended yet."
    RELEASED = "Released", "The cloud has no machine of this object any more."
    MACHINES_LEFT = "MachinesLeft", "The cloud still has machines of this object."
    ABANDONED = "Abandoned", "The object was let go with machines left, as annotated."
    TTL_EXPIRED = "TTLExpired", "ttlSecondsAfterFinished are over."
    TASK_RUNNING = "TaskRunning", "A task has its first running instance."
    TASK_SUCCEEDED = "TaskSucceeded", "A task succeeded."
    TASK_FAILED = "TaskFailed", "A task failed."
    INSTANCE_FAILED = "InstanceFailed", "An attempt of an instance failed."
    INSTANCE_RETRIED = "InstanceRetried", "An instance starts its next attempt."

    # What an object waits for.
    NOT_WAITING = "NotWaiting", "Nothing holds it up."
    WAITING_FOR_UPSTREAM = "WaitingForUpstream", "Tasks wait for the tasks that they depend on."
    MAX_CONCURRENT_REACHED = "MaxConcurrentReached", "A cap on instances at once is reached."
    LAUNCHING = "Launching", "Machines are asked for and have not begun to work."
    OUT_OF_STOCK = "OutOfStock", "No offered type and zone has stock."
    QUOTA_EXCEEDED = "QuotaExceeded", "The account's quota is used up."
    RATE_LIMITED = "RateLimited", "The cloud's rate limit delays the calls."
    BACK_OFF = "BackOff", "The next try after a failure has its waiting time."
    NO_IDLE_NODE = "NoIdleNode", "Every node of the ComputeEnv is busy."
    CLOUD_UNREACHABLE = "CloudUnreachable", "The cloud does not answer; the calls are repeated."
    OLD_RUN_ENDING = "OldRunEnding", "Machines of a deleted job of the same name still end."

    # Launching: why there is no machine.
    CREATION_FAILED = "CreationFailed", "No machine could be made within resourceMaxRetries."
    LAUNCH_FAILED = "LaunchFailed", "The cloud gave up on a machine that it had promised."
    LAUNCH_UNKNOWN = "LaunchUnknown", "The outcome of a launch is not known; it is searched for."
    BOOT_TIMEOUT = "BootTimeout", "A machine did not report within the boot deadline."
    IMAGE_INVALID = "ImageInvalid", "The image does not exist or cannot be used."
    INSTANCE_TYPE_INVALID = "InstanceTypeInvalid", "The instance type does not exist there."
    PARAMETER_INVALID = "ParameterInvalid", "The cloud refuses a parameter of the launch."
    UNAUTHORIZED = "Unauthorized", "The credentials are wrong or lack a right."
    BALANCE_INSUFFICIENT = "BalanceInsufficient", "The account cannot pay for the machine."

    # How an attempt ended (what a runner may report is RUNNER_REASONS).
    COMPLETED = "Completed", "Exit code 0 and every declared output delivered."
    NON_ZERO_EXIT = "NonZeroExit", "The command ended with an exit code other than 0."
    SIGNAL = "Signal", "A signal ended the command."
    OUT_OF_MEMORY = "OutOfMemory", "The kernel killed the command for lack of memory."
    TIMED_OUT = "TimedOut", "timeoutSeconds were over before the command ended."
    CANCELLED = "Cancelled", "The operator stopped the attempt as it was told to."
    SETUP_FAILED = "SetupFailed", "Inputs, disks, package or image could not be prepared."
    OUTPUTS_FAILED = "OutputsFailed", "The command succeeded, an output could not be delivered."
    OUTPUTS_LOST = "OutputsLost", "The command succeeded, its machine was lost while delivering."
    SPOT_RECLAIMED = "SpotReclaimed", "The cloud took the spot machine back."
    MACHINE_LOST = "MachineLost", "The machine went away without a result."
    DUPLICATE_START = "DuplicateStart", "Another machine had already started this attempt."
    REBOOTED = "Rebooted", "The machine rebooted while the command ran."
    RUNNER_LOST = "RunnerLost", "The runner restarted and found neither process nor exit code."
    PROTOCOL_MISMATCH = "ProtocolMismatch", "Operator and runner speak different versions."
    TASK_INSTANCE_TERMINATED = "TaskInstanceTerminated", "The instance's spec.terminate stopped it."

    # Operation.
    MAILBOX_DEGRADED = "MailboxDegraded", "Too many machines went silent at once: no verdicts."
    MAILBOX_EXPIRED = "MailboxExpired", "A machine's signatures ran out before its deadline."
    LEDGER_BEHIND = "LedgerBehind", "The ledger went back in time: nothing is stopped."
    LEDGER_MISSING = "LedgerMissing", "The ledger's root is gone: nothing is stopped."
    STRANGER_STOPPED = "StrangerStopped", "A machine that no record names was terminated."
    STRANGER_REPORTED = "StrangerReported", "A machine with a name of ours lacks our tag."
    LIFECYCLE_RULES_DENIED = "LifecycleRulesDenied", "The bucket's expiry rules cannot be set."

    # Compute environments.
    NODES_READY = "NodesReady", "As many nodes are ready as wanted."
    SCALING = "Scaling", "Nodes are being made or given back."
    DRAINING = "Draining", "A node finishes its work before it goes."


RUNNER_REASONS: Final = frozenset(
    {
        Reason.COMPLETED,
        Reason.NON_ZERO_EXIT,
        Reason.SIGNAL,
        Reason.OUT_OF_MEMORY,
        Reason.TIMED_OUT,
        Reason.CANCELLED,
        Reason.SPOT_RECLAIMED,
        Reason.SETUP_FAILED,
        Reason.OUTPUTS_FAILED,
        Reason.DUPLICATE_START,
        Reason.REBOOTED,
        Reason.RUNNER_LOST,
        Reason.PROTOCOL_MISMATCH,
    }
)
"""What `done` and `result.json` may say (protocols.md 6)."""

INFRASTRUCTURE_REASONS: Final = frozenset(
    {
        Reason.OUTPUTS_LOST,
        Reason.SPOT_RECLAIMED,
        Reason.MACHINE_LOST,
        Reason.REBOOTED,
        Reason.RUNNER_LOST,
        Reason.BOOT_TIMEOUT,
        Reason.PROTOCOL_MISMATCH,
        Reason.DUPLICATE_START,
    }
)
"""Ends of an attempt that use the infrastructure bound (10 an instance and run), R9."""

BUDGET_FREE_REASONS: Final = frozenset(
    {Reason.CANCELLED, Reason.TERMINATED, Reason.TASK_INSTANCE_TERMINATED, Reason.DELETED}
)
"""Ends of an attempt that use no budget at all (R9)."""
