"""The operator ends and comes back: nothing waits for a lease of its own, nothing runs twice."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.site import Object, Site, command, ended_with, job_manifest, ran

LINES = 90
LONG = f"for n in $(seq {LINES}); do echo line $n; sleep 1; done"
SHORT = "echo began; sleep 6.25; echo ended"
LIFE = 30.0
"""Seconds that a signature lasts: far less than the long command."""
DOWN = 10.0


@pytest.fixture(scope="module")
def jobs(site: Site, namespace: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`long` runs under short-lived signatures; `short` is under way while the operator goes."""
    elsewhere: Path = tmp_path_factory.mktemp("elsewhere")
    site.restart_operator(mailbox={"signatureLifeSeconds": LIFE})
    site.apply(job_manifest(namespace, "long", command("work", LONG, timeoutSeconds=300)))
    site.until_process(namespace, LONG)
    return elsewhere


def come_back(site: Site, elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> float:
    """Starts the operator in another directory; how long that took, in seconds."""
    monkeypatch.chdir(elsewhere)
    began = time.monotonic()
    site.start_operator()
    return time.monotonic() - began


def test_a_job_applied_just_before_the_end_is_run_once(jobs, site, namespace, monkeypatch):
    site.apply(job_manifest(namespace, "before", command("work", SHORT)))
    site.kill_operator()
    assert come_back(site, jobs, monkeypatch) < 10, "a lease lasts 15 s"
    site.until(lambda: running(site, namespace, "before"), "it runs")


def running(site: Site, namespace: str, job: str) -> list[Object]:
    """The processes of its command."""
    status = site.instance(namespace, f"{job}.work.0").get("status", {})
    machines = [m for m in site.machines(namespace) if m["id"] == status.get("instanceId")]
    return [p for machine in machines for p in ran(machine, SHORT)]


def test_a_job_that_runs_meanwhile_goes_on_where_it_was(jobs, site, namespace, monkeypatch):
    site.apply(job_manifest(namespace, "meanwhile", command("work", SHORT)))
    machine, process = site.until(lambda: under_way(site, namespace), "it runs")
    site.kill_operator()
    site.until(
        lambda: any(p["end"] for p in ran(site.cloud.machine(machine["id"]), SHORT)),
        "the command ends while nobody looks",
    )
    come_back(site, jobs, monkeypatch)
    for name in ("before", "meanwhile"):
        site.until_condition(namespace, name, "Complete")
        status = site.instance(namespace, f"{name}.work.0")["status"]
        assert (status["attempt"], status["exitCode"]) == (0, 0)
        assert ended_with(running(site, namespace, name), 0)
        assert site.read(status["stdout"]) == b"began\nended\n"
    assert process["start"]
    assert list(jobs.iterdir()) == [], "the operator keeps no file"


def under_way(site: Site, namespace: str) -> tuple[Object, Object] | None:
    """The machine whose short command has not ended, and that process."""
    found = [
        (machine, process)
        for machine in site.machines(namespace)
        for process in ran(machine, SHORT)
        if process["end"] is None
    ]
    return found[-1] if found else None


def test_a_command_outlives_its_signatures_with_the_operator_down(
    jobs, site, namespace, monkeypatch
):
    site.kill_operator()
    since = time.monotonic()
    site.until(lambda: time.monotonic() - since > DOWN, "it was down for ten seconds", DOWN + 5)
    come_back(site, jobs, monkeypatch)
    site.until_condition(namespace, "long", "Complete", seconds=LINES + 60)
    status = site.instance(namespace, "long.work.0")["status"]
    assert (status["attempt"], status["exitCode"], len(status["attempts"])) == (0, 0, 1)
    log = site.read(status["stdout"])
    assert log == b"".join(b"line %d\n" % n for n in range(1, LINES + 1))
    (run,) = ran(site.cloud.machine(status["instanceId"]), LONG)
    assert run["end"] - run["start"] > 2 * LIFE
    site.restart_operator(mailbox={"signatureLifeSeconds": None})
