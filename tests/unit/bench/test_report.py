from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.support.bench import job
from tests.support.bench.api import parse_writes
from tests.support.bench.report import Found, lines, misses

GOOD = Found(
    instances=1000,
    floor=320.0,
    wall_seconds=6.0,
    writes=Counter(
        {
            "POST taskinstances": 1000,
            "PATCH taskinstances/status": 1000,
            "PATCH jobs/status": 7,
            "POST secrets": 10,
            "PUT leases": 3,
        }
    ),
    calls=Counter({"RunInstances": 10, "TerminateInstances": 12, "DescribeInstances": 30}),
    cpu={"operator": 2.0},
    operator_peak_mib=120.0,
)

MISSES = {
    "all is as it has to be": (GOOD, []),
    "too slow": (
        replace(GOOD, wall_seconds=10.0),
        ["100 instances/s is below 150", "100 instances/s is below half of the floor of 320"],
    ),
    "fast enough, but below half of the floor": (
        replace(GOOD, floor=400.0),
        ["167 instances/s is below half of the floor of 400"],
    ),
    "a third write per instance": (
        replace(GOOD, writes=GOOD.writes + Counter({"PATCH taskinstances/status": 1000})),
        ["3.00 writes per instance is above 2"],
    ),
    "the ledger, leases and job status are apart": (
        replace(GOOD, writes=GOOD.writes + Counter({"POST secrets": 9999, "PATCH jobs/status": 9})),
        [],
    ),
    "a call per machine": (
        replace(GOOD, calls=GOOD.calls + Counter({"TerminateInstances": 4})),
        ["26 launch and terminate calls are above 25"],
    ),
}


@pytest.mark.parametrize(("found", "sentences"), MISSES.values(), ids=MISSES.keys())
def test_misses(found, sentences):
    assert list(misses(found)) == sentences


def test_the_report_shows_every_kind_of_write_and_call():
    text = "\n".join(lines(GOOD))
    for name in (*GOOD.writes, *GOOD.calls, "operator", "167 instances/s, 0.52 of the floor"):
        assert name in text
    own, _, apart = text.partition("apart from these")
    assert "POST secrets" not in own
    assert "POST secrets" in apart


def test_writes_are_read_from_the_servers_counters():
    text = """
# TYPE apiserver_request_total counter
apiserver_request_total{code="201",dry_run="",resource="jobs",subresource="",verb="POST"} 3
apiserver_request_total{code="200",group="g",resource="jobs",subresource="status",verb="PATCH"} 4
apiserver_request_total{code="409",group="g",resource="jobs",subresource="status",verb="PATCH"} 9
apiserver_request_total{code="200",group="g",resource="jobs",subresource="",verb="LIST"} 9
apiserver_request_total{code="201",group="h",resource="jobs",subresource="",verb="POST"} 1
"""
    assert parse_writes(text) == {"POST jobs": 4, "PATCH jobs/status": 4}


@pytest.mark.parametrize(("instances", "tasks"), [(1000, 1), (10, 3), (5, 10)])
def test_the_job_has_all_instances_in_its_tasks(instances, tasks):
    made = job.manifest(instances, tasks)["spec"]["tasks"]
    assert len(made) == tasks
    assert sum(task["instances"] for task in made) == instances
