"""Jobs, templates and settings for the acceptance tables."""

from __future__ import annotations

from typing import Any

from batchcompute.api.job import Job
from batchcompute.api.task_template import TaskTemplate
from batchcompute.core.cospath import CosDirectory
from batchcompute.core.job.accept import accept
from batchcompute.core.job.acceptance import Acceptance, Rules, SecretView
from batchcompute.core.job.places import DefaultPlace
from batchcompute.settings import Permission

Json = dict[str, Any]

COMPUTE: Json = {"imageId": "img-batch001", "instanceType": "S5.MEDIUM4"}
WORKSPACE = CosDirectory("batchcompute-1250000000", "ws/")
PLACE = DefaultPlace("ap-guangzhou-3", "vpc-1", "subnet-3", ("sg-own",))
EVERYTHING = Permission(
    namespaces=("*",),
    buckets=("*",),
    cam_roles=("*",),
    hosts=("*",),
    snapshots=("*",),
    security_groups=("*",),
    file_systems=("*",),
    regions=("*",),
    projects=(7,),
)
KEY_PAIR = SecretView(frozenset({"secretId", "secretKey"}))


def rules(*permissions: Permission, place: DefaultPlace = PLACE) -> Rules:
    return Rules(
        app_id="1250000000",
        region="ap-guangzhou",
        workspace=WORKSPACE,
        default_place=place,
        permissions=permissions or (EVERYTHING,),
        workspaces=(WORKSPACE, CosDirectory("other-1250000000", "deep/ws/")),
    )


def task(name: str = "a", /, **fields: Any) -> Json:
    whole = {"name": name, "application": {"command": "true"}, "compute": COMPUTE, **fields}
    return {key: value for key, value in whole.items() if value is not None}


def job(*tasks: Json, **spec: Any) -> Job:
    meta = {"name": "demo", "namespace": "team-a", "uid": "u-1", "generation": 1}
    return Job.from_object({"metadata": meta, "spec": {"tasks": list(tasks) or [task()], **spec}})


def template(**fields: Any) -> TaskTemplate:
    meta = {"name": "counter", "namespace": "team-a", "uid": "u-2"}
    return TaskTemplate.from_object({"metadata": meta, "spec": {"task": fields}})


def judge(
    subject: Job,
    *,
    by: Rules | None = None,
    templates: dict[str, TaskTemplate | None] | None = None,
    secrets: dict[str, SecretView | None] | None = None,
) -> Acceptance:
    return accept(subject, templates or {}, secrets or {}, by or rules())


FOR_EVER = "wrong for ever"
BROKEN = "the template can mend it"
MISSING = "missing something"


def grade(acceptance: Any) -> str:
    refusal = acceptance.refusal
    if refusal.lasting:
        return FOR_EVER
    return MISSING if refusal.missing else BROKEN


def copy(source: str = "cos://data-1250000000/in/", path: str = "in") -> Json:
    return task(inputMappings=[{"source": source, "path": path, "mode": "Copy"}])


def edges(*names: str) -> list[Json]:
    return [{"task": name} for name in names]


def compute(**fields: Any) -> Json:
    return task(compute={**COMPUTE, **fields})
