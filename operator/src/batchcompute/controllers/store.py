"""What the leader knows of Jobs and their instances: compact, kept current by events (R28)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from batchcompute.core.attempts import Spent
from batchcompute.core.job.observed import Failure
from batchcompute.core.job.tally import ENDED, State, Tally
from batchcompute.core.member_facts import Wish
from batchcompute.core.task_instance.status import spent
from batchcompute.core.times import unix
from batchcompute.vocabulary import InstancePhase

Key = tuple[str, str]  # namespace, name
Slot = tuple[str, int]  # task, index

STATES = {
    InstancePhase.STARTING: State.STARTING,
    InstancePhase.RUNNING: State.RUNNING,
    InstancePhase.SUCCEEDED: State.SUCCEEDED,
    InstancePhase.FAILED: State.FAILED,
    InstancePhase.FAILED_INTERRUPTED: State.FAILED_INTERRUPTED,
}
RECENT = 5
NOTHING_SPENT = Spent()


@dataclass(frozen=True, slots=True)
class JobView:
    """A Job as the API server holds it. ``spec`` and ``status`` are as stored."""

    namespace: str
    name: str
    uid: str
    version: int
    generation: int
    created: float
    deleting: bool
    finalizers: tuple[str, ...]
    annotations: Mapping[str, str]
    spec: Mapping[str, Any]
    status: Mapping[str, Any]

    @property
    def key(self) -> Key:
        return self.namespace, self.name


@dataclass(frozen=True, slots=True)
class InstanceView:
    """A TaskInstance; ``attempts`` is empty once it has succeeded, to stay small."""

    namespace: str
    name: str
    uid: str
    version: int
    job_uid: str
    task: str
    index: int
    terminate: bool
    state: State
    attempt: int
    instance_id: str
    attempts: tuple[Mapping[str, Any], ...]
    reason: str = ""
    message: str = ""
    ended: float = 0.0
    spent: Spent = NOTHING_SPENT
    generation: int = 0

    @property
    def slot(self) -> Slot:
        return self.task, self.index


def job_view(body: Mapping[str, Any]) -> JobView:
    """From the object that the API server sent."""
    meta = body["metadata"]
    return JobView(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        version=int(meta["resourceVersion"]),
        generation=int(meta.get("generation", 0)),
        created=unix(meta["creationTimestamp"]),
        deleting="deletionTimestamp" in meta,
        finalizers=tuple(meta.get("finalizers") or ()),
        annotations=dict(meta.get("annotations") or {}),
        spec=body.get("spec") or {},
        status=body.get("status") or {},
    )


def instance_view(body: Mapping[str, Any]) -> InstanceView:
    """From the object that the API server sent; the projection of the informer."""
    meta, spec, status = body["metadata"], body["spec"], body.get("status") or {}
    state = STATES[InstancePhase(status.get("phase", InstancePhase.STARTING))]
    keep = state is not State.SUCCEEDED
    return InstanceView(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        version=int(meta["resourceVersion"]),
        job_uid=spec["jobUID"],
        task=spec["task"],
        index=int(spec["index"]),
        terminate=bool(spec.get("terminate", False)),
        state=state,
        attempt=int(status.get("attempt", 0)),
        instance_id=status.get("instanceId", ""),
        attempts=tuple(status.get("attempts") or ()) if keep else (),
        reason=status.get("reason", "") if keep else "",
        message=status.get("message", "") if keep else "",
        ended=unix(status["endTime"]) if keep and "endTime" in status else 0.0,
        spent=spent(status),
        generation=int(meta.get("generation", 0)),
    )


@dataclass
class JobState:
    """All that is known of one Job uid.

    ``enlisted``: instances offered to the launch, with their attempt. ``idle``: claims that
    neither a ledger member nor the launch stands for. ``tallies`` exist once accepted.
    ``wish``: everything of it is to end. ``adopted``: claims were held against the ledger.
    ``status_at`` and ``look_after`` are monotonic seconds: the last status write, and before
    when the Job needs no look (R28).
    """

    uid: str
    view: JobView | None = None
    instances: dict[Slot, InstanceView] = field(default_factory=dict)
    tallies: dict[str, Tally] = field(default_factory=dict)
    failures: dict[str, deque[Failure]] = field(default_factory=dict)
    enlisted: dict[Slot, int] = field(default_factory=dict)
    idle: dict[Slot, int] = field(default_factory=dict)
    wish: Wish | None = None
    adopted: bool = False
    status_at: float = -1e9
    look_after: float = -1e9

    def size_tasks(self, sizes: Mapping[str, int]) -> None:
        """Make the tallies, once the merge has told how many instances there are."""
        if self.tallies.keys() == sizes.keys():
            return
        self.tallies = {name: Tally(size) for name, size in sizes.items()}
        for view in self.instances.values():
            self._count(view)
        for task, index in self.enlisted:
            self.mark(task, index, State.STARTING)

    def put(self, view: InstanceView) -> bool:
        """Take in an instance unless something newer is known; whether anything changed."""
        old = self.instances.get(view.slot)
        if old is not None and old.version >= view.version:
            return False
        self.instances[view.slot] = view
        if view.state in ENDED:
            self.idle.pop(view.slot, None)
        return self._count(view) or old is None or old.terminate != view.terminate

    def mark(self, task: str, index: int, state: State) -> None:
        """Count an instance before the API server shows it."""
        tally = self.tallies.get(task)
        if tally is not None:
            tally.put(index, state)

    def _count(self, view: InstanceView) -> bool:
        tally = self.tallies.get(view.task)
        if tally is None or (self.has_ended(view.slot) and view.state not in ENDED):
            return False
        if not tally.put(view.index, view.state):
            return False
        if view.state is State.FAILED:
            self._remember_failure(view)
        return True

    def has_ended(self, slot: Slot) -> bool:
        """Known to have ended in this run, whatever a TaskInstance that was made again says."""
        tally = self.tallies.get(slot[0])
        return tally is not None and slot[1] < tally.size and tally[slot[1]] in ENDED

    def _remember_failure(self, view: InstanceView) -> None:
        """As the final status tells it: an instance that had no machine has no attempt."""
        own = [one for one in view.attempts if one.get("number") == view.attempt]
        last = own[-1] if own else {}
        failures = self.failures.setdefault(view.task, deque(maxlen=RECENT))
        failures.append(
            Failure(
                index=view.index,
                attempt=view.attempt,
                reason=view.reason,
                ended=view.ended,
                exit_code=last.get("exitCode"),
                message=view.message,
                stderr=str(last.get("stderr", "")),
            )
        )


class Store:
    """Jobs by key and by uid; instances of a uid whose Job is unknown are kept too."""

    def __init__(self) -> None:
        self._by_key: dict[Key, str] = {}
        self._by_uid: dict[str, JobState] = {}

    def job(self, key: Key) -> JobState | None:
        """The state of the Job that has this name now."""
        uid = self._by_key.get(key)
        return self._by_uid.get(uid) if uid is not None else None

    def of_uid(self, uid: str) -> JobState:
        """The state of a uid, made when it is new."""
        return self._by_uid.setdefault(uid, JobState(uid))

    def known(self, uid: str) -> JobState | None:
        return self._by_uid.get(uid)

    def put_job(self, view: JobView) -> bool:
        """Take in a Job unless something newer is known of the same uid."""
        state = self.of_uid(view.uid)
        if state.view is not None and state.view.version >= view.version:
            return False
        state.view = view
        self._by_key[view.key] = view.uid
        return True

    def drop_job(self, key: Key, uid: str) -> None:
        """The Job is gone; its instances go with their own events."""
        if self._by_key.get(key) == uid:
            del self._by_key[key]
        state = self._by_uid.get(uid)
        if state is not None:
            state.view = None
            self._forget(state)

    def drop_instance(self, view: InstanceView) -> None:
        """A TaskInstance is gone; its count stays, since deleting one is no command (R16)."""
        state = self._by_uid.get(view.job_uid)
        if state is None:
            return
        if state.instances.get(view.slot, view).uid == view.uid:
            state.instances.pop(view.slot, None)
        self._forget(state)

    def jobs(self) -> Iterator[JobState]:
        """Every uid that has a Job."""
        return (state for state in self._by_uid.values() if state.view is not None)

    def _forget(self, state: JobState) -> None:
        if state.view is None and not state.instances:
            self._by_uid.pop(state.uid, None)
