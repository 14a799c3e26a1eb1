"""Whether a job may run: pure, judged once per generation and again while something is missing.

Three classes of refusal (api.md, conditions): wrong for ever, broken after the merge (an edit of
the template can mend it), missing another object. The gravest decides reason and message.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from batchcompute.api.types import MAX_INSTANCES
from batchcompute.core.job.acceptance import Acceptance, Finding
from batchcompute.core.job.account import check_account, freeze
from batchcompute.core.job.cycle import find_cycle, spelled_out
from batchcompute.core.job.observed import Refusal
from batchcompute.core.job.resolve import Problem, resolve_task
from batchcompute.core.job.rights import check_rights
from batchcompute.core.job.task_checks import check_task
from batchcompute.core.job.unsupported import JOB_FEATURES, unsupported
from batchcompute.vocabulary import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from batchcompute.api.job import Job, TaskEntry
    from batchcompute.api.task_template import TaskTemplate
    from batchcompute.core.job.acceptance import Rules, SecretView
    from batchcompute.core.job.resolved import ResolvedTask


MAX_MESSAGE = 1_024


def accept(
    job: Job,
    templates: Mapping[str, TaskTemplate | None],
    secrets: Mapping[str, SecretView | None],
    rules: Rules,
) -> Acceptance:
    """Judge a job. A name that is no key of `templates` or `secrets` counts as missing."""
    tasks: list[ResolvedTask] = []
    findings = list(_check_job(job))
    for entry in job.spec.tasks:
        found = _resolve(job, entry, templates)
        if isinstance(found, list):
            findings.extend(found)
        else:
            tasks.append(found)
            findings.extend(check_task(job.spec, found, rules))
    findings.extend(_check_total(job, tasks))
    findings.extend(check_account(job, tasks, rules, secrets))
    if job.spec.credentials_secret_ref is None:
        findings.extend(check_rights(job, tasks, rules))
    findings.extend(_check_env_secrets(tasks, secrets))
    if findings:
        return Acceptance(refusal=_refusal(job, findings), findings=tuple(findings))
    return Acceptance(tasks=tuple(tasks), frozen=freeze(job, rules, secrets))


def secret_names(job: Job, tasks: Iterable[ResolvedTask]) -> frozenset[str]:
    """Secrets that acceptance has to know of."""
    names = {name for task in tasks for name, _ in _env_secrets(task)}
    if (ref := job.spec.credentials_secret_ref) is not None:
        names.add(ref.name)
    return frozenset(names)


def merged_tasks(job: Job, templates: Mapping[str, TaskTemplate | None]) -> list[ResolvedTask]:
    """The tasks that can be completed, of a job that is not accepted yet: see `secret_names`."""
    found = (_resolve(job, entry, templates) for entry in job.spec.tasks)
    return [task for task in found if not isinstance(task, list)]


def _check_job(job: Job) -> Iterator[Finding]:
    for path, text in unsupported(JOB_FEATURES, job.spec):
        yield Finding(Reason.NOT_YET_SUPPORTED, text, None, path)
    upstream = {task.name: [edge.task for edge in task.depends_on] for task in job.spec.tasks}
    if cycle := find_cycle(upstream):
        text = f"tasks depend on each other in a circle: {spelled_out(cycle)}: remove one edge"
        yield Finding(Reason.DEPENDENCY_CYCLE, text, None, "tasks")
    for name, others in upstream.items():
        for other in others:
            if other not in upstream:
                text = f'task "{name}": dependsOn names "{other}", which this job does not have'
                yield Finding(Reason.OBJECT_INVALID, text, None, "tasks")


def _check_total(job: Job, tasks: list[ResolvedTask]) -> Iterator[Finding]:
    """The API server has counted a task whose instances a template brings as one."""
    total = sum(task.size for task in tasks)
    if total > MAX_INSTANCES:
        text = f"{total} instances after the merge, at most {MAX_INSTANCES} are allowed: lower them"
        templated = sorted((task for task in tasks if task.template), key=lambda task: task.size)
        task = templated[-1].name if templated else None
        yield Finding(Reason.INVALID_MERGE, text, task, "instances")


def _resolve(
    job: Job, entry: TaskEntry, templates: Mapping[str, TaskTemplate | None]
) -> ResolvedTask | list[Finding]:
    template: TaskTemplate | None = None
    if entry.template_ref is not None:
        name = entry.template_ref.name
        template = templates.get(name)
        if template is None:
            text = f'task "{entry.name}": there is no TaskTemplate "{name}": create it'
            return [Finding(Reason.TEMPLATE_NOT_FOUND, text, entry.name, missing=True)]
    task = resolve_task(job.spec, entry, template.task if template else None)
    if not isinstance(task, list):
        return task
    return [_invalid(entry, problem) for problem in task]


def _invalid(entry: TaskEntry, problem: Problem) -> Finding:
    reason = Reason.INVALID_MERGE if entry.template_ref else Reason.OBJECT_INVALID
    return Finding(reason, f'task "{entry.name}": {problem.text}', entry.name, problem.path)


def _env_secrets(task: ResolvedTask) -> Iterator[tuple[str, str]]:
    """Name and key of every Secret value that the task cannot do without."""
    for variable in task.env:
        if variable.value_from and not variable.value_from.secret_key_ref.optional:
            ref = variable.value_from.secret_key_ref
            yield ref.name, ref.key


def _check_env_secrets(
    tasks: list[ResolvedTask], secrets: Mapping[str, SecretView | None]
) -> Iterator[Finding]:
    for task in tasks:
        for name, key in _env_secrets(task):
            secret = secrets.get(name)
            if secret is None:
                text = f'task "{task.name}": env: there is no Secret "{name}": create it'
            elif key not in secret.keys:
                text = f'task "{task.name}": env: Secret "{name}" has no key {key}: add it'
            else:
                continue
            yield Finding(Reason.SECRET_NOT_FOUND, text, task.name, "env", missing=True)


def _refusal(job: Job, findings: list[Finding]) -> Refusal:
    entries = {entry.name: entry for entry in job.spec.tasks}
    graded = [
        (_grade(entries.get(finding.task or ""), finding), n) for n, finding in enumerate(findings)
    ]
    grade, n = min(graded)
    finding = findings[n]
    message = finding.message
    if len(findings) > 1:
        message = f"{message} (and {len(findings) - 1} more)"
    return Refusal(
        reason=finding.reason,
        message=message if len(message) <= MAX_MESSAGE else f"{message[: MAX_MESSAGE - 3]}...",
        lasting=grade == 0,
        missing=finding.missing,
    )


def _grade(entry: TaskEntry | None, finding: Finding) -> int:
    """0: for ever, 1: the template can mend it, 2: something is missing."""
    if finding.missing:
        return 2
    if entry is None or entry.template_ref is None or _is_own(entry.body, finding.path):
        return 0
    return 1


def _is_own(body: Mapping[str, Any], path: str) -> bool:
    """The job's own task sets the field, or the list that holds it."""
    here: Any = body
    for part in re.sub(r"\[\d+\]", "", path).split("."):
        if isinstance(here, list):
            return True
        if not isinstance(here, dict) or here.get(part) is None:
            return False
        here = here[part]
    return True
