"""What the operator writes is in the schema: the API server drops what is not, without a word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from batchcompute.api.crdgen import object_schema
from batchcompute.api.kinds import JOB, TASK_INSTANCE
from batchcompute.core.attempts import Again, Ended, Spent
from batchcompute.core.job.acceptance import Frozen
from batchcompute.core.job.observed import Failure, Refusal, Wait
from batchcompute.core.job.places import DefaultPlace
from batchcompute.core.job.plan import plan
from batchcompute.core.member_facts import Budget, Outcome
from batchcompute.core.task_instance.status import after_attempt, never_launched, running
from batchcompute.vocabulary import Reason
from tests.unit.core.job.test_plan import NOW, job, task
from tests.unit.core.task_instance.test_status import FACTS

Json = dict[str, Any]

TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": (list, tuple),
    "string": str,
    "integer": int,
    "boolean": bool,
}


def misfits(schema: Json, value: Any, path: str = "status") -> Iterator[str]:
    """Fields that the schema does not know, or would refuse."""
    if value is None:  # a merge patch removes the field
        return
    if not isinstance(value, TYPES[schema["type"]]):
        yield f"{path}: {value!r} is no {schema['type']}"
    elif isinstance(value, dict):
        properties = schema.get("properties", {})
        yield from (f"{path}.{name}: not in the schema" for name in value if name not in properties)
        yield from (
            f"{path}.{name}: missing" for name in schema.get("required", ()) if name not in value
        )
        for name in value.keys() & properties.keys():
            yield from misfits(properties[name], value[name], f"{path}.{name}")
    elif isinstance(value, (list, tuple)):
        if len(value) > schema["maxItems"]:
            yield f"{path}: {len(value)} items"
        for n, item in enumerate(value):
            yield from misfits(schema["items"], item, f"{path}[{n}]")
    elif isinstance(value, str):
        if "enum" in schema and value not in schema["enum"]:
            yield f"{path}: {value} is none of the enum"
        if len(value) > schema.get("maxLength", len(value)):
            yield f"{path}: {len(value)} characters"


def status_of(crd: Any) -> Json:
    found: Json = object_schema(crd)["properties"]["status"]
    return found


FAILURES = tuple(
    Failure(n, 1, "NonZeroExit", NOW - n, 2, "m" * 9_000, "cos://data-1250000000/err")
    for n in range(50)
)
FROZEN = Frozen(
    "ap-guangzhou",
    "cos://ws-1250000000/",
    "1250000000",
    DefaultPlace("z-3", "vpc-1", "subnet-1", ("sg-1",), 7),
)
JOBS = {
    "a job at work": job(
        task("a", "+x"),
        task("b", "+x.sr", template_revision="demo-b-1", failures=FAILURES),
        resolved=FROZEN.as_json(),
        wait=Wait(Reason.OUT_OF_STOCK, "w" * 9_000),
    ),
    "a job that ended": job(task("a", "++x"), task("b", ".", "a")),
    "a job with gaps everywhere": job(*(task(f"t{n}", "+x" * 2_000) for n in range(20))),
    "a refused job": job(
        refusal=Refusal(Reason.DEPENDENCY_CYCLE, "c" * 9_000, lasting=True), finalizer=False
    ),
    "a job that is stopped": job(task("a", "r."), terminate=True, open_members=1),
}


@pytest.mark.parametrize("facts", JOBS.values(), ids=JOBS)
def test_the_status_of_a_job_fits(facts: Any) -> None:
    wanted = plan(facts, NOW).status
    assert wanted
    assert list(misfits(status_of(JOB), wanted)) == []
    assert len(json.dumps(wanted)) < 64 << 10


OUTCOME = Outcome(Reason.NON_ZERO_EXIT, Budget.USER, exit_code=3)
ENTRIES = [{"number": n} for n in range(10)]
INSTANCES: dict[str, Json] = {
    "a running instance": running(FACTS, 1),
    "an instance that is retried": after_attempt(
        FACTS, OUTCOME, Again(2, NOW, Spent(user=1)), ENTRIES, 1
    ),
    "an instance that ended": after_attempt(
        FACTS, OUTCOME, Ended(False, Reason.NON_ZERO_EXIT, Spent(user=1)), ENTRIES, 1
    ),
    "an instance without a machine": never_launched(0, Reason.CREATION_FAILED, NOW, 1),
}


@pytest.mark.parametrize("wanted", INSTANCES.values(), ids=INSTANCES)
def test_the_status_of_a_task_instance_fits(wanted: Json) -> None:
    assert list(misfits(status_of(TASK_INSTANCE), wanted)) == []
