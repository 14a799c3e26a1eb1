from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from dev.bench import job
from dev.bench.api import parse_writes
from dev.bench.report import Floor, Found, report, verdicts

GOOD = Found(
    instances=1000,
    tasks=1,
    floor=Floor(320.0, 1000, {"kube-apiserver": 4.0}),
    wall_seconds=6.0,
    released_seconds=25.0,
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
    cpu={"operator": 2.0, "kube-apiserver": 6.0},
    cpu_released={"operator": 3.0, "kube-apiserver": 7.0},
    operator_peak_mib=120.0,
    others=0.31,
)


def more(key: str, count: int) -> Counter[str]:
    """`GOOD.writes` and these more."""
    return GOOD.writes + Counter({key: count})


MISSED = {
    "all is as it has to be": ([GOOD], 0, []),
    "too slow": (
        [replace(GOOD, wall_seconds=10.0)],
        0,
        ["100 instances/s, at least 150", "0.31 of the floor of 320/s, at least 0.5"],
    ),
    "fast enough, but below half of the floor": (
        [replace(GOOD, floor=Floor(400.0, 1000, {}))],
        0,
        ["0.42 of the floor of 400/s, at least 0.5"],
    ),
    "a third write per instance": (
        [replace(GOOD, writes=more("PATCH taskinstances/status", 1000))],
        0,
        ["3.000 writes per instance, at most 2"],
    ),
    "a third write per instance, of commands that take long": (
        [replace(GOOD, writes=more("PATCH taskinstances/status", 1000))],
        30,
        [],
    ),
    "the ledger and leases are apart": ([replace(GOOD, writes=more("POST secrets", 9999))], 0, []),
    "a call per machine": (
        [replace(GOOD, calls=GOOD.calls + Counter({"TerminateInstances": 4}))],
        0,
        ["26 launch and terminate calls, at most 25"],
    ),
    "a job status with every instance": (
        [replace(GOOD, writes=more("PATCH jobs/status", 20))],
        0,
        ["27 job status writes, at most 26: one a second"],
    ),
}


@pytest.mark.parametrize(
    ("runs", "seconds", "sentences"),
    [pytest.param(*case, id=sentence) for sentence, case in MISSED.items()],
)
def test_a_missed_target_is_told(runs, seconds, sentences):
    assert [v.text for v in verdicts(runs, seconds) if not v.met] == sentences


def test_a_larger_run_is_held_against_the_smaller_one():
    slow = replace(GOOD, instances=5000, wall_seconds=40.0, calls=Counter(), writes=Counter())
    missed = [v.text for v in verdicts([GOOD, slow]) if not v.met]
    assert missed == [
        "125 instances/s, at least 150",
        "0.39 of the floor of 320/s, at least 0.5",
        "0.75 of the rate with 1000, at least 0.8",
    ]


def test_the_report_shows_every_kind_of_write_and_call():
    text = "\n".join(report(GOOD))
    for name in (*GOOD.writes, *GOOD.calls, "operator", "167 instances/s", "0.52 of the floor"):
        assert name in text
    own, _, apart = text.partition("  apart:")
    assert "POST secrets" not in own
    assert "POST secrets" in apart


def test_the_report_fits_in_100_columns():
    large = replace(GOOD, writes=Counter({"PATCH customresourcedefinitions/status": 10**9}))
    lines = [*report(large), *map(str, verdicts([large]))]
    assert max(map(len, lines)) <= 100


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
    made = job.manifest("bench", instances, tasks)["spec"]["tasks"]
    assert len(made) == min(instances, tasks)
    assert sum(task["instances"] for task in made) == instances
