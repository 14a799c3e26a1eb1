"""Order and caps: what runs after what, what never runs, and how many at once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.site import Object, Site, command, job_manifest, ran, state_time

PHASES = {
    "a": "Failed",
    "b": "UpstreamFailed",
    "c": "Succeeded",
    "d": "Succeeded",
    "e": "UpstreamFailed",
    "f": "Succeeded",
    "g": "UpstreamFailed",
    "empty": "Succeeded",
    "h": "Succeeded",
}
WIDE, OTHER = "exec sleep 2.25", "exec sleep 2.75"


def says(name: str) -> str:
    """A command that can be told from the others', and is long enough to be seen."""
    return f"echo {name}; sleep 0.5"


def echo(name: str, *upstream: str, **task: Any) -> Object:
    """A task that says its name; upstream is `task` or `task:policy`."""
    edges = [dict(zip(("task", "policy"), one.split(":"), strict=False)) for one in upstream]
    more = {"dependsOn": edges} if edges else {}
    return command(name, says(name), **more, **task)


@pytest.fixture(scope="module")
def jobs(site: Site, namespace: str) -> dict[str, Object]:
    """A graph with a failure near its root, and a job with caps, both ended."""
    graph = [
        command("a", '[ "$BATCH_TASK_INSTANCE_INDEX" = 0 ] || { sleep 0.5; exit 5; }', instances=2),
        echo("b", "a"),
        echo("c", "a:PartlySucceeded"),
        echo("d", "b:Finished", "c"),
        echo("e", "b"),
        echo("f", "e:Finished"),
        echo("g", "e:PartlySucceeded"),
        echo("empty", instances=0),
        echo("h", "empty"),
    ]
    capped = [
        command("wide", WIDE, instances=5, maxConcurrentInstances=2),
        command("other", OTHER, instances=3),
    ]
    site.apply(
        job_manifest(namespace, "graph", *graph),
        job_manifest(namespace, "capped", *capped, maxConcurrentInstances=3),
    )
    waits = site.until(
        lambda: site.condition(namespace, "capped", "Waiting"), "the capped job says what it awaits"
    )
    assert waits["reason"] == "MaxConcurrentReached"
    assert "3" in waits["message"] or "2" in waits["message"]
    return {
        "graph": site.until_condition(namespace, "graph", "Finished", seconds=120),
        "capped": site.until_condition(namespace, "capped", "Complete", seconds=120),
    }


def test_each_policy_opens_or_closes_what_it_should(jobs):
    status = jobs["graph"]["status"]
    assert {task["name"]: task["phase"] for task in status["tasks"]} == PHASES
    assert (status["phase"], status["tasksDone"]) == ("Failed", "9/9")
    failed = next(c for c in status["conditions"] if c["type"] == "Failed")
    assert "a (Failed)" in failed["message"]


def test_upstream_failures_spread_without_a_launch(jobs, site, namespace):
    names = {one["metadata"]["name"] for one in site.instances(namespace, "graph")}
    assert names == {"graph." + n for n in ("a.0", "a.1", "c.0", "d.0", "f.0", "h.0")}
    texts = {p["argv"][-1] for m in site.machines(namespace) for p in m["processes"] if p["argv"]}
    assert texts.isdisjoint(map(says, "beg"))


def test_a_task_starts_after_what_it_depends_on(jobs, site, namespace):
    machines = site.machines(namespace)
    runs = {
        name: (machine, process)
        for name in ("c", "d", "f", "h")
        for machine in machines
        for process in ran(machine, says(name))
    }
    first = [site.instance(namespace, f"graph.a.{n}")["status"]["instanceId"] for n in (0, 1)]
    ends = [
        p["end"]
        for one in first
        for p in site.cloud.machine(one)["processes"]
        if p["argv"] and "exit 5" in p["argv"][-1]
    ]
    assert max(ends) < state_time(runs["c"][0], "PENDING")
    assert runs["c"][1]["end"] < state_time(runs["d"][0], "PENDING")


def test_a_task_without_instances_has_succeeded(jobs):
    task = next(t for t in jobs["graph"]["status"]["tasks"] if t["name"] == "empty")
    assert (task["phase"], task["counts"]) == ("Succeeded", {"total": 0})
    assert task["completionTime"]


def most_at_once(spans: list[tuple[float, float]]) -> int:
    return max(sum(begin <= at < end for begin, end in spans) for at, _ in spans)


def test_caps_count_from_the_launch_to_the_end_of_the_command(jobs, site, namespace):
    spans: dict[str, list[tuple[float, float]]] = {WIDE: [], OTHER: []}
    for machine in site.machines(namespace):
        for text, found in spans.items():
            last = text.rpartition(" ")[2]
            found += [(state_time(machine, "PENDING"), p["end"]) for p in ran(machine, last)]
    assert {text: len(found) for text, found in spans.items()} == {WIDE: 5, OTHER: 3}
    assert most_at_once(spans[WIDE]) == 2
    assert most_at_once([*spans[WIDE], *spans[OTHER]]) == 3
