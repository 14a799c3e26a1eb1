"""The runner may be killed at any moment; its command runs once (R7, R8)."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from batchcompute.mailbox.definition import Definition
from batchcompute.mailbox.inbound import Outcome, Reason
from batchcompute.mailbox.records import Deadlines
from tests.support.bucket import Request
from tests.support.runner import ATTEMPT, LAYOUT, RID, WS, Host, alive, wait_for


def started(host: Host) -> list[str]:
    """One line for each time that the command began."""
    path = host.folder / "starts"
    return path.read_text().splitlines() if path.exists() else []


def counted(host: Host, command: str) -> Definition:
    return Definition(f"echo run >> {host.folder}/starts; {command}")


def test_killed_while_the_command_runs_it_takes_hold_again(host: Host) -> None:
    host.direct(counted(host, "echo one; sleep 2; echo two; exit 5"))
    first = host.start()
    wait_for("the command runs", host.running)
    host.kill(first)
    host.start()
    result = host.result()
    assert (result.reason, result.exit and result.exit.code) == (Reason.NON_ZERO_EXIT, 5)
    assert host.stream("out") == b"one\ntwo\n"
    assert started(host) == ["run"]


def test_the_exit_of_a_command_that_ended_without_a_runner_is_kept(host: Host) -> None:
    host.direct(counted(host, "echo one; sleep 0.5; exit 5"))
    first = host.start()
    pid = wait_for("the command runs", host.running)
    host.kill(first)
    wait_for("the command ends", lambda: not alive(pid))
    host.start()
    result = host.result()
    assert result.exit is not None and result.exit.code == 5
    assert result.elapsed.start is not None and result.elapsed.exit is not None
    assert 0.4 < result.elapsed.exit - result.elapsed.start < 2
    assert host.stream("out") == b"one\n"


def test_a_timeout_holds_across_a_restart(host: Host) -> None:
    host.direct(counted(host, "trap '' TERM; sleep 60; sleep 60"), Deadlines(30, 2, 30, 1))
    first = host.start()
    wait_for("TERM was sent", (host.state / "run/0/stop.json").exists)
    host.kill(first)
    host.start()
    result = host.result()
    assert result.reason is Reason.TIMED_OUT
    assert started(host) == ["run"]


def test_a_command_that_ended_by_our_term_without_a_runner_timed_out(host: Host) -> None:
    host.direct(
        Definition(f"trap 'touch {host.folder}/term; sleep 1; exit 0' TERM; sleep 60"),
        Deadlines(30, 1, 30, 20),
    )
    first = host.start()
    wait_for("TERM was sent", (host.state / "run/0/stop.json").exists)
    pid = host.running()
    assert pid is not None
    wait_for("TERM has come", lambda: not alive(pid) or (host.folder / "term").exists())
    host.kill(first)
    wait_for("the command ends", lambda: not alive(pid))
    host.start()
    result = host.result()
    assert (result.reason, result.exit and result.exit.code) == (Reason.TIMED_OUT, 0)


def test_started_without_a_process_is_never_started_again(host: Host) -> None:
    host.direct(counted(host, "echo up; sleep 60"))
    first = host.start()
    pid = wait_for("the command runs", host.running)
    host.kill(first)
    os.kill(host.shim(), signal.SIGKILL)
    host.start()
    result = host.result()
    assert (result.outcome, result.reason) == (Outcome.FAILED, Reason.RUNNER_LOST)
    assert result.exit is None
    assert not alive(pid)
    assert host.stream("out") == b"up\n"
    assert started(host) == ["run"]


def test_the_shims_death_under_a_living_runner_is_noticed(host: Host) -> None:
    host.direct(counted(host, "sleep 60"))
    host.start()
    wait_for("the command runs", host.running)
    os.kill(host.shim(), signal.SIGKILL)
    assert host.result().reason is Reason.RUNNER_LOST


def test_another_boot_with_a_started_command_is_a_reboot(host: Host) -> None:
    host.direct(counted(host, "sleep 60"))
    first = host.start()
    wait_for("the command runs", host.running)
    host.kill(first)
    os.kill(host.shim(), signal.SIGKILL)
    path = host.state / "run/0/started.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "boot": "another"}))
    host.start()
    assert host.result().reason is Reason.REBOOTED
    assert started(host) == ["run"]


def test_a_shim_that_comes_too_late_starts_nothing(host: Host) -> None:
    """The runner died after `started` was on disk; its shim was still to come."""
    host.direct(counted(host, "sleep 60"))
    host.start()
    wait_for("the command runs", host.running)
    os.kill(host.shim(), signal.SIGKILL)
    host.result()
    late = host.shim_again()
    assert late == 0
    assert started(host) == ["run"]


def test_the_attempt_of_another_machine_is_not_run(host: Host) -> None:
    other = json.dumps({"v": 1, "mid": "other", "nonce": "other"}).encode()
    host.bucket.put(WS, LAYOUT.start(ATTEMPT), other)
    host.direct(counted(host, "true"))
    result = host.finish()
    assert (result.outcome, result.reason) == (Outcome.FAILED, Reason.DUPLICATE_START)
    assert started(host) == []
    assert host.bucket.get(WS, LAYOUT.start(ATTEMPT)) == other
    assert host.bucket.get(WS, LAYOUT.result(ATTEMPT)) is None
    assert host.stream("out") == b""


def test_an_own_start_lock_is_taken_for_granted(host: Host) -> None:
    """The runner died between its lock and its `started`."""
    host.direct(counted(host, "true"))
    host.bucket.fault = lambda request: "503" if request.key.endswith("/start") else None
    first = host.start()
    nonce = host.state / "run/0/nonce.json"
    wait_for("the lock is tried", nonce.exists)
    host.kill(first)
    body = json.dumps({"v": 1, **json.loads(nonce.read_text())}).encode()
    host.bucket.put(WS, LAYOUT.start(ATTEMPT), body)
    host.bucket.fault = lambda request: None
    assert host.finish().reason is Reason.COMPLETED
    assert started(host) == ["run"]


MOMENTS = {
    "before its first beat": f"live/{RID}.0",
    "at the start lock": f"{ATTEMPT}start",
    "at the first running beat": f"live/{RID}.1",
    "at the delivering beat": f"live/{RID}.2",
    "at the last log segment": f"{ATTEMPT}out.00",
    "at result.json": f"{ATTEMPT}result.json",
    "at done": f"done/{RID}",
}


@pytest.mark.parametrize("effect", [False, True], ids=["before its effect", "after its effect"])
@pytest.mark.parametrize("key", MOMENTS.values(), ids=MOMENTS.keys())
def test_killed_at_any_write_it_ends_the_same(host: Host, key: str, effect: bool) -> None:
    host.direct(counted(host, "echo hi; sleep 0.3; exit 3"))

    def fault(request: Request) -> str | None:
        if request.method != "PUT" or request.key != LAYOUT.prefix + key or request.nth > 1:
            return None
        host.processes[0].kill()
        return "lost" if effect else "503"

    host.bucket.fault = fault
    host.start().wait(timeout=20)
    host.start()
    result = host.result()
    assert (result.reason, result.exit and result.exit.code) == (Reason.NON_ZERO_EXIT, 3)
    assert host.stream("out") == b"hi\n"
    assert started(host) == ["run"]
    assert len(host.bucket.history(WS, LAYOUT.done(RID))) == 1


def test_what_is_kept_on_disk_is_for_root_alone(host: Host) -> None:
    host.direct(Definition("true", env={"TOKEN": "secret"}))
    host.finish()
    holders = [path for path in Path(host.state).rglob("*.json") if "secret" in path.read_text()]
    assert holders
    assert all(path.stat().st_mode & 0o077 == 0 for path in holders)


def test_a_restart_after_delivery_sends_nothing(host: Host) -> None:
    """`done` may have been handled and deleted: it must not come back."""
    host.direct(Definition("true"))
    first = host.start()
    host.result()
    wait_for("it is known to be delivered", (host.state / "run/0/delivered.json").exists)
    host.kill(first)
    host.bucket.objects.clear()
    second = host.start()
    time.sleep(2)
    assert second.poll() is None
    assert host.bucket.under(WS, "") == {}
