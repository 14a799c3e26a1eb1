"""What maxRetries does: another machine, a clean directory, a log of each attempt."""

from __future__ import annotations

import itertools

import pytest

from tests.support.site import Object, Site, command, ended_with, job_manifest, ran, state_time

FLAKY = """
echo "files: $(ls -A)"
touch leftover
sleep 1
echo "attempt $BATCH_TASK_ATTEMPT of $BATCH_TASK_INSTANCE_INDEX" >&2
[ "$BATCH_TASK_ATTEMPT" = 2 ] || exit "$((40 + BATCH_TASK_ATTEMPT))"
"""
HOPELESS = 'echo "no luck" >&2; exit 3'


@pytest.fixture(scope="module")
def jobs(site: Site, namespace: str) -> dict[str, Object]:
    """A job that succeeds at its third attempt and one that never does, both ended."""
    site.apply(
        job_manifest(namespace, "flaky", command("work", FLAKY, maxRetries=2)),
        job_manifest(namespace, "hopeless", command("work", HOPELESS, maxRetries=1)),
    )
    site.until_condition(namespace, "flaky", "Complete", seconds=150)
    return {name: site.until_released(namespace, name) for name in ("flaky", "hopeless")}


def attempts(site: Site, namespace: str, job: str) -> list[Object]:
    listed: list[Object] = site.instance(namespace, f"{job}.work.0")["status"]["attempts"]
    return listed


def test_it_fails_twice_and_then_succeeds(jobs, site, namespace):
    status = site.instance(namespace, "flaky.work.0")["status"]
    assert (status["phase"], status["attempt"], status["exitCode"]) == ("Succeeded", 2, 0)
    told = [(a["number"], a["reason"], a["exitCode"]) for a in status["attempts"]]
    assert told == [(0, "NonZeroExit", 40), (1, "NonZeroExit", 41), (2, "Completed", 0)]
    assert jobs["flaky"]["status"]["instances"] == {"total": 1, "succeeded": 1}


def test_every_attempt_has_a_machine_of_its_own_and_no_two_run_at_once(jobs, site, namespace):
    tried = attempts(site, namespace, "flaky")
    machines = {machine["id"]: machine for machine in site.machines(namespace)}
    runs = []
    for attempt in tried:
        machine = machines[attempt["instanceId"]]
        (run,) = ran(machine, FLAKY)
        assert ended_with([run], attempt["exitCode"])
        runs.append((run["start"], run["end"]))
    assert len({attempt["instanceId"] for attempt in tried}) == 3
    assert all(before[1] < after[0] for before, after in itertools.pairwise(runs))
    assert len(machines) == 5


def test_every_attempt_has_its_own_log_and_starts_in_a_clean_directory(jobs, site, namespace):
    machines = {machine["id"]: machine for machine in site.machines(namespace)}
    for number, attempt in enumerate(attempts(site, namespace, "flaky")):
        assert site.read(attempt["stdout"]) == b"files: \n"
        assert site.read(attempt["stderr"]) == f"attempt {number} of 0\n".encode()
        went = state_time(machines[attempt["instanceId"]], "TERMINATING")
        assert max(site.uploads(attempt["stderr"])) < went


def test_a_job_whose_retries_are_used_up_fails_and_keeps_the_exit_code(jobs, site, namespace):
    job, status = jobs["hopeless"], site.instance(namespace, "hopeless.work.0")["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "NonZeroExit")
    assert (status["attempt"], status["exitCode"]) == (1, 3)
    assert status["stderr"] in status["message"]
    assert len(status["attempts"]) == 2
    (task,) = job["status"]["tasks"]
    assert (job["status"]["phase"], task["phase"]) == ("Failed", "Failed")
    assert task["failedIndexes"] == "0"
    (failure,) = task["recentFailures"]
    assert (failure["index"], failure["attempt"], failure["exitCode"]) == (0, 1, 3)
    assert failure["reason"] == "NonZeroExit"
    assert site.read(failure["stderr"]) == b"no luck\n"
    failed = site.condition(namespace, "hopeless", "Failed")
    assert failed["reason"] == "TasksFailed"
    assert "work (Failed)" in failed["message"]
    assert site.condition(namespace, "hopeless", "Stalled")


def test_events_name_each_failed_attempt(jobs, site, namespace):
    about = site.events(namespace, "hopeless")
    assert [e["type"] for e in about if e["reason"] == "TasksFailed"] == ["Warning"]
