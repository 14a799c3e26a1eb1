"""Writes of TaskInstances: claims, the progress write, finals (R15, R16, R20)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from batchcompute.controllers.lanes import Lanes
from batchcompute.controllers.store import (
    STATES,
    InstanceView,
    JobState,
    JobView,
    Store,
    instance_view,
)
from batchcompute.core.job.tally import ENDED, State
from batchcompute.kube.client import Client
from batchcompute.kube.errors import AlreadyExists, Conflict, Forbidden, NotFound, OutcomeUnknown
from batchcompute.kube.informer import Informer
from batchcompute.kube.resources import TASK_INSTANCES
from batchcompute.vocabulary import API_VERSION, Kind, Label

log = logging.getLogger(__name__)

Status = dict[str, Any]
Make = Callable[[InstanceView], Status | None]


class OldRunEnding(Exception):
    """The name still belongs to an instance of a deleted Job whose machine has not ended (R15)."""


@dataclass
class Instances:
    """``busy(uid)`` tells whether the ledger has an open member of a Job uid."""

    client: Client
    lanes: Lanes
    store: Store
    informer: Informer[InstanceView]
    busy: Callable[[str], bool]

    async def claim(self, job: JobView, task: str, index: int) -> InstanceView:
        """Create the TaskInstance; one of this Job that is there already is success.

        Raises :class:`OldRunEnding`.
        """
        body = _body(job, task, index)
        async with self.lanes.claim():
            try:
                return self._taken(await self.client.create(TASK_INSTANCES, body))
            except (AlreadyExists, OutcomeUnknown):
                return await self._existing(job, body)

    async def _existing(self, job: JobView, body: dict[str, Any]) -> InstanceView:
        namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
        try:
            found = await self.client.get(TASK_INSTANCES, namespace, name)
        except NotFound:
            return self._taken(await self.client.create(TASK_INSTANCES, body))
        view = instance_view(found)
        if view.job_uid == job.uid:
            return self._taken(found)
        if self.busy(view.job_uid):
            raise OldRunEnding(f"{namespace}/{name}")
        await self._delete(view)
        return self._taken(await self.client.create(TASK_INSTANCES, body))

    async def _delete(self, view: InstanceView) -> None:
        try:
            await self.client.delete(
                TASK_INSTANCES, view.namespace, view.name, uid=view.uid, propagation="Background"
            )
        except (NotFound, Conflict):
            return

    async def update(self, job: JobState, task: str, index: int, make: Make) -> InstanceView | None:
        """Merge ``make(view)`` into the status, however often it takes; lane A.

        ``make`` returns ``None`` when nothing is to be written any more. A TaskInstance that
        vanished is made again first, unless its Job goes or has gone: then ``None``.
        """
        async with self.lanes.final():
            while True:
                view = job.instances.get((task, index)) or await self._again(job, task, index)
                if view is None:
                    return None
                status = make(view)
                if status is None:
                    return view
                written = await self._write(job, view, status)
                if written is not None:
                    return written

    async def write_once(self, job: JobState, view: InstanceView, status: Status) -> None:
        """One try, for what nobody misses; the caller holds a place of lane C."""
        await self._write(job, view, status)

    async def _write(
        self, job: JobState, view: InstanceView, status: Status
    ) -> InstanceView | None:
        try:
            body = await self.client.merge_patch(
                TASK_INSTANCES,
                view.namespace,
                view.name,
                {"status": status},
                subresource="status",
                resource_version=str(view.version),
            )
        except NotFound:
            job.instances.pop(view.slot, None)
            return None
        except (Conflict, OutcomeUnknown):
            await self._read(job, view)
            return None
        return self._taken(body)

    async def _read(self, job: JobState, view: InstanceView) -> None:
        try:
            found = await self.client.get(TASK_INSTANCES, view.namespace, view.name)
        except NotFound:
            job.instances.pop(view.slot, None)
            return
        if instance_view(found).job_uid != job.uid:
            job.instances.pop(view.slot, None)
            return
        job.instances.pop(view.slot, None)
        self._taken(found)

    async def _again(self, job: JobState, task: str, index: int) -> InstanceView | None:
        if job.view is None or job.view.deleting:
            return None
        body = _body(job.view, task, index)
        try:
            return self._taken(await self.client.create(TASK_INSTANCES, body))
        except (AlreadyExists, OutcomeUnknown):
            return await self._existing(job.view, body)

    async def restore(self, job: JobState, lost: InstanceView) -> None:
        """Make a TaskInstance that somebody deleted again, with the same attempt (R16)."""
        if job.view is None or job.view.deleting or lost.slot in job.instances:
            return
        try:
            made = await self._again(job, lost.task, lost.index)
        except Forbidden:
            # Its namespace goes, and the Job with it in a moment; if not, the end brings it back.
            log.info("%s/%s cannot be made again now", lost.namespace, lost.name)
            return
        fresh = lost.state is State.STARTING and not lost.attempt
        if made is not None and not fresh:
            await self.update(job, lost.task, lost.index, lambda _: _remembered(lost))

    def _taken(self, body: dict[str, Any]) -> InstanceView:
        self.informer.put(body)
        spec, version = body["spec"], int(body["metadata"]["resourceVersion"])
        job = self.store.of_uid(spec["jobUID"])
        view = job.instances.get((spec["task"], int(spec["index"])))
        if view is None or view.version != version:  # else the informer has read it just now
            view = instance_view(body)
            job.put(view)
        return view


def _remembered(lost: InstanceView) -> Status:
    """What this leader still knows of a status that went with its object."""
    phase = next(phase for phase, state in STATES.items() if state is lost.state)
    status: Status = {
        "observedGeneration": lost.generation,
        "phase": str(phase),
        "attempt": lost.attempt,
        "attempts": list(lost.attempts),
        "retriesUsed": lost.spent.user,
        "machinesLost": lost.spent.infrastructure,
    }
    last = dict(lost.attempts[-1]) if lost.attempts else {}
    kept = {key: last[key] for key in ("exitCode", "endTime") if key in last}
    told = {"reason": lost.reason, "message": lost.message, "instanceId": lost.instance_id}
    if lost.state in ENDED:
        status |= kept | {key: value for key, value in told.items() if value}
    return status


def name_of(job: str, task: str, index: int) -> str:
    """``<job>.<task>.<index>``."""
    return f"{job}.{task}.{index}"


def _body(job: JobView, task: str, index: int) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": str(Kind.TASK_INSTANCE),
        "metadata": {
            "namespace": job.namespace,
            "name": name_of(job.name, task, index),
            "labels": {
                str(Label.JOB): job.name,
                str(Label.TASK): task,
                str(Label.INDEX): str(index),
            },
            "ownerReferences": [owner_reference(job)],
        },
        "spec": {"job": job.name, "jobUID": job.uid, "task": task, "index": index},
    }


def owner_reference(job: JobView) -> dict[str, Any]:
    """The Job as the controller of what it owns; blocks its foreground deletion."""
    return {
        "apiVersion": API_VERSION,
        "kind": str(Kind.JOB),
        "name": job.name,
        "uid": job.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
