"""A machine that goes without a result: another attempt, and no retry of the user's."""

from __future__ import annotations

import pytest

from tests.support.site import Object, Site, command, job_manifest, ran, state_time

ENDS = {"killed": "kill", "vanished": "vanish"}
HANGS = {name: f"exec sleep {1000 + n}" for n, name in enumerate(ENDS)}


def script(name: str) -> str:
    return f'[ "$BATCH_TASK_ATTEMPT" != 0 ] || {HANGS[name]}\necho again; sleep 0.5'


@pytest.fixture(scope="module")
def jobs(site: Site, namespace: str) -> dict[str, Object]:
    """The machine of each first attempt ends in its own way; maxRetries is 0."""
    site.apply(*(job_manifest(namespace, name, command("work", script(name))) for name in ENDS))
    for name, deed in ENDS.items():
        machine, _ = site.until_process(namespace, HANGS[name].split()[-1])
        site.cloud.do(machine["id"], deed)
    for name in ENDS:
        site.until_condition(namespace, name, "Complete", seconds=150)
    return {name: site.until_released(namespace, name) for name in ENDS}


@pytest.mark.parametrize("name", ENDS)
def test_the_next_attempt_runs_on_another_machine(jobs, site, namespace, name):
    status = site.instance(namespace, f"{name}.work.0")["status"]
    assert [(a["number"], a["reason"]) for a in status["attempts"]] == [
        (0, "MachineLost"),
        (1, "Completed"),
    ]
    assert len({a["instanceId"] for a in status["attempts"]}) == 2
    assert status.get("retriesUsed", 0) == 0


@pytest.mark.parametrize("name", ENDS)
def test_the_next_attempt_waits_until_the_first_machine_is_gone(jobs, site, namespace, name):
    machines = {machine["id"]: machine for machine in site.machines(namespace)}
    first, second = site.instance(namespace, f"{name}.work.0")["status"]["attempts"]
    (run,) = ran(machines[second["instanceId"]], script(name))
    went = machines[first["instanceId"]]["states"][-1]
    assert float(went["time"]) < run["start"]
    assert state_time(machines[second["instanceId"]], "RUNNING") > float(went["time"])


def test_the_ledger_keeps_nothing_of_it(jobs, site):
    """No launch, no stop record: the newest record alone may stay."""
    site.until(
        lambda: len([name for name in site.secrets() if name.startswith("bc-ledger-0")]) <= 2,
        "closed records are deleted, those of tests before among them",
        seconds=180,
    )
