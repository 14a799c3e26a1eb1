"""Whether a Job may run, and its complete tasks; judged anew only while that can change."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from batchcompute.api.job import Job, JobSpec
from batchcompute.api.task_template import TaskTemplate
from batchcompute.controllers.instances import owner_reference
from batchcompute.controllers.store import JobView, Key
from batchcompute.core.job.accept import accept, merged_tasks, secret_names
from batchcompute.core.job.acceptance import Frozen, Rules, SecretView
from batchcompute.core.job.observed import Refusal
from batchcompute.core.job.resolve import resolve_tasks, template_names
from batchcompute.core.job.resolved import ResolvedTask
from batchcompute.core.job.unsupported import JOB_FEATURES, unsupported
from batchcompute.core.times import unix
from batchcompute.kube.client import Client
from batchcompute.kube.errors import AlreadyExists
from batchcompute.kube.resources import CONTROLLER_REVISIONS
from batchcompute.kube.secrets import SecretReader
from batchcompute.runtime.clock import Clock
from batchcompute.vocabulary import ConditionType, Label, Reason

log = logging.getLogger(__name__)

OVERDUE_SECONDS = 300.0
TEMPLATE_ANNOTATION = "batchcompute.io/template"


@dataclass
class Accepted:
    """An accepted Job. ``revisions``: template name to the ControllerRevision that keeps it."""

    spec: JobSpec
    generation: int
    tasks: Mapping[str, ResolvedTask]
    frozen: Frozen
    templates: Mapping[str, TaskTemplate]
    revisions: Mapping[str, str]
    stored: bool
    complaint: Refusal | None = None


class Acceptances:
    """Judgements by Job uid. ``templates`` is the live view of TaskTemplates by key."""

    def __init__(
        self,
        client: Client,
        secrets: SecretReader,
        templates: Mapping[Key, TaskTemplate],
        rules: Rules,
        clock: Clock,
    ) -> None:
        self._client = client
        self._secrets = secrets
        self._templates = templates
        self._rules = rules
        self._clock = clock
        self._accepted: dict[str, Accepted] = {}
        self._missing_since: dict[str, float] = {}
        self._judged: set[str] = set()

    def judged(self, uid: str) -> bool:
        """Whether there is a judgement, either way: before it nothing is known of the tasks."""
        return uid in self._judged

    def known(self, uid: str) -> Accepted | None:
        """The accepted Job of a uid, if it was judged."""
        return self._accepted.get(uid)

    def forget(self, uid: str) -> None:
        self._accepted.pop(uid, None)
        self._missing_since.pop(uid, None)
        self._judged.discard(uid)

    async def judge(self, view: JobView) -> Accepted | Refusal:
        """The judgement that stands, or a new one."""
        found = self._accepted.get(view.uid)
        if found is not None:
            return self._follow(found, view)
        verdict = await self._judge(view)
        self._judged.add(view.uid)
        return verdict

    async def _judge(self, view: JobView) -> Accepted | Refusal:
        try:
            job = Job.from_object(_object(view))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            return Refusal(Reason.OBJECT_INVALID, f"{where}: {first['msg']}", lasting=True)
        verdict = await (self._restore(job, view) if _was_accepted(view) else self._fresh(job))
        if isinstance(verdict, Accepted):
            self._accepted[view.uid] = verdict
            self._missing_since.pop(view.uid, None)
            return verdict
        return self._aged(view, verdict)

    def _follow(self, found: Accepted, view: JobView) -> Accepted:
        """Take in what may change in a live Job; a new use of a missing feature is said."""
        if found.generation != view.generation:
            found.spec = Job.from_object(_object(view)).spec
            found.generation = view.generation
            found.complaint = _complaint(found.spec)
        return found

    async def _fresh(self, job: Job) -> Accepted | Refusal:
        live = self._live(job)
        secrets = await self._secret_views(job, live)
        verdict = accept(job, live, secrets, self._rules)
        if verdict.refusal is not None:
            return verdict.refusal
        assert verdict.frozen is not None
        self._secrets.forget((job.namespace, job.name))
        return _accepted(job, verdict.tasks, verdict.frozen, live, stored=not live)

    async def _restore(self, job: Job, view: JobView) -> Accepted | Refusal:
        """An accepted Job after a restart: from its revisions, whatever became of the templates."""
        kept, names = await self._revisions(view) if template_names(job) else ({}, {})
        live = {name: task for name, task in self._live(job).items() if name not in kept}
        whole = {**live, **kept}
        try:
            tasks = resolve_tasks(job, whole)
        except (KeyError, ValueError) as error:
            text = f"the ControllerRevisions that keep its templates are gone or changed: {error}"
            return Refusal(Reason.OBJECT_INVALID, text, lasting=True)
        frozen = Frozen.from_json(view.status["resolved"])
        accepted = _accepted(job, tasks, frozen, whole, stored=not live)
        accepted.revisions = {**accepted.revisions, **names}
        accepted.complaint = _complaint(job.spec)
        return accepted

    def _live(self, job: Job) -> dict[str, TaskTemplate]:
        names = template_names(job)
        found = {name: self._templates.get((job.namespace, name)) for name in names}
        return {name: template for name, template in found.items() if template is not None}

    async def _revisions(self, view: JobView) -> tuple[dict[str, TaskTemplate], dict[str, str]]:
        """Templates as they were, and the objects that keep them: both by template name."""
        found: dict[str, TaskTemplate] = {}
        names: dict[str, str] = {}
        async for page in self._client.pages(
            CONTROLLER_REVISIONS, view.namespace, label_selector=f"{Label.JOB}={view.name}"
        ):
            for body in page.items:
                meta = body["metadata"]
                owners = [owner["uid"] for owner in meta.get("ownerReferences", ())]
                if view.uid in owners:
                    name = meta["annotations"][TEMPLATE_ANNOTATION]
                    found[name] = TaskTemplate.from_object({**body, "spec": body["data"]})
                    names[name] = meta["name"]
        return found, names

    async def _secret_views(
        self, job: Job, live: Mapping[str, TaskTemplate]
    ) -> dict[str, SecretView | None]:
        views: dict[str, SecretView | None] = {}
        for name in sorted(secret_names(job, merged_tasks(job, live))):
            data = await self._secrets.read(job.namespace, name, waiter=(job.namespace, job.name))
            views[name] = None if data is None else SecretView(frozenset(data))
        return views

    def _aged(self, view: JobView, refusal: Refusal) -> Refusal:
        if not refusal.missing:
            return refusal
        since = self._missing_since.setdefault(view.uid, max(view.created, _told_at(view)))
        return replace(refusal, overdue=self._clock.now() - since >= OVERDUE_SECONDS)

    async def store_revisions(self, view: JobView, accepted: Accepted) -> None:
        """Write each template used once, immutable, owned by the Job."""
        for template, name in accepted.revisions.items():
            body = {
                "apiVersion": CONTROLLER_REVISIONS.api_version,
                "kind": CONTROLLER_REVISIONS.kind,
                "metadata": {
                    "namespace": view.namespace,
                    "name": name,
                    "labels": {str(Label.JOB): view.name},
                    "annotations": {TEMPLATE_ANNOTATION: template},
                    "ownerReferences": [owner_reference(view)],
                },
                "revision": 1,
                "data": {"task": accepted.templates[template].task},
            }
            try:
                await self._client.create(CONTROLLER_REVISIONS, body)
            except AlreadyExists:
                log.debug("%s is stored already", name)
        accepted.stored = True


def _accepted(
    job: Job,
    tasks: tuple[ResolvedTask, ...],
    frozen: Frozen,
    templates: Mapping[str, TaskTemplate],
    *,
    stored: bool,
) -> Accepted:
    revisions = {name: _revision(job, template) for name, template in templates.items()}
    by_name = {task.name: task for task in tasks}
    return Accepted(job.spec, job.generation, by_name, frozen, templates, revisions, stored)


def _complaint(spec: JobSpec) -> Refusal | None:
    """A live Job's use of a feature that has no effect yet is said, and nothing else."""
    uses = [text for _, text in unsupported(JOB_FEATURES, spec)]
    if not uses:
        return None
    text = f"{uses[0]}; the job goes on without"
    return Refusal(Reason.NOT_YET_SUPPORTED, text, lasting=False)


def _revision(job: Job, template: TaskTemplate) -> str:
    text = json.dumps([job.uid, template.name, template.task], sort_keys=True)
    return f"{job.name}-{template.name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _object(view: JobView) -> dict[str, Any]:
    meta = {
        "name": view.name,
        "namespace": view.namespace,
        "uid": view.uid,
        "generation": view.generation,
    }
    return {"metadata": meta, "spec": dict(view.spec)}


def _was_accepted(view: JobView) -> bool:
    return "resolved" in view.status


def _told_at(view: JobView) -> float:
    """Since when the stored status says that it is not accepted; 0 when it says nothing yet."""
    for condition in view.status.get("conditions", ()):
        if condition["type"] == ConditionType.ACCEPTED and condition["status"] == "False":
            return unix(condition["lastTransitionTime"])
    return 0.0
