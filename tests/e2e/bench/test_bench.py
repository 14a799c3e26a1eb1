"""A small bench: what one job costs in writes and calls. Its speed is not judged here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dev.bench.report import Found, report
from dev.bench.run import Wanted, bench

N = 60


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Found]:
    """60 instances in 3 tasks of one job, on a cluster of its own: nobody else writes there."""
    (only,) = bench(tmp_path_factory.mktemp("bench"), Wanted(N, tasks=3), lambda _: None)
    print("\n".join(report(only)))  # shown when a test fails
    yield only


def test_a_task_instance_is_created_and_finished_and_not_written_otherwise(found):
    made = {key: n for key, n in found.writes.items() if "taskinstances" in key}
    assert made == {"POST taskinstances": N, "PATCH taskinstances/status": N}


def test_a_job_is_written_rarely(found):
    assert found.writes["PATCH jobs"] == 1  # the finalizer
    assert found.writes["PATCH jobs/status"] <= found.released_seconds + 1


def test_the_ledger_costs_little(found):
    """A launch and its binding; closed records are deleted, sooner or later."""
    assert found.writes["POST secrets"] == 1
    assert found.writes["PUT secrets"] == 1
    assert found.writes["DELETE secrets"] <= 2  # this one's, and an earlier leader's


def test_one_call_makes_all_machines_and_one_or_two_end_them(found):
    assert found.calls["RunInstances"] == 1
    assert found.calls["TerminateInstances"] in (1, 2)


def test_each_machine_costs_its_own_requests_and_no_more(found):
    """runner, directory, two beats, start lock, result, done; and the operator's read of done."""
    assert found.calls["cos:PutObject"] == 5 * N + 1  # the directory
    reads = found.calls["cos:GetObject"]
    assert 3 * N <= reads <= 3 * N + 2 * N  # a machine may be up before its directory is there
