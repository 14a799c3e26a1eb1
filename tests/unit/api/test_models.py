"""Reading objects: what the operator gets from what the API server stores."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from batchcompute.api.compute_env import ComputeEnvSpec
from batchcompute.api.enums import DependencyPolicy
from batchcompute.api.job import Job
from batchcompute.api.task_instance import TaskInstanceSpec, TaskInstanceStatus
from batchcompute.api.task_template import TaskTemplate
from batchcompute.vocabulary import InstancePhase

Json = dict[str, Any]

META: Json = {"name": "demo", "namespace": "team-a", "uid": "u-1", "generation": 3}


def test_a_job_is_read_with_its_tasks_as_they_were_written() -> None:
    task = {
        "name": "b",
        "templateRef": {"name": "counter"},
        "dependsOn": [{"task": "a"}, {"task": "c", "policy": "Finished"}],
        "env": [{"name": "A", "value": "1"}],
    }
    job = Job.from_object(
        {"metadata": META, "spec": {"tasks": [task], "dependencyPolicy": "Finished"}}
    )
    assert (job.name, job.namespace, job.uid, job.generation) == ("demo", "team-a", "u-1", 3)
    assert job.spec.dependency_policy is DependencyPolicy.FINISHED
    (entry,) = job.spec.tasks
    assert (entry.name, entry.template_ref and entry.template_ref.name) == ("b", "counter")
    assert [(edge.task, edge.policy) for edge in entry.depends_on] == [
        ("a", None),
        ("c", DependencyPolicy.FINISHED),
    ]
    assert entry.body == {"env": [{"name": "A", "value": "1"}]}


def test_a_field_of_a_later_release_is_dropped() -> None:
    job = Job.from_object({"metadata": META, "spec": {"tasks": [{"name": "a"}], "novelty": 1}})
    assert "novelty" not in job.spec.model_dump()


def test_what_an_older_release_let_through_is_told() -> None:
    with pytest.raises(ValidationError):
        Job.from_object({"metadata": META, "spec": {"tasks": [{"name": "a"}], "priority": 101}})


def test_a_template_is_read_as_it_was_written() -> None:
    raw = {"metadata": META, "spec": {"task": {"maxRetries": 1}, "description": "x"}}
    assert TaskTemplate.from_object(raw).task == {"maxRetries": 1}


def test_names_with_capitals_are_spelled_as_in_the_contract() -> None:
    spec = TaskInstanceSpec.parse({"job": "j", "jobUID": "u", "task": "a", "index": 0})
    assert (spec.job_uid, spec.terminate) == ("u", False)
    status = TaskInstanceStatus.parse({"privateIP": "10.0.0.1", "observedGeneration": -1})
    assert (status.private_ip, status.phase) == ("10.0.0.1", InstancePhase.STARTING)


def test_an_env_has_its_defaults() -> None:
    compute = {"imageId": "img-1", "instanceTypes": ["S5.MEDIUM4"]}
    env = ComputeEnvSpec.parse({"compute": compute, "autoscaling": {"maxNodes": 5}})
    assert (env.desired_nodes, env.resource_max_retries) == (0, 7)
    assert env.autoscaling
    assert (env.autoscaling.min_nodes, env.autoscaling.idle_seconds) == (0, 300)


def test_a_command_s_text_is_in_no_repr_of_a_job() -> None:
    task = {"name": "a", "application": {"command": "echo hunter2"}}
    assert "hunter2" not in repr(Job.from_object({"metadata": META, "spec": {"tasks": [task]}}))
