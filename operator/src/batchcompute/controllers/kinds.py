"""TaskTemplates and ComputeEnvs: what a first release has to say of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from batchcompute.api.task_template import TaskTemplate
from batchcompute.core import conditions
from batchcompute.core.conditions import Condition
from batchcompute.core.times import rfc3339
from batchcompute.kube.errors import Conflict, NotFound
from batchcompute.kube.resources import COMPUTE_ENVS, TASK_TEMPLATES, Resource
from batchcompute.vocabulary import ConditionType, Reason

if TYPE_CHECKING:
    from batchcompute.controllers.context import Context
    from batchcompute.controllers.store import Key

log = logging.getLogger(__name__)


class Templates:
    """The live TaskTemplates, and their status."""

    def __init__(self) -> None:
        self.parsed: dict[Key, TaskTemplate] = {}
        self._bodies: dict[Key, Mapping[str, Any]] = {}

    def put(self, body: Mapping[str, Any]) -> Key:
        """Take in a template as it is."""
        key = body["metadata"]["namespace"], body["metadata"]["name"]
        self._bodies[key] = body
        try:
            self.parsed[key] = TaskTemplate.from_object(dict(body))
        except (ValidationError, KeyError):
            self.parsed.pop(key, None)
            log.warning("TaskTemplate %s/%s cannot be read", *key)
        return key

    def drop(self, key: Key) -> None:
        self.parsed.pop(key, None)
        self._bodies.pop(key, None)

    def keys(self) -> set[Key]:
        return set(self._bodies)

    async def reconcile(self, ctx: Context, key: Key) -> None:
        """Accepted, unless it cannot be read; whether a job can use it is the job's to say."""
        body = self._bodies.get(key)
        if body is None:
            return
        good = key in self.parsed
        text = "" if good else "spec.task cannot be read: apply it again with this release's CRDs"
        reason = Reason.ACCEPTED if good else Reason.OBJECT_INVALID
        wanted = [Condition(ConditionType.ACCEPTED, good, reason, text)]
        await write_conditions(ctx, TASK_TEMPLATES, body, wanted)


async def refuse_env(ctx: Context, body: Mapping[str, Any]) -> None:
    """A ComputeEnv has no effect yet, and says so."""
    text = "a ComputeEnv has no effect yet: give the task a compute block"
    kind, reason = ConditionType, Reason.NOT_YET_SUPPORTED
    wanted = [
        Condition(kind.ACCEPTED, False, reason, text),
        Condition(kind.READY, False, reason, text),
        Condition(kind.RECONCILING, False, reason, text),
        Condition(kind.STALLED, True, reason, text),
    ]
    await write_conditions(ctx, COMPUTE_ENVS, body, wanted)


async def write_conditions(
    ctx: Context, resource: Resource, body: Mapping[str, Any], wanted: list[Condition]
) -> None:
    """Write conditions and observedGeneration, only when they differ."""
    meta, old = body["metadata"], body.get("status") or {}
    generation = int(meta.get("generation", 0))
    previous = old.get("conditions", ())
    status = {
        "observedGeneration": generation,
        "conditions": conditions.merge(previous, wanted, generation, rfc3339(ctx.clock.now())),
    }
    if all(old.get(name) == value for name, value in status.items()):
        return
    try:
        await ctx.client.merge_patch(
            resource,
            meta["namespace"],
            meta["name"],
            {"status": status},
            subresource="status",
            resource_version=meta["resourceVersion"],
        )
    except (NotFound, Conflict):
        log.debug("%s %s changed meanwhile", resource.plural, meta["name"])
