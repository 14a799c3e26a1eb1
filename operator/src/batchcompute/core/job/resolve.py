"""From a job and its templates to complete tasks, or to what keeps a task from being complete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from batchcompute.core.job.merge import contradictions, merge
from batchcompute.core.job.observed import Edge
from batchcompute.core.job.resolved import ResolvedTask

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from batchcompute.api.job import Job, JobSpec, TaskEntry
    from batchcompute.api.task_template import TaskTemplate


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a field. `path` is its JSON path within the task, e.g. `compute.zones`."""

    path: str
    text: str


def template_names(job: Job) -> frozenset[str]:
    """TaskTemplates that the job names."""
    return frozenset(entry.template_ref.name for entry in job.spec.tasks if entry.template_ref)


def resolve_task(
    spec: JobSpec, entry: TaskEntry, template: Mapping[str, Any] | None
) -> ResolvedTask | list[Problem]:
    """The complete task, or everything that is wrong with it. `template`: its `spec.task`."""
    body = merge(template or {}, entry.body)
    problems = [Problem(path, text) for path, text in contradictions(body)]
    if problems:
        return problems
    edges = tuple(
        Edge(edge.task, str(edge.policy or spec.dependency_policy)) for edge in entry.depends_on
    )
    name = entry.template_ref.name if entry.template_ref else None
    try:
        task = ResolvedTask.parse({**body, "name": entry.name, "edges": edges, "template": name})
    except ValidationError as error:
        return list(_field_errors(error))
    return list(_gang(task)) or task


def resolve_tasks(job: Job, templates: Mapping[str, TaskTemplate]) -> tuple[ResolvedTask, ...]:
    """The tasks of an accepted job, from the templates as they were frozen at acceptance.

    Raises `ValueError` for what acceptance would have refused: the revisions are not the job's.
    """
    tasks = []
    for entry in job.spec.tasks:
        template = templates[entry.template_ref.name].task if entry.template_ref else None
        task = resolve_task(job.spec, entry, template)
        if isinstance(task, list):
            raise ValueError(f"task {entry.name}: {task[0].text}")
        tasks.append(task)
    return tuple(tasks)


def _field_errors(error: ValidationError) -> Iterator[Problem]:
    """Sentences without the value: it may be a secret."""
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        path = _json_path(item["loc"])
        if item["type"] == "missing":
            yield Problem(path, f"{path} is missing: set it")
        else:
            yield Problem(path, f"{path}: {item['msg'][0].lower()}{item['msg'][1:]}")


def _json_path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path.removeprefix(".")


def _gang(task: ResolvedTask) -> Iterator[Problem]:
    commands = len(task.application.commands)
    if commands and task.size != commands:
        yield Problem(
            "instances",
            f"instances is {task.size} and application.commands has {commands} entries: remove "
            "instances",
        )
    if commands and (task.max_concurrent_instances or commands) < commands:
        yield Problem(
            "maxConcurrentInstances",
            "application.commands start together: remove maxConcurrentInstances, or raise it to "
            f"{commands}",
        )
    if task.restart_compute_node and task.compute_env_ref is None:
        yield Problem("restartComputeNode", "restartComputeNode needs computeEnvRef: remove it")
