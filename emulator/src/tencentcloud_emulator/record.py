"""One instance as the cloud knows it, with its whole history."""

from __future__ import annotations

from dataclasses import dataclass, field

from .machines.port import MachineHandle, MachineSpec, ProcessEvent

PENDING = "PENDING"
RUNNING = "RUNNING"
STOPPED = "STOPPED"
SHUTDOWN = "SHUTDOWN"
TERMINATING = "TERMINATING"
LAUNCH_FAILED = "LAUNCH_FAILED"
GONE = "GONE"
"""Not a state of the cloud: from now on the instance is absent."""

PROCESSES_KEPT = 2_000
"""So many processes of one machine are remembered, and all that still run."""


@dataclass(slots=True)
class Placed:
    """What DescribeInstances tells of an instance and no machine needs to know."""

    vpc_id: str
    subnet_id: str
    security_group_ids: tuple[str, ...]
    key_ids: tuple[str, ...]
    system_disk: dict[str, object]
    data_disks: tuple[dict[str, object], ...]
    internet: dict[str, object]
    project_id: int = 0
    api_termination_disabled: bool = False
    disaster_recover_group_id: str = ""
    hpc_cluster_id: str = ""
    user_data: str = ""
    expires: float | None = None


@dataclass(slots=True)
class MachineRecord:
    """An instance, until the next reset also when it is gone. Times in Unix seconds."""

    spec: MachineSpec
    placed: Placed
    created: float
    tags: dict[str, str]
    request_id: str
    state: str = PENDING
    states: list[tuple[str, float]] = field(default_factory=list)
    processes: dict[tuple[int, float], ProcessEvent] = field(default_factory=dict)
    processes_dropped: int = 0
    operation: str = "RunInstances"
    operation_state: str = "OPERATING"
    operation_error: str = ""
    reclaim_at: float | None = None
    """When a spot reclaim that has been announced will end it."""
    panicked: bool = False
    ended_by: str = ""
    """Why it went: TerminateInstances, ActionTimer, reclaim, vanish, LAUNCH_FAILED, reset."""
    launch_failure: str | None = None
    handle: MachineHandle | None = None
    change: int = 0
    """The number of its last change, over all machines."""

    @property
    def instance_id(self) -> str:
        return self.spec.instance_id

    def note_process(self, event: ProcessEvent) -> None:
        """Keeps a process's start or end; of very many, the oldest that have ended are dropped."""
        self.processes[event.pid, event.started] = event
        if len(self.processes) > PROCESSES_KEPT:
            ended = next((k for k, e in self.processes.items() if e.ended is not None), None)
            if ended is not None:
                del self.processes[ended]
                self.processes_dropped += 1

    @property
    def gone(self) -> bool:
        return self.state == GONE

    def as_json(self) -> dict[str, object]:
        """As told by `GET /machines` of the control API."""
        spec = self.spec
        return {
            "id": spec.instance_id,
            "name": spec.instance_name,
            "region": spec.region,
            "zone": spec.zone,
            "instanceType": spec.instance_type,
            "imageId": spec.image_id,
            "chargeType": spec.charge_type,
            "privateIp": spec.private_ip,
            "tags": self.tags,
            "state": self.state,
            "states": [{"state": state, "time": at} for state, at in self.states],
            "processes": [_process(event) for event in self.processes.values()],
            "processesDropped": self.processes_dropped,
            "panicked": self.panicked,
            "reclaimAt": self.reclaim_at,
            "endedBy": self.ended_by,
            "requestId": self.request_id,
            "change": self.change,
        }


def _process(event: ProcessEvent) -> dict[str, object]:
    return {
        "pid": event.pid,
        "argv": list(event.argv),
        "start": event.started,
        "end": event.ended,
        "exitCode": event.exit_code,
        "signal": event.signal,
    }
